// Package container owns what belongs to one container: its root file system, cgroup, namespaces
// and the order in which they are made. There may be several (a pod); there is one by default.
package container

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ctr/guest/boot"
	"ctr/guest/cgroup"
	"ctr/guest/gen/guestpb"
	"ctr/guest/netcfg"
	"ctr/guest/netserve"
	"ctr/guest/oom"
	"ctr/guest/plan"
	"ctr/guest/process"
	"ctr/guest/reap"
	"ctr/guest/rootfs"
	"ctr/guest/sockets"
	"ctr/guest/users"
)

const (
	maxPasswd = 4 << 20
	maxArgs   = 1 << 16
)

// ErrInvalid marks a request that cannot be meant.
var ErrInvalid = errors.New("invalid request")

// Container is one container whose file systems were set up and, mostly, whose first process was started.
type Container struct {
	ID    string
	Group *cgroup.Group
	Main  *process.Process // nil: the container is there for its files alone

	root    *rootfs.Root
	reaper  *reap.Reaper
	devices []cgroup.Device // what the container may use beside the usual ones
	lone    bool            // it has a network of its own
	upper   string          // where its writable disk is mounted, "" if it has none
	shared  []share
	// Sockets that were asked for with it; whoever started it takes their connections.
	Listeners []*sockets.Listener

	viewing sync.Mutex
	view    *rootfs.Root // what its processes see; opened when it is first wanted

	// Held for reading while a process is made: one that is frozen before it executes its program would
	// hold up everything that waits for its start.
	freezing sync.RWMutex
	frozen   bool
	disk     frozenDisk
}

// Start sets the guest up for a container and starts its first process, if it is to have one. What it returns with an
// error is what was set up until then.
func Start(reaper *reap.Reaper, request *guestpb.StartContainerRequest, clock *boot.Clock) (*Container, error) {
	if request.Rootfs == nil || !usableID(request.ContainerId) {
		return nil, fmt.Errorf("%w: no root file system or no usable ID", ErrInvalid)
	}
	c := &Container{ID: request.ContainerId, reaper: reaper, lone: request.NoNetwork}
	if request.Process == nil {
		return c, c.startFiles(request, clock)
	}
	if err := check(request.Process, request.Init); err != nil {
		return nil, err
	}
	steps := []struct {
		name string
		run  func() error
	}{
		{"network", func() error {
			if err := netcfg.Apply(request.Network); err != nil {
				return err
			}
			return netserve.Start(request.Network)
		}},
		{"disks", func() error { return c.assemble(request) }},
		{"mounts", func() error {
			if err := c.root.PrepareMounts(request.ShmBytes, privileged(request)); err != nil {
				return err
			}
			if err := c.mountAll(request.Mounts); err != nil {
				return err
			}
			return c.addDevices(request)
		}},
		{"names", func() error {
			return c.root.WriteNames(c.ID, request.Hostname, request.Hosts, request.Network)
		}},
		{"sockets", func() error { return c.listen(request.Listeners) }},
		{"cgroup", func() error {
			if err := c.makeGroup(request); err != nil || privileged(request) {
				return err
			}
			return c.Group.AllowDevices(c.devices)
		}},
	}
	for _, step := range steps {
		if err := clock.Run(step.name, step.run); err != nil {
			return c, err
		}
	}
	c.root.StopTracking()
	return c, clock.Run("process", func() error { return c.startFirst(request) })
}

func (c *Container) startFirst(request *guestpb.StartContainerRequest) (err error) {
	p := new(plan.Plan)
	planPrivateFiles(p, 0)
	flags := uintptr(unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS)
	if c.lone {
		flags |= unix.CLONE_NEWNET
		planLoopback(p)
	}
	planRoot(p, c.root.Path, request)
	c.Main, err = c.spawn(p, request.Process, flags, -1)
	return err
}

// startFiles sets up what is needed to read and write the container's files: its own ones and its
// volumes, without what its processes would find on top of them.
func (c *Container) startFiles(request *guestpb.StartContainerRequest, clock *boot.Clock) error {
	if err := clock.Run("disks", func() error { return c.assemble(request) }); err != nil {
		return err
	}
	if err := clock.Run("mounts", func() error { return c.root.MountAll(c.ID, request.Mounts, fillVolume) }); err != nil {
		return err
	}
	return clock.Run("cgroup", func() error { return c.makeGroup(request) })
}

func (c *Container) assemble(request *guestpb.StartContainerRequest) (err error) {
	c.root, c.upper, err = rootfs.Assemble(request.ContainerId, request.Rootfs)
	return err
}

func (c *Container) makeGroup(request *guestpb.StartContainerRequest) (err error) {
	name := request.CgroupName
	if name == "" {
		name = request.ContainerId
	}
	limits := request.Limits
	if limits == nil {
		limits = &guestpb.Limits{}
	}
	c.Group, err = cgroup.Create(name, limitsOf(limits))
	return err
}

func limitsOf(l *guestpb.Limits) cgroup.Limits {
	return cgroup.Limits{MemoryBytes: l.MemoryBytes, CPUQuotaMicros: l.CpuQuotaUs, Pids: l.Pids}
}

