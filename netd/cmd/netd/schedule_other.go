//go:build !linux

package main

// runSoon: other systems decide by themselves.
func runSoon() {}
