// The first stage of every process: runs a plan of system calls in the new process, the last of
// which is execve. A second Go program here would cost 0.3 s under emulation, and Go itself cannot
// run code between fork and exec, so all that must happen there is data (see package plan).
//
// It is freestanding: no libc, no heap, no policy. Fd 3 is the plan, fd 4 the pipe for the first
// failure; both are closed by execve.
//
//	header   u32 magic, operations, relocations, blob bytes
//	operation[]  see struct operation
//	relocation[] u32 offset, u32 target: the blob's u64 at `offset` becomes the address of `target`
//	blob     strings, structures, pointer arrays
#include <stdint.h>

#define MAGIC 0x31525443u // "CTR1"
enum { PLAN = 3, FAILURES = 4 };
enum { IMMEDIATE = 0, BLOB = 1, RESULT = 2 };          // kinds of argument, two bits each
enum { KIND_SYSCALL = 0, KIND_INIT = 1, KIND_EXEC = 2, KIND_GIVE_UP = 3, KIND_STAY = 4 };

struct operation {
	uint16_t step;       // index of its name, for the report
	uint16_t kind;
	uint16_t arguments;  // kinds of the six arguments
	uint16_t number;     // of the system call
	uint32_t ignored;    // two errno values that are not a failure, 16 bits each
	uint32_t reserved;
	uint64_t argument[6];
};
struct relocation { uint32_t offset, target; };
struct header { uint32_t magic, operations, relocations, blob; };
struct failure { uint32_t step, error; };

#if defined(__x86_64__)
enum { SYS_write = 1, SYS_close_range = 436, SYS_fstat = 5, SYS_mmap = 9, SYS_sigprocmask = 14, SYS_fork = 56,
	SYS_exit = 231, SYS_wait4 = 61, SYS_kill = 62, SYS_sigtimedwait = 128 };
