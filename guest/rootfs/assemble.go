package rootfs

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ctr/guest/disk"
	"ctr/guest/gen/guestpb"
)

const (
	layersFolder = "/run/layers/"
	upperFolder  = "/run/upper/"
	rootsFolder  = "/run/roots/"
)

// Assemble mounts the disks of a container and puts its root file system together under
// /run/roots/<id>. The mounts stay visible to vminitd; the container gets a copy of them.
func Assemble(id string, spec *guestpb.Rootfs) (*Root, error) {
	target := rootsFolder + id
	if err := os.MkdirAll(target, 0o755); err != nil {
		return nil, err
	}
	disks, err := disk.Find()
	if err != nil {
		return nil, err
	}
	if spec.MachineSerial != "" {
		if err := disks.Mount(spec.MachineSerial, target, 0, ""); err != nil {
			return nil, err
		}
		return OpenRoot(target)
	}
	upper := upperFolder + id
	if err := mountUpper(disks, spec.UpperSerial, upper); err != nil {
		return nil, err
	}
	var lower []string
	for i, serial := range spec.LayerSerials {
		layer := layersFolder + id + "/" + strconv.Itoa(i)
		if err := disks.MountReadOnly(serial, layer); err != nil {
			return nil, err
		}
		lower = append([]string{layer}, lower...) // overlayfs wants the topmost first
	}
	if len(lower) == 0 { // an empty image: overlayfs wants a layer
		empty := layersFolder + id + "/empty"
		if err := os.MkdirAll(empty, 0o755); err != nil {
			return nil, err
		}
		lower = []string{empty}
	}
	options := "lowerdir=" + strings.Join(lower, ":") + ",upperdir=" + upper + "/upper,workdir=" + upper + "/work"
	if err := unix.Mount("overlay", target, "overlay", unix.MS_NOATIME, options); err != nil {
		return nil, fmt.Errorf("mount the overlay of %d layers: %w", len(lower), err)
	}
	return OpenRoot(target)
}

func mountUpper(disks disk.Disks, serial, folder string) error {
	if serial == "" {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("mount the upper tmpfs: %w", err)
		}
	} else if err := disks.Mount(serial, folder, unix.MS_NOATIME, ""); err != nil {
		return err
	}
	for _, name := range [...]string{"/upper", "/work"} {
		if err := os.MkdirAll(folder+name, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// PrepareMounts makes the mounts that need none of the container's own namespaces: /dev, /sys and
// the ones that were asked for, in their order. The mount points of the others are made as well.
func (r *Root) PrepareMounts(mounts []*guestpb.Mount, shmBytes int64, privileged bool) error {
	for _, folder := range [...]string{"/proc", "/sys"} {
		if err := r.realFolder(folder); err != nil {
			return err
		}
	}
	if err := r.prepareDev(shmBytes); err != nil {
		return err
	}
	var readonly uintptr = unix.MS_RDONLY
	if privileged {
		readonly = 0
		if err := r.allDevices(); err != nil {
			return err
		}
	}
	if err := r.Mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|readonly, ""); err != nil {
		return err
	}
	for _, mount := range mounts {
		if err := r.mountOne(mount); err != nil {
			return fmt.Errorf("mount %q: %w", mount.Destination, err)
		}
	}
	return nil
}

func (r *Root) mountOne(m *guestpb.Mount) error {
	flags, data := splitOptions(m.Options)
	if clean := path.Clean("/" + m.Destination); clean == "/" || clean == "/proc" || strings.HasPrefix(clean, "/proc/") {
		return unix.EINVAL
	}
	source := m.Source
	file := false
	switch m.Type {
	case "bind":
		info, err := os.Stat(source)
		if err != nil {
			return err
		}
		file = !info.IsDir()
	case "ext4":
		disks, err := disk.Find()
		if err != nil {
			return err
		}
		device, err := disks.Device(source)
		if err != nil {
			return err
		}
		source = device
		if flags&unix.MS_RDONLY == 0 {
			data = append(data, "discard")
		}
	case "9p":
		data = append(data, "trans=virtio", "version=9p2000.L", "msize=512000")
	case "tmpfs", "virtiofs":
	default:
		return fmt.Errorf("unknown type %q", m.Type)
	}
	if file {
		if err := r.touch(m.Destination); err != nil {
			return err
		}
	} else if err := r.MkdirAll(m.Destination, 0o755); err != nil {
		return err
	}
	if m.Type != "bind" {
		return r.Mount(source, m.Destination, m.Type, flags, strings.Join(data, ","))
	}
	return r.bind(source, m.Destination, flags)
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
