package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// hold opens all connections before it asks on any of them, and closes none before all were answered.
func hold(address string, times int) (map[string]float64, error) {
	conns := make([]net.Conn, times)
	failed := each(times, times, func(at int) (err error) {
		conns[at], err = open(address, echo)
		return err
	})
	failed += each(times, times, func(at int) error {
		if conns[at] == nil {
			return nil // counted already
		}
		return ask(conns[at])
	})
	for _, conn := range conns {
		if conn != nil {
			_ = conn.Close()
		}
	}
	return map[string]float64{"failed": float64(failed)}, nil
}

func churn(address string, times, parallel int) (map[string]float64, error) {
	began := time.Now()
	failed := each(times, parallel, func(int) error {
		conn, err := open(address, echo)
		if err != nil {
			return err
		}
		defer conn.Close()
		return ask(conn)
	})
	return map[string]float64{"failed": float64(failed), "seconds": time.Since(began).Seconds()}, nil
}

func ask(conn net.Conn) error {
	var one [1]byte
	if _, err := conn.Write(one[:]); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, one[:])
	return err
}

// each counts what fails; the first of it is told on standard error.
func each(times, parallel int, do func(at int) error) int {
	var next, failed atomic.Int64
	var workers sync.WaitGroup
	var once sync.Once
	for range parallel {
		workers.Go(func() {
			for at := int(next.Add(1)) - 1; at < times; at = int(next.Add(1)) - 1 {
				if err := do(at); err != nil {
					failed.Add(1)
					once.Do(func() { fmt.Fprintln(os.Stderr, "the first failure:", err) })
				}
			}
		})
	}
	workers.Wait()
	return int(failed.Load())
}

const (
	datagramBytes = 64
	// Datagrams go in bursts so small that no timer of the host has to be finer.
	burst = 10
	// What is still on its way has arrived by then, or never does.
	settle = 2 * time.Second
)

func datagrams(address, counter string, times, perSecond int) (map[string]float64, error) {
	if _, err := counted(counter); err != nil { // sets it to zero
		return nil, err
	}
	conn, err := net.Dial("udp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	data := make([]byte, datagramBytes)
	began := time.Now()
	for sent := 0; sent < times; sent++ {
		if sent%burst == 0 {
			time.Sleep(time.Until(began.Add(time.Duration(sent) * time.Second / time.Duration(perSecond))))
		}
		if _, err := conn.Write(data); err != nil {
			return nil, err
		}
	}
	took := time.Since(began).Seconds()
	time.Sleep(settle)
	arrived, err := counted(counter)
	return map[string]float64{"lost": float64(times) - float64(arrived), "seconds": took}, err
}

func counted(address string) (uint64, error) {
	conn, err := open(address, count)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	var n uint64
	return n, binary.Read(conn, binary.BigEndian, &n)
}
