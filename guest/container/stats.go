package container

import (
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ctr/guest/gen/guestpb"
)

// Stats are the container's counters and the VM's.
func (c *Container) Stats() *guestpb.StatsReply {
	s := c.Group.Stats()
	reply := &guestpb.StatsReply{
		MemoryUsageBytes: s.MemoryUsage, MemoryLimitBytes: s.MemoryLimit, MemoryCacheBytes: s.MemoryCache,
		MemoryWorkingSetBytes: s.MemoryWorkingSet, CpuUsageUs: s.CPUMicros, Pids: s.Pids, OomKills: s.OOMKills,
		BlockReadBytes: s.BlockRead, BlockWriteBytes: s.BlockWrite, OnlineCpus: uint32(runtime.NumCPU()),
	}
	memory := meminfo()
	reply.GuestMemoryTotalBytes, reply.GuestMemoryAvailableBytes = memory["MemTotal"], memory["MemAvailable"]
	cache := memory["Cached"] + memory["Buffers"]
	reply.GuestCacheBytes = cache - min(cache, memory["Shmem"])
	var disk unix.Statfs_t
	if c.upper != "" && unix.Statfs(c.upper, &disk) == nil {
		reply.DiskSizeBytes = disk.Blocks * uint64(disk.Bsize)
		reply.DiskUsedBytes = (disk.Blocks - disk.Bfree) * uint64(disk.Bsize)
	}
	return reply
}

func meminfo() map[string]uint64 {
	text, _ := os.ReadFile("/proc/meminfo")
	values := make(map[string]uint64)
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		if fields := strings.Fields(rest); len(fields) == 2 {
			kib, _ := strconv.ParseUint(fields[0], 10, 64)
			values[name] = kib << 10
		}
	}
	return values
}
