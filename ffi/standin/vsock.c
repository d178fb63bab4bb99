// A virtio socket device: connections between the guest and AF_UNIX stream sockets, both ways.
// https://docs.oasis-open.org/virtio/virtio/v1.2/virtio-v1.2.html section 5.10
//
// One thread for each device does everything; others leave it orders.
#include "vsock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_vsock.h>
#include <objc/blocks_runtime.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vhost_user.h"

#define HOST 2
#define GUEST 3
#define ROOM (256u << 10) // that the guest may send ahead
#define MOST_CONNECTIONS 1024

enum { ASKED, CONNECTING, OPEN };

struct connection {
    struct connection *next;
    uint32_t here, there; // ports
    int state, end;       // our end of the socket pair; -1 once it is closed
    int given;            // the other end, until it is handed over
    vsock_connected then;
    uint32_t room, taken, sent; // what the guest can take: buffer, read of it, sent to it
    uint32_t passed, told;      // of the guest's: passed on, and what it was told of that
    uint8_t pending[ROOM];      // of the guest's: not yet passed on
    size_t waiting;
    int shutHere, shutThere;    // VIRTIO_VSOCK_SHUTDOWN_*
};

struct packet {
    struct packet *next;
    struct virtio_vsock_hdr header;
};

struct order {
    struct order *next;
    enum { CONNECT, LISTEN, ANSWER, END } what;
    uint32_t port, source;
    int on;
    vsock_connected then;
};

struct vsock {
    struct vhost vhost;
    pthread_mutex_t lock; // of the orders alone
    struct order *orders, **lastOrder;
    int wake;
    vsock_asked asked;
    struct connection *connections;
    struct packet *packets, **lastPacket; // for the guest
    uint32_t nextPort;
    unsigned char *listening; // a bit for each port below 2^16, the rest is not listened to
    int wasReady, ended;
};

static struct ring *toGuest(struct vsock *vsock) { return &vsock->vhost.rings[0]; }
static struct ring *fromGuest(struct vsock *vsock) { return &vsock->vhost.rings[1]; }

static void order(struct vsock *vsock, struct order given) {
    uint64_t one = 1;
    struct order *made = malloc(sizeof *made);
    *made = given;
    made->next = NULL;
    pthread_mutex_lock(&vsock->lock);
    *vsock->lastOrder = made;
    vsock->lastOrder = &made->next;
    if (write(vsock->wake, &one, sizeof one) < 0) abort();
    pthread_mutex_unlock(&vsock->lock);
}

void vsockConnect(struct vsock *vsock, uint32_t port, vsock_connected then) {
    order(vsock, (struct order){ .what = CONNECT, .port = port, .then = Block_copy(then) });
}

void vsockListen(struct vsock *vsock, uint32_t port, int on) {
    order(vsock, (struct order){ .what = LISTEN, .port = port, .on = on });
}

void vsockEnd(struct vsock *vsock) {
    order(vsock, (struct order){ .what = END });
}

// --- packets to the guest ------------------------------------------------------------------------------------

static struct virtio_vsock_hdr headerFor(struct connection *connection, uint16_t op, uint32_t length, uint32_t flags) {
    return (struct virtio_vsock_hdr){
        .src_cid = HOST, .dst_cid = GUEST, .src_port = connection->here, .dst_port = connection->there,
        .len = length, .type = VIRTIO_VSOCK_TYPE_STREAM, .op = op, .flags = flags,
        .buf_alloc = ROOM, .fwd_cnt = connection->passed,
    };
}

static void post(struct vsock *vsock, struct virtio_vsock_hdr header) {
    struct packet *packet = calloc(1, sizeof *packet);
    packet->header = header;
    *vsock->lastPacket = packet;
    vsock->lastPacket = &packet->next;
}

static void postTo(struct vsock *vsock, struct connection *connection, uint16_t op, uint32_t flags) {
    connection->told = connection->passed;
    post(vsock, headerFor(connection, op, 0, flags));
}

static void flushPackets(struct vsock *vsock) {
    struct chain chain;
    while (vsock->packets && ringPeek(&vsock->vhost.memory, toGuest(vsock), &chain)) {
        struct packet *packet = vsock->packets;
        size_t length = chainWrite(&chain, 0, &packet->header, sizeof packet->header);
        ringDone(toGuest(vsock), &chain, (uint32_t)length);
        if ((vsock->packets = packet->next) == NULL) vsock->lastPacket = &vsock->packets;
        free(packet);
    }
}

