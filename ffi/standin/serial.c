// One connection at a time over a port of virtio-serial, which is a stream without connections: each begins with a
// preamble that the guest sends back (guest/transport/serial.go).
#include <errno.h>
#include <fcntl.h>
#include <objc/blocks_runtime.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vsock.h"

#define MAGIC "CTR1\0\xffpreamble\r\n"
#define MAGIC_SIZE 16
#define PREAMBLE 32
#define AGAIN_MS 500 // a guest that still boots heard nothing

struct flow {
    char bytes[65536];
    size_t count;
};

struct serial {
    int port, wake, end; // end: ours of the connection that is open, or -1
    pthread_mutex_t lock;
    vsock_connected wanted; // a new connection, under the lock
    int ended;              // under the lock
    vsock_connected then;   // of the connection whose preamble was sent
    char preamble[PREAMBLE];
    struct flow up, down; // to the guest, and from it
};

static void settle(struct serial *serial, int descriptor, int error) {
    if (serial->then == NULL) return;
    serial->then(descriptor, error);
    Block_release(serial->then);
    serial->then = NULL;
}

static void hangUp(struct serial *serial) {
    if (serial->end >= 0) close(serial->end);
    serial->end = -1;
    serial->up.count = serial->down.count = 0;
    settle(serial, -1, ECONNRESET);
}

static void knock(struct serial *serial) {
    memcpy(serial->preamble, MAGIC, MAGIC_SIZE);
    if (getrandom(serial->preamble + MAGIC_SIZE, PREAMBLE - MAGIC_SIZE, 0) < 0) abort();
    memcpy(serial->up.bytes, serial->preamble, PREAMBLE);
    serial->up.count = PREAMBLE;
    serial->down.count = 0;
}

static void takeOrders(struct serial *serial) {
    uint64_t count;
    if (read(serial->wake, &count, sizeof count) < 0) return;
    pthread_mutex_lock(&serial->lock);
    vsock_connected wanted = serial->wanted;
    serial->wanted = NULL;
    pthread_mutex_unlock(&serial->lock);
    if (wanted == NULL) return;
    hangUp(serial);
    serial->then = wanted;
    knock(serial);
}

// The guest has answered: what comes behind its answer is the connection's.
static void open_(struct serial *serial, char *answer) {
    int ends[2];
    size_t used = (size_t)(answer - serial->down.bytes) + PREAMBLE;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return hangUp(serial);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    memmove(serial->down.bytes, serial->down.bytes + used, serial->down.count -= used);
    serial->end = ends[0];
    settle(serial, ends[1], 0);
}

static int fill(struct flow *flow, int from) {
    ssize_t got = recv(from, flow->bytes + flow->count, sizeof flow->bytes - flow->count, MSG_DONTWAIT);
    if (got > 0) flow->count += (size_t)got;
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static int empty(struct flow *flow, int to) {
    ssize_t sent = send(to, flow->bytes, flow->count, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) memmove(flow->bytes, flow->bytes + sent, flow->count -= (size_t)sent);
    return sent > 0 || errno == EAGAIN || errno == EINTR;
}

static int carry(struct serial *serial, struct pollfd *watched) {
    if (watched[0].revents & (POLLIN | POLLHUP) && !fill(&serial->down, serial->port)) return 0;
    if (serial->then) {
        char *answer = memmem(serial->down.bytes, serial->down.count, serial->preamble, PREAMBLE);
        if (answer) open_(serial, answer);
        else if (serial->down.count == sizeof serial->down.bytes) serial->down.count = 0;
    } else if (serial->end < 0) {
        serial->down.count = 0; // nobody to read it
    }
    if (serial->end >= 0) {
        int alive = !(watched[2].revents & (POLLIN | POLLHUP)) || fill(&serial->up, serial->end);
        if (alive && serial->down.count) alive = empty(&serial->down, serial->end);
        if (!alive && serial->up.count == 0) hangUp(serial);
    }
    return serial->up.count == 0 || empty(&serial->up, serial->port);
}

static void *run(void *argument) {
    struct serial *serial = argument;
    for (int living = 1;;) {
        short out = serial->up.count ? POLLOUT : 0, down = serial->down.count ? POLLOUT : 0;
        struct pollfd watched[3] = {
            { .fd = living ? serial->port : -1,
              .events = (short)(out | (serial->down.count < sizeof serial->down.bytes ? POLLIN : 0)) },
            { .fd = serial->wake, .events = POLLIN },
            { .fd = serial->end, .events = (short)(down | (serial->up.count < sizeof serial->up.bytes ? POLLIN : 0)) },
        };
        int ready = poll(watched, 3, serial->then ? AGAIN_MS : -1);
        if (watched[1].revents) takeOrders(serial);
        pthread_mutex_lock(&serial->lock);
        int ended = serial->ended;
        pthread_mutex_unlock(&serial->lock);
        if (ended) break;
        if (ready == 0 && serial->then) knock(serial);
        if (living && !(living = carry(serial, watched))) hangUp(serial);
        if (!living) settle(serial, -1, ECONNRESET);
    }
    hangUp(serial);
    close(serial->port);
    close(serial->wake);
    free(serial);
    return NULL;
}

static void poke(struct serial *serial) {
    uint64_t one = 1;
    if (write(serial->wake, &one, sizeof one) < 0) abort();
}

struct serial *serialStart(int port) {
    struct serial *serial = calloc(1, sizeof *serial);
    serial->port = port;
    serial->end = -1;
    serial->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&serial->lock, NULL);
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, serial) != 0) abort();
    pthread_detach(thread);
    return serial;
}

void serialConnect(struct serial *serial, vsock_connected then) {
    pthread_mutex_lock(&serial->lock);
    vsock_connected before = serial->wanted;
    serial->wanted = Block_copy(then);
    poke(serial);
    pthread_mutex_unlock(&serial->lock);
    if (before == NULL) return;
    before(-1, ECONNRESET);
    Block_release(before);
}

void serialEnd(struct serial *serial) {
    pthread_mutex_lock(&serial->lock);
    serial->ended = 1;
    poke(serial);
    pthread_mutex_unlock(&serial->lock);
}
