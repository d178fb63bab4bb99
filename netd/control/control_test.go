package control

import (
	"bufio"
	"encoding/json"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ctr/netd/network"
)

type client struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Scanner
}

func newServer(t *testing.T) (connect func() *client, ended chan struct{}) {
	t.Helper()
	ended = make(chan struct{})
	server := New(func() { close(ended) })
	n, err := network.Open(network.Config{
		Name: "test", MAC: "02:00:00:00:00:01", IPv4: "10.9.0.1/24", IPv6: "fd09::1/64", MTU: 1500, Internal: true,
		ResolvConf: "/etc/resolv.conf",
	}, server.Denied)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go server.Serve(listener, n)
	return func() *client {
		conn, err := net.Dial("unix", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		t.Cleanup(func() { _ = conn.Close() })
		return &client{t, conn, bufio.NewScanner(conn)}
	}, ended
}

func (c *client) say(line string) { _, _ = c.conn.Write([]byte(line + "\n")) }

func (c *client) hear() string {
	c.t.Helper()
	if !c.lines.Scan() {
		c.t.Fatalf("the connection ended: %v", c.lines.Err())
	}
	return c.lines.Text()
}

func (c *client) expect(line, want string) {
	c.t.Helper()
	c.say(line)
	if got := c.hear(); !strings.Contains(got, want) {
		c.t.Fatalf("%s\nwas answered %s\nwant %s", line, got, want)
	}
}

const port = `{"id":2,"call":"port.add","with":{"id":"c1","mac":"02:00:00:00:00:0a","addresses":["10.9.0.2"],"socket":"/nowhere","names":["web"]}}`

func TestCallsAreAnswered(t *testing.T) {
	connect, ended := newServer(t)
	c := connect()
	c.expect(`{"id":1,"call":"hello"}`, `"id":1,"result":{"pid":`)
	c.expect(port, `{"id":2,"result":{}}`)
	c.expect(port, `"error":{"code":"exists"`)
	c.expect(`{"id":3,"call":"ask","with":{"name":"WEB"}}`, `"addresses":["10.9.0.2"]`)
	c.expect(`{"id":4,"call":"port.names","with":{"id":"c1","names":["db"]}}`, `{"id":4,"result":{}}`)
	c.expect(`{"id":5,"call":"ask","with":{"name":"web"}}`, `"addresses":[]`)
	c.expect(`{"id":6,"call":"publish","with":{"id":"p","network":"tcp","host":"127.0.0.1:0","guest":"10.9.0.2:80"}}`, `"host":"127.0.0.1:`)
	c.say(`{"id":7,"call":"status"}`)
	var reply struct{ Result network.Status }
	if err := json.Unmarshal([]byte(c.hear()), &reply); err != nil {
		t.Fatal(err)
	}
	status := reply.Result
	if len(status.Ports) != 1 || status.Ports[0].ID != "c1" || len(status.Published) != 1 {
		t.Fatalf("status: %+v", status)
	}
	taken := status.Published[0].Host
	c.expect(`{"id":8,"call":"publish","with":{"id":"q","network":"tcp","host":"`+taken+`","guest":"10.9.0.2:80"}}`, `"code":"in-use"`)
	c.expect(`{"id":9,"call":"unpublish","with":{"id":"p"}}`, `{"id":9,"result":{}}`)
	c.expect(`{"id":10,"call":"port.remove","with":{"id":"c1"}}`, `{"id":10,"result":{}}`)
	c.expect(`{"id":11,"call":"port.remove","with":{"id":"c1"}}`, `"code":"not-found"`)
	c.expect(`{"id":12,"call":"shutdown"}`, `{"id":12,"result":{}}`)
	<-ended
}

func TestWrongCallsAreRefused(t *testing.T) {
	connect, _ := newServer(t)
	c := connect()
	c.expect(`{"id":1,"call":"fly"}`, `"code":"usage"`)
	c.expect(`{"id":2,"call":"port.add","with":{"wings":2}}`, `"code":"usage"`)
	c.expect(`{"id":3,"call":"port.add","with":{"id":"x","mac":"nonsense"}}`, `"code":"usage"`)
	c.expect(`{"id":4,"call":"publish","with":{"id":"p","network":"tcp","host":"here","guest":"there"}}`, `"code":"usage"`)
	c.expect(`not json`, `"code":"usage"`)
	if c.lines.Scan() {
		t.Fatalf("it went on: %s", c.lines.Text())
	}
}

func TestDenialsAreTold(t *testing.T) {
	connect, _ := newServer(t)
	server := New(func() {})
	events := server.subscribe()
	server.tell(Event{Event: "denied"})
	if got := <-events; got.Event != "denied" {
		t.Fatalf("got %+v", got)
	}
	server.unsubscribe(events)
	connect().expect(`{"id":1,"call":"events"}`, `{"id":1,"result":{}}`)
}

// FuzzLine feeds lines of a client that means harm, or is of another version.
func FuzzLine(f *testing.F) {
	f.Add([]byte(port))
	f.Add([]byte(`{"id":1,"call":"publish","with":{"id":"p","network":"udp","host":"[::1]:0","guest":"[fd09::2]:53"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var request Request
		if strict(data, &request) != nil || request.Call == "publish" || request.Call == "port.add" {
			return // those take what is the machine's
		}
		n, err := network.Open(network.Config{
			Name: "fuzz", MAC: "02:00:00:00:00:01", IPv4: netip.MustParsePrefix("10.9.0.1/24").String(), MTU: 1500, Internal: true,
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		server := New(func() {})
		server.network = n
		_, _ = server.call(request)
	})
}
