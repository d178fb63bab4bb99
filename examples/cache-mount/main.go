// Command ids prints identifiers that sort by the time at which they were made.
package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/oklog/ulid/v2"
)

func main() {
	count, err := strconv.Atoi(os.Args[len(os.Args)-1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "usage: ids COUNT")
		os.Exit(2)
	}
	for ; count > 0; count-- {
		fmt.Println(ulid.Make())
	}
}
