package container

import (
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"ctr/guest/gen/guestpb"
	"ctr/guest/plan"
	"ctr/guest/seccomp"
	"ctr/guest/users"
)

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// planPrivateFiles keeps the stage's descriptors out of the new program.
func planPrivateFiles(p *plan.Plan, count int) {
	p.Step("prepare")
	for fd := plan.PlanFD; fd < plan.FirstFD+count; fd++ {
		p.Call(unix.SYS_FCNTL, plan.Int(fd), plan.Int(unix.F_SETFD), plan.Int(unix.FD_CLOEXEC))
	}
	p.Call(unix.SYS_UMASK, plan.Int(0o022))
}

// planRoot is what the first process does inside its new namespaces.
func planRoot(p *plan.Plan, root string, request *guestpb.StartContainerRequest) {
	const quiet = unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV
	privileged := privileged(request)
	p.Step("cgroup namespace")
	p.Call(unix.SYS_UNSHARE, plan.Int(unix.CLONE_NEWCGROUP))
	if request.Hostname != "" {
		p.Step("hostname")
		p.Call(unix.SYS_SETHOSTNAME, p.String(request.Hostname).Arg(), plan.Int(len(request.Hostname)))
	}
	p.Step("mounts")
	planMount(p, "", "/", "", unix.MS_REC|unix.MS_PRIVATE)
	p.Call(unix.SYS_CHDIR, p.String(root).Arg())
	// The mount points are on mounts of ours or were checked to be no links.
	planMount(p, "proc", "proc", "proc", quiet)
	planMount(p, "mqueue", "dev/mqueue", "mqueue", quiet)
	var readonly int = unix.MS_RDONLY
	if privileged {
		readonly = 0
	}
	if request.NoNetwork { // the one that is there shows the guest's devices
		planMount(p, "sysfs", "sys", "sysfs", quiet|readonly)
	}
	planMount(p, "cgroup", "sys/fs/cgroup", "cgroup2", quiet|unix.MS_RELATIME|readonly)
	p.Step("root file system")
	dot := p.String(".").Arg()
	p.Call(unix.SYS_PIVOT_ROOT, dot, dot)
	p.Call(unix.SYS_UMOUNT2, dot, plan.Int(unix.MNT_DETACH))
	p.Call(unix.SYS_CHDIR, p.String("/").Arg())
	planSysctls(p, request.Sysctls)
	if !privileged {
		planMasks(p, request.MaskedPaths, request.ReadonlyPaths)
	}
	if request.Rootfs.Readonly {
		p.Step("read-only root")
		planMount(p, "", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY)
	}
	if request.Init && stays(request) {
		planOwnGroup(p)
		p.Step("init")
		p.Stay()
	} else if request.Init {
		p.Step("init")
		p.Init()
	}
}

// stays says whether PID 1 is to be ours and to run nothing: a machine whose image has no init.
func stays(request *guestpb.StartContainerRequest) bool {
	return request.Init && len(request.Process.Args) == 0
}

// planOwnGroup leaves the root of the cgroup namespace to those who make groups below it, as an init would:
// a group with processes of its own cannot have children with controllers.
func planOwnGroup(p *plan.Plan) {
	const group = "/sys/fs/cgroup/init"
	p.Step("cgroup of the init")
	p.Try([2]syscall.Errno{unix.EEXIST, unix.EEXIST}, unix.SYS_MKDIRAT, plan.Int(unix.AT_FDCWD), p.String(group).Arg(), plan.Int(0o755))
	planWrite(p, "cgroup of the init", group+"/cgroup.procs", "0")
	for _, controller := range [...]string{"cpu", "io", "memory", "pids"} {
		fd := p.Call(unix.SYS_OPENAT, plan.Int(unix.AT_FDCWD), p.String("/sys/fs/cgroup/cgroup.subtree_control").Arg(), plan.Int(unix.O_WRONLY|unix.O_CLOEXEC))
		enable := "+" + controller
		// One that the kernel lacks is no reason not to begin.
		p.Try([2]syscall.Errno{unix.ENOENT, unix.EINVAL}, unix.SYS_WRITE, fd.Arg(), p.String(enable).Arg(), plan.Int(len(enable)))
		p.Call(unix.SYS_CLOSE, fd.Arg())
	}
}

func planMount(p *plan.Plan, source, target, kind string, flags int) {
	p.Call(unix.SYS_MOUNT, p.String(source).Arg(), p.String(target).Arg(), p.String(kind).Arg(), plan.Int(flags), plan.Null())
}

