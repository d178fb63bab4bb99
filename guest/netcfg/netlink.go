package netcfg

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// link speaks rtnetlink: one request, one acknowledgement.
type link struct {
	fd       int
	sequence uint32
}

func openLink() (*link, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	return &link{fd: fd}, nil
}

func (l *link) close() { unix.Close(l.fd) }

// request sends a message whose body is a fixed structure and its attributes.
func (l *link) request(kind, flags uint16, body []byte) error {
	l.sequence++
	le := binary.NativeEndian
	b := le.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(body)))
	b = le.AppendUint16(b, kind)
	b = le.AppendUint16(b, flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	b = le.AppendUint32(b, l.sequence)
	b = le.AppendUint32(b, 0)
	if err := unix.Sendto(l.fd, append(b, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(l.fd, answer, 0)
	if err != nil {
		return err
	}
	if n < unix.NLMSG_HDRLEN+4 || le.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		return unix.EPROTO
	}
	if errno := -int32(le.Uint32(answer[unix.NLMSG_HDRLEN:])); errno != 0 {
		return unix.Errno(errno)
	}
	return nil
}

// attribute appends one attribute, padded to 4 bytes.
func attribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func number(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// setLink changes flags and attributes of an interface (struct ifinfomsg).
func (l *link) setLink(index int, flags uint32, attributes []byte) error {
	b := make([]byte, 4, 16)
	b = append(b, number(uint32(index))...)
	b = append(b, number(flags)...)
	b = append(b, number(flags)...) // the flags that change
	return l.request(unix.RTM_NEWLINK, 0, append(b, attributes...))
}

// addAddress adds an address (struct ifaddrmsg). Nobody else can have it, so IPv6 does not have to
// look for duplicates, which would take a second.
func (l *link) addAddress(index, family, bits int, address []byte) error {
	const noDuplicateSearch = 0x02
	b := []byte{byte(family), byte(bits), noDuplicateSearch, unix.RT_SCOPE_UNIVERSE}
	b = append(b, number(uint32(index))...)
	b = attribute(b, unix.IFA_LOCAL, address)
	b = attribute(b, unix.IFA_ADDRESS, address)
	return l.request(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, b)
}

// addDefaultRoute adds a route to everywhere (struct rtmsg).
func (l *link) addDefaultRoute(index, family int, gateway []byte) error {
	b := []byte{byte(family), 0, 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RT_SCOPE_UNIVERSE, unix.RTN_UNICAST, 0, 0, 0, 0}
	b = attribute(b, unix.RTA_GATEWAY, gateway)
	b = attribute(b, unix.RTA_OIF, number(uint32(index)))
	return l.request(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, b)
}
