// The socket device of a guest. Handlers are called on threads of their own.
#ifndef CTR_VSOCK_H
#define CTR_VSOCK_H
#include <stdint.h>

struct vsock;
typedef void (^vsock_connected)(int descriptor, int error); // the descriptor is the receiver's, or -1
typedef void (^vsock_answer)(int accepted);
typedef void (^vsock_asked)(struct vsock *vsock, uint32_t port, uint32_t source, int descriptor, vsock_answer answer);

// Serves the vhost-user socket `control`, which becomes its own. `asked` is told of what the guest opens, and answers
// once, unless vsockEnd was called.
struct vsock *vsockStart(int control, vsock_asked asked);
void vsockConnect(struct vsock *vsock, uint32_t port, vsock_connected then);
// Of ports that nobody listens to the guest is told at once.
void vsockListen(struct vsock *vsock, uint32_t port, int on);
void vsockEnd(struct vsock *vsock);

// In its place where the guest is to be saved: one port, one connection at a time, over virtio-serial.
struct serial;
struct serial *serialStart(int port);
void serialConnect(struct serial *serial, vsock_connected then);
void serialEnd(struct serial *serial);

#endif
