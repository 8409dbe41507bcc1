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

// Stage is a part of training with one learning rate.
type Stage struct {
	Epochs       int     `json:"epochs"`
	LearningRate float64 `json:"lr"`
}

// OptimiseNoise trains the standard deviations of trained networks, with their means held where they are, through the stages, and
// returns the networks as they then stand. The networks must agree in Cohort; states are theirs, in the same order, and their
// epochs and learning rates do not count. Progress, if not nil, is told of the steps done and to do.
//
// It runs the Program that trains networks, and puts the means back after each step: the noise of a step is that of the means and
// of the standard deviations before it. All that this costs is a copy of the parameters per step, little for small networks and
// large minibatches. Adam's moments begin at zero.
func OptimiseNoise(
	ctx context.Context, set *mnist.Set, networks []Config, states []*results.Checkpoint, stages []Stage, progress func(done, steps int),
) (_ []*results.Checkpoint, err error) {
	if len(networks) == 0 || len(states) != len(networks) {
		return nil, fmt.Errorf("train: optimise noise: want one or more networks and the state of each, got %d and %d", len(networks), len(states))
	}
	for _, n := range networks {
		if n.Cohort() != networks[0].Cohort() {
			return nil, fmt.Errorf("train: optimise noise: networks must have one graph and data: %s and %s", networks[0].Cohort(), n.Cohort())
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
	program, err := graph.CompileSpec(c.Spec(set.Rows*set.Columns, set.Classes), kernels.DefaultAdam())
	if err != nil {
		return nil, err
	}
	perEpoch, steps := training.N()/c.Batch, 0
	for _, s := range stages {
		if s.Epochs < 1 || !(s.LearningRate > 0) {
			return nil, fmt.Errorf("train: optimise noise: want stages of 1 or more epochs at a learning rate above 0, got %d at %g", s.Epochs, s.LearningRate)
		}
		steps += s.Epochs * perEpoch
	}
	current := make([]*kernels.State, len(networks))
	for m, s := range states {
		current[m] = kernels.NewState(program.Layout)
		if err := s.State.Check(program.Layout); err != nil {
			return nil, err
		}
		copy(current[m].Mu, s.State.Mu)
		copy(current[m].Phi, s.State.Phi)
	}
	step := 0
	for _, stage := range stages {
		if step, err = optimiseStage(ctx, device, program, describe(set, training, pixels), networks, current, stage, step, perEpoch, func(done int) {
			if progress != nil {
				progress(done, steps)
			}
		}); err != nil {
			return nil, err
		}
	}
	var out []*results.Checkpoint
	for m, s := range states {
		optimised := *s
		optimised.State, optimised.Step = current[m], s.Step+step
		out = append(out, &optimised)
	}
	return out, nil
}

// optimiseStage takes the states through a stage and returns the step where it ends.
func optimiseStage(
	ctx context.Context, device Device, program *kernels.Program, data *kernels.Data, networks []Config, states []*kernels.State,
	stage Stage, step, perEpoch int, progress func(done int),
) (_ int, err error) {
	members := membersOf(networks)
	for m := range members {
		members[m].LearningRate = stage.LearningRate
	}
	vm, err := device.Open(program, members, data, networks[0].Threads)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, vm.Close()) }()
	for end := step + stage.Epochs*perEpoch; step < end; step++ {
		if ctx.Err() != nil {
			return 0, ErrInterrupted
		}
		for m, s := range states {
			if err := vm.Load(m, s); err != nil {
				return 0, err
			}
		}
		reached, err := vm.Run(context.WithoutCancel(ctx), step, 1)
		if err != nil {
			return 0, device.Failed(err)
		}
		for m, s := range states {
			if reached[m].Diverged != nil {
				return 0, &DivergedError{*reached[m].Diverged}
			}
			after, err := vm.State(m)
			if err != nil {
				return 0, device.Failed(err)
			}
			s.Phi, s.PhiM, s.PhiV = after.Phi, after.PhiM, after.PhiV // and the means with zero moments as before
		}
		if (step+1)%perEpoch == 0 {
			progress(step + 1)
		}
	}
	return step, nil
}
