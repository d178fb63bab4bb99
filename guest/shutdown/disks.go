// Package shutdown leaves the disks as they should be found: trimmed, unmounted, written.
package shutdown

import (
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fitrim is FITRIM of linux/fs.h: _IOWR('X', 121, struct fstrim_range).
const fitrim = 0xc0185879

type fstrimRange struct{ start, length, minimum uint64 }

// Disks trims and unmounts every writable disk. A disk that something still uses is made read-only,
// which writes it as well. Failures change nothing for the host, which ends the VM next.
func Disks() {
	unix.Sync()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return
	}
	lines := strings.Split(strings.TrimSpace(string(mounts)), "\n")
	for i := len(lines) - 1; i >= 0; i-- { // what was mounted last goes first
		fields := strings.Fields(lines[i])
		if len(fields) < 4 || !strings.HasPrefix(fields[1], "/run/") {
			continue
		}
		if fields[2] == "ext4" && strings.HasPrefix(fields[3], "rw") {
			trim(fields[1])
		}
		if unix.Unmount(fields[1], 0) != nil {
			_ = unix.Unmount(fields[1], unix.MNT_DETACH)
			_ = unix.Mount("", fields[1], "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
		}
	}
	unix.Sync()
}

func trim(folder string) {
	fd, err := unix.Open(folder, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	all := fstrimRange{length: 1<<64 - 1}
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), fitrim, uintptr(unsafe.Pointer(&all)))
}
