// Package seccomp compiles the default profile: what a process without the matching capability may
// not call fails with EPERM, what the table does not know yet with ENOSYS, so that programs fall
// back. It follows github.com/moby/profiles/seccomp.
package seccomp

import (
	"encoding/binary"
	"slices"
)

type abi struct {
	audit, highest                     uint32
	clone, clone3, personality, socket uint32
	always                             []uint32
	with                               []capabilityCalls
}

type capabilityCalls struct {
	capability string
	calls      []uint32
}

// Operations of classic BPF and answers of a filter (linux/filter.h, linux/seccomp.h).
const (
	load           = 0x20 // BPF_LD | BPF_W | BPF_ABS
	jumpEqual      = 0x15
	jumpGreater    = 0x25
	jumpNotLess    = 0x35
	jumpAnyBit     = 0x45
	answer         = 0x06
	allow          = 0x7fff0000
	refuse         = 0x00050000 | 1  // EPERM
	unknown        = 0x00050000 | 38 // ENOSYS
	offsetNumber   = 0
	offsetArch     = 4
	offsetArgument = 16 // the low half of the first one; both architectures are little-endian
	// CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}
	cloneNamespaces = 0x7e020000
	afVsock         = 40
)

// Instruction is a struct sock_filter.
type Instruction struct {
	Code     uint16
	Jt, Jf   byte
	Constant uint32
}

// Default returns the profile for a process with the given capabilities.
func Default(capabilities []string) []Instruction {
	var filter []Instruction
	for i := range abis {
		body := abis[i].compile(capabilities)
		// A jump reaches 255 instructions, so each ABI's part is skipped by returning to the start
		// of the next one with an unconditional jump.
		filter = append(filter,
			Instruction{load, 0, 0, offsetArch},
			Instruction{jumpEqual, 1, 0, abis[i].audit},
			Instruction{0x05, 0, 0, uint32(len(body))})
		filter = append(filter, body...)
	}
	return append(filter, Instruction{answer, 0, 0, refuse})
}

// compile returns the part for one ABI; every path through it answers.
func (a *abi) compile(capabilities []string) []Instruction {
	allowed := slices.Clone(a.always)
	for _, with := range a.with {
		if slices.Contains(capabilities, with.capability) {
			allowed = append(allowed, with.calls...)
		}
	}
	body := []Instruction{
		{load, 0, 0, offsetNumber},
		{jumpGreater, 0, 1, a.highest},
		{answer, 0, 0, unknown},
	}
	if !slices.Contains(capabilities, "CAP_SYS_ADMIN") {
		body = append(body, only(a.clone, []Instruction{
			{load, 0, 0, offsetArgument},
			{jumpAnyBit, 0, 1, cloneNamespaces},
			{answer, 0, 0, refuse},
			{answer, 0, 0, allow},
		})...)
		body = append(body, only(a.clone3, []Instruction{{answer, 0, 0, unknown}})...)
	}
	body = append(body, only(a.personality, []Instruction{
		{load, 0, 0, offsetArgument},
		{jumpEqual, 5, 0, 0},
		{jumpEqual, 4, 0, 0x8},
		{jumpEqual, 3, 0, 0x20000},
		{jumpEqual, 2, 0, 0x20008},
		{jumpEqual, 1, 0, 0xffffffff},
		{answer, 0, 0, refuse},
		{answer, 0, 0, allow},
	})...)
	body = append(body, only(a.socket, []Instruction{
		{load, 0, 0, offsetArgument},
		{jumpEqual, 0, 1, afVsock},
		{answer, 0, 0, refuse},
		{answer, 0, 0, allow},
	})...)
	slices.Sort(allowed)
	allowed = slices.Compact(allowed)
	for i := 0; i < len(allowed); {
		j := i
		for j+1 < len(allowed) && allowed[j+1] == allowed[j]+1 {
			j++
		}
		body = append(body,
			Instruction{jumpGreater, 3, 0, allowed[j]},
			Instruction{jumpNotLess, 0, 1, allowed[i]},
			Instruction{answer, 0, 0, allow},
			Instruction{answer, 0, 0, refuse})
		i = j + 1
	}
	return append(body, Instruction{answer, 0, 0, refuse})
}

// only runs body for one system call number; body answers on every path. The number stays loaded
// for what follows.
func only(number uint32, body []Instruction) []Instruction {
	return append([]Instruction{{jumpEqual, 0, byte(len(body)), number}}, body...)
}

// Encode returns an array of struct sock_filter.
func Encode(filter []Instruction) []byte {
	b := make([]byte, 0, 8*len(filter))
	for _, in := range filter {
		b = append(binary.LittleEndian.AppendUint16(b, in.Code), in.Jt, in.Jf)
		b = binary.LittleEndian.AppendUint32(b, in.Constant)
	}
	return b
}
