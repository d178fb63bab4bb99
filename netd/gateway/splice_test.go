package gateway

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

func TestWhoDoesNotReadIsHeardAllTheSame(t *testing.T) {
	w := newWorld(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	const most = 32 << 20 // more than every buffer on the way
	heard := make(chan int64)
	go func() {
		host, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = host.Write(make([]byte, most)) // before it reads anything
		n, _ := io.Copy(io.Discard, struct{ io.Reader }{host})
		heard <- n
		_ = host.Close()
	}()
	port := netip.MustParseAddrPort(listener.Addr().String()).Port()
	conn, err := w.dial("tcp", netip.AddrPortFrom(outside4, port))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(15 * time.Second))
	go func() {
		_, _ = conn.Write(make([]byte, most))
		_ = conn.(HalfCloser).CloseWrite()
	}()
	if n, err := io.CopyN(io.Discard, conn, most); err != nil {
		t.Fatalf("the guest heard %d bytes: %v", n, err)
	}
	if n := <-heard; n != most {
		t.Fatalf("the host heard %d bytes", n)
	}
}
