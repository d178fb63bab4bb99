// A vhost-user device with two rings.
#ifndef CTR_VHOST_USER_H
#define CTR_VHOST_USER_H
#include "ring.h"

struct vhost {
    int socket;
    uint64_t config; // what the guest reads there
    struct memory memory;
    struct ring rings[2];
};

// Takes one message of QEMU's. 0: it has ended.
int vhostServe(struct vhost *vhost);
void vhostEnd(struct vhost *vhost);

#endif
