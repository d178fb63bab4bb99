package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestStreamCarriesFramesInOrder(t *testing.T) {
	a, b := net.Pipe()
	left, right := Stream(a), Stream(b)
	frames := [][]byte{{}, {1}, bytes.Repeat([]byte{2}, MaxBytes), bytes.Repeat([]byte{3}, 1514)}
	go func() {
		_ = left.Write(frames)
		_ = left.Close()
	}()
	for _, want := range frames {
		got, err := right.Read()
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %d bytes and %v, want %d bytes", len(got), err, len(want))
		}
	}
	if _, err := right.Read(); !errors.Is(err, io.EOF) {
		t.Fatalf("got %v at the end", err)
	}
}

func TestStreamEndsAtALengthThatNoFrameHas(t *testing.T) {
	a, b := net.Pipe()
	go func() { _, _ = a.Write(binary.BigEndian.AppendUint32(nil, MaxBytes+1)) }()
	if _, err := Stream(b).Read(); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("got %v", err)
	}
}

func TestADirectFrameIsSentWholeOrNotAtAll(t *testing.T) {
	for kind, pair := range map[string]func(*testing.T) (Conn, Conn){"stream": streamPair, "datagram": socketPair} {
		left, right := pair(t)
		parts := [][]byte{{1, 2}, {3}, bytes.Repeat([]byte{4}, 1500)}
		sent, rest, err := left.(Direct).TryWrite(parts)
		if !sent || rest || err != nil {
			t.Fatalf("%s: %v, %v, %v", kind, sent, rest, err)
		}
		if got, err := right.Read(); err != nil || !bytes.Equal(got, bytes.Join(parts, nil)) {
			t.Fatalf("%s: got %d bytes and %v", kind, len(got), err)
		}
	}
}

func TestAStreamThatIsFullKeepsItsFramesWhole(t *testing.T) {
	left, right := streamPair(t)
	want := func(at int) []byte { return bytes.Repeat([]byte{byte(at)}, 40_000+at) }
	count, rest := 0, false
	for ; count < 1000; count++ {
		var sent bool
		var err error
		if sent, rest, err = left.(Direct).TryWrite([][]byte{want(count)}); err != nil {
			t.Fatal(err)
		}
		if !sent {
			break
		}
		if rest { // the end of this one is kept, and nothing gets before it
			if sent, rest, err := left.(Direct).TryWrite([][]byte{{1}}); sent || !rest || err != nil {
				t.Fatal(sent, rest, err)
			}
			count++
			break
		}
	}
	if count == 1000 {
		t.Fatal("it was never full")
	}
	go func() { _ = left.Write([][]byte{want(count), {9}}) }()
	for at := 0; at <= count; at++ {
		if got, err := right.Read(); err != nil || !bytes.Equal(got, want(at)) {
			t.Fatalf("frame %d of %d: got %d bytes and %v", at, count, len(got), err)
		}
	}
	if got, err := right.Read(); err != nil || !bytes.Equal(got, []byte{9}) {
		t.Fatalf("got %x and %v behind them", got, err)
	}
}

func TestWhatIsNoSocketIsNeverWrittenDirectly(t *testing.T) {
	near, _ := net.Pipe()
	if sent, rest, err := Stream(near).(Direct).TryWrite([][]byte{{1}}); sent || rest || err != nil {
		t.Fatal(sent, rest, err)
	}
}

func TestDatagramCarriesOneFrameEach(t *testing.T) {
	left, right := socketPair(t)
	for _, want := range [][]byte{{1, 2, 3}, bytes.Repeat([]byte{9}, 1514)} {
		if err := left.Write([][]byte{want}); err != nil {
			t.Fatal(err)
		}
		if got, err := right.Read(); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %d bytes and %v", len(got), err)
		}
	}
}

func socketPair(t *testing.T) (Conn, Conn) { return pairOf(t, syscall.SOCK_DGRAM, Datagram) }

func streamPair(t *testing.T) (Conn, Conn) { return pairOf(t, syscall.SOCK_STREAM, Stream) }

func pairOf(t *testing.T, kind int, carry func(net.Conn) Conn) (Conn, Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, kind, 0)
	if err != nil {
		t.Fatal(err)
	}
	var conns [2]Conn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "pair")
		conn, err := net.FileConn(file)
		if err != nil {
			t.Fatal(err)
		}
		_ = file.Close()
		conns[i] = carry(conn)
		t.Cleanup(func() { _ = conns[i].Close() })
	}
	return conns[0], conns[1]
}

// FuzzStream feeds bytes of a hostile monitor: reading ends with an error or with frames that were there.
func FuzzStream(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 7})
	f.Add([]byte{0, 1, 0, 13, 7})
	f.Add([]byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		a, b := net.Pipe()
		go func() {
			_, _ = a.Write(data)
			_ = a.Close()
		}()
		reader := Stream(b)
		for total := 0; ; {
			frame, err := reader.Read()
			if err != nil {
				_ = b.Close()
				return
			}
			if total += lengthBytes + len(frame); total > len(data) {
				t.Fatalf("%d bytes came out of %d", total, len(data))
			}
		}
	})
}
