package oom

import "testing"

func TestVictimOf(t *testing.T) {
	const line = "3,512,9876543,-;Memory cgroup out of memory: Killed process 123 (a (b) c) total-vm:1kB, anon-rss:1kB\n"
	if v, ok := victimOf(line); !ok || v != (Victim{123, "a (b) c", 9876543}) {
		t.Errorf("%+v %v", v, ok)
	}
	if v, ok := victimOf("3,1,5,-;Out of memory: Killed process 7 (x) total-vm:1kB\n"); !ok || v.PID != 7 {
		t.Errorf("%+v %v", v, ok)
	}
	for _, other := range []string{"", ";", "3,1,5,-;Killed process 1 (x) total-vm:", "3,1,5,-;Out of memory: Killed process x (y) total-vm:1", "3;Out of memory: Killed process 1 (y) total-vm:1"} {
		if v, ok := victimOf(other); ok {
			t.Errorf("%q is %+v", other, v)
		}
	}
}

func TestBlame(t *testing.T) {
	victims := []Victim{{5, "main", 1e6}, {9, "worker", 100e6}}
	for _, c := range []struct {
		pid    int
		failed bool
		now    int64
		name   string
	}{
		{5, false, 1000e6, "main"}, {9, false, 100e6, "worker"},
		{7, true, 130e6, "worker"}, {7, true, 170e6, ""}, {7, false, 101e6, ""},
	} {
		if name, ok := Blame(victims, c.pid, c.failed, c.now); name != c.name || ok != (c.name != "") {
			t.Errorf("%+v: %q %v", c, name, ok)
		}
	}
}
