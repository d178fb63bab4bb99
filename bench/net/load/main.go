// Command load makes traffic and measures it, on the host and in guests.
//
//	load serve ADDRESS                          until it is killed
//	load send|receive ADDRESS SECONDS           {"bytesPerSecond"}
//	load latency ADDRESS COUNT                  {"medianUs"}: one byte there and back, on one connection
//	load hold ADDRESS COUNT                     {"failed"}: so many connections at once, each answered
//	load churn ADDRESS COUNT PARALLEL           {"failed"}: opened, answered, closed
//	load datagrams ADDRESS TCP-ADDRESS COUNT PER-SECOND
//	                                            {"lost"}: by what the server says over TCP
//	load lookup ADDRESS NAME COUNT              {"medianUs"}: questions to a name server
//
// What it finds is one line of JSON.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
)

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("usage: load WHAT ADDRESS …"))
	}
	what, address := os.Args[1], os.Args[2]
	var found map[string]float64
	var err error
	switch what {
	case "serve":
		err = serve(address)
	case "send":
		found, err = send(address, number(3))
	case "receive":
		found, err = receive(address, number(3))
	case "latency":
		found, err = latency(address, int(number(3)))
	case "hold":
		found, err = hold(address, int(number(3)))
	case "churn":
		found, err = churn(address, int(number(3)), int(number(4)))
	case "datagrams":
		found, err = datagrams(address, os.Args[3], int(number(4)), int(number(5)))
	case "lookup":
		found, err = lookup(address, os.Args[3], int(number(4)))
	default:
		err = fmt.Errorf("there is no %q", what)
	}
	if err != nil {
		fail(err)
	}
	_ = json.NewEncoder(os.Stdout).Encode(found)
}

func number(at int) float64 {
	if at >= len(os.Args) {
		fail(fmt.Errorf("argument %d is missing", at))
	}
	value, err := strconv.ParseFloat(os.Args[at], 64)
	if err != nil {
		fail(err)
	}
	return value
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "error:", err)
	os.Exit(1)
}