// --- connections ---------------------------------------------------------------------------------------------

static struct connection *find(struct vsock *vsock, uint32_t here, uint32_t there) {
    struct connection *each = vsock->connections;
    while (each && (each->here != here || each->there != there)) each = each->next;
    return each;
}

static struct connection *begin(struct vsock *vsock, uint32_t here, uint32_t there, int state) {
    int ends[2], count = 0;
    for (struct connection *each = vsock->connections; each; each = each->next) count++;
    if (count >= MOST_CONNECTIONS || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return NULL;
    fcntl(ends[0], F_SETFL, O_NONBLOCK); // ours alone: the other end stays as it is
    struct connection *made = calloc(1, sizeof *made);
    *made = (struct connection){ .next = vsock->connections, .here = here, .there = there, .state = state,
                                 .end = ends[0], .given = ends[1] };
    return vsock->connections = made;
}

static void finish(struct vsock *vsock, struct connection *connection, int error) {
    struct connection **link = &vsock->connections;
    while (*link != connection) link = &(*link)->next;
    *link = connection->next;
    if (connection->then) {
        connection->then(-1, error);
        Block_release(connection->then);
    }
    if (connection->given >= 0) close(connection->given);
    close(connection->end);
    free(connection);
}

static void pass(struct vsock *vsock, struct connection *connection) {
    size_t done = 0;
    while (done < connection->waiting) {
        ssize_t sent = send(connection->end, connection->pending + done, connection->waiting - done, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno != EAGAIN) done = connection->waiting; // nobody will read it
        if (sent <= 0) break;
        done += (size_t)sent;
    }
    memmove(connection->pending, connection->pending + done, connection->waiting - done);
    connection->waiting -= done;
    connection->passed += (uint32_t)done;
    if (connection->waiting == 0 && connection->shutThere & VIRTIO_VSOCK_SHUTDOWN_SEND) {
        shutdown(connection->end, SHUT_WR);
    }
    // A guest whose end is gone would answer with a reset.
    int cares = (connection->shutThere & 3) != 3;
    if (cares && connection->passed - connection->told > ROOM / 2) postTo(vsock, connection, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
}

static uint32_t credit(struct connection *connection) {
    uint32_t flying = connection->sent - connection->taken;
    return flying < connection->room ? connection->room - flying : 0;
}

static int wantsToRead(struct connection *connection) {
    int done = connection->shutHere & VIRTIO_VSOCK_SHUTDOWN_SEND || connection->shutThere & VIRTIO_VSOCK_SHUTDOWN_RCV;
    return connection->state == OPEN && !done && credit(connection) > 0;
}

// From our end to the guest, as long as there is something, room for it, and a buffer.
static void pull(struct vsock *vsock, struct connection *connection) {
    struct chain chain;
    struct iovec parts[MOST_PARTS];
    while (wantsToRead(connection) && vsock->packets == NULL &&
           ringPeek(&vsock->vhost.memory, toGuest(vsock), &chain)) {
        size_t head = sizeof(struct virtio_vsock_hdr);
        int count = chain.length > head ? chainPart(&chain, head, credit(connection), parts) : 0;
        ssize_t got = count ? readv(connection->end, parts, count) : -1;
        if (got < 0) return;
        if (got == 0) {
            // The other end was closed for writing, or altogether.
            struct pollfd both = { .fd = connection->end };
            poll(&both, 1, 0);
            connection->shutHere = both.revents & POLLHUP ? 3 : VIRTIO_VSOCK_SHUTDOWN_SEND;
            postTo(vsock, connection, VIRTIO_VSOCK_OP_SHUTDOWN, (uint32_t)connection->shutHere);
            return;
        }
        struct virtio_vsock_hdr header = headerFor(connection, VIRTIO_VSOCK_OP_RW, (uint32_t)got, 0);
        connection->told = connection->passed;
        connection->sent += (uint32_t)got;
        chainWrite(&chain, 0, &header, head);
        ringDone(toGuest(vsock), &chain, (uint32_t)(head + (size_t)got));
    }
}

// --- packets of the guest ------------------------------------------------------------------------------------

static int listens(struct vsock *vsock, uint32_t port) {
    return port < 65536 && vsock->listening[port];
}

static void refuseGuest(struct vsock *vsock, uint32_t here, uint32_t there) {
    struct connection nobody = { .here = here, .there = there };
    post(vsock, headerFor(&nobody, VIRTIO_VSOCK_OP_RST, 0, 0));
}

static void request(struct vsock *vsock, struct virtio_vsock_hdr *header) {
    uint32_t here = header->dst_port, there = header->src_port;
    struct connection *made = listens(vsock, here) ? begin(vsock, here, there, ASKED) : NULL;
    if (made == NULL) return refuseGuest(vsock, here, there);
    made->room = header->buf_alloc;
    made->taken = header->fwd_cnt;
    int given = made->given;
    made->given = -1;
    vsock->asked(vsock, here, there, given, ^(int accepted) {
        order(vsock, (struct order){ .what = ANSWER, .port = here, .source = there, .on = accepted });
    });
}

static void accepted(struct connection *connection) {
    int given = connection->given;
    connection->given = -1;
    connection->state = OPEN;
    connection->then(given, 0);
    Block_release(connection->then);
    connection->then = NULL;
}

static void takeData(struct vsock *vsock, struct connection *connection, struct chain *chain, uint32_t length) {
    if (connection->waiting + length > ROOM) { // more than it was allowed
        refuseGuest(vsock, connection->here, connection->there);
        return finish(vsock, connection, ECONNRESET);
    }
    connection->waiting += chainRead(chain, sizeof(struct virtio_vsock_hdr), connection->pending + connection->waiting,
                                     length);
    pass(vsock, connection);
}

static void take(struct vsock *vsock, struct chain *chain) {
    struct virtio_vsock_hdr header;
    if (chainRead(chain, 0, &header, sizeof header) != sizeof header || header.dst_cid != HOST) return;
    if (header.op == VIRTIO_VSOCK_OP_REQUEST) return request(vsock, &header);
    struct connection *connection = find(vsock, header.dst_port, header.src_port);
    if (connection == NULL) {
        if (header.op != VIRTIO_VSOCK_OP_RST) refuseGuest(vsock, header.dst_port, header.src_port);
        return;
    }
    connection->room = header.buf_alloc;
    connection->taken = header.fwd_cnt;
    switch (header.op) {
    case VIRTIO_VSOCK_OP_RESPONSE:
        if (connection->state == CONNECTING) accepted(connection);
        break;
    case VIRTIO_VSOCK_OP_RST:
        connection->shutThere = 3; // what it has sent before is still passed on
        if (connection->waiting == 0) finish(vsock, connection, ECONNRESET);
        break;
    case VIRTIO_VSOCK_OP_SHUTDOWN:
        connection->shutThere |= (int)header.flags;
        pass(vsock, connection);
        if ((connection->shutThere & 3) == 3) {
            refuseGuest(vsock, connection->here, connection->there); // so it needs not wait for our end
            if (connection->waiting == 0) finish(vsock, connection, ECONNRESET);
        }
        break;
    case VIRTIO_VSOCK_OP_RW: takeData(vsock, connection, chain, header.len); break;
    case VIRTIO_VSOCK_OP_CREDIT_REQUEST: postTo(vsock, connection, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0); break;
    default: break; // CREDIT_UPDATE has been heeded
    }
}

// --- the thread ----------------------------------------------------------------------------------------------

static void obey(struct vsock *vsock, struct order *given) {
    struct connection *connection;
    switch (given->what) {
    case LISTEN:
        if (given->port < 65536) vsock->listening[given->port] = (unsigned char)given->on;
        break;
    case CONNECT:
        connection = vsock->wasReady ? begin(vsock, vsock->nextPort++, given->port, CONNECTING) : NULL;
        if (connection == NULL) {
            given->then(-1, ECONNRESET);
            Block_release(given->then);
        } else {
            connection->then = given->then;
            postTo(vsock, connection, VIRTIO_VSOCK_OP_REQUEST, 0);
        }
        break;
    case ANSWER:
        connection = find(vsock, given->port, given->source);
        if (connection == NULL || connection->state != ASKED) break;
        connection->state = OPEN;
        postTo(vsock, connection, given->on ? VIRTIO_VSOCK_OP_RESPONSE : VIRTIO_VSOCK_OP_RST, 0);
        if (!given->on) finish(vsock, connection, ECONNREFUSED);
        break;
    case END: vsock->ended = 1; break;
    }
}

static void obeyAll(struct vsock *vsock) {
    uint64_t count;
    if (read(vsock->wake, &count, sizeof count) < 0) return;
    pthread_mutex_lock(&vsock->lock);
    struct order *orders = vsock->orders;
    vsock->orders = NULL;
    vsock->lastOrder = &vsock->orders;
    pthread_mutex_unlock(&vsock->lock);
    while (orders) {
        struct order *next = orders->next;
        obey(vsock, orders);
        free(orders);
        orders = next;
    }
}

static void drainKick(struct ring *ring) {
    uint64_t count;
    if (ring->kick >= 0 && read(ring->kick, &count, sizeof count) < 0) return;
}

static void work(struct vsock *vsock) {
    struct chain chain;
    if (ringReady(toGuest(vsock)) && ringReady(fromGuest(vsock))) vsock->wasReady = 1;
    while (ringPeek(&vsock->vhost.memory, fromGuest(vsock), &chain)) {
        take(vsock, &chain);
        ringDone(fromGuest(vsock), &chain, 0);
    }
    flushPackets(vsock);
    for (struct connection *each = vsock->connections, *next; each; each = next) {
        next = each->next;
        if (each->waiting) pass(vsock, each);
        pull(vsock, each);
        if ((each->shutThere & 3) == 3 && each->waiting == 0) finish(vsock, each, ECONNRESET);
    }
    flushPackets(vsock);
    if (toGuest(vsock)->avail) ringNotify(toGuest(vsock));
    if (fromGuest(vsock)->avail) ringNotify(fromGuest(vsock));
}

static int watch(struct vsock *vsock, struct pollfd *watched) {
    struct chain chain;
    int count = 0, room = ringPeek(&vsock->vhost.memory, toGuest(vsock), &chain);
    watched[count++] = (struct pollfd){ .fd = vsock->vhost.socket, .events = POLLIN };
    watched[count++] = (struct pollfd){ .fd = vsock->wake, .events = POLLIN };
    watched[count++] = (struct pollfd){ .fd = toGuest(vsock)->kick, .events = POLLIN };
    watched[count++] = (struct pollfd){ .fd = fromGuest(vsock)->kick, .events = POLLIN };
    for (struct connection *each = vsock->connections; each; each = each->next) {
        short events = (short)((room && wantsToRead(each) ? POLLIN : 0) | (each->waiting ? POLLOUT : 0));
        watched[count++] = (struct pollfd){ .fd = events ? each->end : -1, .events = events };
    }
    return count;
}

static void *run(void *argument) {
    struct vsock *vsock = argument;
    struct pollfd watched[MOST_CONNECTIONS + 4];
    while (!vsock->ended) {
        int count = watch(vsock, watched);
        if (poll(watched, (nfds_t)count, -1) < 0 && errno != EINTR) abort();
        if (watched[0].revents && !vhostServe(&vsock->vhost)) break;
        if (watched[1].revents) obeyAll(vsock);
        if (watched[2].revents) drainKick(toGuest(vsock));
        if (watched[3].revents) drainKick(fromGuest(vsock));
        work(vsock);
    }
    while (vsock->connections) finish(vsock, vsock->connections, ECONNRESET);
    vsock->wasReady = 0; // who connects now is refused
    vhostEnd(&vsock->vhost);
    while (!vsock->ended) {
        struct pollfd wake = { .fd = vsock->wake, .events = POLLIN };
        poll(&wake, 1, -1);
        obeyAll(vsock);
    }
    while (vsock->packets) {
        struct packet *next = vsock->packets->next;
        free(vsock->packets);
        vsock->packets = next;
    }
    Block_release(vsock->asked);
    close(vsock->wake);
    free(vsock->listening);
    free(vsock);
    return NULL;
}

struct vsock *vsockStart(int control, vsock_asked asked) {
    struct vsock *vsock = calloc(1, sizeof *vsock);
    vsock->vhost = (struct vhost){ .socket = control, .config = GUEST };
    for (int at = 0; at < 2; at++) vsock->vhost.rings[at] = (struct ring){ .kick = -1, .call = -1 };
    pthread_mutex_init(&vsock->lock, NULL);
    vsock->lastOrder = &vsock->orders;
    vsock->lastPacket = &vsock->packets;
    vsock->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    vsock->asked = Block_copy(asked);
    vsock->nextPort = 49152;
    vsock->listening = calloc(65536, 1);
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, vsock) != 0) abort();
    pthread_detach(thread);
    return vsock;
}
