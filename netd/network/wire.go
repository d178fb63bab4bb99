package network

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
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
	network := "unix"
	if w.config.Datagram {
		network = "unixgram"
	}
	path, done, err := shortPath(w.config.Socket)
	if err != nil {
		return nil, err
	}
	defer done()
	conn, err := new(net.Dialer).DialContext(ctx, network, path)
	if err != nil {
		return nil, err
	}
	if w.config.Datagram {
		return frame.Datagram(conn), nil
	}
	return frame.Stream(conn), nil
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
	short := "/proc/self/fd/" + strconv.Itoa(int(folder.Fd())) + "/" + filepath.Base(path)
	return short, func() { _ = folder.Close() }, nil
}
