// QEMU's side of a vhost-user device: https://qemu-project.gitlab.io/qemu/interop/vhost-user.html
#include "vhost_user.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    GET_FEATURES = 1, SET_FEATURES = 2, SET_MEM_TABLE = 5, SET_VRING_NUM = 8, SET_VRING_ADDR = 9, SET_VRING_BASE = 10,
    GET_VRING_BASE = 11, SET_VRING_KICK = 12, SET_VRING_CALL = 13, SET_VRING_ERR = 14, GET_PROTOCOL_FEATURES = 15,
    SET_PROTOCOL_FEATURES = 16, GET_QUEUE_NUM = 17, SET_VRING_ENABLE = 18, GET_CONFIG = 24,
};
enum { REPLY = 4, WANTS_REPLY = 8, NO_DESCRIPTOR = 1 << 8 };
#define FEATURES (1ULL << 32 /* VIRTIO_F_VERSION_1 */ | 1ULL << 30 /* protocol features */)
#define PROTOCOL_FEATURES (1ULL << 0 /* MQ */ | 1ULL << 3 /* REPLY_ACK */ | 1ULL << 9 /* CONFIG */)

struct state { uint32_t index, number; };
struct address { uint32_t index, flags; uint64_t desc, used, avail, log; };
struct config { uint32_t offset, size, flags; uint8_t bytes[256]; };
struct table { uint32_t count, padding; struct { uint64_t guest, size, user, offset; } regions[MOST_REGIONS]; };

struct message {
    uint32_t unused; // so that the body, with its longer numbers, lies where it may
    uint32_t request, flags, size; // the wire begins here
    union {
        uint64_t number;
        struct state state;
        struct address address;
        struct config config;
        struct table table;
    } body;
};
#define HEAD 12

static int receive(int socket, struct message *message, int *descriptors, int *count) {
    char control[CMSG_SPACE(MOST_REGIONS * sizeof(int))];
    struct iovec part = { &message->request, HEAD };
    struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    ssize_t got;
    while ((got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_WAITALL)) < 0 && errno == EINTR) continue;
    *count = 0;
    if (got != HEAD || message->size > sizeof message->body) return 0;
    struct cmsghdr *first = CMSG_FIRSTHDR(&header);
    if (first && first->cmsg_type == SCM_RIGHTS) {
        *count = (int)((first->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(descriptors, CMSG_DATA(first), (size_t)*count * sizeof(int));
    }
    return message->size == 0 || recv(socket, &message->body, message->size, MSG_WAITALL) == (ssize_t)message->size;
}

static int answer(int socket, struct message *message, uint32_t size) {
    message->flags = 1 | REPLY;
    message->size = size;
    return send(socket, &message->request, HEAD + size, MSG_NOSIGNAL) == (ssize_t)(HEAD + size);
}

static void setMemory(struct vhost *vhost, struct table *table, int *descriptors, int count) {
    forgetMemory(&vhost->memory);
    for (int at = 0; at < count && at < (int)table->count; at++) {
        struct region *region = &vhost->memory.regions[vhost->memory.count];
        region->guest = table->regions[at].guest;
        region->size = table->regions[at].size;
        region->user = table->regions[at].user;
        region->mapped = table->regions[at].size + table->regions[at].offset;
        region->mapping = mmap(NULL, region->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, descriptors[at], 0);
        if (region->mapping == MAP_FAILED) continue;
        region->here = region->mapping + table->regions[at].offset;
        vhost->memory.count++;
    }
}

static void setEvent(int *event, uint64_t number, int *descriptors, int *count) {
    if (*event >= 0) close(*event);
    *event = -1;
    if (number & NO_DESCRIPTOR || *count == 0) return;
    *event = descriptors[0];
    *count = 0; // it is kept
}

static void setAddress(struct vhost *vhost, struct ring *ring, struct address *address) {
    ring->desc = userMemory(&vhost->memory, address->desc);
    ring->avail = userMemory(&vhost->memory, address->avail);
    ring->used = userMemory(&vhost->memory, address->used);
}

int vhostServe(struct vhost *vhost) {
    struct message message;
    int descriptors[MOST_REGIONS], count = 0, ok = 1;
    if (!receive(vhost->socket, &message, descriptors, &count)) return 0;
    int wanted = message.flags & WANTS_REPLY;
    struct ring *ring = &vhost->rings[message.body.state.index & 1];
    struct ring *numbered = &vhost->rings[message.body.number & 1];
    switch (message.request) {
    case GET_FEATURES: message.body.number = FEATURES; ok = answer(vhost->socket, &message, 8); wanted = 0; break;
    case GET_PROTOCOL_FEATURES:
        message.body.number = PROTOCOL_FEATURES;
        ok = answer(vhost->socket, &message, 8);
        wanted = 0;
        break;
    case GET_QUEUE_NUM: message.body.number = 2; ok = answer(vhost->socket, &message, 8); wanted = 0; break;
    case SET_MEM_TABLE: setMemory(vhost, &message.body.table, descriptors, count); break;
    case SET_VRING_NUM: ring->size = message.body.state.number; break;
    case SET_VRING_BASE: ring->next = (uint16_t)message.body.state.number; break;
    case SET_VRING_ADDR: setAddress(vhost, ring, &message.body.address); break;
    case SET_VRING_KICK: setEvent(&numbered->kick, message.body.number, descriptors, &count); break;
    case SET_VRING_CALL: setEvent(&numbered->call, message.body.number, descriptors, &count); break;
    case SET_VRING_ENABLE: ring->started = (int)message.body.state.number; break;
    case GET_VRING_BASE:
        ring->started = 0;
        message.body.state.number = ring->next;
        ok = answer(vhost->socket, &message, sizeof(struct state));
        wanted = 0;
        break;
    case GET_CONFIG:
        memset(message.body.config.bytes, 0, sizeof message.body.config.bytes);
        if (message.body.config.size > 8) message.body.config.size = 8;
        memcpy(message.body.config.bytes, &vhost->config, 8);
        ok = answer(vhost->socket, &message, HEAD + message.body.config.size);
        wanted = 0;
        break;
    default: break; // what needs no answer: owners, features that were agreed, error events
    }
    for (int at = 0; at < count; at++) close(descriptors[at]); // a mapping holds its file itself
    if (wanted) {
        message.body.number = 0;
        ok = answer(vhost->socket, &message, 8);
    }
    return ok;
}

void vhostEnd(struct vhost *vhost) {
    for (int at = 0; at < 2; at++) {
        if (vhost->rings[at].kick >= 0) close(vhost->rings[at].kick);
        if (vhost->rings[at].call >= 0) close(vhost->rings[at].call);
        vhost->rings[at].started = 0;
    }
    forgetMemory(&vhost->memory);
    close(vhost->socket);
}
