package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"time"
)

// lookup asks for the address of a name (RFC 1035, 4.1), each time from another port, as programs do.
func lookup(server, name string, times int) (map[string]float64, error) {
	question := binary.BigEndian.AppendUint16(nil, 1) // its ID
	question = append(question, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	for _, label := range strings.Split(name, ".") {
		question = append(append(question, byte(len(label))), label...)
	}
	question = append(question, 0, 0, 1, 0, 1)
	answer := make([]byte, 4096)
	took := make([]time.Duration, 0, times)
	for range times {
		began := time.Now()
		conn, err := net.Dial("udp", server)
		if err != nil {
			return nil, err
		}
		_ = conn.SetDeadline(began.Add(10 * time.Second))
		_, err = conn.Write(question)
		n := 0
		if err == nil {
			n, err = conn.Read(answer)
		}
		_ = conn.Close()
		if err != nil {
			return nil, err
		}
		if n < 12 || answer[3]&15 != 0 || binary.BigEndian.Uint16(answer[6:]) == 0 {
			return nil, fmt.Errorf("%q has no address", name)
		}
		took = append(took, time.Since(began))
	}
	return median(took), nil
}
