package netserve

import (
	"encoding/binary"
	"io"
	"net/netip"
	"os"
	"time"

	"ctr/guest/inet"
)

const (
	namePort = 53
	// Longer than the network's server waits for the host's.
	answerTimeout = 12 * time.Second
	idleTimeout   = 10 * time.Second
	messageMost   = 65535
	headerBytes   = 12 // RFC 1035, 4.1.1

	noSuchName = 3
)

// serveNames passes questions on to the networks' servers, in their order: what the first does not know is asked of the
// next, because each knows the names of its own network.
func serveNames(at netip.AddrPort, servers []netip.Addr) error {
	datagrams, err := inet.Bind(at, false)
	if err != nil {
		return err
	}
	listener, err := inet.Bind(at, true)
	if err != nil {
		datagrams.Close()
		return err
	}
	upstream := make([]netip.AddrPort, len(servers))
	for i, server := range servers {
		upstream[i] = netip.AddrPortFrom(server, namePort)
	}
	go receiveQuestions(datagrams, upstream)
	go acceptQuestions(listener, upstream)
	return nil
}

func receiveQuestions(socket *os.File, servers []netip.AddrPort) {
	busy := make(slots, most)
	buffer := make([]byte, messageMost)
	for {
		n, from, err := inet.Receive(socket, buffer)
		if err != nil {
			pause()
			continue
		}
		question := append([]byte(nil), buffer[:n]...)
		busy.run(func() {
			if answer := resolve(question, servers, false); answer != nil {
				_ = inet.Send(socket, answer, from)
			}
		})
	}
}

func acceptQuestions(listener *os.File, servers []netip.AddrPort) {
	busy := make(slots, most)
	for {
		connection, _, err := inet.Accept(listener)
		if err != nil {
			pause()
			continue
		}
		busy.run(func() {
			defer connection.Close()
			for {
				_ = connection.SetDeadline(time.Now().Add(idleTimeout))
				question, err := readMessage(connection)
				if err != nil {
					return
				}
				answer := resolve(question, servers, true)
				if answer == nil || writeMessage(connection, answer) != nil {
					return
				}
			}
		})
	}
}

// resolve returns nil for what nobody answers, and for what is no question.
func resolve(question []byte, servers []netip.AddrPort, tcp bool) []byte {
	if len(question) < headerBytes || question[2]&0x80 != 0 {
		return nil
	}
	var negative []byte
	for _, server := range servers {
		answer, err := ask(server, question, tcp)
		if err != nil || len(answer) < headerBytes || answer[0] != question[0] || answer[1] != question[1] {
			continue
		}
		code := answer[3] & 0x0f
		if code == 0 {
			return answer
		}
		if negative == nil || code == noSuchName {
			negative = answer
		}
	}
	return negative
}

func ask(server netip.AddrPort, question []byte, tcp bool) ([]byte, error) {
	connection, err := inet.Dial(server, tcp, answerTimeout)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(answerTimeout))
	if tcp {
		if err := writeMessage(connection, question); err != nil {
			return nil, err
		}
		return readMessage(connection)
	}
	if _, err := connection.Write(question); err != nil {
		return nil, err
	}
	answer := make([]byte, messageMost)
	n, err := connection.Read(answer)
	return answer[:max(n, 0)], err
}

// Behind its length, as TCP wants it (RFC 1035, 4.2.2).
func readMessage(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(r, message)
	return message, err
}

func writeMessage(w io.Writer, message []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...))
	return err
}
