package output

import (
	"bytes"
	"testing"
)

func TestWriterFillsTheRing(t *testing.T) {
	r := New(1) // the smallest there is
	stop := make(chan struct{})
	w := NewWriter(r, 1, stop)
	wanted := make([]byte, 5*minBytes+321)
	for i := range wanted {
		wanted[i] = byte(i * 7 >> 3)
	}
	go func() {
		for rest := wanted; len(rest) > 0; {
			n := min(len(rest), 1000)
			if _, err := w.Write(rest[:n]); err != nil {
				t.Error(err)
			}
			rest = rest[n:]
		}
		w.Flush()
		r.Close()
	}()
	var got []byte
	for {
		chunk, wait := r.Next(uint64(len(got)), 777)
		if len(chunk.Data) == 0 {
			if wait == nil {
				break
			}
			<-wait
			continue
		}
		got = append(got, chunk.Data...)
		r.Acknowledge(uint64(len(got)))
	}
	if !bytes.Equal(got, wanted) {
		t.Errorf("%d bytes came, and not those that were written", len(got))
	}
}

func TestWriterStops(t *testing.T) {
	stop := make(chan struct{})
	w := NewWriter(New(1), 1, stop)
	stopped := make(chan error)
	go func() {
		_, err := w.Write(make([]byte, 2*minBytes))
		stopped <- err
	}()
	close(stop)
	if err := <-stopped; err != ErrStopped {
		t.Error(err)
	}
}
