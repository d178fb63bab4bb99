// Descriptors that JavaScript cannot make or hand on: see ctrvz.h.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctrvz.h"

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
