package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"quantal/kernels"
)

// Stage is a part of training with one learning rate.
type Stage struct {
	Epochs       int     `json:"epochs"`
	LearningRate float64 `json:"lr"`
	Means        bool    `json:"means,omitempty"` // train the means, too
}

// OptimiseNoise trains the standard deviations of the networks from the given states, with frozen means unless a stage
// says otherwise, through the stages, and returns the final states. The networks' own epochs and learning rates are
// ignored. The first step has the given number, on which its noise and minibatch depend. Progress, if not nil, is
// called with the steps done and their total.
//
// It runs the Program that trains networks, and puts frozen means back after each step: the noise of a step is that of
// the means and of the standard deviations before it. This costs only a copy of the parameters per step, which is
// little for small networks and large minibatches. The rule is the networks' own without its schedule, and
// its moments start at zero.
func (s *Session) OptimiseNoise(
	ctx context.Context, states []*kernels.State, first int, stages []Stage, progress func(done, steps int),
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
	if first+steps > math.MaxUint32 {
		return nil, fmt.Errorf("train: optimise noise: %d steps from step %d: the step counter has 32 bits", steps, first)
	}
	current := make([]*kernels.State, len(states))
	for m, from := range states {
		if current[m], err = from.Bare().For(program.Layout, program.Rule); err != nil {
			return nil, err
		}
	}
	step := first
	for _, stage := range stages {
		if step, err = s.optimiseStage(ctx, program, current, stage, step, func(step int) {
			if progress != nil {
				progress(step-first, steps)
			}
		}); err != nil {
			return nil, err
		}
	}
	return current, nil
}

// optimiseStage runs a stage from a step on, and returns the step where it ends.
func (s *Session) optimiseStage(
	ctx context.Context, program *kernels.Program, states []*kernels.State, stage Stage, step int, progress func(step int),
) (_ int, err error) {
	end := step + stage.Epochs*s.StepsPerEpoch()
	return end, s.stepping(program, states, stage.LearningRate, step, func(r *running) error {
		for n := 1; r.step < end; {
			if stage.Means {
				n = s.StepsPerEpoch()
			}
			if err := r.advance(ctx, n, firstDivergence); err != nil {
				return err
			}
			for m, state := range states {
				after, err := r.vm.State(m)
				if err != nil {
					return err
				}
				if stage.Means {
					state.CopyFrom(after)
				} else {
					state.Phi, state.PhiMoments = after.Phi, after.PhiMoments
				}
			}
			if !stage.Means {
				if err := r.load(program, states); err != nil {
					return err
				}
			}
			if (r.step-step)%s.StepsPerEpoch() == 0 {
				progress(r.step)
			}
		}
		return nil
	})
}

// stepping opens networks at states and at a step, with one learning rate for all layers, for a function.
func (s *Session) stepping(program *kernels.Program, states []*kernels.State, rate float64, step int,
	do func(*running) error) (err error) {
	members := s.members()
	for m := range members {
		members[m] = members[m].WithRate(rate)
	}
	r, err := s.start(program, members, s.training, states...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	r.step = step
	return do(&r)
}

// PhiGradients calls a function with the gradient of the objective of each of some minibatches, with noise drawn for
// it, with respect to the phi of the session's first and only network: costs included and summed over the minibatch, as
// training has it. The parameters stay as they are. The first step has the given number, on which its noise and
// minibatch depend.
//
// It is the distance that plain descent moves phi in a step of the Program that trains networks.
func (s *Session) PhiGradients(ctx context.Context, state *kernels.State, first, steps int,
	each func(gradient []float64)) error {
	const rate = 32 // a power of two; the gradients are much smaller than phi, of which they are the differences
	if err := s.learnsMu("gradients of phi"); err != nil {
		return err
	}
	program, err := s.program(s.spec(), kernels.SGD{})
	if err != nil {
		return err
	}
	states := []*kernels.State{state.Bare()}
	gradient := make([]float64, len(state.Phi))
	return s.stepping(program, states, rate, first, func(r *running) error {
		for range steps {
			if err := r.advance(ctx, 1, firstDivergence); err != nil {
				return err
			}
			after, err := r.vm.State(0)
			if err != nil {
				return err
			}
			for i, phi := range after.Phi {
				gradient[i] = (float64(state.Phi[i]) - float64(phi)) / rate
			}
			each(gradient)
			if err := r.load(program, states); err != nil {
				return err
			}
		}
		return nil
	})
}

// firstDivergence is the error of the first network that has diverged.
func firstDivergence(reached []kernels.Progress, _ int) error {
	if m := slices.IndexFunc(reached, func(p kernels.Progress) bool { return p.Diverged != nil }); m >= 0 {
		return &DivergedError{*reached[m].Diverged}
	}
	return nil
}
