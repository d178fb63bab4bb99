package files

import (
	"golang.org/x/sys/unix"

	"ctr/guest/gen/guestpb"
	"ctr/guest/rootfs"
)

// Stat says what a path is, and where it leads if it is a link.
func Stat(root *rootfs.Root, name string) (*guestpb.StatPathReply, error) {
	fd, err := root.Open(name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return nil, err
	}
	reply := &guestpb.StatPathReply{
		Mode: stat.Mode, Size: stat.Size, ModifiedUnixNs: stat.Mtim.Nano(), Uid: stat.Uid, Gid: stat.Gid,
	}
	if reply.Path, err = root.Where(fd); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFLNK {
		return reply, err
	}
	if reply.LinkTarget, err = readLink(fd, ""); err != nil {
		return nil, err
	}
	target, err := root.Open(name, unix.O_PATH, 0)
	if err != nil {
		return reply, nil // it leads nowhere
	}
	defer unix.Close(target)
	if unix.Fstat(target, &stat) == nil {
		reply.ResolvedMode = stat.Mode
		reply.ResolvedPath, _ = root.Where(target)
	}
	return reply, nil
}
