package output

import (
	"bytes"
	"testing"
)

func write(t *testing.T, r *Ring, stream int32, data string) int {
	t.Helper()
	n, err := r.Fill(stream, func(free []byte) (int, error) { return copy(free, data), nil })
	if err != nil && err != ErrFull {
		t.Fatal(err)
	}
	return n
}

func TestRingKeepsOrderAndOffsets(t *testing.T) {
	r := New(1)
	write(t, r, 1, "out")
	write(t, r, 1, "put")
	write(t, r, 2, "error")
	chunk, _ := r.Next(0, 100)
	if chunk.Stream != 1 || string(chunk.Data) != "output" {
		t.Errorf("%+v", chunk)
	}
	chunk, _ = r.Next(6, 3)
	if chunk.Stream != 2 || string(chunk.Data) != "err" || chunk.Offset != 6 {
		t.Errorf("%+v", chunk)
	}
	r.Acknowledge(4)
	chunk, _ = r.Next(0, 100) // what was acknowledged is gone
	if chunk.Offset != 4 || string(chunk.Data) != "ut" {
		t.Errorf("%+v", chunk)
	}
	r.Acknowledge(1000)
	if begin, end := r.Range(); begin != 11 || end != 11 {
		t.Errorf("%d %d", begin, end)
	}
	if _, wait := r.Next(11, 1); wait == nil {
		t.Error("the end of an open ring does not wait")
	}
	r.Close()
	if chunk, wait := r.Next(11, 1); wait != nil || len(chunk.Data) > 0 {
		t.Error("a closed ring waits")
	}
}

func TestRingIsBounded(t *testing.T) {
	r := New(minBytes)
	total := 0
	for {
		n := write(t, r, 1, string(make([]byte, 50000)))
		if n == 0 {
			break
		}
		total += n
	}
	if total != minBytes || r.WaitSpace() == nil {
		t.Errorf("took %d bytes", total)
	}
	r.Acknowledge(1)
	if r.WaitSpace() != nil || write(t, r, 1, "xy") != 1 {
		t.Error("no room after an acknowledgement")
	}
}

func TestRingBoundsSegments(t *testing.T) {
	r := New(minBytes)
	for i := range maxSegments + 10 {
		write(t, r, int32(1+i%2), "x")
	}
	if _, end := r.Range(); end != maxSegments {
		t.Errorf("took %d segments", end)
	}
}

func FuzzRing(f *testing.F) {
	f.Add([]byte{10, 200, 3, 77, 255, 255, 9})
	f.Fuzz(func(t *testing.T, script []byte) {
		r := New(minBytes)
		var written, read []byte
		var acknowledged uint64
		next := byte(0)
		for _, step := range script {
			size := int(step) * 700
			_, _ = r.Fill(int32(1+step%2), func(free []byte) (int, error) {
				n := min(size, len(free))
				for i := range n {
					free[i] = next
					next++
				}
				written = append(written, free[:n]...)
				return n, nil
			})
			for chunk, _ := r.Next(uint64(len(read)), size+1); len(chunk.Data) > 0; chunk, _ = r.Next(uint64(len(read)), size+1) {
				read = append(read, chunk.Data...)
			}
			acknowledged = uint64(len(read)) * uint64(step) / 255
			r.Acknowledge(acknowledged)
		}
		if !bytes.Equal(written, read) {
			t.Error("bytes were lost, doubled or changed")
		}
	})
}
