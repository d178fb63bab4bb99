// Package cgroup owns the cgroup v2 tree below /sys/fs/cgroup: one group per container, limits,
// counters and out-of-memory kills.
package cgroup

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const root = "/sys/fs/cgroup"

// Limits of a group; 0 means none, or as it is.
type Limits struct {
	MemoryBytes, CPUQuotaMicros, Pids int64
}

// Group is one cgroup.
type Group struct{ path string }

// EnableControllers hands every controller that the kernel has to the groups below.
func EnableControllers() error {
	available, err := os.ReadFile(root + "/cgroup.controllers")
	if err != nil {
		return err
	}
	var enable []string
	for _, name := range strings.Fields(string(available)) {
		enable = append(enable, "+"+name)
	}
	return write(root+"/cgroup.subtree_control", strings.Join(enable, " "))
}

// Create makes a group with limits.
func Create(name string, limits Limits) (*Group, error) {
	if name == "" || strings.ContainsAny(name, "/\x00") || name == "." || name == ".." {
		return nil, fmt.Errorf("make the cgroup %q: not a usable name", name)
	}
	g := &Group{root + "/" + name}
	if err := os.Mkdir(g.path, 0o755); err != nil && !os.IsExist(err) {
		return nil, err
	}
	return g, g.Limit(limits)
}

// Limit sets the limits that are not 0. A negative one takes the limit away.
//
// memory.oom.group stays off, as with Docker: the kernel kills one process, and a server whose worker
// it was goes on.
func (g *Group) Limit(limits Limits) error {
	for _, setting := range [...]struct {
		file  string
		value int64
		more  string
	}{
		{"memory.max", limits.MemoryBytes, ""},
		{"cpu.max", limits.CPUQuotaMicros, " 100000"},
		{"pids.max", limits.Pids, ""},
	} {
		if setting.value == 0 {
			continue
		}
		text := "max"
		if setting.value > 0 {
			text = strconv.FormatInt(setting.value, 10)
		}
		if err := write(g.path+"/"+setting.file, text+setting.more); err != nil {
			return fmt.Errorf("limit the container: %w", err)
		}
	}
	return nil
}

// Open returns a descriptor by which a process can be made inside the group.
func (g *Group) Open() (int, error) {
	return unix.Open(g.path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// HandsOn says whether the group gives controllers to groups below it, so that no process may be in itself.
func (g *Group) HandsOn() bool {
	text, err := os.ReadFile(g.path + "/cgroup.subtree_control")
	return err == nil && len(strings.TrimSpace(string(text))) > 0
}

// OpenOf is Open for the group below this one that a process is in.
func (g *Group) OpenOf(pid int) (int, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return -1, err
	}
	at := root + strings.TrimPrefix(strings.TrimSpace(string(text)), "0::")
	if !strings.HasPrefix(at, g.path+"/") || strings.Contains(at, "/../") {
		return -1, fmt.Errorf("open the cgroup of process %d: it is elsewhere", pid)
	}
	return unix.Open(at, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// Kill ends every process of the group.
func (g *Group) Kill() error { return write(g.path+"/cgroup.kill", "1") }

// Signal sends a signal to every process of the group and of those below it.
func (g *Group) Signal(signal unix.Signal) error {
	pids, err := g.Processes()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if pid > 1 {
			_ = unix.Kill(pid, signal) // it may have ended meanwhile
		}
	}
	return nil
}

// Populated says whether a process of the group lives.
func (g *Group) Populated() bool { return g.field("cgroup.events", "populated") != 0 }

// OOMKills counts the processes of the group that the kernel killed for want of memory.
func (g *Group) OOMKills() uint64 { return g.field("memory.events", "oom_kill") }

// Remove removes the empty group.
func (g *Group) Remove() error { return unix.Rmdir(g.path) }

func write(path, value string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(value)
	return err
}
