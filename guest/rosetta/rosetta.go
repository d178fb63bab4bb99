// Package rosetta lets a guest of an Apple host run amd64 programs: it mounts the share by which the host hands its
// translator over, tells the kernel to start such programs with it, and tries that once.
package rosetta

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ctr/guest/reap"
)

const (
	// Word on the kernel's command line: the VM has the share.
	Word = "ctr.rosetta"

	tag         = "rosetta"
	folder      = "/run/rosetta"
	interpreter = folder + "/rosetta"
	binfmt      = "/proc/sys/fs/binfmt_misc"
	testProgram = "/run/rosetta-test"
	testStatus  = 42
	testTime    = 10 * time.Second
)

// Registration is what the kernel is told: the head of an amd64 ELF that can be executed, and the interpreter. The
// escapes are the kernel's to read. O: it is handed the open program; C: with the program's rights; F: the interpreter is
// opened now, so it is found inside containers too.
//
// https://docs.kernel.org/admin-guide/binfmt-misc.html
const Registration = `:rosetta:M::` +
	`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00:` +
	`\xff\xff\xff\xff\xff\xfe\xfe\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:` +
	interpreter + `:OCF`

// Wanted says whether the host has given the guest the share.
func Wanted() bool {
	words, err := os.ReadFile("/proc/cmdline")
	return err == nil && wanted(string(words))
}

func wanted(commandLine string) bool {
	for _, word := range strings.Fields(commandLine) {
		if word == Word {
			return true
		}
	}
	return false
}

// Enable makes the kernel start amd64 programs with Rosetta, and tries one.
func Enable(reaper *reap.Reaper) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(tag, folder, "virtiofs", unix.MS_RDONLY|unix.MS_NODEV, ""); err != nil {
		return fmt.Errorf("mount the share: %w", err)
	}
	if err := unix.Mount("binfmt_misc", binfmt, "binfmt_misc", unix.MS_NOSUID|unix.MS_NOEXEC|unix.MS_NODEV, ""); err != nil {
		return fmt.Errorf("mount %s: %w", binfmt, err)
	}
	if err := write(binfmt+"/register", Registration); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	return try(reaper)
}

func write(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(text)
	return err
}

// try runs a program that ends with 42. That the kernel does not know what to do with it is an error; what else may be
// wrong is the host's, is said on the console, and shows with the first program that matters.
func try(reaper *reap.Reaper) error {
	if err := os.WriteFile(testProgram, TestProgram(), 0o755); err != nil {
		return err
	}
	defer os.Remove(testProgram)
	_, exited, err := reaper.Start(testProgram, []string{testProgram}, &syscall.ProcAttr{}, -1)
	if errors.Is(err, unix.ENOEXEC) || errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("run an amd64 program: %w", err)
	}
	if err != nil {
		fmt.Println("vminitd: rosetta: the test program:", err)
		return nil
	}
	select {
	case status := <-exited:
		if !status.Exited() || status.ExitStatus() != testStatus {
			fmt.Printf("vminitd: rosetta: the test program ended with %#x instead of status %d\n", int(status), testStatus)
		}
	case <-time.After(testTime):
		fmt.Println("vminitd: rosetta: the test program does not end")
	}
	return nil
}

// TestProgram is an amd64 ELF without sections: mov edi, 42; mov eax, 60 (exit); syscall.
func TestProgram() []byte {
	const base, head, program = 0x400000, 64, 56
	code := []byte{0xbf, testStatus, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05}
	size := uint64(head + program + len(code))
	elf := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 9)...)
	elf = le(elf, 2, 2)                 // an executable
	elf = le(elf, 2, 0x3e)              // amd64
	elf = le(elf, 4, 1)                 // version
	elf = le(elf, 8, base+head+program) // entry
	elf = le(elf, 8, head)              // program headers
	elf = le(elf, 8, 0)                 // section headers
	elf = le(elf, 4, 0)                 // flags
	elf = le(elf, 2, head)              // size of this header
	elf = le(elf, 2, program)           // of a program header
	elf = le(elf, 2, 1)                 // of which there is one
	elf = le(elf, 6, 0)                 // and no section header
	elf = le(elf, 4, 1)                 // load
	elf = le(elf, 4, 5)                 // to read and execute
	elf = le(elf, 8, 0)                 // from the file's beginning
	elf = le(le(elf, 8, base), 8, base) // to here
	elf = le(le(elf, 8, size), 8, size) // all of it
	elf = le(elf, 8, 0x1000)            // aligned so
	return append(elf, code...)
}

func le(to []byte, bytes int, value uint64) []byte {
	for range bytes {
		to = append(to, byte(value))
		value >>= 8
	}
	return to
}
