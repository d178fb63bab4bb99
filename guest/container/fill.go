package container

import (
	"io"

	"golang.org/x/sys/unix"

	"ctr/guest/files"
	"ctr/guest/gen/guestpb"
	"ctr/guest/output"
	"ctr/guest/rootfs"
)

// fillVolume copies a folder of the image, its owner and its rights into a volume. Both ends are ours;
// a tar stream in between carries everything that a copy has to keep.
func fillVolume(image, volume *rootfs.Root) error {
	ring := output.New(0)
	stop := make(chan struct{})
	copied := make(chan error, 1)
	go func() {
		err := files.CopyOut(image, &guestpb.CopyOut{Path: "/", ContentOnly: true}, output.NewWriter(ring, 1, stop))
		ring.Close()
		copied <- err
	}()
	err := files.CopyIn(volume, &guestpb.CopyIn{Path: "/", ArchiveOwners: true}, &ringSource{ring: ring})
	close(stop)
	if outErr := <-copied; outErr != nil && outErr != output.ErrStopped {
		err = outErr
	}
	if err != nil {
		return err
	}
	return copyTop(image, volume)
}

func copyTop(image, volume *rootfs.Root) error {
	var stat unix.Stat_t
	if err := image.Stat(&stat); err != nil {
		return err
	}
	target, err := volume.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	if err := unix.Fchown(target, int(stat.Uid), int(stat.Gid)); err != nil {
		return err
	}
	return unix.Fchmod(target, stat.Mode&0o7777)
}

// ringSource reads a ring in this very process.
type ringSource struct {
	ring   *output.Ring
	offset uint64
}

func (s *ringSource) Next() ([]byte, error) {
	s.ring.Acknowledge(s.offset) // what was handed out last is no longer used
	for {
		chunk, wait := s.ring.Next(s.offset, 1<<20)
		if len(chunk.Data) > 0 {
			s.offset += uint64(len(chunk.Data))
			return chunk.Data, nil
		}
		if wait == nil {
			return nil, io.EOF
		}
		<-wait
	}
}