static long call(long n, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	__asm__ volatile("syscall" : "=a"(result)
		: "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return result;
}
__asm__(".globl _start\n_start: xor %ebp,%ebp\n and $-16,%rsp\n call run\n hlt\n");
#elif defined(__aarch64__)
enum { SYS_write = 64, SYS_close_range = 436, SYS_fstat = 80, SYS_mmap = 222, SYS_sigprocmask = 135, SYS_fork = 220,
	SYS_exit = 94, SYS_wait4 = 260, SYS_kill = 129, SYS_sigtimedwait = 137 };
static long call(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c,
		x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}
__asm__(".globl _start\n_start: mov x29,#0\n mov x30,#0\n bl run\n brk #0\n");
#else
#error "no such architecture"
#endif
#define CALL3(n, a, b, c) call(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)

enum { EINTR = 4, ESRCH = 3, ENOENT = 2, EACCES = 13, ENOTDIR = 20, EPERM = 1, ELOOP = 40, ENAMETOOLONG = 36 };
enum { SIGINT = 2, SIGTERM = 15, SIGCONT = 18, SIGPWR = 30, SIGCHLD = 17, SIGTTIN = 21, SIGTTOU = 22 };

__attribute__((noreturn)) static void leave(long status)
{
	for (;;) call(SYS_exit, status, 0, 0, 0, 0, 0);
}

__attribute__((noreturn)) static void fail(uint32_t step, uint32_t error)
{
	struct failure failure = { step, error };
	CALL3(SYS_write, FAILURES, &failure, sizeof failure);
	leave(127);
}

// PID 1 of a container with an init: the child goes on with the plan; this process forwards every
// signal to it, reaps what becomes its child, and ends as the child ends.
static long init(uint32_t step)
{
	uint64_t all = ~0ull, old = 0;
	call(SYS_sigprocmask, 2 /* SIG_SETMASK */, (long)&all, (long)&old, 8, 0, 0);
	long child = call(SYS_fork, SIGCHLD, 0, 0, 0, 0, 0);
	if (child < 0) fail(step, -child);
	if (child == 0) {
		call(SYS_sigprocmask, 2, (long)&old, 0, 8, 0, 0);
		return 0;
	}
	CALL3(SYS_close_range, 0, ~0u, 0); // its streams end with the child, not with this process
	for (;;) {
		long signal = call(SYS_sigtimedwait, (long)&all, 0, 0, 8, 0, 0);
		if (signal > 0 && signal != SIGCHLD && signal != SIGTTIN && signal != SIGTTOU)
			CALL3(SYS_kill, child, signal, 0);
		for (;;) {
			int status;
			long pid = call(SYS_wait4, -1, (long)&status, 1 /* WNOHANG */, 0, 0, 0);
			if (pid <= 0) break;
			if (pid == child) leave(status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff);
		}
	}
}

// PID 1 of a machine that has no init of its own: it reaps, and when it is told to end it asks every
// other process to, and waits until none is left. What does not listen is the caller's to kill.
__attribute__((noreturn)) static void stay(void)
{
	uint64_t all = ~0ull;
	long step[2] = { 0, 100000000 }; // struct timespec: how often it looks whether the others have gone
	int ending = 0;
	call(SYS_sigprocmask, 2 /* SIG_SETMASK */, (long)&all, 0, 8, 0, 0);
	CALL3(SYS_close_range, 0, ~0u, 0);
	for (;;) {
		long signal = call(SYS_sigtimedwait, (long)&all, 0, ending ? (long)step : 0, 8, 0, 0);
		if (!ending && (signal == SIGTERM || signal == SIGINT || signal == SIGPWR)) {
			ending = 1;
			CALL3(SYS_kill, -1, SIGTERM, 0);
			CALL3(SYS_kill, -1, SIGCONT, 0);
		}
		int status;
		while (call(SYS_wait4, -1, (long)&status, 1 /* WNOHANG */, 0, 0, 0) > 0) {}
		if (ending && CALL3(SYS_kill, -1, 0, 0) == -ESRCH) leave(0);
	}
}

__attribute__((noreturn, used)) void run(void)
{
	static uint64_t stat[32]; // larger than struct stat; st_size is at byte 48 on both architectures
	static long results[65536 / sizeof(long)];
	if (CALL3(SYS_fstat, PLAN, stat, 0) < 0) fail(0, 9);
	// Private and writable: relocation changes this process's pages alone.
	long base = call(SYS_mmap, 0, (long)stat[6], 3 /* READ|WRITE */, 2 /* PRIVATE */, PLAN, 0);
	if (base < 0 && base > -4096) fail(0, -base);
	struct header *header = (struct header *)base;
	if (header->magic != MAGIC || header->operations > sizeof results / sizeof *results) fail(0, 8);
	struct operation *operations = (struct operation *)(header + 1);
	struct relocation *relocations = (struct relocation *)(operations + header->operations);
	char *blob = (char *)(relocations + header->relocations);

	for (uint32_t i = 0; i < header->relocations; i++)
		*(uint64_t *)(blob + relocations[i].offset) = (uint64_t)(blob + relocations[i].target);

	uint32_t refusal = ENOENT; // why no candidate of an executable search ran
	for (uint32_t i = 0; i < header->operations; i++) {
		struct operation *o = &operations[i];
		if (o->kind == KIND_INIT) { init(o->step); continue; }
		if (o->kind == KIND_STAY) stay();
		if (o->kind == KIND_GIVE_UP) fail(o->step, refusal);
		long a[6];
		for (int k = 0; k < 6; k++) {
			long kind = o->arguments >> (2 * k) & 3, value = o->argument[k];
			a[k] = kind == BLOB ? (long)(blob + value) : kind == RESULT ? results[value] : value;
		}
		long result = call(o->number, a[0], a[1], a[2], a[3], a[4], a[5]);
		results[i] = result;
		if (result >= 0 || result < -4095) continue;
		uint32_t error = -result;
		if (o->kind == KIND_EXEC && (error == EACCES || error == ENOENT || error == ENOTDIR || error == EPERM
				|| error == ELOOP || error == ENAMETOOLONG)) {
			if (error == EACCES || error == EPERM) refusal = EACCES;
			continue;
		}
		if (error == (o->ignored & 0xffff) || error == o->ignored >> 16) continue;
		fail(o->step, error);
	}
	fail(0, 8);
}
