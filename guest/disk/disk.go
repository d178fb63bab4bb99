// Package disk finds and mounts the VM's disks. The host names a disk by its virtio-blk serial:
// the order in which the kernel finds devices is not fixed.
package disk

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Device returns the path of the disk with a serial.
func Device(serial string) (string, error) {
	entries, err := os.ReadDir("/sys/block")
	if err != nil {
		return "", fmt.Errorf("list disks: %w", err)
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), "vd") {
			continue
		}
		found, err := os.ReadFile("/sys/block/" + entry.Name() + "/serial")
		if err == nil && strings.TrimSpace(string(found)) == serial {
			return "/dev/" + entry.Name(), nil
		}
	}
	return "", fmt.Errorf("find the disk %q: the VM has none with this serial", serial)
}

// MountReadOnly mounts a layer. Layers have no journal to replay and are never written.
func MountReadOnly(serial, target string) error {
	return mount(serial, target, unix.MS_RDONLY|unix.MS_NOATIME, "noload")
}

// Mount mounts a writable disk. Freed blocks are handed back to the host.
func Mount(serial, target string, flags uintptr, options string) error {
	if options != "" {
		options = "," + options
	}
	return mount(serial, target, flags, "discard"+options)
}

func mount(serial, target string, flags uintptr, options string) error {
	device, err := Device(serial)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(device, target, "ext4", flags, options); err != nil {
		return fmt.Errorf("mount the disk %q: %w", serial, err)
	}
	return nil
}
