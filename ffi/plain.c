// What needs no Objective-C: descriptors that JavaScript cannot make or hand on, the socket of the events, the log.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <os/log.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctrvz.h"
#include "plain.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

int32_t ctrvz_socketpair(int32_t type, int32_t *ends) {
    if (type != 1 && type != 2) return -EINVAL;
    int made[2];
    if (socketpair(AF_UNIX, type == 1 ? SOCK_STREAM : SOCK_DGRAM, 0, made) != 0) return -errno;
    for (int at = 0; at < 2; at++) {
        fcntl(made[at], F_SETFD, FD_CLOEXEC);
#ifdef SO_NOSIGPIPE
        int on = 1;
        setsockopt(made[at], SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
        // Virtualization.framework wants four times as much room for what comes as for what goes. Where the
        // system gives less, what it gives will do.
        int sending = 1 << 20, receiving = 4 << 20;
        if (type == 2) setsockopt(made[at], SOL_SOCKET, SO_SNDBUF, &sending, sizeof sending);
        if (type == 2) setsockopt(made[at], SOL_SOCKET, SO_RCVBUF, &receiving, sizeof receiving);
        ends[at] = made[at];
    }
    return 0;
}

int32_t ctrvz_send_fd(int32_t socket, int32_t descriptor) {
    char byte = 'F';
    struct iovec data = { .iov_base = &byte, .iov_len = 1 };
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    ssize_t sent;
    while ((sent = sendmsg(socket, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR) continue;
    return sent < 0 ? -errno : 0;
}

int32_t ctrvz_close(int32_t descriptor) {
    return close(descriptor) == 0 ? 0 : -errno;
}

int32_t ctrvz_drain(int32_t descriptor) {
    int32_t count = 0, type = 0;
    socklen_t length = sizeof type;
    if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length) != 0) return -errno;
    if (type != SOCK_DGRAM) return -EINVAL; // at its end a stream would give nothing for ever
    char byte; // the rest of a datagram is lost with it
    for (;;) {
        if (recv(descriptor, &byte, 1, MSG_DONTWAIT) >= 0) count++;
        else if (errno == EAGAIN || errno == EWOULDBLOCK) return count;
        else if (errno != EINTR) return -errno;
        if (count == INT32_MAX) return count;
    }
}

// --- events --------------------------------------------------------------------------------------------------

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int32_t ends[2] = { -1, -1 }; // ours to be read, -1 once it was given away, and to be written

static void openEvents(void) {
    ctrvz_socketpair(1, ends);
}

int32_t ctrvz_events(void) {
    pthread_once(&once, openEvents);
    if (ends[1] < 0) return -EMFILE;
    pthread_mutex_lock(&lock);
    int32_t given = ends[0];
    ends[0] = -1;
    pthread_mutex_unlock(&lock);
    return given < 0 ? -EALREADY : given;
}

int ctrWriteEvents(const void *bytes, size_t length) {
    pthread_once(&once, openEvents);
    for (const char *rest = bytes; length > 0;) {
        ssize_t sent = send(ends[1], rest, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return 0;
        rest += sent;
        length -= (size_t)sent;
    }
    return 1;
}

// --- the rest ------------------------------------------------------------------------------------------------

uint32_t ctrvz_abi(void) {
    return 1;
}

void ctrvz_free(void *memory) {
    free(memory);
}

void ctrvz_log(uint32_t type, const char *subsystem, const char *category, const char *text) {
    if (subsystem == NULL || category == NULL || text == NULL) return;
    os_log_t log = os_log_create(subsystem, category);
    os_log_with_type(log, (os_log_type_t)type, "%{public}s", text);
}
