package container

import (
	"golang.org/x/sys/unix"

	"ctr/guest/plan"
)

// planLoopback brings the loopback of a new network namespace up.
func planLoopback(p *plan.Plan) {
	p.Step("loopback")
	request := make([]byte, 40) // struct ifreq: a name of 16 bytes, flags
	copy(request, "lo")
	request[16] = unix.IFF_UP
	socket := p.Call(unix.SYS_SOCKET, plan.Int(unix.AF_INET), plan.Int(unix.SOCK_DGRAM|unix.SOCK_CLOEXEC), plan.Int(0))
	p.Call(unix.SYS_IOCTL, socket.Arg(), plan.Int(unix.SIOCSIFFLAGS), p.Bytes(request).Arg())
	p.Call(unix.SYS_CLOSE, socket.Arg())
}
