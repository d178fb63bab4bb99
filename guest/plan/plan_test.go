package plan

import (
	"encoding/binary"
	"strings"
	"syscall"
	"testing"
)

// relocated returns the string that a pointer of the encoded plan would point to.
func relocated(t *testing.T, encoded []byte, structure Ref, at int) string {
	t.Helper()
	le := binary.LittleEndian
	operations, relocations := le.Uint32(encoded[4:]), le.Uint32(encoded[8:])
	table := encoded[16+operationSize*operations:]
	blob := table[8*relocations:]
	for i := range relocations {
		if le.Uint32(table[8*i:]) == uint32(structure)+uint32(at) {
			text, _, _ := strings.Cut(string(blob[le.Uint32(table[8*i+4:]):]), "\x00")
			return text
		}
	}
	return ""
}

func TestEncode(t *testing.T) {
	p := new(Plan)
	p.Step("first")
	fd := p.Call(2, p.String("/x").Arg(), Int(-1))
	p.Step("second")
	p.Try([2]syscall.Errno{syscall.ENOENT, syscall.ENOTDIR}, 3, fd.Arg())
	argv := p.Strings([]string{"a", "b", "a"})
	encoded, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	if le.Uint32(encoded) != magic || le.Uint32(encoded[4:]) != 2 || le.Uint32(encoded[8:]) != 3 {
		t.Errorf("header % x", encoded[:16])
	}
	second := encoded[16+operationSize:]
	if le.Uint16(second) != 1 || le.Uint16(second[4:]) != 2 || le.Uint32(second[8:]) != 2|20<<16 {
		t.Errorf("operation % x", second[:16])
	}
	for i, want := range []string{"a", "b", "a", ""} {
		if got := relocated(t, encoded, argv, 8*i); got != want {
			t.Errorf("argv[%d] = %q, want %q", i, got, want)
		}
	}
	if argv%8 != 0 {
		t.Errorf("argv lies at %d", argv)
	}
}

func TestFailureOf(t *testing.T) {
	p := new(Plan)
	p.Step("mounts")
	if err := p.FailureOf(nil); err != nil {
		t.Error(err)
	}
	if err := p.FailureOf([]byte{0, 0, 0, 0, 13, 0, 0, 0}); err == nil || err.Error() != "mounts: permission denied" {
		t.Error(err)
	}
	for _, report := range [][]byte{{1}, {9, 0, 0, 0, 1, 0, 0, 0}} {
		if p.FailureOf(report) == nil {
			t.Errorf("% x is no failure", report)
		}
	}
}

func FuzzStrings(f *testing.F) {
	f.Add("a", "bb", "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if strings.ContainsRune(a+b+c, 0) {
			return
		}
		p := new(Plan)
		array := p.Strings([]string{a, b, c})
		encoded, err := p.Encode()
		if err != nil {
			return
		}
		for i, want := range []string{a, b, c} {
			if got := relocated(t, encoded, array, 8*i); got != want {
				t.Errorf("%q instead of %q", got, want)
			}
		}
	})
}
