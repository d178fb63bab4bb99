package cgroup

import (
	"os"
	"strconv"
	"strings"
)

// A container that may make groups of its own can nest them as deep as it likes.
const maxDepth = 16

// Processes are the PIDs of the group and of the groups below it.
func (g *Group) Processes() ([]int, error) {
	return processes(g.path, maxDepth)
}

func processes(path string, depth int) ([]int, error) {
	text, err := os.ReadFile(path + "/cgroup.procs")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, word := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	entries, err := os.ReadDir(path)
	if err != nil || depth == 0 {
		return pids, nil
	}
	for _, entry := range entries {
		if entry.IsDir() {
			below, _ := processes(path+"/"+entry.Name(), depth-1) // it may be gone
			pids = append(pids, below...)
		}
	}
	return pids, nil
}
