package transport

import (
	"bytes"
	"strings"
	"testing"
)

const nonce = "0123456789abcdef"

func TestScanFindsThePreambleBehindStaleBytes(t *testing.T) {
	for _, stale := range []string{"", "x", "CTR", "CTRCTR1", serialMagic[:15], strings.Repeat("CTR1\x00", 9), serialMagic[:10] + serialMagic[:10]} {
		for step := 1; step <= 40; step += 13 {
			scan := Scanner{}
			input := []byte(stale + serialMagic + nonce + "rest")
			var found []byte
			at := 0
			for at < len(input) && found == nil {
				var used int
				found, used = scan.Scan(input[at:min(len(input), at+step)])
				at += used
			}
			if string(found) != nonce || string(input[at:]) != "rest" {
				t.Errorf("behind %q in steps of %d: nonce %q, rest %q", stale, step, found, input[at:])
			}
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("stale"), 3)
	f.Add([]byte(serialMagic), 1)
	f.Fuzz(func(t *testing.T, stale []byte, step int) {
		if step < 1 || bytes.Contains(stale, []byte(serialMagic)) {
			return
		}
		scan := Scanner{}
		input := append(bytes.Clone(stale), serialMagic+nonce...)
		for at := 0; at < len(input); {
			found, used := scan.Scan(input[at:min(len(input), at+step)])
			at += used
			if found != nil {
				if string(found) != nonce || at != len(input) {
					t.Errorf("nonce %q at %d of %d", found, at, len(input))
				}
				return
			}
		}
		t.Error("no preamble found")
	})
}
