package train

import (
	"context"
	"errors"
	"fmt"

	"quantal/graph"
	"quantal/kernels"
	"quantal/mnist"
	"quantal/results"
)

// Gradients adds up the gradients of the likelihood of trained networks over whole epochs of their training set, with the
// parameters as they are: through the same graph and on the same device as training, under another rule. The networks must
// agree in Cohort; states are theirs, in the same order. Progress, if not nil, is told of the steps done and to do.
func Gradients(
	ctx context.Context, set *mnist.Set, networks []Config, states []*results.Checkpoint, rule kernels.Accumulate, epochs int,
	progress func(done, steps int),
) (sums []*kernels.Sums, err error) {
	if len(networks) == 0 || len(states) != len(networks) {
		return nil, fmt.Errorf("train: gradients: want one or more networks and the state of each, got %d and %d", len(networks), len(states))
	}
	if epochs < 1 {
		return nil, fmt.Errorf("train: gradients: want 1 or more epochs, got %d", epochs)
	}
	for _, n := range networks {
		if n.Cohort() != networks[0].Cohort() {
			return nil, fmt.Errorf("train: gradients: networks must have one graph and data: %s and %s", networks[0].Cohort(), n.Cohort())
		}
	}
	c := networks[0]
	training, _, err := set.Split(c.Validation)
	if err != nil {
		return nil, err
	}
	pixels, err := c.Normalisation(set)
	if err != nil {
		return nil, err
	}
	device, err := ChooseDevice(c.Device)
	if err != nil {
		return nil, err
	}
	program, err := graph.CompileSpec(c.Spec(set.Rows*set.Columns, set.Classes), rule)
	if err != nil {
		return nil, err
	}
	vm, err := device.Open(program, membersOf(networks), describe(set, training, pixels), c.Threads)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, vm.Close()) }()
	for m, s := range states {
		if err := vm.Load(m, s.State); err != nil {
			return nil, err
		}
	}
	steps := training.N() / c.Batch * epochs
	pace := newPace()
	for step := 0; step < steps; {
		if ctx.Err() != nil {
			return nil, ErrInterrupted
		}
		_, did, _, err := pace.run(vm, step, steps-step)
		if err != nil {
			return nil, device.Failed(err)
		}
		step += did
		if progress != nil {
			progress(step, steps)
		}
	}
	for m := range networks {
		s, err := vm.Sums(m)
		if err != nil {
			return nil, device.Failed(err)
		}
		sums = append(sums, s)
	}
	return sums, nil
}
