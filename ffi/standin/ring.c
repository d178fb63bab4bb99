// Split virtqueues: https://docs.oasis-open.org/virtio/virtio/v1.2/virtio-v1.2.html section 2.7
#include "ring.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *guestMemory(struct memory *memory, uint64_t address, uint64_t length) {
    for (unsigned at = 0; at < memory->count; at++) {
        struct region *region = &memory->regions[at];
        if (address < region->guest || length > region->size || address - region->guest > region->size - length) continue;
        return region->here + (address - region->guest);
    }
    return NULL;
}

void *userMemory(struct memory *memory, uint64_t address) {
    for (unsigned at = 0; at < memory->count; at++) {
        struct region *region = &memory->regions[at];
        if (address >= region->user && address - region->user < region->size) {
            return region->here + (address - region->user);
        }
    }
    return NULL;
}

void forgetMemory(struct memory *memory) {
    for (unsigned at = 0; at < memory->count; at++) munmap(memory->regions[at].mapping, memory->regions[at].mapped);
    memory->count = 0;
}

int ringReady(struct ring *ring) {
    return ring->started && ring->desc && ring->avail && ring->used;
}

int ringPeek(struct memory *memory, struct ring *ring, struct chain *chain) {
    if (!ringReady(ring)) return 0;
    if (__atomic_load_n(&ring->avail->idx, __ATOMIC_ACQUIRE) == ring->next) return 0;
    chain->head = ring->avail->ring[ring->next % ring->size];
    chain->count = 0;
    chain->length = 0;
    uint16_t at = chain->head;
    for (unsigned steps = 0; steps < ring->size && at < ring->size && chain->count < MOST_PARTS; steps++) {
        struct vring_desc *desc = &ring->desc[at];
        void *here = guestMemory(memory, desc->addr, desc->len);
        if (here == NULL) break; // it ends where the guest lies
        chain->parts[chain->count++] = (struct iovec){ here, desc->len };
        chain->length += desc->len;
        if (!(desc->flags & VRING_DESC_F_NEXT)) break;
        at = desc->next;
    }
    return 1;
}

void ringDone(struct ring *ring, struct chain *chain, uint32_t length) {
    uint16_t at = ring->used->idx;
    ring->used->ring[at % ring->size] = (struct vring_used_elem){ .id = chain->head, .len = length };
    __atomic_store_n(&ring->used->idx, at + 1, __ATOMIC_RELEASE);
    ring->next++;
    ring->interrupt = 1;
}

void ringNotify(struct ring *ring) {
    uint64_t one = 1;
    if (!ring->interrupt) return;
    ring->interrupt = 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (ring->avail->flags & VRING_AVAIL_F_NO_INTERRUPT || ring->call < 0) return;
    while (write(ring->call, &one, sizeof one) < 0) return;
}

int chainPart(struct chain *chain, size_t offset, size_t length, struct iovec *parts) {
    int count = 0;
    for (int at = 0; at < chain->count && length > 0; at++) {
        struct iovec part = chain->parts[at];
        if (offset >= part.iov_len) {
            offset -= part.iov_len;
            continue;
        }
        part.iov_base = (uint8_t *)part.iov_base + offset;
        part.iov_len -= offset;
        offset = 0;
        if (part.iov_len > length) part.iov_len = length;
        length -= part.iov_len;
        parts[count++] = part;
    }
    return count;
}

static size_t copy(struct chain *chain, size_t offset, void *memory, size_t length, int toChain) {
    struct iovec parts[MOST_PARTS];
    int count = chainPart(chain, offset, length, parts);
    size_t done = 0;
    for (int at = 0; at < count; at++) {
        if (toChain) memcpy(parts[at].iov_base, (uint8_t *)memory + done, parts[at].iov_len);
        else memcpy((uint8_t *)memory + done, parts[at].iov_base, parts[at].iov_len);
        done += parts[at].iov_len;
    }
    return done;
}

size_t chainRead(struct chain *chain, size_t offset, void *to, size_t length) {
    return copy(chain, offset, to, length, 0);
}

size_t chainWrite(struct chain *chain, size_t offset, const void *from, size_t length) {
    return copy(chain, offset, (void *)from, length, 1);
}
