package archive

import (
	"fmt"
	"strconv"
	"strings"
)

// Sparse files come in four kinds: GNU's old header type "S", and PAX versions 0.0, 0.1 and 1.0. See
// "Sparse Formats" in the manual of GNU tar.
const maxExtents = 1 << 16

func (r *records) setSparse(key, value string) bool {
	v, err := strconv.ParseInt(value, 10, 62)
	numeric := err == nil && v >= 0
	switch key {
	case "major":
		r.sparse, r.sparseMajor = true, v
		return numeric && v <= 1
	case "minor":
		return numeric
	case "name":
		r.sparseName = &value
		return true
	case "size", "realsize":
		r.sparse, r.apparent = true, &v
		return numeric
	case "numblocks":
		return numeric
	case "offset":
		r.pendingOffset = v
		return numeric
	case "numbytes":
		r.sparse, r.sparseMapInRecord = true, true
		r.sparseMap = append(r.sparseMap, Extent{r.pendingOffset, v})
		return numeric && len(r.sparseMap) <= maxExtents
	case "map":
		r.sparse, r.sparseMapInRecord = true, true
		words := strings.Split(value, ",")
		if len(words)%2 != 0 || len(words) > 2*maxExtents {
			return len(words) == 1 && value == ""
		}
		for i := 0; i < len(words); i += 2 {
			offset, err1 := strconv.ParseInt(words[i], 10, 62)
			length, err2 := strconv.ParseInt(words[i+1], 10, 62)
			if err1 != nil || err2 != nil {
				return false
			}
			r.sparseMap = append(r.sparseMap, Extent{offset, length})
		}
	}
	return true
}

// oldSparse reads the map of a header of type "S", and of the blocks that go on with it.
func (r *Reader) oldSparse(h *Header) error {
	h.sparse = true
	size, ok := parseNumber(r.block[483:495])
	h.apparent = size
	extents, more := r.block[386:482], r.block[482] != 0
	for {
		for ; ok && len(extents) >= 24 && extents[0] != 0; extents = extents[24:] {
			offset, ok1 := parseNumber(extents[:12])
			length, ok2 := parseNumber(extents[12:24])
			ok = ok1 && ok2 && len(h.Holes) < maxExtents
			h.Holes = append(h.Holes, Extent{offset, length})
		}
		if !ok {
			return fmt.Errorf("%w: a map of holes makes no sense", ErrFormat)
		}
		if !more {
			return nil
		}
		if err := r.fill(r.block[:], false); err != nil {
			return err
		}
		extents, more = r.block[:504], r.block[504] != 0
	}
}

// sparse checks the map against what is there; version 1.0 has it before the content.
func (r *Reader) sparse(h *Header, records *records) error {
	if h.sparseInContent && h.Holes == nil && records.sparseMajor == 1 {
		if err := r.sparseMap(h); err != nil {
			return err
		}
	}
	at, total := int64(0), int64(0)
	for _, extent := range h.Holes {
		if extent.Offset < at || extent.Length < 0 || extent.Length > h.apparent || extent.Offset > h.apparent-extent.Length {
			return fmt.Errorf("%w: a map of holes makes no sense", ErrFormat)
		}
		at = extent.Offset + extent.Length
		total += extent.Length
	}
	if total != r.rest {
		return fmt.Errorf("%w: a map of holes does not fit its content", ErrFormat)
	}
	if h.Holes == nil {
		h.Holes = []Extent{}
	}
	h.Size = h.apparent
	return nil
}

// sparseMap reads decimal lines: how many extents, then offset and length of each, filled up to a block.
func (r *Reader) sparseMap(h *Header) error {
	var numbers []int64
	var digits []byte
	for count := int64(-1); count < 0 || int64(len(numbers)) < 2*count; {
		if r.rest < blockSize {
			return fmt.Errorf("%w: a map of holes is too short", ErrFormat)
		}
		var block [blockSize]byte
		if err := r.fill(block[:], false); err != nil {
			return err
		}
		r.rest -= blockSize
		for _, c := range block {
			if count >= 0 && int64(len(numbers)) == 2*count {
				break
			}
			if c != '\n' {
				if digits = append(digits, c); len(digits) > 20 {
					return fmt.Errorf("%w: a map of holes makes no sense", ErrFormat)
				}
				continue
			}
			v, err := strconv.ParseInt(string(digits), 10, 62)
			if err != nil || v < 0 || count < 0 && v > maxExtents {
				return fmt.Errorf("%w: a map of holes makes no sense", ErrFormat)
			}
			digits = digits[:0]
			if count < 0 {
				count = v
			} else {
				numbers = append(numbers, v)
			}
		}
	}
	h.Holes = make([]Extent, 0, len(numbers)/2)
	for i := 0; i < len(numbers); i += 2 {
		h.Holes = append(h.Holes, Extent{numbers[i], numbers[i+1]})
	}
	return nil
}
