package train

import (
	"context"
	"errors"
	"fmt"
	"math"

	"quantal/kernels"
)

// Fluctuation says from where and how the synapses of one network fluctuate: see kernels.Langevin.
type Fluctuation struct {
	Start       *kernels.State // theta starts at its mu; phi and moments are not used
	Seed        uint64         // of the minibatches and of the noise: networks with the same seed share both
	StepSize    float64        // eps, above 0; the schedule multiplies it
	Temperature float64        // T; 1 samples the posterior, 0 is gradient descent
	Uncorrected bool           // only noise, without the gradient: the control
}

func (f Fluctuation) check() error {
	switch {
	case f.Start == nil:
		return errors.New("want a state to start from")
	case !(f.StepSize > 0) || math.IsInf(f.StepSize, 0):
		return fmt.Errorf("step size %g: want a number above 0", f.StepSize)
	case !(f.Temperature >= 0) || math.IsInf(f.Temperature, 0):
		return fmt.Errorf("temperature %g: want a number of 0 or more", f.Temperature)
	}
	return nil
}

// Fluctuations are networks of one graph whose synapses fluctuate by the rule Langevin on minibatches of the training
// set. Weights are always their means.
type Fluctuations struct {
	Program *kernels.Program

	testing  *kernels.Data
	loss     []float64
	diverged []*kernels.Divergence
	running
}

// Fluctuate starts networks of the session's structure, minibatch and lambda; the rest of its configuration is ignored.
// Close frees them.
func (s *Session) Fluctuate(rule kernels.Langevin, members ...Fluctuation) (*Fluctuations, error) {
	if len(members) == 0 {
		return nil, errors.New("train: fluctuate: want at least one network")
	}
	if err := s.learnsMu("fluctuate"); err != nil {
		return nil, err
	}
	if err := rule.Check(); err != nil {
		return nil, err
	}
	var numbers []kernels.Member
	var states []*kernels.State
	for i, m := range members {
		if err := m.check(); err != nil {
			return nil, fmt.Errorf("train: fluctuate: network %d: %w", i, err)
		}
		n := s.Networks[0].Member().WithRate(m.StepSize)
		n.Seed, n.Temperature, n.Uncorrected = m.Seed, m.Temperature, m.Uncorrected
		numbers, states = append(numbers, n), append(states, m.Start)
	}
	program, err := s.program(s.spec(), rule)
	if err != nil {
		return nil, err
	}
	started, err := s.start(program, numbers, s.training, states...)
	if err != nil {
		return nil, err
	}
	return &Fluctuations{
		program, s.testing, make([]float64, len(members)), make([]*kernels.Divergence, len(members)), started,
	}, nil
}

// Run takes all networks through n steps. It returns ErrInterrupted when ctx is cancelled, between two steps, and the
// first network's DivergedError when all have diverged. Progress, if not nil, is called with the steps of this call
// that are done and their total.
func (f *Fluctuations) Run(ctx context.Context, n int, progress func(done, steps int)) error {
	clear(f.loss)
	if err := f.advance(ctx, n, func(reached []kernels.Progress, done int) error {
		left := false
		for m, p := range reached {
			for _, loss := range p.Losses {
				f.loss[m] += loss
			}
			f.diverged[m] = p.Diverged
			left = left || p.Diverged == nil
		}
		if !left {
			return &DivergedError{*f.diverged[0]}
		}
		if progress != nil {
			progress(done, n)
		}
		return nil
	}); err != nil {
		return err
	}
	for m := range f.loss {
		f.loss[m] /= float64(n * f.Program.Batch)
	}
	return nil
}

// Continue sets the networks to their states after the given number of steps; only mu is used. They then continue as
// without a break.
func (f *Fluctuations) Continue(step int, states []*kernels.State) error {
	if len(states) != len(f.loss) {
		return fmt.Errorf("train: fluctuate: %d states for %d networks", len(states), len(f.loss))
	}
	f.step = step
	return f.load(f.Program, states)
}

// Networks is their number.
func (f *Fluctuations) Networks() int { return len(f.loss) }

// Step is the number of steps done since the start.
func (f *Fluctuations) Step() int { return f.step }

// Loss is a network's mean negative log-likelihood of the minibatches of the last Run, per example, in nats.
func (f *Fluctuations) Loss(network int) float64 { return f.loss[network] }

// Diverged says where a number of a network was no longer finite; nil if all are finite.
func (f *Fluctuations) Diverged(network int) *kernels.Divergence { return f.diverged[network] }

// State returns the present state of a network; its phi and moments are those of the start.
func (f *Fluctuations) State(network int) (*kernels.State, error) {
	if d := f.diverged[network]; d != nil {
		return nil, &DivergedError{*d}
	}
	s, err := f.vm.State(network)
	if err != nil {
		return nil, err
	}
	if !s.Finite() {
		return nil, fmt.Errorf("train: fluctuate: network %d: the state after step %d is not finite", network, f.step)
	}
	return s, nil
}

// Evaluate evaluates all networks on the test set. AccuracyMean and LossMean are theirs; the sampled figures are those
// with the standard deviations of the start.
func (f *Fluctuations) Evaluate(ctx context.Context) ([]kernels.Score, error) {
	return f.vm.Evaluate(ctx, f.testing, f.step, 0)
}
