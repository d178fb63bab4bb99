// Reference is the least that a guest in Go can be: PID 1 that says so on its console and sleeps.
// What vminitd needs longer than this is vminitd's own.
package main

import (
	"os"
	"syscall"
)

func main() {
	_ = syscall.Mount("devtmpfs", "/dev", "devtmpfs", 0, "")
	if console, err := os.OpenFile("/dev/hvc0", os.O_WRONLY|syscall.O_NOCTTY, 0); err == nil {
		_, _ = console.WriteString("reference is up\n")
	}
	for {
		_ = syscall.Pause()
	}
}
