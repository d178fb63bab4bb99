// Command vminitd is PID 1 of every guest: it boots in a few named steps and then does what the host
// asks for.
package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"ctr/guest/boot"
	"ctr/guest/cgroup"
	"ctr/guest/h2"
	"ctr/guest/netcfg"
	"ctr/guest/rawbench"
	"ctr/guest/reap"
	"ctr/guest/rosetta"
	"ctr/guest/rpc"
	"ctr/guest/transport"
)

// Set by the build.
var version = "dev"

func main() {
	clock := &boot.Clock{}
	var listener transport.Listener
	reaper := reap.New()
	steps := []boot.Step{
		{Name: "file systems", Run: boot.MountFileSystems},
		{Name: "listen", Run: func() (err error) {
			listener, err = listen()
			return err
		}},
	}
	// What only a container needs is done while the host reads our first answer and says what to run.
	later := []boot.Step{
		{Name: "kernel settings", Run: boot.Settings},
		{Name: "cgroups", Run: cgroup.EnableControllers},
		{Name: "loopback", Run: netcfg.Loopback},
	}
	if rosetta.Wanted() {
		later = append(later, boot.Step{Name: "rosetta", Run: func() error { return rosetta.Enable(reaper) }})
	}
	for _, step := range steps {
		if err := clock.Run(step.Name, step.Run); err != nil {
			fail(err)
		}
	}
	go reaper.Run()
	server := rpc.New(version, clock.Steps, later, reaper)
	fmt.Printf("vminitd ready %d ms\n", boot.Now()/1e6)
	fail(serve(listener, server))
}

func listen() (transport.Listener, error) {
	if vsock, err := transport.ListenVsock(); vsock != nil || err != nil {
		return vsock, err
	}
	serial, err := transport.OpenSerial()
	if serial == nil && err == nil {
		err = errors.New("the VM has neither a vsock device nor the serial port ctr.rpc")
	}
	return serial, err
}

// serve answers one connection after another. A new vsock connection replaces the last one.
func serve(listener transport.Listener, server *rpc.Server) error {
	_, oneAtATime := listener.(*transport.Serial)
	raw := rawbench.Bytes()
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		handle := func() {
			if raw > 0 {
				rawbench.Write(connection, raw)
				return
			}
			_ = h2.Serve(connection, server.Handle) // how a connection ends matters to nobody
			connection.Close()
		}
		if oneAtATime {
			handle()
		} else {
			go handle()
		}
	}
}

// fail ends the guest: without vminitd nobody could reach it any more.
func fail(err error) {
	fmt.Println("vminitd: the guest cannot go on:", err)
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	os.Exit(1)
}
