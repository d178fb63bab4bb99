package files

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

type dirent struct {
	name string
	kind byte
}

// nextDirent takes the first of the entries that getdents64 has returned: inode (8 bytes), offset (8),
// length of the record (2), kind (1), name.
func nextDirent(b []byte) (entry dirent, rest []byte) {
	length := int(binary.NativeEndian.Uint16(b[16:]))
	return dirent{unix.ByteSliceToString(b[19:length]), b[18]}, b[length:]
}

// readLink returns what a link says; an empty name means the descriptor itself.
func readLink(folder int, name string) (string, error) {
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(folder, name, target)
	if err != nil {
		return "", err
	}
	return string(target[:n]), nil
}
