package fabric

import (
	"encoding/binary"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"ctr/netd/frame"
)

func TestFramesKeepTheirOrderWhateverTheReceiverTakes(t *testing.T) {
	n := newNetwork(t)
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "pair")
		if ends[i], err = net.FileConn(file); err != nil {
			t.Fatal(err)
		}
		_ = file.Close()
	}
	macC := MAC{2, 0, 0, 0, 0, 0xc}
	port, err := n.Add("c", Identity{MAC: macC})
	if err != nil {
		t.Fatal(err)
	}
	c := frame.Stream(ends[0])
	go func() { _ = port.Serve(frame.Stream(ends[1])) }()
	const count, end = 4000, 1<<32 - 1
	done := make(chan struct{})
	defer close(done)
	go func() {
		for at := range count {
			payload := binary.BigEndian.AppendUint32(nil, uint32(at))
			payload = append(payload, make([]byte, at*37%40_000)...)
			n.Send(ethernet(macC, macG, typeIPv4, nil), ipv4(ipA, ipB, 6, payload))
		}
		for { // it may be dropped as well
			n.Send(ethernet(macC, macG, typeIPv4, ipv4(ipA, ipB, 6, binary.BigEndian.AppendUint32(nil, end))))
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	got, last := 0, -1
	for {
		data, err := c.Read()
		if err != nil {
			t.Fatal(err)
		}
		at := binary.BigEndian.Uint32(data[34:])
		if at == end {
			break
		}
		if int(at) <= last || len(data) != 38+int(at)*37%40_000 {
			t.Fatalf("%d of %d bytes behind %d", at, len(data), last)
		}
		if last = int(at); got%500 == 0 {
			time.Sleep(10 * time.Millisecond) // so that there is no room, now and then
		}
		got++
	}
	if dropped := port.Counters.Overrun.Load(); got+int(dropped) < count {
		t.Fatalf("%d came and %d were dropped, of %d", got, dropped, count)
	}
}
