package netserve

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"ctr/guest/inet"
)

func at(t *testing.T, address net.Addr) netip.AddrPort {
	t.Helper()
	return netip.MustParseAddrPort(address.String())
}

// answering is a name server that says a code to every question.
func answering(t *testing.T, code byte) netip.AddrPort {
	t.Helper()
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	go func() {
		data := make([]byte, 512)
		for {
			n, from, err := socket.ReadFrom(data)
			if err != nil {
				return
			}
			data[2] |= 0x80
			data[3] = code
			_, _ = socket.WriteTo(data[:n], from)
		}
	}()
	return at(t, socket.LocalAddr())
}

func TestTheFirstServerThatKnowsAnswers(t *testing.T) {
	unknown, known := answering(t, noSuchName), answering(t, 0)
	question := make([]byte, headerBytes)
	question[0] = 7
	for name, test := range map[string]struct {
		servers []netip.AddrPort
		code    byte
	}{
		"known":         {[]netip.AddrPort{known}, 0},
		"known by next": {[]netip.AddrPort{unknown, known}, 0},
		"unknown":       {[]netip.AddrPort{unknown, unknown}, noSuchName},
	} {
		answer := resolve(question, test.servers, false)
		if len(answer) < headerBytes || answer[0] != 7 || answer[3]&0x0f != test.code {
			t.Errorf("%s: %v", name, answer)
		}
	}
	if resolve(make([]byte, 3), []netip.AddrPort{known}, false) != nil {
		t.Error("what is no question was answered")
	}
}

func TestTheGatewayReachesALoopbackService(t *testing.T) {
	service, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = service.Close() }()
	go func() {
		for {
			conn, err := service.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
		}
	}()
	port := at(t, service.Addr()).Port()
	for _, test := range []struct {
		allowed string
		ports   []byte
		want    []byte
	}{
		{"127.0.0.1", []byte{connect, byte(port >> 8), byte(port)}, []byte("\x00hello")},
		{"127.0.0.1", []byte{connect, 0, 1}, []byte{refused}},
		{"127.0.0.1", []byte{listeningTCP, byte(port >> 8), byte(port)}, []byte{reached}},
		{"127.0.0.1", []byte{listeningUDP, byte(port >> 8), byte(port)}, []byte{refused}},
		{"127.0.0.1", []byte{listeningTCP, 0, 1}, []byte{refused}},
		{"127.0.0.9", []byte{connect, byte(port >> 8), byte(port)}, nil},
	} {
		listening := relayAt(t, test.allowed)
		conn, err := net.Dial("tcp", listening)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = conn.Write(append(test.ports, "hello"...))
		_ = conn.(*net.TCPConn).CloseWrite()
		if got, _ := io.ReadAll(conn); !bytes.Equal(got, test.want) {
			t.Errorf("%v: %q, want %q", test, got, test.want)
		}
		_ = conn.Close()
	}
}

func relayAt(t *testing.T, allowed string) string {
	t.Helper()
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := at(t, probe.Addr())
	_ = probe.Close()
	listener, err := inet.Bind(address, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go acceptGateway(listener, []netip.Addr{netip.MustParseAddr(allowed)})
	return address.String()
}

func TestTheGatewayReachesALoopbackServiceOfDatagrams(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		service, err := net.ListenPacket("udp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = service.Close() }()
		go func() {
			data := make([]byte, 2000)
			for {
				n, from, err := service.ReadFrom(data)
				if err != nil {
					return
				}
				_, _ = service.WriteTo(data[:n], from)
			}
		}()
		port := at(t, service.LocalAddr()).Port()
		conn, err := net.Dial("tcp", relayAt(t, "127.0.0.1"))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		sent := []byte("\x00\x05hello\x00\x00\x00\x03you")
		_, _ = conn.Write(append([]byte{datagrams, byte(port >> 8), byte(port)}, sent...))
		got := make([]byte, 1+len(sent))
		if _, err := io.ReadFull(conn, got); err != nil || got[0] != reached || !bytes.Equal(got[1:], sent) {
			t.Errorf("%s: %q, %v", address, got, err)
		}
		_ = conn.Close()
	}
}
