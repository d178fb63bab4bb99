// Package rawbench measures the transport alone: with ctr.raw=<bytes> on the kernel's command line
// each connection gets that many zero bytes instead of a service. bench/stdio compares with it.
package rawbench

import (
	"io"
	"os"
	"strconv"
	"strings"
)

// Bytes returns how many bytes the command line asks for, 0: none.
func Bytes() int64 {
	line, _ := os.ReadFile("/proc/cmdline")
	for _, word := range strings.Fields(string(line)) {
		if value, ok := strings.CutPrefix(word, "ctr.raw="); ok {
			n, _ := strconv.ParseInt(value, 10, 64)
			return n
		}
	}
	return 0
}

// Write sends the bytes in pieces as large as a message of output.
func Write(w io.Writer, bytes int64) {
	piece := make([]byte, 256<<10)
	for bytes > 0 {
		n, err := w.Write(piece[:min(bytes, int64(len(piece)))])
		if err != nil {
			return
		}
		bytes -= int64(n)
	}
}
