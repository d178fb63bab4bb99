package cgroup

import (
	"os"
	"strconv"
	"strings"
)

// Stats are a group's counters.
type Stats struct {
	MemoryUsage, MemoryLimit, MemoryCache uint64
	CPUMicros, Pids                       uint64
	BlockRead, BlockWrite                 uint64
}

// Stats reads the counters. A limit of 0 means none.
func (g *Group) Stats() Stats {
	return Stats{
		MemoryUsage: g.number("memory.current"),
		MemoryLimit: g.number("memory.max"),
		MemoryCache: g.field("memory.stat", "inactive_file"),
		CPUMicros:   g.field("cpu.stat", "usage_usec"),
		Pids:        g.number("pids.current"),
		BlockRead:   g.sum("io.stat", "rbytes="),
		BlockWrite:  g.sum("io.stat", "wbytes="),
	}
}

func (g *Group) number(file string) uint64 {
	text, _ := os.ReadFile(g.path + "/" + file)
	n, _ := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64) // "max" is 0
	return n
}

func (g *Group) field(file, name string) uint64 {
	text, _ := os.ReadFile(g.path + "/" + file)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
			return n
		}
	}
	return 0
}

func (g *Group) sum(file, prefix string) (total uint64) {
	text, _ := os.ReadFile(g.path + "/" + file)
	for _, word := range strings.Fields(string(text)) {
		if value, ok := strings.CutPrefix(word, prefix); ok {
			n, _ := strconv.ParseUint(value, 10, 64)
			total += n
		}
	}
	return total
}
