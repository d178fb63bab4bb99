package users

import (
	"slices"
	"testing"
)

const passwd = "root:x:0:0:root:/root:/bin/sh\n# comment\nbroken:x:abc:1::/\nalice:x:1000:1001:A:/home/alice:/bin/sh\n1000:x:7:8::/n:/bin/sh\nshort:x:1\nhomeless:x:5:6:::\n"
const group = "root:x:0:\nalice:x:1001:\naudio:x:29:alice,bob\nvideo:x:44:bob,alice\nbad:x:zz:alice\n77:x:78:\n"

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		spec       string
		additional []uint32
		uid, gid   uint32
		groups     []uint32
		home       string
	}{
		{"", nil, 0, 0, nil, "/root"},
		{"alice", nil, 1000, 1001, []uint32{29, 44}, "/home/alice"},
		{"1000", nil, 7, 8, nil, "/n"}, // a name before a number
		{"7", nil, 7, 8, nil, "/n"},
		{"alice:audio", nil, 1000, 29, nil, "/home/alice"},
		{"alice:77", nil, 1000, 78, nil, "/home/alice"},
		{"4242:17", []uint32{9, 3, 9}, 4242, 17, []uint32{3, 9}, "/"},
		{"homeless", nil, 5, 6, nil, "/"},
	} {
		id, err := Resolve(c.spec, c.additional, passwd, group)
		if err != nil || id.UID != c.uid || id.GID != c.gid || !slices.Equal(id.Groups, c.groups) || id.Home != c.home {
			t.Errorf("Resolve(%q) = %+v, %v", c.spec, id, err)
		}
	}
	for _, spec := range []string{"bob", "broken", "short", "alice:nope", "4294967295", "-1", "alice:"} {
		if id, err := Resolve(spec, nil, passwd, group); err == nil {
			t.Errorf("Resolve(%q) = %+v, want an error", spec, id)
		}
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("alice:audio", passwd, group)
	f.Add("0", ":::::\n", "::::")
	f.Fuzz(func(t *testing.T, spec, passwd, group string) {
		id, err := Resolve(spec, nil, passwd, group)
		if err == nil && (id.UID == 1<<32-1 || id.GID == 1<<32-1 || id.Home == "") {
			t.Errorf("Resolve(%q) = %+v", spec, id)
		}
	})
}
