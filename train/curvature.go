package train

import (
	"context"
	"fmt"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/floats"

	"quantal/internal/fault"
	"quantal/kernels"
	"quantal/kernels/cpu"
)

// forCurvature is the upper byte of kernels.Noise.Draw of Curvature, on the stream of analyses.
const forCurvature = 255 << 24

// Curvature is the diagonal of the Hessian of the negative log-likelihood of a network without hidden layers, summed
// over the training set and in expectation over the noise, in the layout of mu; the pads are zero:
//
//	H_kr = sum_b x_bk^2 E[p_br (1 - p_br)]
//
// It is the importance of Eq. 64 (Malkin et al. 2024), exactly: by Stein's lemma the slope of the expected negative
// log-likelihood along sigma is sigma H. No label is in it.
//
// The outputs of an example are independent normals, of mean x mu and variance x^2 sigma^2. So each example has draws
// of its own, which is exact and has much less noise than draws for a minibatch. Sets of draws are independent of each
// other. The state is that of the session's first network, which has a sigma for each synapse.
func (s *Session) Curvature(ctx context.Context, state *kernels.State, draws, set int) ([]float64, error) {
	const atOnce = 1000 // examples, to bound memory
	c, spec := s.Networks[0], s.spec()
	layout := spec.Layout()
	switch {
	case len(c.Hidden) > 0 || layout.Sharing != kernels.PerSynapse:
		return nil, fmt.Errorf("train: curvature: want a network without hidden layers and with a sigma for each synapse, "+
			"got hidden %s, noise %s", FormatHidden(c.Hidden), c.Noise)
	case draws < 1:
		return nil, fmt.Errorf("train: curvature: want 1 or more draws, got %d", draws)
	}
	program, err := s.program(s.withoutNoise(), atRest)
	if err != nil {
		return nil, err
	}
	if err := state.Check(layout); err != nil {
		return nil, err
	}
	variances := make([]float32, len(state.Mu))
	for i, phi := range state.Phi {
		sigma, _ := kernels.Softplus(float64(phi))
		variances[i] = float32(sigma * sigma)
	}
	var squares [256]float32
	for v := range squares {
		x := float32(float32(v)*s.training.Scale) + s.training.Shift
		squares[v] = x * x
	}
	width, classes, stride := s.training.Width, s.Set.Classes, layout.Layers[0].Stride()
	noise := kernels.Noise{Seed: uint64(c.Seed), Stream: kernels.StreamAnalysis, Step: uint32(set), Draw: forCurvature}
	h := make([]float64, layout.Slots())
	spread := make([]float64, atOnce*classes) // E[p (1 - p)] of each example and class
	inputs := make([]float64, atOnce*width)   // squared
	for from := 0; from < s.training.N; from += atOnce {
		if ctx.Err() != nil {
			return nil, ErrInterrupted
		}
		n := min(atOnce, s.training.N-from)
		block := between(s.training, from, from+n)
		means, err := cpu.Activations(program, standingAt(state.Mu), &block, c.Threads)
		if err != nil {
			return nil, err
		}
		block.Floats = slices.Clone(block.Floats)
		for i, x := range block.Floats {
			block.Floats[i] = x * x
		}
		for _, v := range block.Bytes {
			block.Floats = append(block.Floats, squares[v])
		}
		for i, x := range block.Floats {
			inputs[i] = float64(x)
		}
		block.Bytes = nil
		wide, err := cpu.Activations(program, standingAt(variances), &block, c.Threads)
		if err != nil {
			return nil, err
		}
		var side errgroup.Group
		side.SetLimit(kernels.Threads(c.Threads))
		for b := range n {
			side.Go(fault.Guarded(func() error {
				meanSpread(spread[b*classes:][:classes], means[0][b*classes:], wide[0][b*classes:], noise, from+b, draws)
				return nil
			}))
		}
		if err := side.Wait(); err != nil {
			return nil, err
		}
		for r := range classes {
			side.Go(fault.Guarded(func() error {
				row := h[r*stride:]
				for b := range n {
					floats.AddScaled(row[:width], spread[b*classes+r], inputs[b*width:][:width])
					row[width] += spread[b*classes+r] // the bias, whose input is 1
				}
				return nil
			}))
		}
		if err := side.Wait(); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// meanSpread is the mean of p (1 - p) of each class over draws of the outputs of an example.
func meanSpread(spread []float64, means, variances []float32, from kernels.Noise, example, draws int) {
	classes := len(spread)
	xi, y, p := make([]float64, classes*draws), make([]float64, classes), make([]float64, classes)
	kernels.Normals(xi, from, example)
	clear(spread)
	for d := range draws {
		for r := range y {
			y[r] = float64(means[r]) + float64(math.Sqrt(float64(variances[r]))*xi[d*classes+r])
		}
		kernels.LogSoftmax(p, y)
		for r, v := range p {
			q := kernels.Exp(v)
			spread[r] += q * (1 - q) / float64(draws)
		}
	}
}
