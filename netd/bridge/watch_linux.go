package bridge

import (
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	// A firewall that is loaded again removes every table before it makes its own.
	settleAfter = 20 * time.Millisecond
	// How long the end of the network may stay unnoticed here.
	lookUp = 1 // second
)

// watchRules makes the rules again when somebody has removed them, as the reload of a firewall does.
func (b *Bridge) watchRules() error {
	socket, err := nl.Subscribe(unix.NETLINK_NETFILTER, unix.NFNLGRP_NFTABLES)
	if err != nil {
		return err
	}
	if err := socket.SetReceiveTimeout(&unix.Timeval{Sec: lookUp}); err != nil {
		socket.Close()
		return err
	}
	go func() {
		defer socket.Close()
		for {
			messages, _, err := socket.Receive()
			select {
			case <-b.done:
				return
			default:
			}
			gone := err != nil && !errors.Is(err, unix.EAGAIN) // more was said than fits
			for _, message := range messages {
				name, ok := deletedTable(message.Header.Type, message.Data)
				gone = gone || ok && name == b.config.Name
			}
			if gone {
				time.Sleep(settleAfter)
				b.restoreRules()
			}
		}
	}()
	return nil
}

// restoreRules unplugs nobody: while there are no rules every guest is where it was, and the table with all of them comes
// at once.
func (b *Bridge) restoreRules() {
	b.mu.Lock()
	defer b.mu.Unlock()
	name := b.config.Name
	if b.closed || run(fmt.Sprintf("list table bridge %s\nlist table inet %s\n", name, name)) == nil {
		return // it was our own doing
	}
	script := networkRules(b.config)
	for _, each := range b.guests {
		script += guestRules(name, each.guest)
	}
	_ = run(script)
}
