// The guest of the contract suite: says what it sees on its console, then sends back every byte of
// its port. A word on the kernel's command line makes it misbehave.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <unistd.h>

static void say(const char *text) {
    int console = open("/dev/hvc0", O_WRONLY | O_NOCTTY);
    if (write(console, text, strlen(text)) < 0) _exit(1);
    close(console);
}

static int slurp(const char *path, char *to, int size) {
    int file = open(path, O_RDONLY), n = file < 0 ? -1 : (int)read(file, to, size - 1);
    if (file >= 0) close(file);
    to[n < 0 ? 0 : n] = 0;
    return n;
}

// Mounts a share read-write, whatever the host said of it, and tells what is in it and whether it can be
// written: "share0 virtiofs: hello=... write=0 make=30 entries= hello".
static void say_share(int at) {
    char tag[16], place[16], path[64], text[128], entries[512] = "", line[1024];
    const char *type = "virtiofs";
    snprintf(tag, sizeof tag, "share%d", at);
    snprintf(place, sizeof place, "/share%d", at);
    if (mount(tag, place, type, 0, 0) != 0) {
        type = "9p";
        if (mount(tag, place, type, 0, "trans=virtio,version=9p2000.L") != 0) return;
    }
    DIR *folder = opendir(place);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        strncat(entries, " ", sizeof entries - strlen(entries) - 1);
        strncat(entries, entry->d_name, sizeof entries - strlen(entries) - 1);
    }
    if (folder) closedir(folder);
    snprintf(path, sizeof path, "%s%s", place, strstr(entries, " file") ? "/file" : "/hello");
    slurp(path, text, sizeof text);
    int file = open(path, O_WRONLY | O_APPEND), wrote = file < 0 ? errno : 0;
    if (file >= 0 && write(file, "+", 1) != 1) wrote = errno;
    if (file >= 0) close(file);
    snprintf(path, sizeof path, "%s/made", place);
    int made = open(path, O_CREAT | O_WRONLY, 0600), refused = made < 0 ? errno : 0;
    if (made >= 0) close(made);
    snprintf(line, sizeof line, "%s %s: hello=%s write=%d make=%d entries=%s\n", tag, type, text, wrote, refused, entries);
    say(line);
}

// Sends back what comes on vsock's port 1024. A new connection ends the last, as with vminitd.
static void echo_vsock(void) {
    static char bytes[65536];
    struct sockaddr_vm any = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = 1024 };
    int listening = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (bind(listening, (struct sockaddr *)&any, sizeof any) || listen(listening, 8)) return;
    struct pollfd watched[2] = { { .fd = listening, .events = POLLIN }, { .fd = -1, .events = POLLIN } };
    for (;;) {
        poll(watched, 2, -1);
        if (watched[0].revents) {
            if (watched[1].fd >= 0) close(watched[1].fd);
            watched[1].fd = accept(listening, NULL, NULL);
            continue;
        }
        int n = (int)read(watched[1].fd, bytes, sizeof bytes);
        for (int sent = 0, w; sent < n; sent += w)
            if ((w = (int)write(watched[1].fd, bytes + sent, n - sent)) <= 0) break;
        if (n > 0) continue;
        close(watched[1].fd);
        watched[1].fd = -1;
    }
}

int main(void) {
    char path[128], line[256], words[4096];
    mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
    mount("proc", "/proc", "proc", 0, 0);
    mount("sysfs", "/sys", "sysfs", 0, 0);
    say("guest is up\n");
    for (char disk = 'a'; disk <= 'z'; disk++) {
        char serial[64];
        snprintf(path, sizeof path, "/sys/block/vd%c/serial", disk);
        if (slurp(path, serial, sizeof serial) < 0) break;
        snprintf(line, sizeof line, "vd%c is %s\n", disk, serial);
        say(line);
    }
    slurp("/proc/cmdline", words, sizeof words);
    if (strstr(words, "test=shares")) for (int at = 0; at < 4; at++) say_share(at);
    if (strstr(words, "test=panic")) return 1;
    if (strstr(words, "test=restart")) reboot(RB_AUTOBOOT);
    if (strstr(words, "test=deaf")) for (;;) pause();
    if (strstr(words, "test=flood")) {
        memset(words, 'x', sizeof words - 1);
        words[sizeof words - 1] = 0;
        for (int i = 0; i < 500; i++) say(words);
    }
    int port = -1;
    for (int bus = 0; bus < 32 && port < 0; bus++) {
        for (int at = 0; at < 4 && port < 0; at++) {
            snprintf(path, sizeof path, "/sys/class/virtio-ports/vport%dp%d/name", bus, at);
            if (slurp(path, line, sizeof line) < 0 || strncmp(line, "ctr.rpc", 7)) continue;
            snprintf(path, sizeof path, "/dev/vport%dp%d", bus, at);
            port = open(path, O_RDWR);
        }
    }
    if (port < 0) echo_vsock();
    for (;;) {
        int n = (int)read(port, words, sizeof words);
        if (n <= 0) usleep(5000); // no host
        for (int sent = 0, w; sent < n; sent += w)
            if ((w = (int)write(port, words + sent, n - sent)) < 0) break;
    }
}
