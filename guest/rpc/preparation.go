package rpc

import (
	"sync"

	"ctr/guest/boot"
	"ctr/guest/gen/guestpb"
)

// preparation is the part of the boot that the first container needs and the first answer does not.
type preparation struct {
	steps []boot.Step

	once  sync.Once
	clock boot.Clock
	err   error
	mu    sync.Mutex // guards clock.Steps once everything is prepared
}

// do returns once everything is prepared, whoever began it.
func (p *preparation) do() error {
	p.once.Do(func() {
		for _, step := range p.steps {
			if p.err = p.clock.Run(step.Name, step.Run); p.err != nil {
				return
			}
		}
	})
	return p.err
}

// told returns the steps to the first who asks.
func (p *preparation) told() []*guestpb.BootStep {
	p.mu.Lock()
	defer p.mu.Unlock()
	steps := p.clock.Steps
	p.clock.Steps = nil
	return steps
}
