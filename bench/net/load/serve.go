package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync/atomic"
)

// The first byte of a connection says what it is for.
const (
	sink   = 'S' // takes all, then tells how much, eight bytes
	source = 'R' // sends until the client has enough
	echo   = 'E'
	count  = 'U' // how many datagrams have come since it was asked last, eight bytes

	pieceBytes = 256 << 10
)

func serve(address string) error {
	var received atomic.Uint64
	packets, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	_ = packets.(*net.UDPConn).SetReadBuffer(4 << 20)
	go func() {
		data := make([]byte, 2048)
		for {
			if _, _, err := packets.ReadFrom(data); err == nil {
				received.Add(1)
			}
		}
	}()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go answer(conn, &received)
	}
}

func answer(conn net.Conn, received *atomic.Uint64) {
	defer conn.Close()
	var what [1]byte
	if _, err := io.ReadFull(conn, what[:]); err != nil {
		return
	}
	switch what[0] {
	case sink:
		n, err := drain(conn)
		if err == nil {
			_ = binary.Write(conn, binary.BigEndian, n)
		}
	case source:
		piece := make([]byte, pieceBytes)
		for {
			if _, err := conn.Write(piece); err != nil {
				return
			}
		}
	case echo:
		var one [1]byte
		for {
			if _, err := conn.Read(one[:]); err != nil {
				return
			}
			if _, err := conn.Write(one[:]); err != nil {
				return
			}
		}
	case count:
		_ = binary.Write(conn, binary.BigEndian, received.Swap(0))
	}
}

// drain does not use io.Copy, which would splice.
func drain(conn net.Conn) (uint64, error) {
	piece := make([]byte, pieceBytes)
	var all uint64
	for {
		n, err := conn.Read(piece)
		all += uint64(n)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}
