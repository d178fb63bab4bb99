package rootfs

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

type device struct {
	name         string
	major, minor uint32
}

// prepareDev mounts what a container finds under /dev, besides /dev/mqueue, which belongs to its
// IPC namespace and is mounted by the first stage.
func (r *Root) prepareDev(shmBytes int64) error {
	if err := r.realFolder("/dev"); err != nil {
		return err
	}
	if err := r.Mount("tmpfs", "/dev", "tmpfs", unix.MS_NOSUID|unix.MS_STRICTATIME, "mode=755,size=65536k"); err != nil {
		return err
	}
	dev, err := r.Open("/dev", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dev)
	for _, d := range [...]device{{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}} {
		// The umask of PID 1 is 0.
		if err := unix.Mknodat(dev, d.name, unix.S_IFCHR|0o666, int(unix.Mkdev(d.major, d.minor))); err != nil {
			return &os.PathError{Op: "make", Path: "/dev/" + d.name, Err: err}
		}
	}
	for _, link := range [...][2]string{
		{"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"},
		{"/proc/self/fd/2", "stderr"}, {"/proc/kcore", "core"}, {"pts/ptmx", "ptmx"},
	} {
		if err := unix.Symlinkat(link[0], dev, link[1]); err != nil {
			return &os.PathError{Op: "make", Path: "/dev/" + link[1], Err: err}
		}
	}
	for _, folder := range [...]string{"pts", "shm", "mqueue"} {
		if err := unix.Mkdirat(dev, folder, 0o755); err != nil {
			return &os.PathError{Op: "make", Path: "/dev/" + folder, Err: err}
		}
	}
	const quiet = unix.MS_NOSUID | unix.MS_NOEXEC
	if err := r.Mount("devpts", "/dev/pts", "devpts", quiet, "newinstance,ptmxmode=0666,mode=0620,gid=5"); err != nil {
		return err
	}
	if shmBytes <= 0 {
		shmBytes = 64 << 20
	}
	return r.Mount("shm", "/dev/shm", "tmpfs", quiet|unix.MS_NODEV, "mode=1777,size="+strconv.FormatInt(shmBytes, 10))
}

// allDevices shows a privileged container the guest's own devices.
func (r *Root) allDevices() error {
	entries, err := os.ReadDir("/dev")
	if err != nil {
		return err
	}
	dev, err := r.Open("/dev", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dev)
	for _, entry := range entries {
		var stat unix.Stat_t
		if unix.Lstat("/dev/"+entry.Name(), &stat) != nil {
			continue
		}
		if kind := stat.Mode & unix.S_IFMT; kind == unix.S_IFBLK || kind == unix.S_IFCHR {
			if err := unix.Mknodat(dev, entry.Name(), stat.Mode, int(stat.Rdev)); err != nil && err != unix.EEXIST {
				return &os.PathError{Op: "make", Path: "/dev/" + entry.Name(), Err: err}
			}
		}
	}
	return nil
}

// AddDevice shows a node of the guest's /dev, or those in a folder there, to the container, and returns
// the device numbers with their kind.
func (r *Root) AddDevice(source, destination string) ([]unix.Stat_t, error) {
	source = path.Clean("/" + source)
	if destination == "" {
		destination = source
	}
	var stat unix.Stat_t
	if err := unix.Lstat(source, &stat); err != nil || !strings.HasPrefix(source, "/dev/") {
		return nil, &os.PathError{Op: "use the device", Path: source, Err: unix.ENOENT}
	}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return r.addDevices(source, destination)
	case unix.S_IFCHR, unix.S_IFBLK:
	default:
		return nil, &os.PathError{Op: "use the device", Path: source, Err: unix.ENODEV}
	}
	if err := r.MkdirAll(path.Dir(destination), 0o755); err != nil {
		return nil, err
	}
	parent, err := r.Open(path.Dir(destination), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(parent)
	if err := unix.Mknodat(parent, path.Base(destination), stat.Mode, int(stat.Rdev)); err != nil && err != unix.EEXIST {
		return nil, &os.PathError{Op: "make", Path: destination, Err: err}
	}
	return []unix.Stat_t{stat}, nil
}

func (r *Root) addDevices(source, destination string) (all []unix.Stat_t, err error) {
	entries, err := os.ReadDir(source)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if kind := entry.Type(); kind&os.ModeDevice == 0 && !kind.IsDir() {
			continue
		}
		found, err := r.AddDevice(source+"/"+entry.Name(), destination+"/"+entry.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// realFolder makes sure that a mount point of ours is a folder and no link to another place.
func (r *Root) realFolder(name string) error {
	if err := r.MkdirAll(name, 0o755); err != nil {
		return err
	}
	fd, err := unix.Openat2(r.fd, name[1:], &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return fmt.Errorf("use %q of the image: %w", name, err)
	}
	return unix.Close(fd)
}

// OpenTerminal makes a pseudo terminal of the container's own and returns both ends.
func (r *Root) OpenTerminal() (master, slave int, err error) {
	master, err = unix.Openat2(r.fd, "dev/pts/ptmx", &unix.OpenHow{
		Flags: unix.O_RDWR | unix.O_NOCTTY | unix.O_NONBLOCK | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return -1, -1, fmt.Errorf("open a terminal: %w", err)
	}
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		unix.Close(master)
		return -1, -1, fmt.Errorf("unlock the terminal: %w", err)
	}
	// The request takes flags by value. Unlike a path, the answer cannot be another terminal.
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		unix.Close(master)
		return -1, -1, fmt.Errorf("open the terminal: %w", errno)
	}
	return master, int(fd), nil
}
