package archive

import (
	"errors"
	"fmt"
	"io"
)

// ErrFormat says that what was read is no tar stream.
var ErrFormat = errors.New("not a tar archive, or a broken one")

const (
	maxExtension = 1 << 20 // of PAX records, a long name or a map of holes
	maxXattrs    = 4096
)

// Source hands out the bytes of an archive in pieces that are not changed afterwards; io.EOF at the end.
type Source interface{ Next() ([]byte, error) }

// Reader reads entries one after another.
type Reader struct {
	source Source
	piece  []byte // what is left of the last one
	block  [blockSize]byte
	rest   int64 // of the entry's content
	pad    int64 // after it
}

// NewReader returns a reader that begins with source.
func NewReader(source Source) *Reader { return &Reader{source: source} }

// Next goes on to the next entry, whatever was read of the last one; io.EOF after the last of them.
func (r *Reader) Next() (*Header, error) {
	if err := r.skip(); err != nil {
		return nil, err
	}
	h := new(Header)
	records := new(records)
	for {
		kind, err := r.header(h)
		if err != nil {
			return nil, err
		}
		switch kind {
		case 'x', 'X':
			text, err := r.extension()
			if err == nil {
				err = records.parse(text)
			}
			if err != nil {
				return nil, err
			}
		case 'L', 'K':
			text, err := r.extension()
			if err != nil {
				return nil, err
			}
			if kind == 'L' {
				records.path = new(cString(text))
			} else {
				records.link = new(cString(text))
			}
		case 'g', 'V', 'M', 'N': // of the whole archive, or of no meaning here
			if err := r.skip(); err != nil {
				return nil, err
			}
		default:
			h.Kind = kind
			return h, r.finish(h, records)
		}
		*h = Header{}
	}
}

// header reads one block. The end of the archive is a block of zeros, or simply the end.
func (r *Reader) header(h *Header) (byte, error) {
	if err := r.fill(r.block[:], true); err != nil {
		return 0, err
	}
	b := &r.block
	if b[0] == 0 && *b == [blockSize]byte{} {
		return 0, io.EOF
	}
	if !sumMatches(b) {
		return 0, fmt.Errorf("%w: a header's checksum is wrong", ErrFormat)
	}
	var bad bool
	number := func(field []byte, most int64) int64 {
		v, ok := parseNumber(field)
		bad = bad || !ok || v > most
		return v
	}
	kind := b[atKind]
	mode, _ := parseNumber(b[atMode:atUID])
	h.Mode = uint32(mode) & 0o7777
	h.UID = uint32(number(b[atUID:atGID], 1<<32-1))
	h.GID = uint32(number(b[atGID:atSize], 1<<32-1))
	h.Size = number(b[atSize:atTime], 1<<62)
	h.Seconds = number(b[atTime:atSum], 1<<62)
	if kind == CharDevice || kind == Block {
		h.Major = uint32(number(b[atMajor:atMinor], 1<<32-1))
		h.Minor = uint32(number(b[atMinor:atPrefix], 1<<32-1))
	}
	if bad || h.Size < 0 {
		return 0, fmt.Errorf("%w: a number in a header makes no sense", ErrFormat)
	}
	h.Name, h.Link = cString(b[:atMode]), cString(b[atLink:atMagic])
	if string(b[atMagic:atMagic+6]) == "ustar\x00" && b[atPrefix] != 0 {
		h.Name = cString(b[atPrefix:endPrefix]) + "/" + h.Name
	}
	r.begin(h.Size)
	if kind == 'S' {
		return kind, r.oldSparse(h)
	}
	return kind, nil
}

// finish puts together what the blocks before the entry said about it.
func (r *Reader) finish(h *Header, records *records) error {
	records.apply(h)
	switch h.Kind {
	case 0, File, '7', 'S':
		h.Kind = File
		// Before POSIX a folder was a file whose name ends in a slash.
		if !h.sparse && len(h.Name) > 0 && h.Name[len(h.Name)-1] == '/' {
			h.Kind = Folder
		}
	case 'D':
		h.Kind = Folder // with a list of names that nobody needs
	case HardLink, Symlink, CharDevice, Block, Folder, FIFO:
	default:
		return fmt.Errorf("%w: %q has the unknown type %q", ErrFormat, h.Name, h.Kind)
	}
	size := h.Size
	// A link may tell the size of what it names, and has no content all the same.
	if h.Kind == Symlink || h.Kind == CharDevice || h.Kind == Block || h.Kind == FIFO || h.Kind == HardLink {
		size = 0
	}
	r.begin(size)
	if h.sparse {
		if err := r.sparse(h, records); err != nil {
			return err
		}
	} else if h.Kind != File {
		h.Size = 0
	}
	return nil
}

func (r *Reader) begin(size int64) {
	r.rest, r.pad = size, -size&(blockSize-1)
}

// Content returns the next piece of the entry's content, nil after the last of it.
func (r *Reader) Content() ([]byte, error) {
	if r.rest == 0 {
		return nil, nil
	}
	if err := r.more(); err != nil {
		return nil, err
	}
	n := min(int64(len(r.piece)), r.rest)
	piece := r.piece[:n]
	r.piece, r.rest = r.piece[n:], r.rest-n
	return piece, nil
}

// more makes sure that there is a byte.
func (r *Reader) more() error {
	for len(r.piece) == 0 {
		piece, err := r.source.Next()
		if err == io.EOF {
			return fmt.Errorf("%w: it ends in the middle of an entry", ErrFormat)
		}
		if err != nil {
			return err
		}
		r.piece = piece
	}
	return nil
}

func (r *Reader) skip() error {
	for left := r.rest + r.pad; left > 0; {
		if err := r.more(); err != nil {
			return err
		}
		n := min(int64(len(r.piece)), left)
		r.piece, left = r.piece[n:], left-n
	}
	r.rest, r.pad = 0, 0
	return nil
}

// fill reads exactly len(b) bytes; io.EOF if there is none at all and that may be.
func (r *Reader) fill(b []byte, mayEnd bool) error {
	for done := 0; done < len(b); {
		if len(r.piece) == 0 {
			piece, err := r.source.Next()
			if err == io.EOF && (done > 0 || !mayEnd) {
				return fmt.Errorf("%w: it ends in the middle of an entry", ErrFormat)
			}
			if err != nil {
				return err
			}
			r.piece = piece
			continue
		}
		n := copy(b[done:], r.piece)
		r.piece, done = r.piece[n:], done+n
	}
	return nil
}

// extension reads the content of a block that describes the next entry.
func (r *Reader) extension() ([]byte, error) {
	if r.rest > maxExtension {
		return nil, fmt.Errorf("%w: an entry is described by %d bytes, more than %d", ErrFormat, r.rest, maxExtension)
	}
	text := make([]byte, r.rest)
	if err := r.fill(text, false); err != nil {
		return nil, err
	}
	r.rest = 0
	return text, r.skip()
}

func sumMatches(b *[blockSize]byte) bool {
	told, ok := parseNumber(b[atSum:atKind])
	if !ok {
		return false
	}
	if told == int64(checksum(b)) {
		return true
	}
	signed := int64(8 * ' ') // as some old programs add
	for i, c := range b {
		if i < atSum || i >= atKind {
			signed += int64(int8(c))
		}
	}
	return told == signed
}

func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
