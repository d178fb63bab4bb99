package gateway

import "golang.org/x/sys/unix"

// bytesWaiting asks a socket how many bytes can be read (tcp(7), SIOCINQ).
const bytesWaiting = unix.TIOCINQ
