package cgroup

import (
	"os"
	"strconv"
	"strings"
)

// Stats are a group's counters.
type Stats struct {
	MemoryUsage, MemoryLimit, MemoryCache, MemoryWorkingSet uint64
	CPUMicros, Pids, OOMKills                               uint64
	BlockRead, BlockWrite                                   uint64
}

// Stats reads the counters. A limit of 0 means none. The working set is what could not simply be
// dropped: usage without the files that were not used lately.
func (g *Group) Stats() Stats {
	memory := g.read("memory.stat")
	io := g.read("io.stat")
	s := Stats{
		MemoryUsage: g.number("memory.current"),
		MemoryLimit: g.number("memory.max"),
		MemoryCache: fieldOf(memory, "file"),
		CPUMicros:   g.field("cpu.stat", "usage_usec"),
		Pids:        g.number("pids.current"),
		OOMKills:    g.OOMKills(),
		BlockRead:   sum(io, "rbytes="),
		BlockWrite:  sum(io, "wbytes="),
	}
	s.MemoryWorkingSet = s.MemoryUsage - min(s.MemoryUsage, fieldOf(memory, "inactive_file"))
	return s
}

func (g *Group) read(file string) string {
	text, _ := os.ReadFile(g.path + "/" + file)
	return string(text)
}

func (g *Group) number(file string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimSpace(g.read(file)), 10, 64) // "max" is 0
	return n
}

func (g *Group) field(file, name string) uint64 {
	return fieldOf(g.read(file), name)
}

func fieldOf(text, name string) uint64 {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
			return n
		}
	}
	return 0
}

func sum(text, prefix string) (total uint64) {
	for _, word := range strings.Fields(text) {
		if value, ok := strings.CutPrefix(word, prefix); ok {
			n, _ := strconv.ParseUint(value, 10, 64)
			total += n
		}
	}
	return total
}