func planSysctls(p *plan.Plan, sysctls map[string]string) {
	names := make([]string, 0, len(sysctls))
	for name := range sysctls {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		file := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
		planWrite(p, "sysctl "+name, path.Clean(file), sysctls[name])
	}
}

func planWrite(p *plan.Plan, step, file, value string) {
	p.Step(step)
	fd := p.Call(unix.SYS_OPENAT, plan.Int(unix.AT_FDCWD), p.String(file).Arg(), plan.Int(unix.O_WRONLY|unix.O_CLOEXEC))
	p.Call(unix.SYS_WRITE, fd.Arg(), p.String(value).Arg(), plan.Int(len(value)))
	p.Call(unix.SYS_CLOSE, fd.Arg())
}

// planMasks hides paths. The kind of a path is not known here: a file takes /dev/null and refuses
// the folder's mount with ENOTDIR, and the other way round.
func planMasks(p *plan.Plan, masked, readonly []string) {
	missing := [2]syscall.Errno{unix.ENOENT, unix.ENOTDIR}
	p.Step("masked paths")
	null, tmpfs := p.String("/dev/null").Arg(), p.String("tmpfs").Arg()
	for _, name := range masked {
		target := p.String(path.Clean("/" + name)).Arg()
		p.Try(missing, unix.SYS_MOUNT, null, target, plan.Null(), plan.Int(unix.MS_BIND), plan.Null())
		p.Try(missing, unix.SYS_MOUNT, tmpfs, target, tmpfs, plan.Int(unix.MS_RDONLY), plan.Null())
	}
	p.Step("read-only paths")
	const flags = unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV | unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY
	for _, name := range readonly {
		target := p.String(path.Clean("/" + name)).Arg()
		p.Try(missing, unix.SYS_MOUNT, target, target, plan.Null(), plan.Int(unix.MS_BIND|unix.MS_REC), plan.Null())
		// Where there is nothing the first call failed, and this one finds nothing either.
		p.Try(missing, unix.SYS_MOUNT, plan.Null(), target, plan.Null(), plan.Int(flags), plan.Null())
	}
}

// planIdentity is what every process does last: session, limits, rights, folder, program.
func planIdentity(p *plan.Plan, spec *guestpb.Process, id users.Identity) error {
	p.Step("session")
	p.Call(unix.SYS_SETSID)
	if spec.Terminal {
		p.Call(unix.SYS_IOCTL, plan.Int(0), plan.Int(unix.TIOCSCTTY), plan.Int(0))
	}
	if err := planRlimits(p, spec.Rlimits); err != nil {
		return err
	}
	// PID 1 is never killed for want of memory; its children are not to inherit that.
	planWrite(p, "oom score", "/proc/self/oom_score_adj", fmt.Sprint(spec.OomScoreAdj))
	if err := planRights(p, security(spec), id); err != nil {
		return err
	}
	cwd := path.Clean("/" + spec.Cwd)
	p.Step("change to " + cwd)
	p.Call(unix.SYS_CHDIR, p.String(cwd).Arg())
	env := environment(spec, id.Home)
	p.Step("execute " + spec.Args[0])
	p.Exec(candidates(spec.Args[0], env), spec.Args, env)
	return nil
}

func planRlimits(p *plan.Plan, limits []*guestpb.Rlimit) error {
	for _, limit := range limits {
		resource, ok := rlimitNumber(strings.TrimPrefix(limit.Type, "RLIMIT_"))
		if !ok {
			return fmt.Errorf("set the limit %q: no such limit", limit.Type)
		}
		p.Step("limit " + limit.Type)
		value := binary.LittleEndian.AppendUint64(nil, limit.Soft)
		value = binary.LittleEndian.AppendUint64(value, limit.Hard)
		p.Call(unix.SYS_PRLIMIT64, plan.Int(0), plan.Int(resource), p.Bytes(value).Arg(), plan.Null())
	}
	return nil
}

// rlimitNumber follows asm-generic/resource.h, which both architectures use.
func rlimitNumber(name string) (int, bool) {
	number := slices.Index([]string{
		"CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE",
		"MEMLOCK", "AS", "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
	}, name)
	return number, number >= 0
}

