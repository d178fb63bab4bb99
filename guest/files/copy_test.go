package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ctr/guest/archive"
	"ctr/guest/gen/guestpb"
	"ctr/guest/rootfs"
)

type once struct{ data []byte }

func (o *once) Next() ([]byte, error) {
	if o.data == nil {
		return nil, io.EOF
	}
	data := o.data
	o.data = nil
	return data, nil
}

// container makes a root with a folder to copy into, and a secret on either side of it.
func container(t *testing.T) (*rootfs.Root, string) {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"root/target/sub", "root/etc"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"secret", "root/etc/secret"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("untouched"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root, err := rootfs.OpenRoot(filepath.Join(folder, "root"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(root.Close)
	if fd, err := root.Open("/etc", unix.O_PATH, 0); errors.Is(err, unix.ENOSYS) {
		t.Skip("this kernel has no openat2")
	} else if err == nil {
		unix.Close(fd)
	}
	return root, folder
}

// outsideOf lists everything that is not below the target, with its content.
func outsideOf(t *testing.T, folder string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == filepath.Join(folder, "root/target") {
			return fs.SkipDir
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		content := []byte{}
		if info.Mode().IsRegular() {
			content, _ = os.ReadFile(path)
		}
		fmt.Fprintln(&all, path, info.Mode(), string(content))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// Whatever an archive says, nothing beside the target changes. The words are chosen to meet.
func TestCopyInStaysInItsFolder(t *testing.T) {
	words := []string{"a", "b", "sub", "..", ".", "/", "etc", "secret", "target", ""}
	links := []string{"..", "../..", "/", "/etc", "../etc", "../etc/secret", "a", "b", "../../secret", "/target/../etc", "."}
	kinds := []byte{archive.File, archive.File, archive.Folder, archive.Symlink, archive.Symlink, archive.HardLink, archive.FIFO}
	random := rand.New(rand.NewPCG(1, 2))
	name := func() string {
		parts := make([]string, 1+random.IntN(4))
		for i := range parts {
			parts[i] = words[random.IntN(len(words))]
		}
		return strings.Join(parts, "/")
	}
	for round := range 60 {
		root, folder := container(t)
		before := outsideOf(t, folder)
		for range 12 {
			var out bytes.Buffer
			w := archive.NewWriter(&out)
			for range 1 + random.IntN(8) {
				h := archive.Header{Kind: kinds[random.IntN(len(kinds))], Name: name(), Mode: uint32(random.IntN(0o10000))}
				switch h.Kind {
				case archive.Symlink:
					h.Link = links[random.IntN(len(links))]
				case archive.HardLink:
					h.Link = name()
				case archive.File:
					h.Size = 4
				}
				_ = w.Header(&h)
				if h.Size > 0 {
					out.WriteString("evil")
					_ = w.Pad(4)
				}
			}
			_ = w.Close()
			options := &guestpb.CopyIn{Path: "/target", ArchiveOwners: random.IntN(2) == 0, NoOverwriteFolderWithFile: random.IntN(2) == 0}
			_ = CopyIn(root, options, &once{out.Bytes()}) // mostly refused somewhere
		}
		if after := outsideOf(t, folder); after != before {
			t.Fatalf("round %d changed\n%s\nto\n%s", round, before, after)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, name := range []string{"a/../..", "/../x", "a//b/./c", "..", "", "/", "a/..", "..a", "\x00"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		cleaned, err := clean(name)
		if err == nil && (!filepath.IsLocal(cleaned) || strings.HasPrefix(cleaned, "/")) {
			t.Errorf("clean(%q) = %q", name, cleaned)
		}
	})
}