// StartProcess adds a process to the container.
func (c *Container) StartProcess(spec *guestpb.Process) (*process.Process, error) {
	if err := check(spec, false); err != nil {
		return nil, err
	}
	if !c.running() {
		return nil, errEnded
	}
	c.freezing.RLock()
	defer c.freezing.RUnlock()
	if c.frozen {
		return nil, StateError("the container is paused")
	}
	p := new(plan.Plan)
	planPrivateFiles(p, 1)
	p.Step("join the container")
	namespaces := unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP
	if c.lone {
		namespaces |= unix.CLONE_NEWNET
	}
	p.Call(unix.SYS_SETNS, plan.Int(plan.FirstFD), plan.Int(namespaces))
	return c.spawn(p, spec, 0, c.Main.PidFD)
}

// StateError says why a container cannot do now what was asked for.
type StateError string

func (e StateError) Error() string { return string(e) }

const errEnded StateError = "not running: the container has ended"

func (c *Container) spawn(p *plan.Plan, spec *guestpb.Process, flags uintptr, pidNamespace int) (*process.Process, error) {
	id, err := c.identity(spec)
	if err != nil {
		return nil, err
	}
	if err := c.root.MkdirAll(spec.Cwd, 0o755); err != nil && !errors.Is(err, unix.EROFS) {
		return nil, fmt.Errorf("make the working folder: %w", err)
	}
	if len(spec.Args) > 0 {
		if err := planIdentity(p, spec, id); err != nil {
			return nil, err
		}
	}
	streams, err := c.streams(spec, id)
	if err != nil {
		return nil, err
	}
	group, err := c.groupFor(pidNamespace >= 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(group)
	var files []int
	if pidNamespace >= 0 {
		files = []int{pidNamespace}
	}
	return process.Start(c.reaper, &process.Spec{
		ID: spec.Id, ContainerID: c.ID, Plan: p, Streams: streams, BufferBytes: spec.OutputBufferBytes,
		CloneFlags: flags, CgroupFD: group, PidNamespace: pidNamespace, Files: files,
		OOMKills: c.Group.OOMKills, Blame: func(pid int, failed bool) (string, bool) {
			return oom.Blame(oom.Victims(), pid, failed, boot.Now()/1000)
		},
	})
}

// groupFor opens the cgroup that a process begins in: the container's, or where its first process has gone
// since. An init moves out of the top group to give controllers to the groups below it, and the kernel lets
// nobody in there any more.
func (c *Container) groupFor(added bool) (int, error) {
	if added && c.Group.HandsOn() {
		if fd, err := c.Group.OpenOf(c.Main.PID); err == nil {
			return fd, nil
		}
	}
	return c.Group.Open()
}

func (c *Container) identity(spec *guestpb.Process) (users.Identity, error) {
	passwd, _ := c.root.ReadFile("/etc/passwd", maxPasswd) // an image may have neither
	group, _ := c.root.ReadFile("/etc/group", maxPasswd)
	gids, err := users.Groups(spec.AdditionalGroups, string(group))
	if err != nil {
		return users.Identity{}, err
	}
	return users.Resolve(spec.User, append(gids, spec.AdditionalGids...), string(passwd), string(group))
}

func (c *Container) streams(spec *guestpb.Process, id users.Identity) (*process.Streams, error) {
	if !spec.Terminal {
		return process.Pipes(id.UID, id.GID, spec.Input)
	}
	master, slave, err := c.root.OpenTerminal()
	if err != nil {
		return nil, err
	}
	return process.Terminal(master, slave, id.UID, spec.Rows, spec.Columns)
}

// check looks at what was asked for. mayStay: nothing at all may be what is to run.
func check(spec *guestpb.Process, mayStay bool) error {
	none := spec != nil && len(spec.Args) == 0 && mayStay
	if spec == nil || spec.Id == "" || !none && (len(spec.Args) == 0 || spec.Args[0] == "") {
		return fmt.Errorf("%w: a process needs an ID and a program", ErrInvalid)
	}
	if len(spec.Args)+len(spec.Env) > maxArgs {
		return fmt.Errorf("%w: more than %d arguments and variables", ErrInvalid, maxArgs)
	}
	for _, text := range append(append([]string{spec.Cwd}, spec.Args...), spec.Env...) {
		if strings.IndexByte(text, 0) >= 0 {
			return fmt.Errorf("%w: a zero byte in an argument or variable", ErrInvalid)
		}
	}
	return nil
}

func usableID(id string) bool {
	return id != "" && len(id) <= 128 && id[0] != '.' && !strings.ContainsAny(id, "/:,\\\x00")
}

// Stop ends every process of the container: SIGTERM to the first one, after the grace SIGKILL to
// all of them.
func (c *Container) Stop(grace time.Duration) {
	_ = c.Thaw(&guestpb.ThawRequest{Processes: true, FileSystem: true})
	defer c.closeView()
	if c.running() && grace > 0 && c.Main.Signal(unix.SIGTERM) == nil {
		select {
		case <-c.Main.Exited():
		case <-time.After(grace):
		}
	}
	_ = c.Group.Kill()
	for range 500 { // cgroup.kill is asynchronous; a process in the kernel may take a while
		if !c.Group.Populated() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
