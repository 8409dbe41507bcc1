package drift

import (
	"math"
	"slices"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/floats"

	"quantal/internal/fault"
	"quantal/kernels"
	"quantal/mnist"
)

// fisher is the Fisher information of a network's synapses, biases included, at w = mu:
//
//	F = N/n sum over n examples of J' (diag p - p p') J
//
// with J the derivatives of an example's logits and p its class probabilities. It has no labels in it: it is the
// covariance of the gradients of the log-likelihood if the labels are those that the network expects, and the
// Gauss-Newton part of the Hessian of the summed negative log-likelihood (Schraudolph, Neural Computation 14, 1723,
// 2002; Martens, JMLR 21(146), 2020). It is never formed: there are only its products with vectors, which have the
// synapses layer by layer as [inputs, then the bias][outputs].
type fisher struct {
	layers     []kernels.Layer
	activation kernels.Activation
	weights    [][]float64 // of each layer: [inputs, bias][outputs]
	dark       []float64   // inputs of an example without any light
	bright     [][]float64 // of each example: by how much its inputs exceed dark, mostly 0
	responses  [][]float64 // of each hidden layer: [examples][units]
	slopes     [][]float64 // of each hidden layer, as kernels.ApplyGradient reads them
	p          []float64   // [examples][classes]
	scale      float64     // N/n
	threads    int
}

// newFisher is that of a network at some examples of the N of its training set.
func newFisher(layout kernels.Layout, activation kernels.Activation, mu []float32, examples mnist.Examples, n int,
	normalisation mnist.Normalisation, threads int) *fisher {
	f := &fisher{layers: layout.Layers, activation: activation, threads: threads,
		scale: float64(n) / float64(examples.N())}
	inputs, width := normalisation.Floats(examples), layout.Layers[0].In
	for k := range width {
		f.dark = append(f.dark, float64(float32(normalisation.Of(0, k))))
	}
	for e := range examples.N() {
		f.bright = append(f.bright, make([]float64, width))
		for k, x := range inputs[e*width:][:width] {
			f.bright[e][k] = float64(x) - f.dark[k]
		}
	}
	f.weights = f.layerwise(synapses(layout, mu))
	last := len(f.layers) - 1
	for _, shape := range f.layers[:last] {
		f.responses = append(f.responses, make([]float64, examples.N()*shape.Out))
		f.slopes = append(f.slopes, f.responses[len(f.responses)-1])
		if activation.KeepsSlope() {
			f.slopes[len(f.slopes)-1] = make([]float64, examples.N()*shape.Out)
		}
	}
	classes := f.layers[last].Out
	f.p = make([]float64, examples.N()*classes)
	base := f.base(f.weights[0])
	for e := range examples.N() {
		for l, shape := range f.layers {
			if l == last {
				f.read(rowOf(f.p, e, classes), f.weights[l], base, l, e)
				continue
			}
			y := rowOf(f.responses[l], e, shape.Out)
			f.read(y, f.weights[l], base, l, e)
			kernels.Apply(activation, y, rowOf(f.slopes[l], e, shape.Out))
		}
		p := rowOf(f.p, e, classes)
		floats.AddConst(-floats.LogSumExp(p), p)
		for c, v := range p {
			p[c] = math.Exp(v)
		}
	}
	return f
}

func rowOf(m []float64, row, columns int) []float64 { return m[row*columns:][:columns] }

// synapses are the values of a state's field as the vector of a fisher.
func synapses(layout kernels.Layout, mu []float32) []float64 {
	var v []float64
	for l, shape := range layout.Layers {
		for k := range shape.Columns() {
			for r := range shape.Out {
				v = append(v, float64(mu[layout.Slot(l, r, k)]))
			}
		}
	}
	return v
}

// layerwise are the parts of a vector that belong to each layer.
func (f *fisher) layerwise(v []float64) (parts [][]float64) {
	for _, shape := range f.layers {
		parts = append(parts, v[:shape.Synapses()])
		v = v[shape.Synapses():]
	}
	return parts
}

