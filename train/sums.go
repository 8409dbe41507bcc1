package train

import (
	"context"
	"errors"
	"fmt"

	"quantal/kernels"
)

// Gradients adds up the gradients of the likelihood of the networks over whole epochs of their training set, with
// frozen parameters from the given states: with the same graph and on the same device as training, under another rule.
// Progress, if not nil, is called with the steps done and their total.
func (s *Session) Gradients(
	ctx context.Context, states []*kernels.State, rule kernels.Accumulate, epochs int, progress func(done, steps int),
) (sums []*kernels.Sums, err error) {
	if epochs < 1 {
		return nil, fmt.Errorf("train: gradients: want 1 or more epochs, got %d", epochs)
	}
	program, err := s.program(s.spec(), rule)
	if err != nil {
		return nil, err
	}
	r, err := s.start(program, s.members(), s.training, states...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	steps := s.StepsPerEpoch() * epochs
	if err := r.advance(ctx, steps, func(_ []kernels.Progress, done int) error {
		if progress != nil {
			progress(done, steps)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	for m := range states {
		sum, err := r.vm.Sums(m)
		if err != nil {
			return nil, err
		}
		sums = append(sums, sum)
	}
	return sums, nil
}
