// "echo PATH" listens at PATH and, for each connection, sends back in reverse what came until the end of it.
// "send PATH" sends its input to PATH, ends that direction, and prints what comes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void copy(int from, int to) {
    static char bytes[65536];
    for (ssize_t n; (n = read(from, bytes, sizeof bytes)) > 0;)
        for (ssize_t at = 0, w; at < n; at += w) if ((w = write(to, bytes + at, n - at)) <= 0) exit(1);
}

static void reverse(int socket) {
    size_t size = 0, room = 1 << 16;
    char *bytes = malloc(room);
    for (ssize_t n; (n = read(socket, bytes + size, room - size)) > 0;)
        if ((size += n) == room) bytes = realloc(bytes, room *= 2);
    for (size_t i = 0; i < size / 2; i++) {
        char other = bytes[i];
        bytes[i] = bytes[size - 1 - i];
        bytes[size - 1 - i] = other;
    }
    for (size_t at = 0; at < size;) {
        ssize_t w = write(socket, bytes + at, size - at);
        if (w <= 0) exit(1);
        at += w;
    }
    close(socket);
    exit(0);
}

int main(int count, char **words) {
    if (count != 3) return 2;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, words[2], sizeof address.sun_path - 1);
    int socket_ = socket(AF_UNIX, SOCK_STREAM, 0);
    if (!strcmp(words[1], "send")) {
        if (connect(socket_, (struct sockaddr *)&address, sizeof address) != 0) return perror("connect"), 1;
        copy(0, socket_);
        shutdown(socket_, SHUT_WR);
        copy(socket_, 1);
        return 0;
    }
    unlink(words[2]);
    if (bind(socket_, (struct sockaddr *)&address, sizeof address) != 0 || listen(socket_, 64) != 0) return perror("listen"), 1;
    for (;;) {
        int one = accept(socket_, 0, 0);
        if (fork() == 0) reverse(one);
        close(one);
    }
}
