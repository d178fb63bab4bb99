// Child processes that end with this process, whatever ends it.
//
// The kernel kills a child with the *thread* that made it, so one thread, which never ends, makes them all.
#import "standin.h"
#import <errno.h>
#import <fcntl.h>
#import <objc/blocks_runtime.h>
#import <pthread.h>
#import <signal.h>
#import <stdlib.h>
#import <sys/prctl.h>
#import <sys/wait.h>
#import <unistd.h>

extern char **environ;

static dispatch_queue_t maker;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void makeMaker(void) {
    maker = dispatch_queue_create("children", DISPATCH_QUEUE_SERIAL); // never released
}

static BOOL inherits(const int *inherited, int descriptor) {
    for (; *inherited >= 0; inherited++) {
        if (*inherited == descriptor) return YES;
    }
    return NO;
}

// In the child, which has one thread: system calls, and nothing that could wait for a lock of another.
static void __attribute__((noreturn)) become(char *const *argv, char *const *environment, const int *inherited,
                                              int input, int output, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1); // it died before the kernel knew
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    dup2(input >= 0 ? input : open("/dev/null", O_RDONLY), 0);
    dup2(output, 1);
    dup2(output, 2);
    for (int fd = 3; fd < 4096; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags < 0) continue;
        if (!inherits(inherited, fd)) close(fd);
        else fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
    }
    execve(argv[0], argv, environment);
    _exit(127);
}

// Without LD_PRELOAD: a sanitizer is this process's alone.
static char **environmentOfChildren(void) {
    int count = 0, kept = 0;
    while (environ[count]) count++;
    char **made = calloc((size_t)count + 1, sizeof *made);
    for (int at = 0; at < count; at++) {
        if (strncmp(environ[at], "LD_PRELOAD=", 11) != 0) made[kept++] = environ[at];
    }
    return made;
}

struct watched {
    pid_t pid;
    void (^ended)(int status);
};

static void *watch(void *argument) {
    struct watched *watched = argument;
    int status = 0;
    while (waitpid(watched->pid, &status, 0) < 0 && errno == EINTR) continue;
    @autoreleasepool {
        watched->ended(status);
    }
    Block_release(watched->ended);
    free(watched);
    return NULL;
}

pid_t spawnChild(char *const *argv, const int *inherited, int input, int output, void (^ended)(int status)) {
    pthread_once(&once, makeMaker);
    __block pid_t child = -1;
    dispatch_sync(maker, ^{
        pid_t parent = getpid();
        char **environment = environmentOfChildren();
        child = fork();
        if (child == 0) become(argv, environment, inherited, input, output, parent);
        free(environment);
    });
    if (child < 0) return -1;
    struct watched *watched = calloc(1, sizeof *watched);
    watched->pid = child;
    watched->ended = Block_copy(ended);
    pthread_t thread;
    if (pthread_create(&thread, NULL, watch, watched) != 0) abort();
    pthread_detach(thread);
    return child;
}

void killChild(pid_t pid) {
    if (pid > 0) kill(pid, SIGKILL);
}
