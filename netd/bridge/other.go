//go:build !linux

package bridge

import (
	"fmt"

	"ctr/netd/frame"
)

// Bridge is one network's.
type Bridge struct{}

var errNotLinux = fmt.Errorf("%w: this is not Linux", ErrUnusable)

// Open fails.
func Open(Config) (*Bridge, error) { return nil, errNotLinux }

// Remove fails.
func Remove([]string) error { return errNotLinux }

func (b *Bridge) Add(Guest) error             { return errNotLinux }
func (b *Bridge) Drop(string)                 {}
func (b *Bridge) Plugged(string) bool         { return false }
func (b *Bridge) Dropped() map[string]Dropped { return nil }
func (b *Bridge) Trunk() frame.Conn           { return nil }
func (b *Bridge) Lost() <-chan struct{}       { return nil }
func (b *Bridge) Close()                      {}
