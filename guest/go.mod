module ctr/guest

go 1.26.0

require (
	github.com/moby/profiles/seccomp v0.2.3
	golang.org/x/net v0.62.0
	golang.org/x/sys v0.49.0
	google.golang.org/protobuf v1.36.12
)

require github.com/opencontainers/runtime-spec v1.2.1 // indirect
