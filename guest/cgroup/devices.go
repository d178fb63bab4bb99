package cgroup

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Device is a node, or with Minor -1 every minor number of a major one. Access is some of "rwm".
type Device struct {
	Block        bool
	Major, Minor int64
	Access       string
}

// usual are the devices that every container may use.
var usual = [...]Device{
	{false, 1, 3, "rwm"}, {false, 1, 5, "rwm"}, {false, 1, 7, "rwm"}, {false, 1, 8, "rwm"}, {false, 1, 9, "rwm"},
	{false, 5, 0, "rwm"}, {false, 5, 1, "rwm"}, {false, 5, 2, "rwm"}, {false, 136, -1, "rwm"},
}

// Kinds of access in the context of a device program (linux/bpf.h).
const (
	accessMknod, accessRead, accessWrite = 1, 2, 4
	kindBlock, kindChar                  = 1, 2
)

// AllowDevices lets the group's processes open the usual devices and some more. Nodes of any kind may
// be made; without this program a container could make one of its VM's disks and write to it.
func (g *Group) AllowDevices(more []Device) error {
	var program program
	program.begin()
	for _, d := range usual {
		program.allow(d)
	}
	for _, d := range more {
		program.allow(d)
	}
	program.end()
	fd, err := program.load()
	if err != nil {
		return fmt.Errorf("load the device program: %w", err)
	}
	defer unix.Close(fd)
	group, err := unix.Open(g.path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(group)
	attach := struct{ target, program, kind, flags uint32 }{uint32(group), uint32(fd), unix.BPF_CGROUP_DEVICE, 0}
	if _, err := bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&attach), unsafe.Sizeof(attach)); err != nil {
		return fmt.Errorf("attach the device program: %w", err)
	}
	return nil
}

// program is eBPF: r2 the kind of node, r3 the access, r4 the major and r5 the minor number.
type program struct{ code []byte }

const (
	loadWord = 0x61 // r = *(u32 *)(r + offset)
	copy32   = 0xbc
	copy64   = 0xbf
	and32    = 0x54
	shift32  = 0x74
	set64    = 0xb7
	ifNot    = 0x56 // jump unless r == constant
	exit     = 0x95
)

func (p *program) add(op, registers byte, offset int16, constant int32) {
	p.code = append(p.code, op, registers)
	p.code = binary.NativeEndian.AppendUint16(p.code, uint16(offset))
	p.code = binary.NativeEndian.AppendUint32(p.code, uint32(constant))
}

// begin takes the context apart: u32 access << 16 | kind, u32 major, u32 minor. A node may be made.
func (p *program) begin() {
	p.add(loadWord, 0x12, 0, 0)
	p.add(copy32, 0x23, 0, 0)
	p.add(shift32, 0x03, 0, 16)
	p.add(and32, 0x02, 0, 0xffff)
	p.add(loadWord, 0x14, 4, 0)
	p.add(loadWord, 0x15, 8, 0)
	p.add(ifNot, 0x03, 2, accessMknod)
	p.add(set64, 0x00, 0, 1)
	p.add(exit, 0, 0, 0)
}

func (p *program) allow(d Device) {
	kind, refused := int32(kindChar), int32(accessMknod|accessRead|accessWrite)
	if d.Block {
		kind = kindBlock
	}
	for _, access := range d.Access {
		switch access {
		case 'r':
			refused &^= accessRead
		case 'w':
			refused &^= accessWrite
		case 'm':
			refused &^= accessMknod
		}
	}
	// Each test that fails jumps behind the rule; what follows it is counted from the end.
	const answer = 2
	rest := answer
	if refused != 0 {
		rest += 3
	}
	if d.Minor >= 0 {
		rest++
	}
	p.add(ifNot, 0x02, int16(rest+1), kind)
	p.add(ifNot, 0x04, int16(rest), int32(d.Major))
	if d.Minor >= 0 {
		p.add(ifNot, 0x05, int16(rest-1), int32(d.Minor))
	}
	if refused != 0 {
		p.add(copy64, 0x36, 0, 0)
		p.add(and32, 0x06, 0, refused)
		p.add(ifNot, 0x06, answer, 0)
	}
	p.add(set64, 0x00, 0, 1)
	p.add(exit, 0, 0, 0)
}

func (p *program) end() {
	p.add(set64, 0x00, 0, 0)
	p.add(exit, 0, 0, 0)
}

func (p *program) load() (int, error) {
	license := [...]byte{'M', 'I', 'T', 0} // no helper of the kernel's is called
	request := struct {
		kind, count   uint32
		code, license uint64
		logLevel      uint32
		logSize       uint32
		log           uint64
		version       uint32
		flags         uint32
	}{
		kind: unix.BPF_PROG_TYPE_CGROUP_DEVICE, count: uint32(len(p.code) / 8),
		code:    uint64(uintptr(unsafe.Pointer(&p.code[0]))),
		license: uint64(uintptr(unsafe.Pointer(&license))),
	}
	fd, err := bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&request), unsafe.Sizeof(request))
	runtime.KeepAlive(p.code)
	runtime.KeepAlive(&license)
	return fd, err
}

func bpf(command uintptr, request unsafe.Pointer, size uintptr) (int, error) {
	for {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, command, uintptr(request), size)
		if errno == 0 {
			return int(fd), nil
		}
		if errno != unix.EAGAIN && errno != unix.EINTR {
			return -1, errno
		}
	}
}
