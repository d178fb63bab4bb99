package dhcp

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"ctr/netd/fabric"
	"ctr/netd/frame"
)

var (
	mac    = fabric.MAC{2, 0, 0, 0, 0, 9}
	server = Server{MAC: fabric.MAC{2, 0, 0, 0, 0, 1}, Address: netip.MustParsePrefix("10.9.0.1/24"), MTU: 1400}
	mine   = Lease{Address: netip.MustParseAddr("10.9.0.7"), Router: netip.MustParseAddr("10.9.0.1"), Name: "box"}
)

func find(asked fabric.MAC) (Lease, bool) { return mine, asked == mac }

// asks is a client's frame; what is said of it is changed by the test.
func asks(kind byte, options ...byte) []byte {
	m := make([]byte, fixedBytes)
	m[0], m[1], m[2] = 1, 1, 6
	binary.BigEndian.PutUint32(m[4:], 0xabcd)
	copy(m[28:], mac[:])
	binary.BigEndian.PutUint32(m[236:], cookie)
	m = append(append(append(m, optionKind, 1, kind), options...), optionEnd)
	data := append(bytes.Repeat([]byte{255}, 6), mac[:]...)
	data = append(data, 8, 0, 0x45, 0)
	data = binary.BigEndian.AppendUint16(data, uint16(28+len(m)))
	data = append(data, 0, 0, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 68, 0, 67)
	data = binary.BigEndian.AppendUint16(data, uint16(8+len(m)))
	return append(append(data, 0, 0), m...)
}

// option of an answer; nil if it has none.
func option(answer []byte, wanted byte) []byte {
	for rest := answer[headerBytes+fixedBytes:]; rest[0] != optionEnd; rest = rest[2+rest[1]:] {
		if rest[0] == wanted {
			return rest[2 : 2+rest[1]]
		}
	}
	return nil
}

func TestAGuestIsOfferedAndGivenWhatIsItsOwn(t *testing.T) {
	own := []byte{10, 9, 0, 7}
	for asked, answered := range map[byte]byte{discover: offer, wants: ack} {
		answer := server.Answer(asks(asked, 50, 4, 10, 9, 0, 7), find)
		if answer == nil {
			t.Fatalf("nothing answers %d", asked)
		}
		if !bytes.Equal(answer[:6], mac[:]) || !bytes.Equal(answer[6:12], server.MAC[:]) {
			t.Errorf("for %x from %x", answer[:6], answer[6:12])
		}
		message := answer[headerBytes:]
		if !bytes.Equal(message[16:20], own) || binary.BigEndian.Uint32(message[4:]) != 0xabcd || len(message) < leastBytes {
			t.Errorf("message %x", message)
		}
		want := map[byte][]byte{
			optionKind: {answered}, optionMask: {255, 255, 255, 0}, optionRouter: {10, 9, 0, 1}, optionServers: {10, 9, 0, 1},
			optionServer: {10, 9, 0, 1}, optionMTU: {5, 120}, optionName: []byte("box"), optionLease: {0, 1, 81, 128},
		}
		for each, value := range want {
			if got := option(answer, each); !bytes.Equal(got, value) {
				t.Errorf("option %d is %v, want %v", each, got, value)
			}
		}
		ip := answer[frame.HeaderBytes:]
		if int(binary.BigEndian.Uint16(ip[2:])) != len(ip) || !bytes.Equal(ip[16:20], own) {
			t.Errorf("header %x", ip[:20])
		}
	}
}

func TestWhoWantsAnotherAddressIsToldNo(t *testing.T) {
	answer := server.Answer(asks(wants, 50, 4, 10, 9, 0, 8), find)
	if answer == nil || !bytes.Equal(option(answer, optionKind), []byte{nak}) || option(answer, optionRouter) != nil {
		t.Fatalf("answer %x", answer)
	}
	if to := answer[frame.HeaderBytes+16:][:4]; !bytes.Equal(to, []byte{255, 255, 255, 255}) {
		t.Errorf("told %v", to)
	}
	uses := asks(wants)
	copy(uses[headerBytes+12:], []byte{10, 9, 0, 8})
	if answer := server.Answer(uses, find); answer == nil || option(answer, optionKind)[0] != nak {
		t.Errorf("answer %x", answer)
	}
}

func TestAClientWithoutAnAddressMayWantABroadcast(t *testing.T) {
	data := asks(discover)
	data[headerBytes+10] = 0x80
	if to := server.Answer(data, find)[frame.HeaderBytes+16:][:4]; !bytes.Equal(to, []byte{255, 255, 255, 255}) {
		t.Errorf("told %v", to)
	}
}

func TestWhatIsNotForThisServerIsNotAnswered(t *testing.T) {
	another := func(change func(data []byte)) []byte {
		data := asks(discover)
		change(data)
		return data
	}
	silent := [][]byte{
		{}, asks(release), asks(decline), asks(ack), asks(99), asks(wants, 54, 4, 10, 9, 0, 99), asks(0),
		asks(discover)[:100], asks(discover)[:len(asks(discover))-1][:headerBytes+fixedBytes],
		another(func(d []byte) { d[6]++ }),               // for another
		another(func(d []byte) { d[headerBytes+28]++ }),  // by another
		another(func(d []byte) { d[headerBytes] = 2 }),   // an answer
		another(func(d []byte) { d[headerBytes+236]++ }), // BOOTP
		asks(discover, 50, 200, 1),                       // cut
	}
	for i, data := range silent {
		if answer := server.Answer(data, find); answer != nil {
			t.Errorf("%d is answered: %x", i, answer)
		}
	}
	six := func(fabric.MAC) (Lease, bool) { return Lease{Address: netip.MustParseAddr("fd00::1")}, true }
	if answer := server.Answer(asks(discover), six); answer != nil {
		t.Error("a guest of IPv6 alone is answered")
	}
}

func FuzzAnswer(f *testing.F) {
	for _, kind := range []byte{discover, wants, inform} {
		f.Add(asks(kind, 50, 4, 10, 9, 0, 7, 0, 54, 4, 10, 9, 0, 1))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := slices.Clone(data)
		answer := server.Answer(data, find)
		if !bytes.Equal(data, before) {
			t.Error("the question is changed")
		}
		if answer == nil {
			return
		}
		if !bytes.Equal(answer[:6], mac[:]) || len(answer) < headerBytes+leastBytes {
			t.Errorf("answer %x", answer)
		}
		if len(option(answer, optionKind)) != 1 {
			t.Errorf("answer %x", answer)
		}
	})
}
