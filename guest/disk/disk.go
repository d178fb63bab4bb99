// Package disk finds and mounts the VM's disks. The host names a disk by its virtio-blk serial:
// the order in which the kernel finds devices is not fixed.
package disk

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Disks are the paths of the VM's disks by serial.
type Disks map[string]string

// Find asks every disk for its serial, which costs a request to the host each: once is enough.
func Find() (Disks, error) {
	entries, err := os.ReadDir("/sys/block")
	if err != nil {
		return nil, fmt.Errorf("list disks: %w", err)
	}
	disks := Disks{}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), "vd") {
			continue
		}
		if serial, err := os.ReadFile("/sys/block/" + entry.Name() + "/serial"); err == nil {
			disks[strings.TrimSpace(string(serial))] = "/dev/" + entry.Name()
		}
	}
	return disks, nil
}

// Device returns the path of the disk with a serial.
func (d Disks) Device(serial string) (string, error) {
	if device, ok := d[serial]; ok && serial != "" {
		return device, nil
	}
	return "", fmt.Errorf("find the disk %q: the VM has none with this serial", serial)
}

// MountReadOnly mounts a layer. Layers have no journal to replay and are never written.
func (d Disks) MountReadOnly(serial, target string) error {
	return d.mount(serial, target, unix.MS_RDONLY|unix.MS_NOATIME, "noload")
}

// Mount mounts a writable disk. Freed blocks are handed back to the host.
func (d Disks) Mount(serial, target string, flags uintptr, options string) error {
	if options != "" {
		options = "," + options
	}
	return d.mount(serial, target, flags, "discard"+options)
}

// MountVolatile mounts a writable disk that is worth nothing after its VM.
func (d Disks) MountVolatile(serial, target string, flags uintptr, options string) error {
	if options != "" {
		options = "," + options
	}
	return d.mount(serial, target, flags, "nobarrier"+options)
}

func (d Disks) mount(serial, target string, flags uintptr, options string) error {
	device, err := d.Device(serial)
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
