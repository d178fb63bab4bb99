// Package users finds out who a process runs as, from the passwd and group files of its container.
// These come from an image, so lines that make no sense are passed over.
package users

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Identity is who a process runs as.
type Identity struct {
	UID, GID uint32
	Groups   []uint32 // supplementary, without duplicates
	Home     string   // "/" if nobody says
}

const maxGroups = 65536 // NGROUPS_MAX

// Resolve reads what a user asked for: name, uid, name:group, uid:gid; empty means root. A number
// need not be in the files. additional groups are added to the user's own.
func Resolve(spec string, additional []uint32, passwd, group string) (Identity, error) {
	user, groupName, hasGroup := strings.Cut(spec, ":")
	if user == "" {
		user = "0"
	}
	id := Identity{Home: "/"}
	name := ""
	if entry, ok := findUser(passwd, user); ok {
		id.UID, id.GID, id.Home, name = entry.uid, entry.gid, entry.home, entry.name
	} else if uid, ok := number(user); ok {
		id.UID = uid
	} else {
		return Identity{}, fmt.Errorf("find the user %q: the image's /etc/passwd has no such user", user)
	}
	if hasGroup {
		gid, ok := findGroup(group, groupName)
		if !ok {
			return Identity{}, fmt.Errorf("find the group %q: the image's /etc/group has no such group", groupName)
		}
		id.GID = gid
		name = "" // a group that was named replaces the user's own ones
	}
	if name != "" {
		id.Groups = memberships(group, name)
	}
	id.Groups = append(id.Groups, additional...)
	slices.Sort(id.Groups)
	id.Groups = slices.Compact(id.Groups)
	if len(id.Groups) > maxGroups {
		return Identity{}, fmt.Errorf("use %d supplementary groups: the limit is %d", len(id.Groups), maxGroups)
	}
	return id, nil
}

type userEntry struct {
	name     string
	uid, gid uint32
	home     string
}

// findUser looks for a name first: a user may be called "1000".
func findUser(passwd, user string) (userEntry, bool) {
	uid, isNumber := number(user)
	var byNumber *userEntry
	for line := range strings.Lines(passwd) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) < 6 {
			continue
		}
		entryUID, ok1 := number(fields[2])
		entryGID, ok2 := number(fields[3])
		if !ok1 || !ok2 {
			continue
		}
		entry := userEntry{fields[0], entryUID, entryGID, fields[5]}
		if entry.home == "" {
			entry.home = "/"
		}
		if entry.name == user {
			return entry, true
		}
		if isNumber && entryUID == uid && byNumber == nil {
			byNumber = &entry
		}
	}
	if byNumber != nil {
		return *byNumber, true
	}
	return userEntry{}, false
}

// Names are the users of a passwd file by their numbers; the first one of a number counts.
func Names(passwd string) map[uint32]string {
	names := make(map[uint32]string)
	for line := range strings.Lines(passwd) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) < 3 || len(fields[0]) == 0 || len(fields[0]) > 32 {
			continue
		}
		if uid, ok := number(fields[2]); ok && names[uid] == "" {
			names[uid] = fields[0]
		}
	}
	return names
}

// Groups finds the numbers of groups that are named by name or number.
func Groups(names []string, group string) ([]uint32, error) {
	var gids []uint32
	for _, name := range names {
		gid, ok := findGroup(group, name)
		if !ok {
			return nil, fmt.Errorf("find the group %q: the image's /etc/group has no such group", name)
		}
		gids = append(gids, gid)
	}
	return gids, nil
}

func findGroup(group, name string) (uint32, bool) {
	for line := range strings.Lines(group) {
		if fields := strings.Split(strings.TrimSpace(line), ":"); len(fields) >= 3 && fields[0] == name {
			if gid, ok := number(fields[2]); ok {
				return gid, true
			}
		}
	}
	return number(name)
}

func memberships(group, user string) []uint32 {
	var groups []uint32
	for line := range strings.Lines(group) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) < 4 || !slices.Contains(strings.Split(fields[3], ","), user) {
			continue
		}
		if gid, ok := number(fields[2]); ok {
			groups = append(groups, gid)
		}
	}
	return groups
}

// number reads an ID. The highest one means "do not change" to the kernel and is nobody's.
func number(text string) (uint32, bool) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err == nil && n < 1<<32-1
}
