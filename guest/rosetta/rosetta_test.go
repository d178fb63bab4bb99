package rosetta

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

func TestWantedReadsWholeWords(t *testing.T) {
	for line, want := range map[string]bool{
		"console=hvc0 ctr.rosetta quiet\n": true,
		"ctr.rosetta":                      true,
		"ctr.rosetta=0 xctr.rosetta":       false,
		"":                                 false,
	} {
		if wanted(line) != want {
			t.Errorf("wanted(%q) is not %v", line, want)
		}
	}
}

// The kernel matches byte by byte under the mask; so does this.
func TestRegistrationMatchesTheTestProgramAndNoArm64(t *testing.T) {
	fields := strings.Split(Registration, ":")
	if len(fields) != 8 || fields[1] != "rosetta" || fields[2] != "M" || fields[6] != "/run/rosetta/rosetta" {
		t.Fatalf("the fields are %q", fields)
	}
	magic, mask := unescape(t, fields[4]), unescape(t, fields[5])
	if len(magic) != 20 || len(mask) != 20 {
		t.Fatalf("magic has %d bytes and mask %d", len(magic), len(mask))
	}
	matches := func(program []byte) bool {
		for i := range magic {
			if program[i]&mask[i] != magic[i]&mask[i] {
				return false
			}
		}
		return true
	}
	program := TestProgram()
	if !matches(program) {
		t.Error("the test program is not matched")
	}
	program[16] = 3 // position independent
	if !matches(program) {
		t.Error("a position independent program is not matched")
	}
	program[18] = 0xb7 // arm64
	if matches(program) {
		t.Error("an arm64 program is matched")
	}
}

func unescape(t *testing.T, text string) []byte {
	t.Helper()
	plain, err := strconv.Unquote(`"` + text + `"`)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(plain)
}

func TestTestProgramEndsWithItsStatus(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("this host does not run amd64 programs")
	}
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, TestProgram(), 0o755); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := exec.Command(path).Run(); !errors.As(err, &exit) || exit.ExitCode() != testStatus {
		t.Fatalf("it ended with %v", err)
	}
}
