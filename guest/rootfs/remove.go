package rootfs

import (
	"errors"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Track notes that a path was made for a mount.
func (r *Root) Track(name string) {
	if r.tracking {
		r.made = append(r.made, name)
	}
}

// StopTracking says that what is made from now on is not for a mount.
func (r *Root) StopTracking() { r.tracking = false }

// Remove takes apart what Assemble and what followed has set up for a container whose processes have ended. Of the
// writable disk what the container has changed stays, without the mount points that were made for it: those are
// removed where nothing was put into them.
func Remove(id string, r *Root) error {
	target := rootsFolder + id
	err := unmountBelow(target + "/")
	if r != nil {
		r.removeMade()
		r.Close()
	}
	err = errors.Join(err, unmount(target), unmountBelow(volumesFolder+id+"/"))
	if err != nil {
		return err
	}
	if r != nil {
		releaseAll(r.held)
	}
	for _, folder := range [...]string{target, volumesFolder + id, etcFolder + id} {
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	return nil
}

func (r *Root) removeMade() {
	for _, name := range slices.Backward(r.made) {
		parent, err := r.Open(path.Dir(name), unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			continue
		}
		r.removeUnused(parent, path.Base(name))
		unix.Close(parent)
	}
}

// removeUnused removes an empty folder, an empty file, or a socket, which nobody answers any more.
func (r *Root) removeUnused(parent int, name string) {
	var stat unix.Stat_t
	if unix.Fstatat(parent, name, &stat, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return
	}
	switch kind := stat.Mode & unix.S_IFMT; {
	case kind == unix.S_IFDIR:
		_ = unix.Unlinkat(parent, name, unix.AT_REMOVEDIR)
	case kind == unix.S_IFREG && stat.Size == 0, kind == unix.S_IFSOCK:
		_ = unix.Unlinkat(parent, name, 0)
	}
}

// unmountBelow ends the mounts whose place begins with a prefix, the latest first.
func unmountBelow(prefix string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var places []string
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], prefix) {
			places = append(places, unescape.Replace(fields[4]))
		}
	}
	for _, place := range slices.Backward(places) {
		err = errors.Join(err, unmount(place))
	}
	return err
}

// A place in mountinfo has blanks and the like as octal numbers.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func unmount(place string) error {
	err := unix.Unmount(place, unix.UMOUNT_NOFOLLOW)
	if err == unix.EBUSY {
		err = unix.Unmount(place, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	}
	if err == unix.EINVAL || err == unix.ENOENT { // it is no mount (any more)
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "unmount", Path: place, Err: err}
	}
	return nil
}
