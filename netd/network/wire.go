package network

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"ctr/netd/fabric"
	"ctr/netd/frame"
)

const (
	// A monitor that is not there yet, or restarts its end, is asked again this soon, and slower as it stays away.
	retryFirst = 10 * time.Millisecond
	retryMost  = time.Second
)

// wire keeps a port connected to a guest's monitor.
type wire struct {
	port      *fabric.Port
	config    Port
	connected atomic.Bool
	cancel    context.CancelFunc
}

func newWire(port *fabric.Port, config Port) *wire {
	ctx, cancel := context.WithCancel(context.Background())
	w := &wire{port: port, config: config, cancel: cancel}
	go w.keep(ctx)
	return w
}

func (w *wire) keep(ctx context.Context) {
	for wait := retryFirst; ctx.Err() == nil; {
		if conn, err := w.dial(ctx); err == nil {
			wait = retryFirst
			w.connected.Store(true)
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			_ = w.port.Serve(conn)
			stop()
			w.connected.Store(false)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
			wait = min(2*wait, retryMost)
		}
	}
}

func (w *wire) dial(ctx context.Context) (frame.Conn, error) {
	path, done, err := shortPath(w.config.Socket)
	if err != nil {
		return nil, err
	}
	defer done()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if w.config.Datagram {
		return takeOver(ctx, conn.(*net.UnixConn))
	}
	return frame.Stream(conn), nil
}

// A monitor that takes connections hands its wire over at once.
const handOverWithin = 5 * time.Second

// takeOver receives the wire of a monitor that hands its descriptor to whoever connects, with one byte. It is ours for as
// long as the connection is open: its end is the monitor's.
func takeOver(ctx context.Context, conn *net.UnixConn) (frame.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	wire, err := receive(conn)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	go func() {
		_, _ = io.Copy(io.Discard, conn)
		_ = wire.Close()
	}()
	return lease{frame.Datagram(wire), conn}, nil
}

func receive(conn *net.UnixConn) (net.Conn, error) {
	_ = conn.SetReadDeadline(time.Now().Add(handOverWithin))
	word, rights := make([]byte, 1), make([]byte, syscall.CmsgSpace(4))
	_, n, _, _, err := conn.ReadMsgUnix(word, rights)
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadDeadline(time.Time{})
	messages, err := syscall.ParseSocketControlMessage(rights[:n])
	if err != nil {
		return nil, err
	}
	if len(messages) != 1 {
		return nil, errNoWire
	}
	descriptors, err := syscall.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	if len(descriptors) != 1 {
		return nil, errNoWire
	}
	file := os.NewFile(uintptr(descriptors[0]), "wire")
	defer file.Close()
	return net.FileConn(file) // a duplicate, close-on-exec
}

var errNoWire = errors.New("the monitor handed no descriptor over")

// lease is a wire with the connection for which it is ours.
type lease struct {
	frame.Conn
	conn net.Conn
}

func (l lease) Close() error {
	_ = l.conn.Close() // whoever waits for its end closes the wire
	return l.Conn.Close()
}

func (w *wire) close() { w.cancel() }

// The path of a unix socket has at most 107 bytes (sun_path); by the folder's descriptor it has fewer.
const longestPath = 100

func shortPath(path string) (string, func(), error) {
	if len(path) <= longestPath {
		return path, func() {}, nil
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	if runtime.GOOS == "darwin" {
		_ = folder.Close()
		return shortLink(path)
	}
	short := "/proc/self/fd/" + strconv.Itoa(int(folder.Fd())) + "/" + filepath.Base(path)
	return short, func() { _ = folder.Close() }, nil
}

// shortLink leads to a folder by a symbolic link in the user's own temporary folder, where there is no /proc.
func shortLink(path string) (string, func(), error) {
	folder, err := os.MkdirTemp("", "netd-")
	if err != nil {
		return "", nil, err
	}
	link := filepath.Join(folder, "l")
	if err := os.Symlink(filepath.Dir(path), link); err != nil {
		_ = os.Remove(folder)
		return "", nil, err
	}
	return filepath.Join(link, filepath.Base(path)), func() { _ = os.RemoveAll(folder) }, nil
}