// base is what a matrix of the first layer's shape gives for a black image.
func (f *fisher) base(v []float64) []float64 {
	in, out := f.layers[0].In, f.layers[0].Out
	base := slices.Clone(rowOf(v, in, out))
	addRows(base, f.dark, v)
	return base
}

// read multiplies what layer l reads of an example by a matrix of the shape of its weights; base is the matrix's base
// in the first layer.
func (f *fisher) read(y, matrix, base []float64, l, example int) {
	in, out := f.layers[l].In, f.layers[l].Out
	if l == 0 {
		copy(y, base)
		addRows(y, f.bright[example], matrix)
		return
	}
	copy(y, rowOf(matrix, in, out))
	addRows(y, rowOf(f.responses[l-1], example, in), matrix)
}

// addRows adds the rows of a matrix, each times its factor.
func addRows(y, factors, matrix []float64) {
	for k, v := range factors {
		if v != 0 {
			floats.AddScaled(y, v, rowOf(matrix, k, len(y)))
		}
	}
}

// addOuter adds a row to each row of a matrix, each time times the factor of that row.
func addOuter(matrix, factors, row []float64) {
	for k, v := range factors {
		if v != 0 {
			floats.AddScaled(rowOf(matrix, k, len(row)), v, row)
		}
	}
}

// parts is into how many sums the examples are divided, so that the result is the same for any number of threads.
const parts = 16

// times returns F v.
func (f *fisher) times(v []float64) []float64 {
	var sums [parts][]float64
	var group errgroup.Group
	group.SetLimit(max(1, f.threads))
	n := len(f.p) / f.layers[len(f.layers)-1].Out
	for i := range parts {
		group.Go(fault.Guarded(func() error {
			sums[i] = f.over(v, i*n/parts, (i+1)*n/parts)
			return nil
		}))
	}
	if err := group.Wait(); err != nil {
		panic(err)
	}
	for _, s := range sums[1:] {
		floats.Add(sums[0], s)
	}
	floats.Scale(f.scale, sums[0])
	return sums[0]
}

// over is the part of F v n/N of examples from to end-1.
func (f *fisher) over(v []float64, from, end int) []float64 {
	sum := make([]float64, len(v))
	grads, matrices := f.layerwise(sum), f.layerwise(v)
	base, last := f.base(matrices[0]), len(f.layers)-1
	var moved, errors [][]float64 // of each layer: how its output changes along v, and the gradient that returns to it
	for _, shape := range f.layers {
		moved, errors = append(moved, make([]float64, shape.Out)), append(errors, make([]float64, shape.Out))
	}
	first := make([]float64, f.layers[0].Out) // the sum of the first layer's errors
	for e := from; e < end; e++ {
		for l, shape := range f.layers {
			if f.read(moved[l], matrices[l], base, l, e); l > 0 {
				addRows(moved[l], moved[l-1], f.weights[l])
			}
			if l < last {
				kernels.ApplyGradient(f.activation, moved[l], rowOf(f.slopes[l], e, shape.Out))
			}
		}
		p := rowOf(f.p, e, len(moved[last]))
		mean := floats.Dot(p, moved[last])
		for c, v := range moved[last] {
			errors[last][c] = p[c] * (v - mean)
		}
		for l := last; l > 0; l-- {
			out, in := f.layers[l].Out, f.layers[l].In
			for k := range in {
				errors[l-1][k] = floats.Dot(rowOf(f.weights[l], k, out), errors[l])
			}
			addOuter(grads[l], rowOf(f.responses[l-1], e, in), errors[l])
			floats.Add(rowOf(grads[l], in, out), errors[l])
			kernels.ApplyGradient(f.activation, errors[l-1], rowOf(f.slopes[l-1], e, in))
		}
		addOuter(grads[0], f.bright[e], errors[0])
		floats.Add(first, errors[0])
	}
	addOuter(grads[0], f.dark, first)
	floats.Add(rowOf(grads[0], f.layers[0].In, len(first)), first)
	return sum
}
