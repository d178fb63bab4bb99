package gateway

// bytesWaiting asks a socket how many bytes can be read (FIONREAD of sys/filio.h).
const bytesWaiting = 0x4004667f
