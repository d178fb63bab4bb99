// Package plan builds what the first stage (stage/stage.c) runs between fork and execve: a list of
// system calls with their arguments. It owns the layout of a plan and the names of its steps.
package plan

import (
	"encoding/binary"
	"fmt"
	"syscall"
)

// Descriptors that the first stage inherits. Both are closed by execve.
const (
	PlanFD     = 3
	FailuresFD = 4
	// FirstFD is the first one that a caller may pass to the plan.
	FirstFD = 5
)

const (
	magic         = 0x31525443
	operationSize = 64
	maxOperations = 8192
	maxBlob       = 4 << 20

	kindSyscall = 0
	kindInit    = 1
	kindExec    = 2
	kindGiveUp  = 3
	kindStay    = 4
)

// Arg is an argument of a system call.
type Arg struct {
	kind  uint16
	value uint64
}

// Int is a number as it is.
func Int(v int) Arg { return Arg{0, uint64(int64(v))} }

// Null is a null pointer.
func Null() Arg { return Arg{} }

// Ref names something in the plan's blob.
type Ref uint32

// Arg makes the address of r an argument.
func (r Ref) Arg() Arg { return Arg{1, uint64(r)} }

// Result names what an earlier call returned.
type Result uint32

// Arg makes the result an argument.
func (r Result) Arg() Arg { return Arg{2, uint64(r)} }

type operation struct {
	step, kind, number uint16
	ignored            [2]syscall.Errno
	args               []Arg
}

// Plan is built in the order in which it runs. The zero value is an empty plan.
type Plan struct {
	steps       []string
	operations  []operation
	relocations [][2]uint32
	blob        []byte
	strings     map[string]Ref
}

// Step names what the following calls are for; a failure is reported under this name.
func (p *Plan) Step(name string) { p.steps = append(p.steps, name) }

func (p *Plan) step() uint16 { return uint16(max(0, len(p.steps)-1)) }

// Call adds a system call. A failure ends the process.
func (p *Plan) Call(number int, args ...Arg) Result {
	return p.add(operation{step: p.step(), kind: kindSyscall, number: uint16(number), args: args})
}

// Try adds a system call that may fail with one of two errors.
func (p *Plan) Try(ignore [2]syscall.Errno, number int, args ...Arg) Result {
	return p.add(operation{step: p.step(), kind: kindSyscall, number: uint16(number), args: args, ignored: ignore})
}

// Init makes the process an init: what follows runs in its child.
func (p *Plan) Init() { p.add(operation{step: p.step(), kind: kindInit}) }

// Stay makes the process an init that runs nothing itself. The plan ends here.
func (p *Plan) Stay() { p.add(operation{step: p.step(), kind: kindStay}) }

// Exec tries to execute each of the paths. The plan ends here, well or not.
func (p *Plan) Exec(paths, argv, env []string) {
	argvRef, envRef := p.Strings(argv), p.Strings(env)
	for _, path := range paths {
		p.add(operation{step: p.step(), kind: kindExec, number: syscall.SYS_EXECVE,
			args: []Arg{p.String(path).Arg(), argvRef.Arg(), envRef.Arg()}})
	}
	p.add(operation{step: p.step(), kind: kindGiveUp})
}

func (p *Plan) add(o operation) Result {
	p.operations = append(p.operations, o)
	return Result(len(p.operations) - 1)
}

// String adds a zero-terminated string; equal ones are kept once.
func (p *Plan) String(s string) Ref {
	if ref, ok := p.strings[s]; ok {
		return ref
	}
	if p.strings == nil {
		p.strings = make(map[string]Ref)
	}
	ref := Ref(len(p.blob))
	p.blob = append(append(p.blob, s...), 0)
	p.strings[s] = ref
	return ref
}

// Bytes adds a structure, aligned to 8 bytes.
func (p *Plan) Bytes(b []byte) Ref {
	p.align()
	ref := Ref(len(p.blob))
	p.blob = append(p.blob, b...)
	return ref
}

// Strings adds a null-terminated array of pointers, as argv and envp are.
func (p *Plan) Strings(list []string) Ref {
	refs := make([]Ref, len(list))
	for i, s := range list {
		refs[i] = p.String(s)
	}
	array := p.Bytes(make([]byte, 8*(len(list)+1)))
	for i, ref := range refs {
		p.Relocate(array, 8*i, ref)
	}
	return array
}

// Relocate makes the pointer at byte `at` of a structure point to target.
func (p *Plan) Relocate(structure Ref, at int, target Ref) {
	p.relocations = append(p.relocations, [2]uint32{uint32(structure) + uint32(at), uint32(target)})
}

func (p *Plan) align() {
	for len(p.blob)%8 != 0 {
		p.blob = append(p.blob, 0)
	}
}

// Encode returns the bytes that the first stage reads.
func (p *Plan) Encode() ([]byte, error) {
	if len(p.operations) > maxOperations || len(p.blob) > maxBlob {
		return nil, fmt.Errorf("the process needs %d system calls and %d bytes to start, more than %d and %d",
			len(p.operations), len(p.blob), maxOperations, maxBlob)
	}
	le := binary.LittleEndian
	b := make([]byte, 0, 16+operationSize*len(p.operations)+8*len(p.relocations)+len(p.blob))
	for _, v := range []int{magic, len(p.operations), len(p.relocations), len(p.blob)} {
		b = le.AppendUint32(b, uint32(v))
	}
	for _, o := range p.operations {
		var kinds uint16
		for i, arg := range o.args {
			kinds |= arg.kind << (2 * i)
		}
		b = le.AppendUint16(b, o.step)
		b = le.AppendUint16(b, o.kind)
		b = le.AppendUint16(b, kinds)
		b = le.AppendUint16(b, o.number)
		b = le.AppendUint32(b, uint32(o.ignored[0])|uint32(o.ignored[1])<<16)
		b = le.AppendUint32(b, 0)
		for i := range 6 {
			var value uint64
			if i < len(o.args) {
				value = o.args[i].value
			}
			b = le.AppendUint64(b, value)
		}
	}
	for _, r := range p.relocations {
		b = le.AppendUint32(le.AppendUint32(b, r[0]), r[1])
	}
	return append(b, p.blob...), nil
}

// Failure is why a process did not start.
type Failure struct {
	Step  string
	Errno syscall.Errno
}

func (f *Failure) Error() string { return f.Step + ": " + f.Errno.Error() }

// Unwrap lets errors.Is see the errno.
func (f *Failure) Unwrap() error { return f.Errno }

// FailureOf reads the report of a first stage; nil if it wrote none because execve succeeded.
func (p *Plan) FailureOf(report []byte) error {
	if len(report) == 0 {
		return nil
	}
	if len(report) < 8 {
		return &Failure{"start", syscall.EIO}
	}
	step := "start"
	if i := binary.LittleEndian.Uint32(report); int(i) < len(p.steps) {
		step = p.steps[i]
	}
	return &Failure{step, syscall.Errno(binary.LittleEndian.Uint32(report[4:]))}
}
