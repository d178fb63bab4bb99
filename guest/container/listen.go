package container

import (
	"ctr/guest/gen/guestpb"
	"ctr/guest/sockets"
)

// listen makes the sockets that the container is to find when it starts, where its root is read-only, too.
// A start that fails ends the VM, and them with it.
func (c *Container) listen(requests []*guestpb.ListenRequest) error {
	for _, request := range requests {
		request.ContainerId = c.ID
		listener, err := sockets.Listen(c.root, request)
		if err != nil {
			return err
		}
		c.Listeners = append(c.Listeners, listener)
	}
	return nil
}
