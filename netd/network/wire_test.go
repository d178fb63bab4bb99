package network

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// monitor is what `ctr vm` is to netd: who connects is handed the far end of a pair.
func monitor(t *testing.T) (path string, guest net.Conn, listener *net.UnixListener) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "nic0.sock")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	near := os.NewFile(uintptr(ends[0]), "near")
	defer near.Close()
	if guest, err = net.FileConn(near); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { guest.Close(); _ = syscall.Close(ends[1]) })
	go func() {
		for {
			conn, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			_, _, _ = conn.WriteMsgUnix([]byte("F"), syscall.UnixRights(ends[1]), nil)
		}
	}()
	return path, guest, listener
}

func TestWireIsHandedOverAgainAndAgain(t *testing.T) {
	path, guest, _ := monitor(t)
	for range 3 {
		w := &wire{config: Port{Socket: path, Datagram: true}}
		conn, err := w.dial(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := guest.Write([]byte("to the switch")); err != nil {
			t.Fatal(err)
		}
		if frame, err := conn.Read(); err != nil || string(frame) != "to the switch" {
			t.Fatalf("read %q, %v", frame, err)
		}
		large := bytes.Repeat([]byte("x"), 60_000)
		if err := conn.Write([][]byte{[]byte("to the guest"), large}); err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, 65536)
		for _, want := range [][]byte{[]byte("to the guest"), large} {
			if n, err := guest.Read(buffer); err != nil || !bytes.Equal(buffer[:n], want) {
				t.Fatalf("the guest read %d bytes, %v", n, err)
			}
		}
		conn.Close()
		if _, err := conn.Read(); err == nil {
			t.Fatal("a closed wire was read")
		}
	}
}

func TestWireEndsWithItsMonitor(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "nic0.sock")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(ends[0])
	accepted := make(chan *net.UnixConn, 1)
	go func() {
		conn, err := listener.AcceptUnix()
		if err == nil {
			_, _, _ = conn.WriteMsgUnix([]byte("F"), syscall.UnixRights(ends[1]), nil)
			accepted <- conn
		}
	}()
	w := &wire{config: Port{Socket: path, Datagram: true}}
	conn, err := w.dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Read()
		ended <- err
	}()
	(<-accepted).Close()
	select {
	case err := <-ended:
		if err == nil {
			t.Fatal("a frame came from nowhere")
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the wire outlived its monitor")
	}
}

func TestMonitorWithoutAWireIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nic0.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			_, _ = conn.Write([]byte("F"))
		}
	}()
	w := &wire{config: Port{Socket: path, Datagram: true}}
	if _, err := w.dial(context.Background()); err == nil {
		t.Fatal("no descriptor was handed over, and yet there is a wire")
	}
}
