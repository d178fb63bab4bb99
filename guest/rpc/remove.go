package rpc

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"ctr/guest/container"
	"ctr/guest/gen/guestpb"
	"ctr/guest/h2"
	"ctr/guest/layers"
	"ctr/guest/process"
	"ctr/guest/wire"
)

func (s *Server) removeContainer(r *guestpb.RemoveContainerRequest) (wire.Message, error) {
	c, err := s.container(r.ContainerId)
	if err != nil {
		return nil, err
	}
	if err := c.Remove(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	delete(s.containers, c.ID)
	var ended []*process.Process
	for id, p := range s.processes {
		if p != nil && p.ContainerID == c.ID {
			ended = append(ended, p)
			delete(s.processes, id)
		}
	}
	s.mu.Unlock()
	for _, p := range ended {
		p.Abandon()
	}
	if r.Settle {
		return &guestpb.Empty{}, c.Settle()
	}
	return &guestpb.Empty{}, nil
}

func (s *Server) removeFolders(r *guestpb.RemoveFoldersRequest) (wire.Message, error) {
	disk, err := layers.Writable(r.Serial, false)
	if err != nil {
		return nil, err
	}
	for _, folder := range r.Folders {
		if !filepath.IsLocal(folder) || folder == "." {
			return nil, fmt.Errorf("%w: the folder %q of a disk", container.ErrInvalid, folder)
		}
		// Nothing above it is a container's, so no link leads elsewhere; links in it are not followed.
		if err := os.RemoveAll(disk + "/" + folder); err != nil {
			return nil, err
		}
	}
	return &guestpb.Empty{}, nil
}

func (s *Server) addEmulator(r *guestpb.AddEmulatorRequest) (wire.Message, error) {
	program, err := layers.Layer(&guestpb.Lower{Serial: r.Serial})
	if err != nil {
		return nil, err
	}
	if !filepath.IsLocal(r.Program) || len(r.Magic) == 0 || len(r.Magic) != len(r.Mask) {
		return nil, &h2.Status{Code: h2.InvalidArgument, Kind: "usage", Message: "no emulator"}
	}
	const registry = "/proc/sys/fs/binfmt_misc"
	if err := unix.Mount("binfmt_misc", registry, "binfmt_misc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil && err != unix.EBUSY {
		return nil, fmt.Errorf("mount binfmt_misc: %w", err)
	}
	if _, err := os.Stat(registry + "/" + r.Name); err == nil {
		return &guestpb.Empty{}, nil
	}
	// F: the program is opened now, so that containers need not have it; C: setuid counts; P: the first argument stays.
	line := fmt.Sprintf(":%s:M::%s:%s:%s/%s:POCF", r.Name, hexadecimal(r.Magic), hexadecimal(r.Mask), program, r.Program)
	if err := os.WriteFile(registry+"/register", []byte(line), 0); err != nil {
		return nil, fmt.Errorf("register the emulator: %w", err)
	}
	return &guestpb.Empty{}, nil
}

func hexadecimal(bytes []byte) (text string) {
	for _, each := range bytes {
		text += fmt.Sprintf(`\x%02x`, each)
	}
	return text
}
