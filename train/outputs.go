package train

import (
	"context"
	"errors"
	"fmt"

	"quantal/kernels"
)

// OutputSquares sums the squared derivatives of a network's outputs (logits) with respect to its weights over the first
// examples of the test set and over outputs:
//
//	sum_b sum_j (dy_bj / dw_i)^2, in the layout of mu
//
// at the given weights. outputs are those of the examples at these weights, one row after the other. The result is the
// effect of small, independent changes of the weights on a linearised network.
//
// The network is the same graph under another likelihood: that of a Gaussian of variance 1 has the gradient y - t with
// respect to the outputs y, which is the unit vector of output j if the target t is y without it. So each example
// occurs once for each output, and the squares of its gradients are those of rule Accumulate.
func (s *Session) OutputSquares(ctx context.Context, weights, outputs []float32) (_ []float64, err error) {
	classes := s.Set.Outputs()
	examples := len(outputs) / classes
	if examples < 1 || len(outputs) != examples*classes || examples > s.testing.N {
		return nil, fmt.Errorf("train: output squares: want the %d outputs of each of 1 to %d examples, got %d values",
			classes, s.testing.N, len(outputs))
	}
	spec := s.withoutNoise()
	spec.Likelihood, spec.Batch = kernels.Gaussian, classes
	program, err := s.program(spec, kernels.Accumulate{AtMu: true})
	if err != nil {
		return nil, err
	}
	data := *s.testing
	data.N, data.Labels, data.Bytes, data.Floats, data.Targets = examples*classes, nil, nil, nil, nil
	data.Order = inOrder
	for b := range examples {
		for j := range classes {
			one := between(s.testing, b, b+1)
			data.Bytes, data.Floats = append(data.Bytes, one.Bytes...), append(data.Floats, one.Floats...)
			targets := append(data.Targets, outputs[b*classes:(b+1)*classes]...)
			targets[len(targets)-classes+j]--
			data.Targets = targets
		}
	}
	r, err := s.start(program, []kernels.Member{{NoiseVariance: 1}}, &data, standingAt(weights))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := r.advance(ctx, examples, func([]kernels.Progress, int) error { return nil }); err != nil {
		return nil, err
	}
	sums, err := r.vm.Sums(0)
	if err != nil {
		return nil, err
	}
	return sums.ExampleSquare, nil
}

// inOrder takes the examples in their given order.
func inOrder(dst []int32, _ uint64, _ int) {
	for i := range dst {
		dst[i] = int32(i)
	}
}
