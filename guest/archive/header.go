// Package archive reads and writes tar streams: ustar with PAX records, and in reading GNU's
// extensions too. It knows bytes alone: nothing here opens a file. Sizes are bytes, times seconds and
// nanoseconds since the Unix epoch.
package archive

// Kinds of entries, as ustar's type flags.
const (
	File       = '0'
	HardLink   = '1'
	Symlink    = '2'
	CharDevice = '3'
	Block      = '4'
	Folder     = '5'
	FIFO       = '6'
)

const (
	blockSize = 512
	// Where the fields of a header are, POSIX.1-2017 pax "ustar Interchange Format".
	atMode, atUID, atGID, atSize, atTime, atSum = 100, 108, 116, 124, 136, 148
	atKind, atLink, atMagic, atMajor, atMinor   = 156, 157, 257, 329, 337
	atPrefix, endPrefix                         = 345, 500
	xattrKey                                    = "SCHILY.xattr."
)

// Header describes an entry.
type Header struct {
	Kind            byte
	Name, Link      string
	Mode            uint32 // permissions with the set-ID and sticky bits
	UID, GID        uint32
	Size            int64 // of the content; 0 but for files
	Seconds         int64
	Nanoseconds     int64
	Major, Minor    uint32
	Xattrs          []Xattr
	Holes           []Extent // of a sparse file: where its content goes; nil: it has no holes
	apparent        int64    // of a sparse file
	sparse          bool
	sparseInContent bool
}

// Xattr is an extended attribute.
type Xattr struct{ Name, Value string }

// Extent is a part of a sparse file that holds data.
type Extent struct{ Offset, Length int64 }
