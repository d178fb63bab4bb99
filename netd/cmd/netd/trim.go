package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"
)

const (
	trimEvery = 20 * time.Second
	// Less than this is not worth a collection.
	trimLeast = 16 << 20
)

// trim gives memory back that a burst of connections needed: a network lives as long as its containers, mostly idle.
func trim(ctx context.Context) {
	ticker := time.NewTicker(trimEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			if stats.HeapInuse+stats.HeapIdle-stats.HeapReleased > trimLeast {
				debug.FreeOSMemory()
			}
		}
	}
}
