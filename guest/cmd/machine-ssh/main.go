// Command machine-ssh serves one SSH connection on its standard input and output, as the user that runs it.
// It is how ssh, scp, sftp and editors reach a machine: the bytes come through ctr, no port is open anywhere.
package main

import (
	"fmt"
	"os"

	"ctr/guest/machinessh"
)

func main() {
	if err := machinessh.Serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error: cannot serve ssh:", err)
		os.Exit(1)
	}
}
