package train

import (
	"context"
	"errors"

	"quantal/graph"
	"quantal/kernels"
	"quantal/mnist"
)

// ScoreMeans tests networks without noise on the test set: networks with the layers of a configuration, whose weights are given, each
// laid out like kernels.State.Mu. What is sampled in their scores is what is at the means.
func ScoreMeans(ctx context.Context, set *mnist.Set, c Config, weights [][]float32) (_ []kernels.Score, err error) {
	if len(weights) == 0 {
		return nil, errors.New("train: score: want the weights of one or more networks")
	}
	device, err := ChooseDevice(c.Device)
	if err != nil {
		return nil, err
	}
	program, err := graph.CompileSpec(c.withoutNoise(set), kernels.DefaultAdam())
	if err != nil {
		return nil, err
	}
	vm, err := device.Open(program, make([]kernels.Member, len(weights)), nil, c.Threads)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, vm.Close()) }()
	for m, w := range weights {
		if err := vm.Load(m, &kernels.State{Mu: w, MuM: w, MuV: w}); err != nil { // no step is made that moments would enter
			return nil, err
		}
	}
	pixels, err := c.Normalisation(set)
	if err != nil {
		return nil, err
	}
	scores, err := vm.Evaluate(ctx, describe(set, set.Test, pixels), 0, 0)
	return scores, device.Failed(err)
}

// withoutNoise is the structure of a network of the configuration, for the examples of a set, whose weights are what they are.
func (c Config) withoutNoise(set *mnist.Set) graph.Spec {
	s := c.Spec(set.Rows*set.Columns, set.Classes)
	s.Sharing, s.Reliability = kernels.NoNoise, false
	return s
}
