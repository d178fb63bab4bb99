// The guest of the contract suite: says what it sees on its console, then sends back every byte of
// its port. A word on the kernel's command line makes it misbehave.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
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
    for (;;) {
        int n = (int)read(port, words, sizeof words);
        if (n <= 0) usleep(5000); // no host
        for (int sent = 0, w; sent < n; sent += w)
            if ((w = (int)write(port, words + sent, n - sent)) < 0) break;
    }
}
