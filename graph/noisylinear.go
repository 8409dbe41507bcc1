package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// Linear says with which layer of noisy weights an operation computes.
type Linear struct {
	kernels.Layer
	Index   int // the layer's number, which enters the noise
	Batch   int
	Sharing kernels.Sharing
	Draw    kernels.Draw // PerMinibatch without noise
}

// NoisyLinear is a layer of unreliable synapses: y = x w^T with w = mu + sigma xi, one draw for the minibatch, or for
// each example.
//
// Inputs: x [batch, in]; mu [out, in+1], the bias in the last column; and, unless there is no noise, sigma, seed and
// step. Sigma is [out, in+1], [out], or [1, 1] for a layer or a network. xi is kernels.Noise of the seed, the step and
// the layer's number. Output: y [batch, out].
type NoisyLinear struct {
	op
	Linear
}

// ApplyNoisyLinear adds a layer. sigma, seed and step are nil when sharing is NoNoise.
func ApplyNoisyLinear(index int, sharing kernels.Sharing, draw kernels.Draw, x, mu, sigma, seed,
	step *gorgonia.Node) (*gorgonia.Node, error) {
	if x.Dims() != 2 || mu.Dims() != 2 || mu.Shape()[1] != x.Shape()[1]+1 {
		return nil, fmt.Errorf("graph: layer %d: want x [batch, in] and mu [out, in+1], got %v and %v", index, x.Shape(),
			mu.Shape())
	}
	l := Linear{
		Layer: kernels.Layer{In: x.Shape()[1], Out: mu.Shape()[0]},
		Index: index, Batch: x.Shape()[0], Sharing: sharing,
	}
	in := gorgonia.Nodes{x, mu}
	diff := []int{1}
	if sharing != kernels.NoNoise {
		if want := sigmaShape(l.Layer, sharing); !sigma.Shape().Eq(want) {
			return nil, fmt.Errorf("graph: layer %d: sigma per %v: want sigma %v, got %v", index, sharing, want, sigma.Shape())
		}
		in = append(in, sigma, seed, step)
		diff = append(diff, 2)
		l.Draw = draw
	}
	if !x.IsVar() {
		diff = append(diff, 0)
	}
	o := &NoisyLinear{newOp("NoisyLinear", tensor.Shape{l.Batch, l.Out}, mu.Dtype(), in, diff...), l}
	return apply(o, in...)
}

func sigmaShape(l kernels.Layer, s kernels.Sharing) tensor.Shape {
	switch s {
	case kernels.PerSynapse:
		return tensor.Shape{l.Out, l.Columns()}
	case kernels.PerNeuron:
		return tensor.Shape{l.Out}
	}
	return tensor.Shape{1, 1} // not [1], which Gorgonia treats as a scalar
}

// groupOf returns the entries, of as many as there are sigmas, that row r has: one per synapse, or a single one.
func groupOf[T any](l Linear, sigma []T, r int) []T {
	switch l.Sharing {
	case kernels.PerSynapse:
		return sigma[r*l.Columns() : (r+1)*l.Columns()]
	case kernels.PerNeuron:
		return sigma[r : r+1]
	}
	return sigma[:1]
}

func (l Linear) noise(seed, step gorgonia.Value) kernels.Noise {
	return kernels.Noise{Seed: integer(seed), Stream: kernels.StreamTrain, Layer: uint16(l.Index),
		Step: uint32(integer(step))}
}

// product draws the weights from mu and, with noise, sigma, seed and step, which follow input 'at' in this order.
func product[T kernels.Float](l Linear, v values[T], at int) kernels.Product[T] {
	p := kernels.Product[T]{Layer: l.Layer, Batch: l.Batch, W: make([]T, l.Slots())}
	n, stride := l.Columns(), l.Stride()
	mu := v.slice(at)
	xi := make([]T, n)
	for r := range l.Out {
		w, mu := p.W[r*stride:][:n], mu[r*n:][:n]
		if l.Sharing == kernels.NoNoise {
			copy(w, mu)
			continue
		}
		kernels.Normals(xi, l.noise(v[at+2], v[at+3]), r)
		sigma := groupOf(l, v.slice(at+1), r)
		if l.Sharing == kernels.PerSynapse {
			kernels.Weights(w, mu, sigma, xi)
		} else {
			kernels.WeightsShared(w, mu, sigma[0], xi)
		}
	}
	return p
}

// strided copies a matrix into rows of Stride(width) with the constant 1 after the values, as the kernels read them.
func strided[T kernels.Float](x []T, batch, width int) []T {
	stride := kernels.Stride(width)
	s := make([]T, batch*stride)
	for b := range batch {
		copy(s[b*stride:], x[b*width:(b+1)*width])
		s[b*stride+width] = 1
	}
	return s
}

// dense copies the values of such rows back.
func dense[T kernels.Float](dst, s []T, batch, width int) {
	for b := range batch {
		copy(dst[b*width:(b+1)*width], s[b*kernels.Stride(width):])
	}
}

// Do computes y.
func (o *NoisyLinear) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return linearForward[float32](o, in) },
		func() gorgonia.Value { return linearForward[float64](o, in) })
}