// planRights gives up what the process is not to have. The filter comes first because installing
// it takes CAP_SYS_ADMIN where no_new_privileges is off; it allows everything that follows.
func planRights(p *plan.Plan, s *guestpb.Security, id users.Identity) error {
	names := s.Capabilities
	if s.Privileged {
		names = capabilityNames()
	}
	mask, count, err := capabilityMask(names)
	if err != nil {
		return err
	}
	if s.NoNewPrivileges {
		p.Step("no new privileges")
		p.Call(unix.SYS_PRCTL, plan.Int(unix.PR_SET_NO_NEW_PRIVS), plan.Int(1), plan.Int(0), plan.Int(0), plan.Int(0))
	}
	switch {
	case s.SeccompUnconfined:
	case len(s.SeccompProfile) > 0:
		if len(s.SeccompProfile)%8 != 0 || len(s.SeccompProfile) > 8*maxFilter {
			return fmt.Errorf("%w: a seccomp profile of %d bytes", ErrInvalid, len(s.SeccompProfile))
		}
		if s.NoNewPrivileges { // it may forbid what follows, so it comes last
			defer planFilter(p, s.SeccompProfile)
		} else {
			planFilter(p, s.SeccompProfile)
		}
	case !s.Privileged:
		planFilter(p, seccomp.Encode(seccomp.Default(names)))
	}
	p.Step("capabilities")
	for i := range count {
		if mask&(1<<i) == 0 {
			p.Call(unix.SYS_PRCTL, plan.Int(unix.PR_CAPBSET_DROP), plan.Int(i))
		}
	}
	p.Step("user")
	groups := []byte{}
	for _, gid := range id.Groups {
		groups = binary.LittleEndian.AppendUint32(groups, gid)
	}
	uid, gid := plan.Int(int(id.UID)), plan.Int(int(id.GID))
	p.Call(unix.SYS_SETGROUPS, plan.Int(len(id.Groups)), p.Bytes(groups).Arg())
	p.Call(unix.SYS_SETRESGID, gid, gid, gid)
	p.Call(unix.SYS_SETRESUID, uid, uid, uid)
	if id.UID == 0 { // another user has none left
		header := binary.LittleEndian.AppendUint64(nil, unix.LINUX_CAPABILITY_VERSION_3)
		var sets []byte // effective, permitted, inheritable: low words, then high words
		for shift := 0; shift < 64; shift += 32 {
			sets = binary.LittleEndian.AppendUint32(sets, uint32(mask>>shift))
			sets = binary.LittleEndian.AppendUint32(sets, uint32(mask>>shift))
			sets = binary.LittleEndian.AppendUint32(sets, 0)
		}
		p.Call(unix.SYS_CAPSET, p.Bytes(header).Arg(), p.Bytes(sets).Arg())
	}
	return nil
}

const maxFilter = 4096 // BPF_MAXINSNS

// planFilter installs an array of struct sock_filter.
func planFilter(p *plan.Plan, filter []byte) {
	p.Step("seccomp")
	// struct sock_fprog: u16 length, padding, pointer.
	program := p.Bytes(append(binary.LittleEndian.AppendUint64(nil, uint64(len(filter)/8)), make([]byte, 8)...))
	p.Relocate(program, 8, p.Bytes(filter))
	p.Call(unix.SYS_SECCOMP, plan.Int(unix.SECCOMP_SET_MODE_FILTER), plan.Int(0), program.Arg())
}

func privileged(request *guestpb.StartContainerRequest) bool {
	return request.Privileged || security(request.Process).Privileged
}

func security(spec *guestpb.Process) *guestpb.Security {
	if spec.Security == nil {
		return &guestpb.Security{}
	}
	return spec.Security
}

func environment(spec *guestpb.Process, home string) []string {
	env := slices.Clone(spec.Env)
	add := func(name, value string) {
		if !slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") }) {
			env = append(env, name+"="+value)
		}
	}
	add("PATH", defaultPath)
	add("HOME", home)
	if spec.Terminal {
		add("TERM", "xterm")
	}
	return env
}

// candidates are the paths that execvp would try.
func candidates(program string, env []string) []string {
	if strings.Contains(program, "/") {
		return []string{program}
	}
	var found []string
	for _, variable := range env {
		if list, ok := strings.CutPrefix(variable, "PATH="); ok {
			for _, folder := range strings.Split(list, ":") {
				if folder == "" {
					folder = "."
				}
				found = append(found, folder+"/"+program)
			}
			break
		}
	}
	return found
}
