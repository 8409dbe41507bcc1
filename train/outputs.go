package train

import (
	"context"
	"errors"
	"fmt"

	"quantal/graph"
	"quantal/kernels"
	"quantal/mnist"
)

// OutputSquares sums the squared derivatives of a network's outputs (logits) with respect to its weights over the first examples of the
// test set and over outputs:
//
//	sum_b sum_j (dy_bj / dw_i)^2, laid out like mu
//
// at the given weights. outputs are those of the examples there, one row after the other. It is what a linearised network makes of
// small, independent changes of its weights.
//
// The network is the same graph under another likelihood: that of a Gaussian of variance 1 has the gradient y - t with respect to the
// outputs y, which is the unit vector of output j where the target t is y without it. So each example stands there once for each output,
// and the squares of its gradients are those of rule Accumulate.
func OutputSquares(ctx context.Context, set *mnist.Set, c Config, weights, outputs []float32) (_ []float64, err error) {
	examples := len(outputs) / set.Classes
	if examples < 1 || len(outputs) != examples*set.Classes || examples > set.Test.N() {
		return nil, fmt.Errorf("train: output squares: want the %d outputs of each of 1 to %d examples, got %d values", set.Classes, set.Test.N(), len(outputs))
	}
	device, err := ChooseDevice(c.Device)
	if err != nil {
		return nil, err
	}
	spec := c.withoutNoise(set)
	spec.Likelihood, spec.Batch = kernels.Gaussian, set.Classes
	program, err := graph.CompileSpec(spec, kernels.Accumulate{AtMu: true})
	if err != nil {
		return nil, err
	}
	normalisation, err := c.Normalisation(set)
	if err != nil {
		return nil, err
	}
	pixels := set.Rows * set.Columns
	data := describe(set, set.Test, normalisation)
	images := data.Bytes
	data.N, data.Labels, data.Bytes, data.Order = examples*set.Classes, nil, nil, inOrder
	for b := range examples {
		for j := range set.Classes {
			data.Bytes = append(data.Bytes, images[b*pixels:(b+1)*pixels]...)
			targets := append(data.Targets, outputs[b*set.Classes:(b+1)*set.Classes]...)
			targets[len(targets)-set.Classes+j]--
			data.Targets = targets
		}
	}
	vm, err := device.Open(program, []kernels.Member{{NoiseVariance: 1}}, data, c.Threads)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, vm.Close()) }()
	if err := vm.Load(0, &kernels.State{Mu: weights, MuM: weights, MuV: weights}); err != nil {
		return nil, err
	}
	pace := newPace()
	for step := 0; step < examples; {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		_, did, _, err := pace.run(vm, step, examples-step)
		if err != nil {
			return nil, device.Failed(err)
		}
		step += did
	}
	sums, err := vm.Sums(0)
	if err != nil {
		return nil, device.Failed(err)
	}
	return sums.ExampleSquare, nil
}

// inOrder takes the examples as they stand.
func inOrder(dst []int32, _ uint64, _ int) {
	for i := range dst {
		dst[i] = int32(i)
	}
}
