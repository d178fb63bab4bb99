package archive

import (
	"strconv"
	"strings"
)

// parseNumber reads octal digits with blanks around them, or GNU's base 256. An empty field is 0.
func parseNumber(field []byte) (int64, bool) {
	if field[0]&0x80 != 0 {
		return base256(field)
	}
	text := strings.Trim(string(field), " \x00")
	if end := strings.IndexByte(text, 0); end >= 0 {
		text = strings.TrimRight(text[:end], " ")
	}
	if text == "" {
		return 0, true
	}
	v, err := strconv.ParseUint(text, 8, 63)
	return int64(v), err == nil
}

// base256 is big-endian two's complement below a set top bit.
func base256(field []byte) (int64, bool) {
	negative := field[0]&0x40 != 0
	var flip byte
	if negative {
		flip = 0xff
	}
	var v uint64
	for i, c := range field {
		c ^= flip
		if i == 0 {
			c &= 0x7f
		}
		if v>>55 != 0 {
			return 0, false
		}
		v = v<<8 | uint64(c)
	}
	if negative {
		return ^int64(v), true
	}
	return int64(v), true
}

// parseTime reads a PAX time: seconds with a fraction, which may be negative.
func parseTime(text string) (seconds, nanoseconds int64, ok bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 62)
	if err != nil {
		return 0, 0, false
	}
	for i := range 9 {
		nanoseconds *= 10
		if i < len(fraction) {
			if fraction[i] < '0' || fraction[i] > '9' {
				return 0, 0, false
			}
			nanoseconds += int64(fraction[i] - '0')
		}
	}
	if strings.HasPrefix(whole, "-") && nanoseconds > 0 {
		seconds, nanoseconds = seconds-1, 1e9-nanoseconds
	}
	return seconds, nanoseconds, true
}
