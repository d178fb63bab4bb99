package rootfs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"ctr/guest/gen/guestpb"
	"ctr/guest/layers"
)

// overlayfs wants two layers where nothing is written.
var noFiles = [...]string{layersFolder + "none0", layersFolder + "none1"}

// assembleParts puts a root together of layers that other roots may have as well. What it changes goes to a folder
// of a disk that they may use as well. It notes what mount points are made for it.
func assembleParts(spec *guestpb.Rootfs, target string) (*Root, string, error) {
	held, err := mountParts(spec, target)
	if err != nil {
		return nil, "", err
	}
	root, err := OpenRoot(target)
	if err != nil {
		return nil, "", err
	}
	root.held, root.tracking = held, true
	writable := ""
	if spec.UpperSerial != "" {
		writable, err = layers.Writable(spec.UpperSerial, spec.Volatile)
	}
	return root, writable, err
}

// mountParts returns the layers that it holds; none if it fails.
func mountParts(spec *guestpb.Rootfs, target string) (held []string, err error) {
	defer func() {
		if err != nil {
			releaseAll(held)
			held = nil
		}
	}()
	if spec == nil {
		return nil, fmt.Errorf("mount a root of nothing: %w", unix.EINVAL)
	}
	var lower []string
	for _, each := range spec.Lowers {
		folder, isHeld, err := lowerFolder(spec, each)
		if err != nil {
			return held, err
		}
		if isHeld {
			held = append(held, folder)
		}
		lower = append(lower, folder)
	}
	slices.Reverse(lower) // overlayfs wants the topmost first
	more, err := writableOptions(spec)
	if err != nil {
		return held, err
	}
	if len(lower) < 2 {
		for _, folder := range noFiles {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return held, err
			}
		}
		lower = append(lower, noFiles[:2-len(lower)]...)
	}
	return held, overlay(lower, more, target)
}

func lowerFolder(spec *guestpb.Rootfs, lower *guestpb.Lower) (folder string, held bool, err error) {
	if lower.UpperFolder == "" {
		folder, err = layers.Layer(lower)
		return folder, err == nil, err
	}
	folder, err = upperOf(spec, lower.UpperFolder)
	return folder + "/upper", false, err
}

func writableOptions(spec *guestpb.Rootfs) (string, error) {
	if spec.UpperFolder == "" {
		return "", nil
	}
	folder, err := upperOf(spec, spec.UpperFolder)
	if err != nil {
		return "", err
	}
	if err := makeUpper(folder); err != nil {
		return "", err
	}
	more := upperOptions(folder)
	if spec.Volatile {
		more += ",volatile"
	}
	return more, nil
}

func upperOf(spec *guestpb.Rootfs, folder string) (string, error) {
	if !filepath.IsLocal(folder) {
		return "", fmt.Errorf("use the folder %q of a disk: %w", folder, unix.EINVAL)
	}
	disk, err := layers.Writable(spec.UpperSerial, spec.Volatile)
	return disk + "/" + folder, err
}

func releaseAll(held []string) {
	for _, each := range held {
		layers.Release(each)
	}
}
