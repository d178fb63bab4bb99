package rootfs

import (
	"fmt"
	"os"
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
// /run/roots/<id>. The mounts stay visible to vminitd; the container gets a copy of them. writable is
// where the container's writable disk is mounted, empty if it has none.
func Assemble(id string, spec *guestpb.Rootfs) (root *Root, writable string, err error) {
	target := rootsFolder + id
	if err := os.MkdirAll(target, 0o755); err != nil {
		return nil, "", err
	}
	disks, err := disk.Find()
	if err != nil {
		return nil, "", err
	}
	if spec.MachineSerial != "" {
		if err := disks.Mount(spec.MachineSerial, target, 0, ""); err != nil {
			return nil, "", err
		}
		root, err = OpenRoot(target)
		return root, target, err
	}
	if len(spec.Lowers) > 0 || spec.UpperFolder != "" {
		return assembleParts(spec, target)
	}
	upper := upperFolder + id
	if err := mountUpper(disks, spec.UpperSerial, upper); err != nil {
		return nil, "", err
	}
	if spec.UpperSerial != "" {
		writable = upper
	}
	if err := mountOverlay(disks, id, spec.LayerSerials, upper, target); err != nil {
		return nil, "", err
	}
	root, err = OpenRoot(target)
	return root, writable, err
}

func mountOverlay(disks disk.Disks, id string, serials []string, upper, target string) error {
	var lower []string
	for i, serial := range serials {
		layer := layersFolder + id + "/" + strconv.Itoa(i)
		if err := disks.MountReadOnly(serial, layer); err != nil {
			return err
		}
		lower = append([]string{layer}, lower...) // overlayfs wants the topmost first
	}
	if len(lower) == 0 { // an empty image: overlayfs wants a layer
		empty := layersFolder + id + "/empty"
		if err := os.MkdirAll(empty, 0o755); err != nil {
			return err
		}
		lower = []string{empty}
	}
	return overlay(lower, upperOptions(upper), target)
}

func upperOptions(folder string) string {
	return ",upperdir=" + folder + "/upper,workdir=" + folder + "/work"
}

// overlay mounts layers, the topmost first.
func overlay(lower []string, more, target string) error {
	if err := unix.Mount("overlay", target, "overlay", unix.MS_NOATIME, "lowerdir="+strings.Join(lower, ":")+more); err != nil {
		return fmt.Errorf("mount the overlay of %d layers: %w", len(lower), err)
	}
	return nil
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
	return makeUpper(folder)
}

func makeUpper(folder string) error {
	for _, name := range [...]string{"/upper", "/work"} {
		if err := os.MkdirAll(folder+name, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// PrepareMounts makes the mounts that every container has and that need none of its own namespaces: /dev
// and /sys. The mount points of the others are made as well.
func (r *Root) PrepareMounts(shmBytes int64, privileged bool) error {
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
	return r.Mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|readonly, "")
}
