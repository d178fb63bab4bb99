// The init of tests/kernel: asks the kernel what it can do, says it on the console, and ends by a reboot, which QEMU takes as the end.
//
//   release 6.12…
//   probe NAME ok | probe NAME failed: ERROR
//   controllers cpuset cpu io …
//   config HEX      /proc/config.gz, in lines
//   done
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static void probe(const char *name, int result) {
    if (result >= 0) printf("probe %s ok\n", name);
    else printf("probe %s failed: %s\n", name, strerror(errno));
}

// In a child, so that the namespace ends with it.
static void probe_namespace(const char *name, int flag) {
    pid_t child = fork();
    if (child == 0) _exit(unshare(flag) == 0 ? 0 : errno);
    int status = 0;
    waitpid(child, &status, 0);
    errno = WEXITSTATUS(status);
    probe(name, errno == 0 ? 0 : -1);
}

static int seccomp_filter(void) {
    struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {1, allow};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static int overlay(void) {
    mkdir("/o", 0755);
    if (mount("tmpfs", "/o", "tmpfs", 0, NULL) != 0) return -1;
    mkdir("/o/lower", 0755); mkdir("/o/upper", 0755); mkdir("/o/work", 0755); mkdir("/o/root", 0755);
    return mount("overlay", "/o/root", "overlay", 0, "lowerdir=/o/lower,upperdir=/o/upper,workdir=/o/work");
}

// Raises an event in a file system that nobody has changed, and waits for it as a listener would.
struct fsevent {
    int dir, to_dir;
    unsigned kind, flags;
    char name[256], to_name[256];
};
#define FSEVENT_FOLLOW _IOW('c', 0x71, int)
#define FSEVENT_RAISE _IOW('c', 0x72, struct fsevent)

static int raised(int listener, unsigned mask, const char *name) {
    char bytes[4096];
    ssize_t n = read(listener, bytes, sizeof bytes);
    for (char *at = bytes; at < bytes + n;) {
        struct inotify_event *event = (struct inotify_event *)at;
        if ((event->mask & mask) == mask && event->len && !strcmp(event->name, name)) return 0;
        at += sizeof *event + event->len;
    }
    errno = n < 0 ? errno : ENOMSG;
    return -1;
}

static void probe_file_events(void) {
    int dev = open("/dev/fsevent", O_RDONLY), listener = inotify_init1(IN_NONBLOCK);
    probe("file event device", dev);
    mkdir("/watched", 0755);
    mount("tmpfs", "/watched", "tmpfs", 0, NULL);
    mkdir("/watched/folder", 0755);
    int dir = open("/watched", O_PATH);
    probe("follow a file system", ioctl(dev, FSEVENT_FOLLOW, &dir));
    inotify_add_watch(listener, "/watched", IN_ALL_EVENTS);
    close(open("/watched/old", O_CREAT | O_WRONLY, 0600));
    rename("/watched/old", "/watched/file");
    char bytes[4096];
    while (read(listener, bytes, sizeof bytes) > 0) {}

    struct fsevent event = {dir, dir, 4, 0, "absent", ""};
    ioctl(dev, FSEVENT_RAISE, &event);
    probe("file event: delete", raised(listener, IN_DELETE, "absent"));
    strcpy(event.name, "folder"), event.kind = 3;
    ioctl(dev, FSEVENT_RAISE, &event);
    probe("file event: attributes", raised(listener, IN_ATTRIB | IN_ISDIR, "folder"));
    strcpy(event.name, "new"), event.kind = 1, event.flags = 1;
    ioctl(dev, FSEVENT_RAISE, &event);
    probe("file event: create", raised(listener, IN_CREATE | IN_ISDIR, "new"));
    strcpy(event.name, "file"), event.kind = 2, event.flags = 0;
    ioctl(dev, FSEVENT_RAISE, &event);
    probe("file event: modify", raised(listener, IN_MODIFY, "file"));
    strcpy(event.name, "gone"), strcpy(event.to_name, "file"), event.kind = 5;
    ioctl(dev, FSEVENT_RAISE, &event);
    probe("file event: rename", raised(listener, IN_MOVED_TO, "file"));
    // What was done here is not told again, once for each time it was done.
    strcpy(event.name, "old"), strcpy(event.to_name, "file");
    probe("file event: own change is known", ioctl(dev, FSEVENT_RAISE, &event) == 1 ? 0 : (errno = ENOMSG, -1));
    probe("file event: a second one is not", ioctl(dev, FSEVENT_RAISE, &event) == 0 ? 0 : (errno = EALREADY, -1));
    strcpy(event.name, "../etc"), event.kind = 1;
    probe("file event: a path is refused", ioctl(dev, FSEVENT_RAISE, &event) == -1 && errno == EINVAL ? 0 : -1);
}

static void say_line(const char *name, const char *path) {
    char line[4096];
    FILE *file = fopen(path, "r");
    if (file && fgets(line, sizeof line, file)) printf("%s %s", name, line);
    if (file) fclose(file);
}

static void say_config(void) {
    unsigned char bytes[64];
    FILE *file = fopen("/proc/config.gz", "r");
    size_t n;
    while (file && (n = fread(bytes, 1, sizeof bytes, file)) > 0) {
        printf("config ");
        for (size_t i = 0; i < n; i++) printf("%02x", bytes[i]);
        printf("\n");
    }
    if (file) fclose(file);
}

int main(void) {
    struct utsname name;
    setvbuf(stdout, NULL, _IOLBF, 0);
    mkdir("/proc", 0755); mkdir("/sys", 0755); mkdir("/dev", 0755); mkdir("/cgroup", 0755);
    uname(&name);
    printf("\nrelease %s\n", name.release);
    probe("proc", mount("proc", "/proc", "proc", 0, NULL));
    probe("sysfs", mount("sysfs", "/sys", "sysfs", 0, NULL));
    probe("devtmpfs", mount("devtmpfs", "/dev", "devtmpfs", 0, NULL));
    probe("cgroup2", mount("cgroup2", "/cgroup", "cgroup2", 0, NULL));
    say_line("controllers", "/cgroup/cgroup.controllers");
    probe("overlay", overlay());
    probe_namespace("mount namespace", CLONE_NEWNS);
    probe_namespace("PID namespace", CLONE_NEWPID);
    probe_namespace("network namespace", CLONE_NEWNET);
    probe_namespace("UTS namespace", CLONE_NEWUTS);
    probe_namespace("IPC namespace", CLONE_NEWIPC);
    probe_namespace("user namespace", CLONE_NEWUSER);
    probe_namespace("cgroup namespace", CLONE_NEWCGROUP);
    probe_namespace("time namespace", CLONE_NEWTIME);
    probe("vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
    probe("IPv6", socket(AF_INET6, SOCK_STREAM, 0));
    probe("netfilter netlink", socket(AF_NETLINK, SOCK_RAW, 12));
    probe("tun", open("/dev/net/tun", O_RDWR));
    probe("fuse", open("/dev/fuse", O_RDWR));
    mkdir("/dev/pts", 0755);
    probe("devpts", mount("devpts", "/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666"));
    probe("pseudo-terminal", open("/dev/pts/ptmx", O_RDWR | O_NOCTTY));
    probe_file_events();
    probe("seccomp filter", seccomp_filter());
    say_config();
    printf("done\n");
    fflush(stdout);
    reboot(RB_AUTOBOOT);
    return 1;
}
