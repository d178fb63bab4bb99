package seccomp

import "testing"

// run interprets a filter as the kernel does.
func run(t *testing.T, filter []Instruction, arch, number, argument uint32) uint32 {
	t.Helper()
	var accumulator uint32
	for at := 0; at < len(filter); at++ {
		in := filter[at]
		jump := func(condition bool) {
			if condition {
				at += int(in.Jt)
			} else {
				at += int(in.Jf)
			}
		}
		switch in.Code {
		case load:
			accumulator = map[uint32]uint32{offsetNumber: number, offsetArch: arch, offsetArgument: argument}[in.Constant]
		case 0x05:
			at += int(in.Constant)
		case jumpEqual:
			jump(accumulator == in.Constant)
		case jumpGreater:
			jump(accumulator > in.Constant)
		case jumpNotLess:
			jump(accumulator >= in.Constant)
		case jumpAnyBit:
			jump(accumulator&in.Constant != 0)
		case answer:
			return in.Constant
		default:
			t.Fatalf("instruction %#x", in.Code)
		}
	}
	t.Fatal("the filter has no end")
	return 0
}

func TestDefault(t *testing.T) {
	plain := Default(nil)
	admin := Default([]string{"CAP_SYS_ADMIN"})
	if len(plain) > 4096 { // BPF_MAXINSNS
		t.Errorf("%d instructions", len(plain))
	}
	for i := range abis {
		a := &abis[i]
		for _, number := range a.always {
			if got := run(t, plain, a.audit, number, 0); got != allow {
				t.Errorf("abi %d: call %d answers %#x", i, number, got)
			}
		}
		for _, with := range a.with {
			if with.capability == "CAP_SYS_ADMIN" {
				for _, number := range with.calls {
					if number != a.clone && number != a.clone3 && run(t, admin, a.audit, number, 0) != allow {
						t.Errorf("abi %d: call %d is refused with CAP_SYS_ADMIN", i, number)
					}
				}
			}
		}
		for name, c := range map[string]struct {
			filter           []Instruction
			number, argument uint32
			want             uint32
		}{
			"a thread":             {plain, a.clone, 0x3d0f00, allow},
			"a namespace":          {plain, a.clone, 0x10000000, refuse},
			"a namespace, allowed": {admin, a.clone, 0x10000000, allow},
			"clone3":               {plain, a.clone3, 0, unknown},
			"vsock":                {plain, a.socket, afVsock, refuse},
			"inet":                 {plain, a.socket, 2, allow},
			"personality":          {plain, a.personality, 0x20008, allow},
			"odd personality":      {plain, a.personality, 0x40000, refuse},
			"unknown":              {plain, a.highest + 1, 0, unknown},
			"x32":                  {plain, 0x40000001, 0, unknown},
		} {
			if got := run(t, c.filter, a.audit, c.number, c.argument); got != c.want {
				t.Errorf("abi %d: %s answers %#x, want %#x", i, name, got, c.want)
			}
		}
	}
	if got := run(t, plain, 0x1234, 0, 0); got != refuse {
		t.Errorf("a foreign architecture answers %#x", got)
	}
}
