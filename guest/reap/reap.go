// Package reap owns every wait in the guest. PID 1 inherits orphans, so exits of processes that we
// did not start arrive here too, and a second waiter would steal them.
package reap

import (
	"fmt"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Reaper starts processes and collects exits.
type Reaper struct {
	mu      sync.Mutex
	waiting map[int]chan syscall.WaitStatus
	started *sync.Cond
}

// New returns a reaper. Run must be running for exits to arrive.
func New() *Reaper {
	r := &Reaper{waiting: make(map[int]chan syscall.WaitStatus)}
	r.started = sync.NewCond(&r.mu)
	return r
}

// Start runs a process and returns a channel that yields its status once. The lock spans fork
// and map write: a process can exit before Start returns, and its status must find its channel.
//
// pidNamespace is a descriptor of the PID namespace that the process is made in, -1 for ours.
// Only the thread's children are affected, and the thread is ours again before anyone else uses it.
func (r *Reaper) Start(path string, argv []string, attr *syscall.ProcAttr, pidNamespace int) (int, <-chan syscall.WaitStatus, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if pidNamespace >= 0 {
		runtime.LockOSThread()
		if err := setNamespace(pidNamespace); err != nil {
			runtime.UnlockOSThread()
			return 0, nil, fmt.Errorf("join the PID namespace: %w", err)
		}
		defer func() {
			// A thread that cannot come back stays locked and dies with its goroutine.
			if own, err := syscall.Open("/proc/1/ns/pid", syscall.O_RDONLY|syscall.O_CLOEXEC, 0); err == nil {
				if setNamespace(own) == nil {
					runtime.UnlockOSThread()
				}
				syscall.Close(own)
			}
		}()
	}
	pid, err := syscall.ForkExec(path, argv, attr)
	if err != nil {
		return 0, nil, fmt.Errorf("start %q: %w", path, err)
	}
	exited := make(chan syscall.WaitStatus, 1)
	r.waiting[pid] = exited
	r.started.Signal()
	return pid, exited, nil
}

// Run collects exits for as long as the guest lives.
func (r *Reaper) Run() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		r.mu.Lock()
		switch {
		case err == syscall.ECHILD:
			// An orphan comes from a process that we started, and it is ours before that one is
			// gone: without children there is nothing to collect until the next start.
			if len(r.waiting) == 0 {
				r.started.Wait()
			}
		case err == nil:
			if exited := r.waiting[pid]; exited != nil {
				delete(r.waiting, pid)
				exited <- status
			}
		}
		r.mu.Unlock()
	}
}

func setNamespace(fd int) error { return unix.Setns(fd, unix.CLONE_NEWPID) }
