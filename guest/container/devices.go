package container

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"ctr/guest/cgroup"
	"ctr/guest/gen/guestpb"
)

// addDevices makes the nodes that were asked for, and notes what may be done with them.
func (c *Container) addDevices(request *guestpb.StartContainerRequest) error {
	for _, device := range request.Devices {
		access := device.Access
		if access == "" {
			access = "rwm"
		}
		if strings.Trim(access, "rwm") != "" {
			return fmt.Errorf("%w: access %q to a device", ErrInvalid, access)
		}
		nodes, err := c.root.AddDevice(device.Source, device.Destination)
		if err != nil {
			return err
		}
		for _, node := range nodes {
			c.devices = append(c.devices, cgroup.Device{
				Block: node.Mode&unix.S_IFMT == unix.S_IFBLK,
				Major: int64(unix.Major(node.Rdev)), Minor: int64(unix.Minor(node.Rdev)), Access: access,
			})
		}
	}
	return nil
}
