package train

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"quantal/graph"
	"quantal/kernels"
	"quantal/kernels/cpu"
	"quantal/mnist"
)

// Tester evaluates networks with the layers of a session, without noise and with any weights, on its test set.
type Tester struct {
	session *Session
	program *kernels.Program
	most    int
	running
}

// Tester returns a Tester for at most the given number of networks at once. Close frees it.
func (s *Session) Tester(most int) (*Tester, error) {
	if most < 1 {
		return nil, fmt.Errorf("train: tester: want at least one network, got %d", most)
	}
	program, err := s.program(s.withoutNoise(), atRest)
	if err != nil {
		return nil, err
	}
	vm, err := s.Device.Open(program, make([]kernels.Member, most), nil, s.Networks[0].Threads)
	if err != nil {
		return nil, err
	}
	return &Tester{s, program, most, running{vm: vm}}, nil
}

// Scores evaluates networks, whose weights have the layout of kernels.State.Mu. The sampled figures in their scores are
// those at the means.
func (t *Tester) Scores(ctx context.Context, weights [][]float32) ([]kernels.Score, error) {
	if len(weights) == 0 || len(weights) > t.most {
		return nil, fmt.Errorf("train: test: want the weights of 1 to %d networks, got %d", t.most, len(weights))
	}
	states := make([]*kernels.State, len(weights))
	for m, w := range weights {
		states[m] = standingAt(w)
	}
	if err := t.load(t.program, states); err != nil {
		return nil, err
	}
	scores, err := t.vm.Evaluate(ctx, t.session.testing, 0, 0)
	if err != nil {
		return nil, err
	}
	return scores[:len(weights)], nil
}

// standingAt is the state of a network without noise that makes no steps.
func standingAt(weights []float32) *kernels.State {
	return &kernels.State{Mu: weights}
}

// Activations runs a network of the session with its weights at mu on examples, on the given number of threads, and
// returns the output of each layer: of the hidden layers, from the first to the last, and then the outputs (logits),
// one row of the layer's width per example.
func (s *Session) Activations(state *kernels.State, examples mnist.Examples, threads int) ([][]float32, error) {
	spec := s.spec()
	spec.Costs = graph.PaperCosts(spec.Sharing) // costs have no part in it, nor the numbers that they read
	program, err := s.program(spec, atRest)
	if err != nil {
		return nil, err
	}
	if state, err = state.For(program.Layout, atRest); err != nil { // without what quantal synapses learn
		return nil, err
	}
	return cpu.Activations(program, state, describe(s.Set, examples, s.Pixels), threads)
}

// Probabilities returns the class probabilities of examples, [examples x classes], from Activations.
func (s *Session) Probabilities(state *kernels.State, examples mnist.Examples, threads int) ([]float64, error) {
	layers, err := s.Activations(state, examples, threads)
	if err != nil {
		return nil, err
	}
	logits, classes := layers[len(layers)-1], s.Set.Classes
	p := make([]float64, len(logits))
	for at := 0; at < len(p); at += classes {
		row := p[at : at+classes]
		kernels.LogSoftmax(row, logits[at:at+classes])
		for i, v := range row {
			row[i] = kernels.Exp(v)
		}
	}
	return p, nil
}

// Rates returns the mean of |x| over examples of each unit that each layer reads, with the weights at mu: of the
// normalised pixels, then of the hidden layers after their activation. Threads as in Activations.
func (s *Session) Rates(ctx context.Context, state *kernels.State, examples mnist.Examples,
	threads int) ([][]float64, error) {
	if err := s.Networks[0].ChainOnly("mean activities"); err != nil {
		return nil, err
	}
	const atOnce = 1000 // examples, to bound memory
	rates := [][]float64{s.pixelRates(examples)}
	for _, width := range s.Networks[0].Hidden {
		rates = append(rates, make([]float64, width))
	}
	for from := 0; from < examples.N(); from += atOnce {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		layers, err := s.Activations(state, examples.Slice(from, min(from+atOnce, examples.N())), threads)
		if err != nil {
			return nil, err
		}
		for i, sum := range rates[1:] {
			for at, x := range layers[i] {
				sum[at%len(sum)] += math.Abs(float64(x))
			}
		}
	}
	for _, sum := range rates[1:] {
		floats.Scale(1/float64(examples.N()), sum)
	}
	return rates, nil
}

// pixelRates is the mean of |x| of each normalised pixel.
func (s *Session) pixelRates(examples mnist.Examples) []float64 {
	sums := make([]float64, s.Set.Width())
	if s.training.Floats != nil {
		for at, x := range s.Pixels.Floats(examples) {
			sums[at%len(sums)] += math.Abs(float64(x))
		}
	}
	var size [256]float64
	for v := range size {
		size[v] = math.Abs(s.Pixels.Of(float64(v)/255, 0))
	}
	if s.training.Bytes != nil {
		for at, v := range examples.Images {
			sums[at%len(sums)] += size[v]
		}
	}
	floats.Scale(1/float64(examples.N()), sums)
	return sums
}
