// The guest of the shim's tests: does what it is told, a line at a time, and answers with a line. It is reached on
// vsock port 1024 as often as one likes, or over the serial port, where each session begins with a preamble that it
// sends back.
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int *counter;

static void say(const char *text) {
    int console = open("/dev/hvc0", O_WRONLY | O_NOCTTY);
    if (console < 0 || write(console, text, strlen(text)) < 0) return;
    close(console);
}

// The names in a folder, a blank before each, in no order.
static void list(const char *path, char *answer, size_t size) {
    DIR *folder = opendir(path);
    if (!folder) snprintf(answer, size, " (none)");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        strncat(answer, " ", size - strlen(answer) - 1);
        strncat(answer, entry->d_name, size - strlen(answer) - 1);
    }
    if (folder) closedir(folder);
}

static int dial(unsigned port, char *answer, size_t size) {
    struct sockaddr_vm host = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port };
    int there = socket(AF_VSOCK, SOCK_STREAM, 0), done = -1;
    if (connect(there, (struct sockaddr *)&host, sizeof host) == 0 && write(there, "the guest calls\n", 16) == 16) {
        done = (int)read(there, answer, size - 1);
    }
    close(there);
    if (done < 0) return 0;
    answer[strcspn(answer, "\n")] = 0;
    return 1;
}

static struct sockaddr_in addressOf(const char *text, int port) {
    struct sockaddr_in made = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
    inet_pton(AF_INET, text, &made.sin_addr);
    return made;
}

// Gives eth0 an address in a /24, and answers datagrams to port 7 from then on.
static int setNetwork(const char *text) {
    struct ifreq request = { .ifr_name = "eth0" };
    struct sockaddr_in address = addressOf(text, 7), mask = addressOf("255.255.255.0", 0);
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    memcpy(&request.ifr_addr, &address, sizeof address);
    if (ioctl(s, SIOCSIFADDR, &request)) return 0;
    memcpy(&request.ifr_netmask, &mask, sizeof mask);
    if (ioctl(s, SIOCSIFNETMASK, &request)) return 0;
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(s, SIOCSIFFLAGS, &request) || bind(s, (struct sockaddr *)&address, sizeof address)) return 0;
    if (fork() != 0) return 1;
    for (;;) {
        char bytes[2048];
        struct sockaddr_in from;
        socklen_t length = sizeof from;
        ssize_t n = recvfrom(s, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &length);
        if (n > 0) sendto(s, bytes, (size_t)n, 0, (struct sockaddr *)&from, length);
    }
}

// What comes back of a question, by UDP or ICMP, within a second or two.
static int ask(const char *text, int ping) {
    struct sockaddr_in there = addressOf(text, ping ? 0 : 7);
    int s = ping ? socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) : socket(AF_INET, SOCK_DGRAM, 0), heard = 0;
    struct icmphdr echo = { .type = ICMP_ECHO, .checksum = (unsigned short)~ICMP_ECHO };
    for (int tries = 0; tries < 10 && !heard; tries++) {
        char bytes[2048];
        sendto(s, &echo, sizeof echo, 0, (struct sockaddr *)&there, sizeof there);
        struct pollfd watched = { .fd = s, .events = POLLIN };
        while (!heard && poll(&watched, 1, 200) > 0) {
            ssize_t n = recv(s, bytes, sizeof bytes, 0);
            heard = ping ? n >= 28 && bytes[20] == ICMP_ECHOREPLY : n == sizeof echo;
        }
    }
    close(s);
    return heard;
}

// Sends back what comes until its end.
static void echoAll(int stream) {
    static char bytes[65536];
    ssize_t n;
    while ((n = read(stream, bytes, sizeof bytes)) > 0) {
        for (ssize_t sent = 0, w; sent < n; sent += w)
            if ((w = write(stream, bytes + sent, (size_t)(n - sent))) <= 0) return;
    }
}

static void obey(char *line, int stream) {
    char answer[1024] = "", *word = strchr(line, ' ');
    if (word) *word++ = 0;
    else word = line + strlen(line);
    int ok = 1;
    if (!strcmp(line, "echo")) return echoAll(stream);
    if (!strcmp(line, "count")) snprintf(answer, sizeof answer, " %d", __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST));
    else if (!strcmp(line, "off")) sync(), reboot(RB_POWER_OFF);
    else if (!strcmp(line, "mount")) ok = mount(word, "/share0", "virtiofs", 0, 0) == 0;
    else if (!strcmp(line, "list")) list(word, answer, sizeof answer);
    else if (!strcmp(line, "write")) {
        int file = open(word, O_CREAT | O_WRONLY, 0644);
        ok = file >= 0 && write(file, "guest", 5) == 5;
    } else if (!strcmp(line, "dial")) {
        unsigned port = 0;
        sscanf(word, "%u", &port);
        answer[0] = ' ';
        ok = dial(port, answer + 1, sizeof answer - 1);
    } else if (!strcmp(line, "net")) ok = setNetwork(word);
    else if (!strcmp(line, "udp")) ok = ask(word, 0);
    else if (!strcmp(line, "ping")) ok = ask(word, 1);
    dprintf(stream, "%s%s\n", ok ? "yes" : "no", answer);
}

static void readLine(int stream, char *line, size_t size) {
    size_t n = 0;
    while (n < size - 1 && read(stream, line + n, 1) == 1 && line[n] != '\n') n++;
    line[n] = 0;
}

static void serveVsock(void) {
    struct sockaddr_vm any = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = 1024 };
    int listening = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (bind(listening, (struct sockaddr *)&any, sizeof any) || listen(listening, 64)) return;
    for (;;) {
        int stream = accept(listening, NULL, NULL);
        while (waitpid(-1, NULL, WNOHANG) > 0) continue;
        if (stream < 0) continue;
        if (fork() == 0) {
            char line[1024];
            close(listening);
            readLine(stream, line, sizeof line);
            obey(line, stream);
            _exit(0);
        }
        close(stream);
    }
}

static void serveSerial(int port) {
    char seen[32] = "", line[1024];
    for (;;) {
        char byte;
        if (read(port, &byte, 1) != 1) {
            usleep(5000);
            continue;
        }
        memmove(seen, seen + 1, 31);
        seen[31] = byte;
        if (memcmp(seen, "CTR1\0\xffpreamble\r\n", 16) == 0) {
            if (write(port, seen, 32) != 32) continue;
            readLine(port, line, sizeof line);
            if (line[0] != 'C') obey(line, port); // else it is a preamble once more
        }
    }
}

int main(void) {
    char path[128], name[64];
    mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
    mount("proc", "/proc", "proc", 0, 0);
    mount("sysfs", "/sys", "sysfs", 0, 0);
    counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    say("guest is up\n");
    int words = open("/proc/cmdline", O_RDONLY);
    char cmdline[2048] = "";
    if (read(words, cmdline, sizeof cmdline - 1) > 0 && strstr(cmdline, "test=panic")) return 1;
    for (int at = 0; at < 4; at++) {
        snprintf(path, sizeof path, "/sys/class/virtio-ports/vport0p%d/name", at);
        int file = open(path, O_RDONLY);
        if (file < 0 || read(file, name, sizeof name) < 7 || strncmp(name, "ctr.rpc", 7)) continue;
        snprintf(path, sizeof path, "/dev/vport0p%d", at);
        int port = open(path, O_RDWR);
        if (port >= 0) serveSerial(port);
    }
    serveVsock();
    for (;;) pause();
}
