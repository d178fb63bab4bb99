package archive

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pieces hands out bytes in pieces of the given sizes, over and over.
type pieces struct {
	data  []byte
	sizes []int
	at    int
}

func (p *pieces) Next() ([]byte, error) {
	if len(p.data) == 0 {
		return nil, io.EOF
	}
	n := min(len(p.data), p.sizes[p.at%len(p.sizes)])
	p.at++
	piece := p.data[:n]
	p.data = p.data[n:]
	return piece, nil
}

type entry struct {
	Header
	content string
}

func write(t testing.TB, entries []entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out)
	for _, e := range entries {
		e.Size = int64(len(e.content))
		if err := w.Header(&e.Header); err != nil {
			t.Fatal(err)
		}
		out.WriteString(e.content)
		if err := w.Pad(e.Size); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(data []byte, sizes ...int) (entries []entry, err error) {
	r := NewReader(&pieces{data: data, sizes: sizes})
	for {
		h, err := r.Next()
		if err == io.EOF {
			return entries, nil
		}
		if err != nil {
			return entries, err
		}
		e := entry{Header: *h}
		for {
			piece, err := r.Content()
			if err != nil {
				return entries, err
			}
			if piece == nil {
				break
			}
			e.content += string(piece)
		}
		entries = append(entries, e)
	}
}

func sample() []entry {
	long := strings.Repeat("long/", 60) + "name"
	return []entry{
		{Header{Kind: Folder, Name: "d/", Mode: 0o1777, Seconds: 5}, ""},
		{Header{Kind: File, Name: "d/file", Mode: 0o4755, UID: 1000, GID: 3_000_000, Seconds: 1234567890, Nanoseconds: 123456700}, "content"},
		{Header{Kind: File, Name: long, Mode: 0o644, Seconds: -2, Nanoseconds: 250000000}, strings.Repeat("x", 1024)},
		{Header{Kind: File, Name: strings.Repeat("p", 90) + "/" + strings.Repeat("q", 90), Mode: 0o644}, "y"},
		{Header{Kind: Symlink, Name: "link", Link: strings.Repeat("t", 150), Mode: 0o777}, ""},
		{Header{Kind: HardLink, Name: "hard", Link: "d/file", Mode: 0o644}, ""},
		{Header{Kind: CharDevice, Name: "null", Mode: 0o666, Major: 1, Minor: 3}, ""},
		{Header{Kind: FIFO, Name: "fifo", Mode: 0o600}, ""},
		{Header{Kind: File, Name: "x", Xattrs: []Xattr{{"user.a", "1=\n\x00"}, {"security.capability", "\x01\x02"}}}, ""},
	}
}

func TestRoundTrip(t *testing.T) {
	wanted := sample()
	for _, sizes := range [][]int{{1 << 20}, {1}, {511, 2, 7}, {513}} {
		got, err := read(write(t, wanted), sizes...)
		if err != nil || len(got) != len(wanted) {
			t.Fatalf("%v: %d entries, %v", sizes, len(got), err)
		}
		for i, e := range wanted {
			g := got[i]
			if g.Kind != e.Kind || g.Name != e.Name || g.Link != e.Link || g.Mode != e.Mode || g.UID != e.UID || g.GID != e.GID ||
				g.Seconds != e.Seconds || g.Nanoseconds != e.Nanoseconds || g.Major != e.Major || g.Minor != e.Minor ||
				g.content != e.content || len(g.Xattrs) != len(e.Xattrs) {
				t.Errorf("%+v\nwant %+v", g, e)
			}
			for k := range e.Xattrs {
				if g.Xattrs[k] != e.Xattrs[k] {
					t.Errorf("%q, want %q", g.Xattrs[k], e.Xattrs[k])
				}
			}
		}
	}
}

// GNU tar is another reader and another writer.
func TestAgainstGNUTar(t *testing.T) {
	tar, err := exec.LookPath("tar")
	if err != nil {
		t.Skip("no tar here")
	}
	folder := t.TempDir()
	extract := exec.Command(tar, "-C", folder, "--no-same-owner", "--exclude=null", "-xf", "-")
	extract.Stdin = bytes.NewReader(write(t, sample()))
	if out, err := extract.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if text, err := os.ReadFile(filepath.Join(folder, "hard")); err != nil || string(text) != "content" {
		t.Errorf("%q %v", text, err)
	}
	for _, format := range []string{"pax", "gnu", "ustar", "v7"} {
		data, err := exec.Command(tar, "-C", folder, "--format="+format, "-c", "d", "fifo").Output()
		if err != nil && format != "v7" { // which has no pipes
			t.Fatal(err)
		}
		entries, err := read(data, 1000)
		if err != nil || len(entries) < 2 || entries[0].Name != "d/" || entries[0].Kind != Folder || entries[1].content != "content" {
			t.Errorf("%s: %+v %v", format, entries, err)
		}
	}
}

func TestBrokenArchives(t *testing.T) {
	whole := write(t, sample())
	for _, cut := range []int{1, 511, 513, 1024 + 512 + 3} {
		if _, err := read(whole[:cut], 1000); !errors.Is(err, ErrFormat) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	damaged := bytes.Clone(whole)
	damaged[3] ^= 1
	if _, err := read(damaged, 1000); !errors.Is(err, ErrFormat) {
		t.Errorf("damaged: %v", err)
	}
	if entries, err := read(nil, 1); err != nil || len(entries) != 0 {
		t.Errorf("nothing: %v %v", entries, err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(write(f, sample()))
	for _, pattern := range []string{"testdata/*.tar"} {
		names, _ := filepath.Glob(pattern)
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = bytes.Clone(data)
		mend(data)
		r := NewReader(&pieces{data: data, sizes: []int{700, 3}})
		for total := int64(0); ; {
			h, err := r.Next()
			if err != nil {
				return
			}
			if h.Size < 0 || h.Mode > 0o7777 || len(h.Name) > maxExtension || len(h.Xattrs) > maxXattrs {
				t.Fatalf("%+v", h)
			}
			end := int64(0)
			for _, extent := range h.Holes {
				if extent.Offset < end || extent.Length < 0 || extent.Offset+extent.Length > h.Size {
					t.Fatalf("%+v", h)
				}
				end = extent.Offset + extent.Length
			}
			for {
				piece, err := r.Content()
				if err != nil {
					return
				}
				if piece == nil {
					break
				}
				if total += int64(len(piece)); total > int64(len(data)) {
					t.Fatal("more content than there is")
				}
			}
		}
	})
}

// mend gives every header the checksum that it should have, or no input would come far.
func mend(data []byte) {
	for ; len(data) >= blockSize; data = data[blockSize:] {
		if string(data[atMagic:atMagic+5]) == "ustar" {
			block := [blockSize]byte(data)
			octal(data[atSum:atKind-1], uint64(checksum(&block)))
			data[atKind-1] = ' '
		}
	}
}
