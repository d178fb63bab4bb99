// Package machinessh is an SSH server for one connection of somebody who is known already: whoever reaches it came
// through ctr, as the user that this process runs as, so it asks for no key and gives no right that its user lacks.
package machinessh

import (
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net"
	"os"
	"time"

	"github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// Serve serves a connection to its end.
func Serve(in io.Reader, out io.WriteCloser) error {
	// The client has no reason to know it: see ssh-config, which says so.
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	signer, err := gossh.NewSignerFromKey(key)
	if err != nil {
		return err
	}
	forwards := &ssh.ForwardedTCPHandler{}
	yes := func(ssh.Context, string, uint32) bool { return true }
	server := &ssh.Server{
		Version:                       "ctr",
		Handler:                       session,
		LocalPortForwardingCallback:   yes,
		ReversePortForwardingCallback: yes,
		SubsystemHandlers:             map[string]ssh.SubsystemHandler{"sftp": serveFiles},
		ChannelHandlers: map[string]ssh.ChannelHandler{
			"session":                        ssh.DefaultSessionHandler,
			"direct-tcpip":                   ssh.DirectTCPIPHandler,
			"direct-streamlocal@openssh.com": dialSocket,
		},
		RequestHandlers: map[string]ssh.RequestHandler{
			"tcpip-forward":        forwards.HandleSSHRequest,
			"cancel-tcpip-forward": forwards.HandleSSHRequest,
		},
		HostSigners: []ssh.Signer{signer},
	}
	server.HandleConn(stdio{in, out})
	return nil
}

// stdio makes a connection of the process's own streams.
type stdio struct {
	io.Reader
	io.WriteCloser
}

func (stdio) LocalAddr() net.Addr              { return address{} }
func (stdio) RemoteAddr() net.Addr             { return address{} }
func (stdio) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (stdio) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (stdio) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

type address struct{}

func (address) Network() string { return "stdio" }
func (address) String() string  { return "stdio" }
