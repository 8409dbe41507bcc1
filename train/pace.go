package train

import (
	"context"
	"time"

	"quantal/kernels"
)

// slice is how long a VM works between two checks of the context.
const slice = 100 * time.Millisecond

// pace runs a VM's steps, about a slice of time at once. No result of a VM depends on how its steps are divided.
type pace struct {
	slice time.Duration
	steps int // of the next slice, if that many are left
}

// newPace begins with a single step, which shows how long a step takes.
func newPace() pace { return pace{slice, 1} }

// run makes a slice of the steps that are left, and returns how many it made and how long that took.
func (p *pace) run(vm kernels.VM, first,
	left int) (progress []kernels.Progress, did int, took time.Duration, err error) {
	began := time.Now()
	did = min(p.steps, left)
	// Not the caller's context: all steps of a slice are done, or none.
	if progress, err = vm.Run(context.Background(), first, did); err != nil {
		return nil, 0, 0, err
	}
	took = max(time.Since(began), 1)
	p.steps = max(1, min(int(float64(did)*float64(p.slice)/float64(took)), 4*did))
	return progress, did, took, nil
}
