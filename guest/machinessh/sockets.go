package machinessh

import (
	"io"
	"net"
	"sync"

	"github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// dialSocket forwards a connection to a unix socket of the machine: OpenSSH's PROTOCOL, section 2.4.
func dialSocket(_ *ssh.Server, _ *gossh.ServerConn, newChannel gossh.NewChannel, ctx ssh.Context) {
	var wanted struct {
		Path     string
		Reserved string
		Number   uint32
	}
	if err := gossh.Unmarshal(newChannel.ExtraData(), &wanted); err != nil {
		_ = newChannel.Reject(gossh.ConnectionFailed, "not understood")
		return
	}
	var dialer net.Dialer
	socket, err := dialer.DialContext(ctx, "unix", wanted.Path)
	if err != nil {
		_ = newChannel.Reject(gossh.ConnectionFailed, err.Error())
		return
	}
	channel, requests, err := newChannel.Accept()
	if err != nil {
		_ = socket.Close()
		return
	}
	go gossh.DiscardRequests(requests)
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(channel, socket)
		_ = channel.CloseWrite()
	})
	both.Go(func() {
		_, _ = io.Copy(socket, channel)
		_ = socket.(*net.UnixConn).CloseWrite()
	})
	both.Wait()
	_ = channel.Close()
	_ = socket.Close()
}
