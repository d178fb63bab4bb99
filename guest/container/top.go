package container

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"ctr/guest/boot"
	"ctr/guest/gen/guestpb"
	"ctr/guest/users"
)

const (
	maxCommand = 4096
	maxTop     = 16384
	tick       = 100 // USER_HZ, what /proc counts time in
)

// Top lists the container's processes, in the order of their PIDs.
func (c *Container) Top() ([]*guestpb.TopProcess, error) {
	pids, err := c.Group.Processes()
	if err != nil {
		return nil, err
	}
	passwd, _ := c.root.ReadFile("/etc/passwd", maxPasswd)
	names := users.Names(string(passwd))
	booted := time.Now().UnixNano() - boot.Now()
	var found []*guestpb.TopProcess
	inner := make(map[uint32]uint32) // PIDs as the container sees them, by ours
	for _, pid := range pids[:min(len(pids), maxTop)] {
		p := readProcess(pid, booted)
		if p == nil {
			continue // it has ended meanwhile
		}
		inner[uint32(pid)] = p.Pid
		if p.User = names[p.Uid]; p.User == "" {
			p.User = strconv.FormatUint(uint64(p.Uid), 10)
		}
		found = append(found, p)
	}
	for _, p := range found {
		p.ParentPid = inner[p.ParentPid] // of the first process, and of what was added: 0
	}
	slices.SortFunc(found, func(a, b *guestpb.TopProcess) int { return int(a.Pid) - int(b.Pid) })
	return found, nil
}

// readProcess reads proc_pid_stat(5), proc_pid_status(5) and the command line. The parent is told by
// our PID.
func readProcess(pid int, booted int64) *guestpb.TopProcess {
	folder := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(folder + "/stat")
	if err != nil {
		return nil
	}
	// The name may hold anything, so what follows is looked for from the end.
	begin, end := strings.IndexByte(string(stat), '('), strings.LastIndexByte(string(stat), ')')
	if begin < 0 || end < begin {
		return nil
	}
	fields := strings.Fields(string(stat[end+1:])) // from field 3, the state, on
	if len(fields) < 22 {
		return nil
	}
	number := func(field int) uint64 {
		v, _ := strconv.ParseUint(fields[field-3], 10, 64)
		return v
	}
	p := &guestpb.TopProcess{
		Pid: uint32(pid), ParentPid: uint32(number(4)), State: fields[0],
		CpuUs:        (number(14) + number(15)) * (1e6 / tick),
		VirtualBytes: number(23), ResidentBytes: number(24) * uint64(os.Getpagesize()),
		StartedUnixNs: booted + int64(number(22))*(1e9/tick),
		Terminal:      terminalOf(uint32(number(7))),
		Command:       "[" + string(stat[begin+1:end]) + "]",
	}
	readStatus(folder, p)
	if line, _ := os.ReadFile(folder + "/cmdline"); len(line) > 0 {
		text := strings.ReplaceAll(strings.TrimRight(string(line), "\x00"), "\x00", " ")
		p.Command = text[:min(len(text), maxCommand)]
	}
	p.Command = strings.ToValidUTF8(p.Command, "?")
	return p
}

func readStatus(folder string, p *guestpb.TopProcess) {
	status, _ := os.ReadFile(folder + "/status")
	for line := range strings.Lines(string(status)) {
		if ids, ok := strings.CutPrefix(line, "Uid:"); ok {
			if fields := strings.Fields(ids); len(fields) > 1 {
				uid, _ := strconv.ParseUint(fields[1], 10, 32) // the effective one, as ps shows
				p.Uid = uint32(uid)
			}
		} else if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			// Ours, then the container's, then of namespaces that it has made itself.
			if fields := strings.Fields(ids); len(fields) > 1 {
				inside, _ := strconv.ParseUint(fields[1], 10, 32)
				p.Pid = uint32(inside)
			}
		}
	}
}

// terminalOf names a controlling terminal by its device number, whose minor part is split.
func terminalOf(device uint32) string {
	major, minor := device>>8&0xfff, device&0xff|device>>12&0xfff00
	switch {
	case device == 0:
		return ""
	case major >= 136 && major < 144:
		return "pts/" + strconv.FormatUint(uint64((major-136)<<20|minor), 10)
	case major == 5 && minor == 1:
		return "console"
	}
	return strconv.FormatUint(uint64(major), 10) + ":" + strconv.FormatUint(uint64(minor), 10)
}
