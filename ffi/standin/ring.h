// Guest memory and its split virtqueues, as a vhost-user backend sees them.
#ifndef CTR_RING_H
#define CTR_RING_H
#include <linux/virtio_ring.h>
#include <stdint.h>
#include <sys/uio.h>

#define MOST_REGIONS 8
#define MOST_PARTS 64

struct region {
    uint64_t guest, size, user; // the guest's address, and QEMU's
    uint8_t *here, *mapping;
    uint64_t mapped;
};

struct memory {
    struct region regions[MOST_REGIONS];
    unsigned count;
};

struct ring {
    int kick, call; // eventfds, or -1
    unsigned size;
    uint16_t next;  // the first that is available and not taken
    struct vring_desc *desc;
    struct vring_avail *avail;
    struct vring_used *used;
    int started, interrupt;
};

struct chain {
    uint16_t head;
    struct iovec parts[MOST_PARTS];
    int count;
    size_t length;
};

void *guestMemory(struct memory *memory, uint64_t address, uint64_t length);
void *userMemory(struct memory *memory, uint64_t address);
void forgetMemory(struct memory *memory);
int ringReady(struct ring *ring);
// The next chain, not yet taken. 0: there is none.
int ringPeek(struct memory *memory, struct ring *ring, struct chain *chain);
// Takes it and gives it back to the guest with `length` bytes written.
void ringDone(struct ring *ring, struct chain *chain, uint32_t length);
// Tells the guest once of all that was given back.
void ringNotify(struct ring *ring);
// Copies between a chain and memory, from `offset` of the chain; the bytes that were copied.
size_t chainRead(struct chain *chain, size_t offset, void *to, size_t length);
size_t chainWrite(struct chain *chain, size_t offset, const void *from, size_t length);
// The chain from `offset` on, `length` bytes at most.
int chainPart(struct chain *chain, size_t offset, size_t length, struct iovec *parts);

#endif
