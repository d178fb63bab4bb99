package rootfs

import (
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"ctr/guest/gen/guestpb"
)

const etcFolder = "/run/etc/"

// WriteNames gives the container its /etc/hostname, /etc/hosts and /etc/resolv.conf. They are files
// of the guest's that are mounted over whatever the image has, so that the image's own bytes stay
// out of reach and nothing of this lands in a commit of the container.
func (r *Root) WriteNames(id, hostname string, hosts []*guestpb.HostEntry, network *guestpb.Network) error {
	folder := etcFolder + id
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	files := [][2]string{{"hostname", hostname + "\n"}, {"hosts", hostsFile(hostname, hosts, network)}}
	if network == nil || !network.KeepResolvConf {
		files = append(files, [2]string{"resolv.conf", resolvConf(network)})
	}
	for _, file := range files {
		if err := os.WriteFile(folder+"/"+file[0], []byte(file[1]), 0o644); err != nil {
			return err
		}
		if err := r.mountOver(folder+"/"+file[0], "/etc/"+file[0]); err != nil {
			return err
		}
	}
	return nil
}

// mountOver shows a file of the guest under a name of the container. A link of the image's is
// removed rather than followed: it might name a file of a volume, or none.
func (r *Root) mountOver(source, name string) error {
	if err := r.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	parent, err := r.Open(path.Dir(name), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(parent)
	base := path.Base(name)
	var stat unix.Stat_t
	err = unix.Fstatat(parent, base, &stat, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		r.Track(name)
	} else if err == nil && stat.Mode&unix.S_IFMT != unix.S_IFREG {
		flags := 0
		if stat.Mode&unix.S_IFMT == unix.S_IFDIR {
			flags = unix.AT_REMOVEDIR
		}
		if err := unix.Unlinkat(parent, base, flags); err != nil {
			return &os.PathError{Op: "replace", Path: name, Err: err}
		}
		err = unix.ENOENT
	}
	if err == unix.ENOENT {
		fd, err := unix.Openat(parent, base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
		if err != nil {
			return &os.PathError{Op: "create", Path: name, Err: err}
		}
		unix.Close(fd)
	} else if err != nil {
		return &os.PathError{Op: "look at", Path: name, Err: err}
	}
	fd, err := unix.Openat(parent, base, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(fd)
	if err := unix.Mount(source, ByDescriptor(fd), "", unix.MS_BIND, ""); err != nil {
		return &os.PathError{Op: "mount over", Path: name, Err: err}
	}
	return nil
}

func hostsFile(hostname string, hosts []*guestpb.HostEntry, network *guestpb.Network) string {
	b := "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
	if network != nil && hostname != "" {
		for _, face := range network.Interfaces {
			for _, address := range face.Addresses {
				ip, _, _ := strings.Cut(address, "/")
				b += ip + " " + hostname + "\n"
			}
		}
	}
	for _, entry := range hosts {
		b += entry.Address + " " + strings.Join(entry.Names, " ") + "\n"
	}
	return b
}

func resolvConf(network *guestpb.Network) string {
	if network == nil {
		return ""
	}
	var b strings.Builder
	for _, server := range network.Nameservers {
		b.WriteString("nameserver " + server + "\n")
	}
	if network.Domain != "" {
		b.WriteString("domain " + network.Domain + "\n")
	}
	if len(network.Search) > 0 {
		b.WriteString("search " + strings.Join(network.Search, " ") + "\n")
	}
	if len(network.Options) > 0 {
		b.WriteString("options " + strings.Join(network.Options, " ") + "\n")
	}
	return b.String()
}
