package rootfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// filling marks a volume while the image's files are copied into it, so that a copy that was cut short
// is made again. Only who may do anything can set such an attribute.
const filling = "trusted.ctr.filling"

// fillVolume fills the folder behind fd if it has no files, with what the root has at a path.
func (r *Root) fillVolume(fd int, from string, fill FillVolume) error {
	image, err := r.Open(from, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil // there is nothing, or no folder
	}
	defer unix.Close(image)
	folder, err := unix.Open(ByDescriptor(fd), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(folder)
	if _, err := unix.Fgetxattr(folder, filling, nil); err != nil && !empty(folder) {
		return nil
	}
	_ = unix.Fsetxattr(folder, filling, []byte{1}, 0) // a share may not take it: then a cut copy stays cut
	if err := fill(&Root{fd: image}, &Root{fd: folder}); err != nil {
		return err
	}
	if err := unix.Syncfs(folder); err != nil {
		return err
	}
	_ = unix.Fremovexattr(folder, filling)
	return nil
}

// empty says whether a folder has no entries but the one that every ext4 has.
func empty(folder int) bool {
	entries, err := os.ReadDir(ByDescriptor(folder))
	for _, entry := range entries {
		if entry.Name() != "lost+found" {
			return false
		}
	}
	return err == nil
}
