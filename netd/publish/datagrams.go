package publish

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"
)

const (
	lengthBytes = 2
	// A guest that takes nothing for so long loses the flow: half a datagram cannot be taken back.
	writeTimeout = time.Second
)

// datagrams carries them on a stream, each behind its length, big-endian. See guest/netserve.
type datagrams struct {
	net.Conn
	writing sync.Mutex
}

func (d *datagrams) Read(data []byte) (int, error) {
	var length [lengthBytes]byte
	if _, err := io.ReadFull(d.Conn, length[:]); err != nil {
		return 0, err
	}
	size := int(binary.BigEndian.Uint16(length[:]))
	if size > len(data) {
		return 0, io.ErrShortBuffer
	}
	return io.ReadFull(d.Conn, data[:size])
}

func (d *datagrams) Write(data []byte) (int, error) {
	behind := binary.BigEndian.AppendUint16(make([]byte, 0, lengthBytes+len(data)), uint16(len(data)))
	d.writing.Lock()
	defer d.writing.Unlock()
	_ = d.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := d.Conn.Write(append(behind, data...)); err != nil {
		_ = d.Close()
		return 0, err
	}
	return len(data), nil
}
