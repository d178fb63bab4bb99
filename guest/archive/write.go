package archive

import (
	"io"
	"strconv"
	"strings"
)

// Writer encodes headers.
type Writer struct {
	out   io.Writer
	block [blockSize]byte
	pax   []byte
}

// NewWriter returns a writer of one archive.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// Header writes an entry's header; its content and Pad follow.
func (w *Writer) Header(h *Header) error {
	w.pax = w.pax[:0]
	prefix, name, fits := split(h.Name)
	if !fits {
		w.record("path", h.Name)
	}
	if len(h.Link) > 100 {
		w.record("linkpath", h.Link)
	}
	if h.UID > 0o7777777 {
		w.record("uid", strconv.FormatUint(uint64(h.UID), 10))
	}
	if h.GID > 0o7777777 {
		w.record("gid", strconv.FormatUint(uint64(h.GID), 10))
	}
	if h.Size > 0o77777777777 {
		w.record("size", strconv.FormatInt(h.Size, 10))
	}
	if h.Nanoseconds != 0 || h.Seconds < 0 || h.Seconds > 0o77777777777 {
		w.record("mtime", timestamp(h.Seconds, h.Nanoseconds))
	}
	for _, x := range h.Xattrs {
		w.record(xattrKey+x.Name, x.Value)
	}
	if len(w.pax) > 0 {
		w.encode('x', "", "././@PaxHeader", "", &Header{Mode: 0o644, Size: int64(len(w.pax))})
		if _, err := w.out.Write(w.block[:]); err != nil {
			return err
		}
		if _, err := w.out.Write(w.pax); err != nil {
			return err
		}
		if err := w.Pad(int64(len(w.pax))); err != nil {
			return err
		}
	}
	w.encode(h.Kind, prefix, name, h.Link, h)
	_, err := w.out.Write(w.block[:])
	return err
}

var zeros [2 * blockSize]byte

// Pad fills the last block of a content of the given size.
func (w *Writer) Pad(size int64) error {
	if rest := size % blockSize; rest != 0 {
		_, err := w.out.Write(zeros[:blockSize-rest])
		return err
	}
	return nil
}

// Close writes the end of the archive.
func (w *Writer) Close() error {
	_, err := w.out.Write(zeros[:])
	return err
}

// split finds the parts of a name that ustar has room for. What does not fit is cut: a PAX record
// says it in full.
func split(name string) (prefix, rest string, fits bool) {
	if len(name) <= 100 {
		return "", name, true
	}
	if len(name) <= 256 {
		// The slash between both is not stored; a folder's last one belongs to the rest.
		at := strings.LastIndexByte(name[:min(156, len(name)-1)], '/')
		if at > 0 && len(name)-at-1 <= 100 {
			return name[:at], name[at+1:], true
		}
	}
	return "", name[:100], false
}

func (w *Writer) encode(kind byte, prefix, name, link string, h *Header) {
	b := &w.block
	clear(b[:])
	copy(b[:atMode], name)
	octal(b[atMode:atUID], uint64(h.Mode))
	octal(b[atUID:atGID], fitting(uint64(h.UID), 0o7777777))
	octal(b[atGID:atSize], fitting(uint64(h.GID), 0o7777777))
	octal(b[atSize:atTime], fitting(uint64(h.Size), 0o77777777777))
	octal(b[atTime:atSum], fitting(uint64(max(0, h.Seconds)), 0o77777777777))
	b[atKind] = kind
	copy(b[atLink:atMagic], link[:min(len(link), 100)])
	copy(b[atMagic:], "ustar\x0000")
	if kind == CharDevice || kind == Block {
		octal(b[atMajor:atMinor], uint64(h.Major))
		octal(b[atMinor:atPrefix], uint64(h.Minor))
	}
	copy(b[atPrefix:endPrefix], prefix)
	octal(b[atSum:atKind-1], uint64(checksum(b)))
	b[atKind-1] = ' '
}

// octal fills a field with digits up to its last byte, which ends it.
func octal(field []byte, v uint64) {
	for i := len(field) - 2; i >= 0; i-- {
		field[i] = '0' + byte(v&7)
		v >>= 3
	}
}

func fitting(v, most uint64) uint64 {
	if v > most {
		return 0 // the PAX record counts
	}
	return v
}

// checksum adds the bytes of a header with its checksum field taken for blanks.
func checksum(b *[blockSize]byte) uint32 {
	var sum uint32 = 8 * ' '
	for _, c := range b[:atSum] {
		sum += uint32(c)
	}
	for _, c := range b[atKind:] {
		sum += uint32(c)
	}
	return sum
}

func timestamp(seconds, nanoseconds int64) string {
	sign := ""
	if seconds < 0 && nanoseconds > 0 { // -1.25 is two seconds before zero and 0.75 after that
		seconds, nanoseconds = seconds+1, 1e9-nanoseconds
		if seconds == 0 {
			sign = "-"
		}
	}
	text := sign + strconv.FormatInt(seconds, 10)
	if nanoseconds == 0 {
		return text
	}
	digits := strconv.FormatInt(1e9+nanoseconds, 10)[1:]
	return text + "." + strings.TrimRight(digits, "0")
}

// record adds "length key=value\n"; the length counts its own digits.
func (w *Writer) record(key, value string) {
	rest := len(key) + len(value) + 3
	length := rest + len(strconv.Itoa(rest))
	if len(strconv.Itoa(length)) > len(strconv.Itoa(rest)) {
		length++
	}
	w.pax = strconv.AppendInt(w.pax, int64(length), 10)
	w.pax = append(append(append(append(append(w.pax, ' '), key...), '='), value...), '\n')
}
