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

// fifreeze is FIFREEZE of linux/fs.h: _IOWR('X', 119, int).
const fifreeze = 0xc0045877

type fstrimRange struct{ start, length, minimum uint64 }

// Disks trims every writable disk and makes it whole, but for those that nothing is handed back from: they are worth
// nothing after the VM. It is frozen rather than unmounted: an overlay
// whose root somebody holds open keeps the disk below it in use, and then unmounting leaves a journal
// that is to be replayed. Whoever writes afterwards waits for the end of the VM, which comes next.
// Failures change nothing for the host.
func Disks() {
	unix.Sync()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return
	}
	frozen := map[string]bool{} // a disk may be mounted at several places
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[2] != "ext4" || !strings.HasPrefix(fields[3], "rw") || !strings.Contains(fields[3], ",discard") || frozen[fields[0]] {
			continue
		}
		frozen[fields[0]] = finish(unescape(fields[1]))
	}
	unix.Sync()
}

// unescape reads a mount point of /proc/self/mounts, where blanks and the like are octal.
func unescape(text string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(text)
}

func finish(folder string) bool {
	fd, err := unix.Open(folder, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false // a file: the disk is mounted elsewhere too
	}
	defer unix.Close(fd)
	all := fstrimRange{length: 1<<64 - 1}
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), fitrim, uintptr(unsafe.Pointer(&all)))
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), fifreeze, 0)
	return errno == 0
}