func linearForward[T kernels.Float](o *NoisyLinear, v values[T]) gorgonia.Value {
	if o.Draw == kernels.PerExample {
		p := perturb(o.Linear, v.slice(0), v.slice(1), v.slice(2), o.noise(v[3], v[4]))
		dense(output[T](&o.op), p.y, o.Batch, o.Out)
		return o.out
	}
	y := make([]T, o.Batch*kernels.Stride(o.Out))
	product(o.Linear, v, 1).Forward(y, strided(v.slice(0), o.Batch, o.In))
	dense(output[T](&o.op), y, o.Batch, o.Out)
	return o.out
}

// SymDiff adds the gradients with respect to x, mu and sigma.
func (o *NoisyLinear) SymDiff(in gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	grads := make(gorgonia.Nodes, len(in))
	var err error
	if o.diff[0] {
		operands := append(gorgonia.Nodes{dy}, in[1:]...)
		if o.Draw == kernels.PerExample {
			operands = append(operands, in[0])
		}
		d := &NoisyLinearInputGradient{newOp("NoisyLinearInputGradient", in[0].Shape(), o.dtype, operands), o.Linear}
		if grads[0], err = apply(d, operands...); err != nil {
			return nil, err
		}
	}
	operands := gorgonia.Nodes{dy, in[0]}
	dmu := &NoisyLinearMuGradient{newOp("NoisyLinearMuGradient", in[1].Shape(), o.dtype, operands), o.Linear}
	if grads[1], err = apply(dmu, operands...); err != nil || o.Sharing == kernels.NoNoise {
		return grads, err
	}
	operands = gorgonia.Nodes{grads[1], in[3], in[4]}
	if o.Draw == kernels.PerExample {
		operands = append(gorgonia.Nodes{dy}, in...)
	}
	dsigma := &NoisyLinearSigmaGradient{newOp("NoisyLinearSigmaGradient", in[2].Shape(), o.dtype, operands), o.Linear}
	grads[2], err = apply(dsigma, operands...)
	return grads, err
}

// NoisyLinearInputGradient is the gradient with respect to a layer's input: dx = dy w. Inputs: dy, mu, and with noise
// sigma, seed and step; and x, if every example has its own noise.
type NoisyLinearInputGradient struct {
	op
	Linear
}

// Do computes dx.
func (o *NoisyLinearInputGradient) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return linearInputGradient[float32](o, in) },
		func() gorgonia.Value { return linearInputGradient[float64](o, in) })
}

func linearInputGradient[T kernels.Float](o *NoisyLinearInputGradient, v values[T]) gorgonia.Value {
	if o.Draw == kernels.PerExample {
		p := perturb(o.Linear, v.slice(5), v.slice(1), v.slice(2), o.noise(v[3], v[4]))
		p.inputGradient(output[T](&o.op), v.slice(0))
		return o.out
	}
	dx := make([]T, o.Batch*o.Stride())
	product(o.Linear, v, 1).BackwardInput(dx, strided(v.slice(0), o.Batch, o.Out))
	dense(output[T](&o.op), dx, o.Batch, o.In)
	return o.out
}

// NoisyLinearMuGradient is the gradient with respect to the weights, and so to mu: dW = dy^T x. Inputs: dy, x.
type NoisyLinearMuGradient struct {
	op
	Linear
}

// Do computes dW.
func (o *NoisyLinearMuGradient) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return linearMuGradient[float32](o, in) },
		func() gorgonia.Value { return linearMuGradient[float64](o, in) })
}

func linearMuGradient[T kernels.Float](o *NoisyLinearMuGradient, v values[T]) gorgonia.Value {
	p := kernels.Product[T]{Layer: o.Layer, Batch: o.Batch}
	dy, x := strided(v.slice(0), o.Batch, o.Out), strided(v.slice(1), o.Batch, o.In)
	dw := output[T](&o.op)
	for r := range o.Out {
		p.WeightGradient(dw[r*o.Columns():][:o.Columns()], dy, x, r)
	}
	return o.out
}

// NoisyLinearSigmaGradient is the gradient of the likelihood with respect to sigma: dsigma = sum dW xi, the sum over
// the synapses that share the sigma. Inputs: dW, seed, step; or dy and the layer's own inputs, if every example has its
// own noise.
type NoisyLinearSigmaGradient struct {
	op
	Linear
}

// Do computes dsigma.
func (o *NoisyLinearSigmaGradient) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return linearSigmaGradient[float32](o, in) },
		func() gorgonia.Value { return linearSigmaGradient[float64](o, in) })
}

func linearSigmaGradient[T kernels.Float](o *NoisyLinearSigmaGradient, v values[T]) gorgonia.Value {
	dsigma := output[T](&o.op)
	if o.Draw == kernels.PerExample {
		p := perturb(o.Linear, v.slice(1), v.slice(2), v.slice(3), o.noise(v[4], v[5]))
		p.sigmaGradient(dsigma, v.slice(0), v.slice(3))
		return o.out
	}
	dw, n := v.slice(0), o.Columns()
	sums := make([]float64, len(dsigma))
	xi := make([]T, n)
	for r := range o.Out {
		kernels.Normals(xi, o.noise(v[1], v[2]), r)
		dst, dw := groupOf(o.Linear, sums, r), dw[r*n:][:n]
		if o.Sharing == kernels.PerSynapse {
			for k := range dst {
				dst[k] = float64(dw[k] * xi[k])
			}
		} else {
			dst[0] += kernels.SigmaGradient(dw, xi)
		}
	}
	for i, sum := range sums {
		dsigma[i] = T(sum)
	}
	return o.out
}
