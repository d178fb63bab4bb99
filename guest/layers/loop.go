package layers

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Another program might take the device that was said to be free.
const loopAttempts = 8

// mountFile mounts a disk image by a loop device that goes with the mount. What is read goes past the cache of the
// image's own file system: the one of the disk is enough.
func mountFile(image, target string) error {
	source, err := unix.Open(image, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the layer: %w", err)
	}
	defer unix.Close(source)
	device, err := attach(source)
	if err != nil {
		return fmt.Errorf("attach the layer: %w", err)
	}
	defer device.Close()
	if err := unix.Mount(device.Name(), target, "ext4", unix.MS_RDONLY|unix.MS_NOATIME, "noload"); err != nil {
		return fmt.Errorf("mount the layer: %w", err)
	}
	return nil
}

func attach(source int) (*os.File, error) {
	control, err := unix.Open("/dev/loop-control", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(control)
	for range loopAttempts {
		var number int
		if number, err = unix.IoctlRetInt(control, unix.LOOP_CTL_GET_FREE); err != nil {
			return nil, err
		}
		device, openErr := os.OpenFile("/dev/loop"+strconv.Itoa(number), os.O_RDONLY, 0)
		if openErr != nil {
			return nil, openErr
		}
		config := &unix.LoopConfig{Fd: uint32(source), Size: 4096, Info: unix.LoopInfo64{
			Flags: unix.LO_FLAGS_READ_ONLY | unix.LO_FLAGS_AUTOCLEAR | unix.LO_FLAGS_DIRECT_IO,
		}}
		if err = unix.IoctlLoopConfigure(int(device.Fd()), config); err == nil {
			return device, nil
		}
		device.Close()
		if err != unix.EBUSY {
			return nil, err
		}
	}
	return nil, err
}
