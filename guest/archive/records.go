package archive

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// records are what PAX and GNU blocks say about the entry that follows them.
type records struct {
	path, link, sparseName    *string
	size, uid, gid, apparent  *int64
	seconds, nanoseconds      *int64
	xattrs                    []Xattr
	sparseMap                 []Extent // versions 0.0 and 0.1
	sparseMajor               int64
	pendingOffset             int64
	sparse, sparseMapInRecord bool
}

// parse reads "length key=value\n" until the end.
func (r *records) parse(text []byte) error {
	bad := func(what string) error { return fmt.Errorf("%w: %s in a PAX header", ErrFormat, what) }
	for len(text) > 0 {
		digits, _, ok := bytes.Cut(text, []byte{' '})
		length, err := strconv.Atoi(string(digits))
		if !ok || err != nil || length <= len(digits)+1 || length > len(text) || text[length-1] != '\n' {
			return bad("a record of no length")
		}
		record := string(text[len(digits)+1 : length-1])
		text = text[length:]
		key, value, ok := strings.Cut(record, "=")
		if !ok {
			return bad("a record without a value")
		}
		if !r.set(key, value) {
			return bad("a bad " + strconv.Quote(key))
		}
	}
	return nil
}

func (r *records) set(key, value string) (ok bool) {
	number := func(target **int64, most int64) bool {
		v, err := strconv.ParseInt(value, 10, 64)
		*target = &v
		return err == nil && v >= 0 && v <= most
	}
	switch key {
	case "path":
		r.path = &value
	case "linkpath":
		r.link = &value
	case "size":
		return number(&r.size, 1<<62)
	case "uid":
		return number(&r.uid, 1<<32-1)
	case "gid":
		return number(&r.gid, 1<<32-1)
	case "mtime":
		seconds, nanoseconds, ok := parseTime(value)
		r.seconds, r.nanoseconds = &seconds, &nanoseconds
		return ok
	default:
		if name, ok := strings.CutPrefix(key, xattrKey); ok {
			r.xattrs = append(r.xattrs, Xattr{name, value})
			return name != "" && len(r.xattrs) <= maxXattrs
		}
		if strings.HasPrefix(key, "GNU.sparse.") {
			return r.setSparse(key[len("GNU.sparse."):], value)
		}
	}
	// An empty value takes back what was said before, which here is nothing.
	return true
}

func (r *records) apply(h *Header) {
	if r.path != nil {
		h.Name = *r.path
	}
	if r.sparseName != nil {
		h.Name = *r.sparseName
	}
	if r.link != nil {
		h.Link = *r.link
	}
	if r.size != nil {
		h.Size = *r.size
	}
	if r.uid != nil {
		h.UID = uint32(*r.uid)
	}
	if r.gid != nil {
		h.GID = uint32(*r.gid)
	}
	if r.seconds != nil {
		h.Seconds, h.Nanoseconds = *r.seconds, *r.nanoseconds
	}
	h.Xattrs = r.xattrs
	if r.sparse {
		h.sparse = true
		h.sparseInContent = !r.sparseMapInRecord
		if r.sparseMapInRecord {
			h.Holes = r.sparseMap
		}
		if r.apparent != nil {
			h.apparent = *r.apparent
		}
	}
}
