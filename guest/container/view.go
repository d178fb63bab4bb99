package container

import "ctr/guest/rootfs"

// View is the file system as the container's processes see it. It is valid until the container stops.
func (c *Container) View() (*rootfs.Root, error) {
	if c.Main == nil {
		return c.root, nil
	}
	c.viewing.Lock()
	defer c.viewing.Unlock()
	if c.view != nil {
		return c.view, nil
	}
	if !c.running() {
		return nil, errEnded
	}
	view, err := rootfs.OfNamespace(c.Main.PidFD)
	if err != nil {
		return nil, err
	}
	c.view = view
	return view, nil
}

// closeView lets the file systems be unmounted. Nobody may use the view any more.
func (c *Container) closeView() {
	c.viewing.Lock()
	defer c.viewing.Unlock()
	if c.view != nil {
		c.view.Close()
		c.view = nil
	}
}

// Ended is closed when the container has ended; nil, which never is, without a process.
func (c *Container) Ended() <-chan struct{} {
	if c.Main == nil {
		return nil
	}
	return c.Main.Exited()
}

func (c *Container) running() bool {
	if c.Main == nil {
		return false
	}
	select {
	case <-c.Main.Exited():
		return false
	default:
		return true
	}
}
