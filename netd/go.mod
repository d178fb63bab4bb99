module ctr/netd

go 1.26.0

require gvisor.dev/gvisor v0.0.0-20240916094835-a174eb65023f

require github.com/miekg/dns v1.1.73

require (
	github.com/vishvananda/netlink v1.3.1
	github.com/vishvananda/netns v0.0.5 // indirect
)

require (
	github.com/google/btree v1.1.2 // indirect
	golang.org/x/net v0.62.0
	golang.org/x/sys v0.49.0
	golang.org/x/time v0.5.0 // indirect
)
