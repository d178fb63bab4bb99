package machinessh

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/creack/pty"
	"github.com/gliderlabs/ssh"
	"github.com/pkg/sftp"
)

// session runs a command, or a login shell, and ends with its status.
func session(s ssh.Session) {
	cmd := command(s)
	if ssh.AgentRequested(s) {
		listener, err := ssh.NewAgentListener()
		if err == nil {
			defer os.Remove(filepath.Dir(listener.Addr().String()))
			defer listener.Close()
			go ssh.ForwardAgentConnections(listener, s)
			cmd.Env = append(cmd.Env, "SSH_AUTH_SOCK="+listener.Addr().String())
		}
	}
	request, sizes, isTerminal := s.Pty()
	var err error
	if isTerminal {
		cmd.Env = append(cmd.Env, "TERM="+request.Term)
		err = onTerminal(s, cmd, request.Window, sizes)
	} else {
		err = onPipes(s, cmd)
	}
	_ = s.Exit(status(s, err))
}

// command is what was asked for, by the user's shell, as sshd has it.
func command(s ssh.Session) *exec.Cmd {
	shell := os.Getenv("SHELL")
	if shell == "" {
		shell = "/bin/sh"
	}
	cmd := exec.Command(shell)
	if line := s.RawCommand(); line != "" {
		cmd.Args = []string{shell, "-c", line}
	} else {
		cmd.Args = []string{"-" + filepath.Base(shell)}
	}
	cmd.Dir = os.Getenv("HOME")
	if info, err := os.Stat(cmd.Dir); err != nil || !info.IsDir() {
		cmd.Dir = "/"
	}
	cmd.Env = append(os.Environ(), "SSH_CONNECTION=127.0.0.1 0 127.0.0.1 0", "SSH_CLIENT=127.0.0.1 0 0")
	for _, variable := range s.Environ() {
		if mayBeSet(variable) {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	return cmd
}

// mayBeSet keeps to what says how text and colours are to be shown, as Debian's sshd does.
func mayBeSet(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return name == "LANG" || strings.HasPrefix(name, "LC_") || name == "COLORTERM" || name == "NO_COLOR"
}

func onTerminal(s ssh.Session, cmd *exec.Cmd, first ssh.Window, sizes <-chan ssh.Window) error {
	terminal, err := pty.StartWithSize(cmd, winsize(first))
	if err != nil {
		return err
	}
	defer terminal.Close()
	go func() {
		for size := range sizes {
			_ = pty.Setsize(terminal, winsize(size))
		}
	}()
	go func() { _, _ = io.Copy(terminal, s) }()
	stop := passSignals(s, cmd)
	defer stop()
	// It ends when the last process of the terminal has gone.
	_, _ = io.Copy(s, terminal)
	return cmd.Wait()
}

func winsize(w ssh.Window) *pty.Winsize {
	return &pty.Winsize{Rows: uint16(w.Height), Cols: uint16(w.Width)}
}

func onPipes(s ssh.Session, cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stdout, cmd.Stderr = s, s.Stderr()
	input, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(input, s)
		_ = input.Close()
	}()
	stop := passSignals(s, cmd)
	defer stop()
	return cmd.Wait()
}

// passSignals sends on what the client sends. A client that goes away takes what it ran with it, as a terminal
// that is closed does.
func passSignals(s ssh.Session, cmd *exec.Cmd) func() {
	signals := make(chan ssh.Signal, 8)
	s.Signals(signals)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case name := <-signals:
				if number, ok := numbers[name]; ok {
					_ = syscall.Kill(-cmd.Process.Pid, number)
				}
			case <-s.Context().Done():
				_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGHUP)
				return
			case <-done:
				return
			}
		}
	}()
	return func() {
		s.Signals(nil)
		close(done)
	}
}

var numbers = map[ssh.Signal]syscall.Signal{
	ssh.SIGABRT: syscall.SIGABRT, ssh.SIGALRM: syscall.SIGALRM, ssh.SIGHUP: syscall.SIGHUP, ssh.SIGINT: syscall.SIGINT,
	ssh.SIGKILL: syscall.SIGKILL, ssh.SIGPIPE: syscall.SIGPIPE, ssh.SIGQUIT: syscall.SIGQUIT, ssh.SIGTERM: syscall.SIGTERM,
	ssh.SIGUSR1: syscall.SIGUSR1, ssh.SIGUSR2: syscall.SIGUSR2,
}

// status is what a shell would have: 128 and the signal, 127 for what is not there.
func status(s ssh.Session, err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		if wait, ok := exit.Sys().(syscall.WaitStatus); ok && wait.Signaled() {
			return 128 + int(wait.Signal())
		}
		return exit.ExitCode()
	}
	_, _ = io.WriteString(s.Stderr(), "error: cannot run: "+err.Error()+"\n")
	return 127
}

// serveFiles is what scp, sftp and sshfs talk to.
func serveFiles(s ssh.Session) {
	server, err := sftp.NewServer(s, sftp.WithServerWorkingDirectory(os.Getenv("HOME")))
	if err == nil {
		err = server.Serve()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		_ = s.Exit(1)
		return
	}
	_ = s.Exit(0)
}
