package machinessh

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pkg/sftp"
	gossh "golang.org/x/crypto/ssh"
)

// dial connects a client to a server in this process.
func dial(t *testing.T) *gossh.Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // not net.Pipe: both sides begin by writing
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if theirs, err := listener.Accept(); err == nil {
			_ = Serve(theirs, theirs)
		}
	}()
	ours, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, channels, requests, err := gossh.NewClientConn(ours, "machine", &gossh.ClientConfig{
		User: "somebody", HostKeyCallback: gossh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		t.Fatal(err)
	}
	client := gossh.NewClient(conn, channels, requests)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func run(t *testing.T, client *gossh.Client, line, input string) (stdout, stderr string, status int) {
	t.Helper()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	var out, errs bytes.Buffer
	session.Stdin, session.Stdout, session.Stderr = strings.NewReader(input), &out, &errs
	var exit *gossh.ExitError
	if err := session.Run(line); errors.As(err, &exit) {
		status = exit.ExitStatus()
	} else if err != nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), status
}

func TestCommands(t *testing.T) {
	t.Setenv("SHELL", "/bin/sh")
	t.Setenv("HOME", t.TempDir())
	client := dial(t)
	out, errs, status := run(t, client, `cat; echo "to stderr" >&2; pwd; exit 7`, "input\n")
	if out != "input\n"+os.Getenv("HOME")+"\n" || errs != "to stderr\n" || status != 7 {
		t.Errorf("%q, %q, %d", out, errs, status)
	}
	if _, _, status := run(t, client, "kill -TERM $$", ""); status != 143 {
		t.Errorf("a killed command has status %d", status)
	}
}

func TestTerminal(t *testing.T) {
	t.Setenv("SHELL", "/bin/sh")
	client := dial(t)
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.RequestPty("xterm", 31, 77, gossh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	out, err := session.CombinedOutput("stty size; echo $TERM")
	if err != nil || string(out) != "31 77\r\nxterm\r\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestFiles(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("HOME", folder)
	client, err := sftp.NewClient(dial(t))
	if err != nil {
		t.Fatal(err)
	}
	file, err := client.Create(filepath.Join(folder, "x"))
	if err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("0123456789"), 100_000)
	if _, err := file.Write(content); err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	if got, _ := os.ReadFile(filepath.Join(folder, "x")); !bytes.Equal(got, content) {
		t.Errorf("%d bytes arrived", len(got))
	}
}

func TestForwards(t *testing.T) {
	path := filepath.Join(t.TempDir(), "echo.sock")
	socket, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	for _, listener := range []net.Listener{socket, port} {
		go func() {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
		}()
	}
	client := dial(t)
	for _, address := range [][2]string{{"unix", path}, {"tcp", port.Addr().String()}} {
		conn, err := client.Dial(address[0], address[1])
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte("hello"))
		got := make([]byte, 5)
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
			t.Errorf("%s: %q, %v", address[0], got, err)
		}
		_ = conn.Close()
	}
}
