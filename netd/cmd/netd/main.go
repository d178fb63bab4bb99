// Command netd is one network of ctr: a switch that VMs plug into, and the way from there to the world.
//
//	netd CONFIG SOCKET
//	netd remove BRIDGE...
//
// CONFIG is a file with a network.Config as JSON; SOCKET is where it listens for control connections (mode 0600). It
// outlives the engine, and ends when it is told to. "remove" clears bridges away that a crash has left, with their rules.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"ctr/netd/bridge"
	"ctr/netd/control"
	"ctr/netd/network"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "remove" {
		if err := bridge.Remove(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "error: cannot remove a bridge:", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: netd CONFIG SOCKET | netd remove BRIDGE...")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "error: cannot run the network:", err)
		os.Exit(1)
	}
}

func run(configPath, socketPath string) error {
	data, err := os.ReadFile(configPath)
	if err != nil {
		return err
	}
	var config network.Config
	if err := json.Unmarshal(data, &config); err != nil {
		return fmt.Errorf("%s: %w", configPath, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	raiseLimit()
	useCPUs()
	runSoon()
	server := control.New(stop)
	n, err := network.Open(config, server.Denied)
	if err != nil {
		return err
	}
	defer n.Close()
	listener, err := listen(socketPath)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	go server.Serve(listener, n)
	go trim(ctx)
	select {
	case <-ctx.Done():
		return nil
	case <-n.Lost():
		return errors.New("somebody has removed its bridge")
	}
}

// listen: who starts this process holds the network's lock, so a socket that is there is left over.
func listen(path string) (net.Listener, error) {
	_ = os.Remove(path)
	old := syscall.Umask(0o177)
	defer syscall.Umask(old)
	return net.Listen("unix", path)
}

// raiseLimit: each connection of a guest has a descriptor.
func raiseLimit() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
}

// useCPUs leaves half of the host to the guests. Fewer threads also wake each other less, which is most of what a small
// packet costs.
func useCPUs() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(1, runtime.NumCPU()/2))
	}
}
