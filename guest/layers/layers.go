// Package layers mounts the disks that root file systems are made of, each once for all roots that have it: its cache
// serves them all, and it stays mounted for the next.
package layers

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"ctr/guest/disk"
	"ctr/guest/gen/guestpb"
)

const (
	// Short, because overlayfs takes a page of options with the names of all layers.
	folder       = "/run/l/"
	sharesFolder = "/run/shares/"
	disksFolder  = "/run/disks/"
	// Layers that stay mounted although no root has them.
	keep = 64
)

type place struct {
	path  string
	users int
	used  uint64 // when it was last wanted, in calls
}

var (
	mu     sync.Mutex
	places = map[string]*place{}
	shares = map[string]bool{}
	disks  = map[string]bool{}
	calls  uint64
)

// Layer returns where a read-only layer is mounted, until Release is called with the same path.
func Layer(lower *guestpb.Lower) (string, error) {
	mu.Lock()
	defer mu.Unlock()
	calls++
	key, mount, err := origin(lower)
	if err != nil {
		return "", err
	}
	p := places[key]
	if p == nil {
		p = &place{path: folder + strconv.FormatUint(calls, 36)}
		if err := os.MkdirAll(p.path, 0o755); err != nil {
			return "", err
		}
		if err := mount(p.path); err != nil {
			return "", err
		}
		places[key] = p
	}
	p.users++
	p.used = calls
	return p.path, nil
}

func origin(lower *guestpb.Lower) (key string, mount func(string) error, err error) {
	if lower.Serial != "" {
		return "disk " + lower.Serial, func(target string) error {
			found, err := disk.Find()
			if err != nil {
				return err
			}
			return found.MountReadOnly(lower.Serial, target)
		}, nil
	}
	file := lower.Shared
	if file == nil || !plain(file.Tag) || !plain(file.Name) {
		return "", nil, fmt.Errorf("mount a layer that is nowhere: %w", unix.EINVAL)
	}
	return "file " + file.Tag + "/" + file.Name, func(target string) error {
		if err := mountShare(file); err != nil {
			return err
		}
		return mountFile(sharesFolder+file.Tag+"/"+file.Name, target)
	}, nil
}

// plain says whether a name stays in its folder.
func plain(name string) bool {
	return name != "" && name[0] != '.' && !strings.ContainsAny(name, "/\x00")
}

// Release says that a root has a layer no longer.
func Release(path string) {
	mu.Lock()
	defer mu.Unlock()
	for _, p := range places {
		if p.path == path {
			p.users--
		}
	}
	for len(places) > keep && forgetOldest() {
	}
}

func forgetOldest() bool {
	oldest := ""
	for key, p := range places {
		if p.users <= 0 && (oldest == "" || p.used < places[oldest].used) {
			oldest = key
		}
	}
	if oldest == "" {
		return false
	}
	_ = unix.Unmount(places[oldest].path, unix.MNT_DETACH)
	_ = os.Remove(places[oldest].path)
	delete(places, oldest)
	return true
}

// Writable returns where the disk with a serial is mounted for all who share it. What is freed on it is handed back to
// the host, unless the disk is volatile: then it is worth nothing after its VM, and what is synced need not be safe.
func Writable(serial string, volatile bool) (string, error) {
	mu.Lock()
	defer mu.Unlock()
	path := disksFolder + serial
	if !plain(serial) {
		return "", fmt.Errorf("mount the disk %q: %w", serial, unix.EINVAL)
	}
	if disks[serial] {
		return path, nil
	}
	found, err := disk.Find()
	if err != nil {
		return "", err
	}
	mount := found.Mount
	if volatile {
		mount = found.MountVolatile
	}
	if err := mount(serial, path, unix.MS_NOATIME, ""); err != nil {
		return "", err
	}
	disks[serial] = true
	return path, nil
}

func mountShare(file *guestpb.SharedFile) error {
	if shares[file.Tag] {
		return nil
	}
	target := sharesFolder + file.Tag
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	options := slices.DeleteFunc(slices.Clone(file.Options), func(each string) bool { return each == "ro" })
	switch file.Type {
	case "9p":
		options = append(options, "trans=virtio", "version=9p2000.L", "msize=512000")
	case "virtiofs":
	default:
		return fmt.Errorf("unknown type %q", file.Type)
	}
	if err := unix.Mount(file.Tag, target, file.Type, unix.MS_RDONLY|unix.MS_NOATIME, strings.Join(options, ",")); err != nil {
		return fmt.Errorf("mount the share %q: %w", file.Tag, err)
	}
	shares[file.Tag] = true
	return nil
}
