package train

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"quantal/kernels"
)

// Stage is a part of training with one learning rate.
type Stage struct {
	Epochs       int     `json:"epochs"`
	LearningRate float64 `json:"lr"`
}

// OptimiseNoise trains the standard deviations of the networks from the given states, with frozen means, through the
// stages, and returns the final states. The networks' own epochs and learning rates are ignored. Progress, if not nil,
// is called with the steps done and their total.
//
// It runs the Program that trains networks, and puts the means back after each step: the noise of a step is that of the
// means and of the standard deviations before it. This costs only a copy of the parameters per step, which is little
// for small networks and large minibatches. The rule is the networks' own without its schedule, and
// its moments start at zero.
func (s *Session) OptimiseNoise(
	ctx context.Context, states []*kernels.State, stages []Stage, progress func(done, steps int),
) ([]*kernels.State, error) {
	if err := s.learnsMu("optimise noise"); err != nil {
		return nil, err
	}
	atConstantRates := s.Networks[0]
	atConstantRates.Schedule = kernels.Constant // a stage has its own
	rule, err := atConstantRates.mover(s.Steps())
	if err != nil {
		return nil, err
	}
	program, err := s.program(s.spec(), rule)
	if err != nil {
		return nil, err
	}
	steps := 0
	for _, stage := range stages {
		if stage.Epochs < 1 || !(stage.LearningRate > 0) {
			return nil,
				fmt.Errorf("train: optimise noise: want stages of 1 or more epochs at a learning rate above 0, got %d at %g",
					stage.Epochs, stage.LearningRate)
		}
		steps += stage.Epochs * s.StepsPerEpoch()
	}
	current := make([]*kernels.State, len(states))
	for m, from := range states {
		if err := from.Check(program.Layout); err != nil {
			return nil, err
		}
		current[m] = kernels.NewState(program.Layout, len(kernels.Moments(program.Rule)))
		copy(current[m].Mu, from.Mu)
		copy(current[m].Phi, from.Phi)
	}
	step := 0
	for _, stage := range stages {
		if step, err = s.optimiseStage(ctx, program, current, stage, step, func(done int) {
			if progress != nil {
				progress(done, steps)
			}
		}); err != nil {
			return nil, err
		}
	}
	return current, nil
}

// optimiseStage runs a stage from a step on, and returns the step where it ends.
func (s *Session) optimiseStage(
	ctx context.Context, program *kernels.Program, states []*kernels.State, stage Stage, step int, progress func(done int),
) (_ int, err error) {
	members := s.members()
	for m := range members {
		members[m] = members[m].WithRate(stage.LearningRate)
	}
	r, err := s.start(program, members, s.training, states...)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	r.step = step
	for end := step + stage.Epochs*s.StepsPerEpoch(); r.step < end; {
		if err := r.advance(ctx, 1, firstDivergence); err != nil {
			return 0, err
		}
		for m, state := range states {
			after, err := r.vm.State(m)
			if err != nil {
				return 0, err
			}
			state.Phi, state.PhiMoments = after.Phi, after.PhiMoments // and the means with zero moments as before
		}
		if err := r.load(program, states); err != nil {
			return 0, err
		}
		if r.step%s.StepsPerEpoch() == 0 {
			progress(r.step)
		}
	}
	return r.step, nil
}

// firstDivergence is the error of the first network that has diverged.
func firstDivergence(reached []kernels.Progress, _ int) error {
	if m := slices.IndexFunc(reached, func(p kernels.Progress) bool { return p.Diverged != nil }); m >= 0 {
		return &DivergedError{*reached[m].Diverged}
	}
	return nil
}
