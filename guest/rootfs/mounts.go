package rootfs

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ctr/guest/disk"
	"ctr/guest/gen/guestpb"
	"ctr/guest/layers"
)

// Where file systems are mounted of which a container sees a part, or that are filled first.
const volumesFolder = "/run/volumes/"

// FillVolume copies what the image has at a mount's destination into a volume that has no files yet.
type FillVolume func(image, volume *Root) error

// MountAll makes the mounts that were asked for, in their order.
func (r *Root) MountAll(id string, mounts []*guestpb.Mount, fill FillVolume) error {
	for i, mount := range mounts {
		if err := r.mountOne(HiddenMount(id, i), mount, fill); err != nil {
			return fmt.Errorf("mount %q: %w", mount.Destination, err)
		}
	}
	return nil
}

// HiddenMount is where the file system of a container's mount is whose part the container sees.
func HiddenMount(id string, at int) string { return volumesFolder + id + "/" + strconv.Itoa(at) }

// mountOne mounts at the destination, or at a hidden place of which the destination then shows a part.
func (r *Root) mountOne(hidden string, m *guestpb.Mount, fill FillVolume) error {
	if clean := path.Clean("/" + m.Destination); clean == "/" || clean == "/proc" || strings.HasPrefix(clean, "/proc/") {
		return unix.EINVAL
	}
	source, flags, data, err := resolve(m)
	if err != nil {
		return err
	}
	switch {
	case m.Type == "file":
		return r.mountContent(hidden, m, flags)
	case m.Type == "root" || m.Type == "disk" || m.CopyUp || m.Subpath != "" || m.File != "":
		return r.mountPart(hidden, source, flags, data, m, fill)
	}
	if m.Type == "bind" {
		return r.bindPart(source, m.Destination, flags)
	}
	if err := r.MkdirAll(m.Destination, 0o755); err != nil {
		return err
	}
	return r.Mount(source, m.Destination, m.Type, flags, strings.Join(data, ","))
}

// resolve returns what mount(2) takes.
func resolve(m *guestpb.Mount) (source string, flags uintptr, data []string, err error) {
	flags, data = splitOptions(m.Options)
	source = m.Source
	switch m.Type {
	case "ext4":
		disks, err := disk.Find()
		if err != nil {
			return "", 0, nil, err
		}
		if source, err = disks.Device(source); err != nil {
			return "", 0, nil, err
		}
		if flags&unix.MS_RDONLY == 0 {
			data = append(data, "discard")
		}
	case "9p":
		data = append(data, "trans=virtio", "version=9p2000.L", "msize=512000")
	case "disk":
		if source, err = layers.Writable(source, false); err != nil {
			return "", 0, nil, err
		}
	case "bind", "tmpfs", "virtiofs", "file", "root":
	default:
		return "", 0, nil, fmt.Errorf("unknown type %q", m.Type)
	}
	return source, flags, data, nil
}

// mountPart mounts where no container sees it, fills what is to be filled, and binds the part that is
// wanted. The path to it is followed inside the file system: a link in it leads nowhere else.
func (r *Root) mountPart(hidden, source string, flags uintptr, data []string, m *guestpb.Mount, fill FillVolume) error {
	hidden, err := r.mountHidden(hidden, source, flags, data, m)
	if err != nil {
		return err
	}
	volume, err := OpenRoot(hidden)
	if err != nil {
		return err
	}
	defer volume.Close()
	part := path.Join(m.Subpath, m.File)
	switch {
	case m.Type == "root" || m.Subpath == "" || m.File != "":
	case m.Type == "disk":
		err = volume.makeFolder(m, fill)
	default:
		err = volume.makeSubpath(m.Subpath)
	}
	if err != nil {
		return err
	}
	fd, err := volume.Open(part, unix.O_PATH, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if m.CopyUp && flags&unix.MS_RDONLY == 0 {
		if err := r.fillVolume(fd, m.Destination, fill); err != nil {
			return fmt.Errorf("copy what the image has there: %w", err)
		}
	}
	return r.bindPart(ByDescriptor(fd), m.Destination, flags&(unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_REC))
}

// mountHidden returns where the file system is whose part is wanted.
func (r *Root) mountHidden(hidden, source string, flags uintptr, data []string, m *guestpb.Mount) (string, error) {
	if m.Type == "bind" || m.Type == "disk" {
		return source, nil
	}
	if err := os.MkdirAll(hidden, 0o700); err != nil {
		return "", err
	}
	if m.Type == "root" {
		held, err := mountParts(m.Root, hidden)
		r.held = append(r.held, held...)
		return hidden, err
	}
	if err := unix.Mount(source, hidden, m.Type, flags, strings.Join(data, ",")); err != nil {
		return "", fmt.Errorf("mount %s: %w", m.Type, err)
	}
	return hidden, nil
}

// makeSubpath makes missing folders; a file that is there will do.
func (r *Root) makeSubpath(name string) error {
	if err := r.MkdirAll(name, 0o755); err != nil && !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, unix.EROFS) {
		return err
	}
	return nil
}

// bindPart binds a folder onto a folder, or a file onto a file; both are made if there is nothing.
func (r *Root) bindPart(source, destination string, flags uintptr) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		err = r.MkdirAll(destination, 0o755)
	} else {
		err = r.touch(destination)
	}
	if err != nil {
		return err
	}
	return r.bind(source, destination, flags)
}

// bind mounts a part of the guest; its flags take a second step.
func (r *Root) bind(source, destination string, flags uintptr) error {
	if err := r.Mount(source, destination, "", unix.MS_BIND|flags&unix.MS_REC, ""); err != nil {
		return err
	}
	if flags&^(unix.MS_REC|unix.MS_BIND) == 0 {
		return nil
	}
	return r.Mount("", destination, "", unix.MS_REMOUNT|unix.MS_BIND|flags&^unix.MS_REC, "")
}

// splitOptions tells mount flags from what the file system itself reads.
func splitOptions(options []string) (flags uintptr, data []string) {
	for _, option := range options {
		switch option {
		case "ro":
			flags |= unix.MS_RDONLY
		case "nosuid":
			flags |= unix.MS_NOSUID
		case "nodev":
			flags |= unix.MS_NODEV
		case "noexec":
			flags |= unix.MS_NOEXEC
		case "noatime":
			flags |= unix.MS_NOATIME
		case "nodiratime":
			flags |= unix.MS_NODIRATIME
		case "relatime":
			flags |= unix.MS_RELATIME
		case "sync":
			flags |= unix.MS_SYNCHRONOUS
		case "dirsync":
			flags |= unix.MS_DIRSYNC
		case "rbind":
			flags |= unix.MS_REC
		case "rw", "bind", "suid", "dev", "exec", "async", "defaults", "rprivate", "private", "":
		default:
			data = append(data, option)
		}
	}
	return flags, data
}
