package main

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"time"
)

// A connection has got to its speed by then.
const warmUp = 300 * time.Millisecond

func open(address string, what byte) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
	_, err = conn.Write([]byte{what})
	return conn, err
}

// send counts what has arrived: the server answers behind the last byte.
func send(address string, seconds float64) (map[string]float64, error) {
	conn, err := open(address, sink)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	piece := make([]byte, pieceBytes)
	began := time.Now()
	for time.Since(began).Seconds() < seconds {
		if _, err := conn.Write(piece); err != nil {
			return nil, err
		}
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return nil, err
	}
	var arrived uint64
	if err := binary.Read(conn, binary.BigEndian, &arrived); err != nil {
		return nil, err
	}
	return map[string]float64{"bytesPerSecond": float64(arrived) / time.Since(began).Seconds()}, nil
}

func receive(address string, seconds float64) (map[string]float64, error) {
	conn, err := open(address, source)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	piece := make([]byte, pieceBytes)
	for until := time.Now().Add(warmUp); time.Now().Before(until); {
		if _, err := conn.Read(piece); err != nil {
			return nil, err
		}
	}
	began, all := time.Now(), 0
	for time.Since(began).Seconds() < seconds {
		n, err := conn.Read(piece)
		if err != nil {
			return nil, err
		}
		all += n
	}
	return map[string]float64{"bytesPerSecond": float64(all) / time.Since(began).Seconds()}, nil
}

func latency(address string, times int) (map[string]float64, error) {
	conn, err := open(address, echo)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	took := make([]time.Duration, 0, times)
	one := []byte{1}
	for range times {
		began := time.Now()
		if _, err := conn.Write(one); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(conn, one); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return median(took), nil
}

func median(took []time.Duration) map[string]float64 {
	slices.Sort(took)
	return map[string]float64{"medianUs": float64(took[len(took)/2]) / float64(time.Microsecond)}
}
