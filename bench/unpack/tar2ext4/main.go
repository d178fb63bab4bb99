// Command tar2ext4 is the peer that the unpack bench measures against: hcsshim's writer, a tar on
// standard input to an ext4 file, with nothing around it.
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/Microsoft/hcsshim/ext4/tar2ext4"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: tar2ext4 OUTPUT <INPUT.tar")
		os.Exit(2)
	}
	if err := convert(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "tar2ext4:", err)
		os.Exit(1)
	}
}

func convert(path string) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	return tar2ext4.Convert(bufio.NewReaderSize(os.Stdin, 1<<20), out, tar2ext4.ConvertWhiteout)
}
