package graph

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// Sigma is the standard deviation for a phi, sigma = softplus(phi), entry by entry.
type Sigma struct{ op }

// ApplySigma adds the standard deviations of a phi.
func ApplySigma(phi *gorgonia.Node) (*gorgonia.Node, error) {
	return apply(&Sigma{newOp("Sigma", phi.Shape(), phi.Dtype(), gorgonia.Nodes{phi}, 0)}, phi)
}

// Do computes sigma.
func (o *Sigma) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return sigmas[float32](o, in) },
		func() gorgonia.Value { return sigmas[float64](o, in) })
}

func sigmas[T kernels.Float](o *Sigma, v values[T]) gorgonia.Value {
	sigma := output[T](&o.op)
	for i, phi := range v.slice(0) {
		sigma[i], _ = kernels.Softplus(phi)
	}
	return o.out
}

// SymDiff adds the gradient with respect to phi.
func (o *Sigma) SymDiff(in gorgonia.Nodes, _, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	operands := gorgonia.Nodes{in[0], grad}
	d, err := apply(&SigmaGradient{newOp("SigmaGradient", o.shape, o.dtype, operands)}, operands...)
	return gorgonia.Nodes{d}, err
}

// SigmaGradient is the gradient with respect to phi, dsigma/dphi = 1 / (1 + e^-phi) times that with respect to sigma.
// Inputs: phi, the gradient with respect to sigma.
type SigmaGradient struct{ op }

// Do computes the gradient.
func (o *SigmaGradient) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return sigmaGradient[float32](o, in) },
		func() gorgonia.Value { return sigmaGradient[float64](o, in) })
}

func sigmaGradient[T kernels.Float](o *SigmaGradient, v values[T]) gorgonia.Value {
	d, grad := output[T](&o.op), v.slice(1)
	for i, phi := range v.slice(0) {
		_, derivative := kernels.Softplus(phi)
		d[i] = grad[i] * derivative
	}
	return o.out
}

// Spread gives each synapse of a layer the sigma that it shares. Input: sigma. Output: [out, in+1].
type Spread struct {
	op
	Linear
}

// ApplySpread spreads the sigmas of layer index, of the given size, over its synapses.
func ApplySpread(index int, l kernels.Layer, sharing kernels.Sharing, sigma *gorgonia.Node) (*gorgonia.Node, error) {
	o := &Spread{newOp("Spread", tensor.Shape{l.Out, l.Columns()}, sigma.Dtype(), gorgonia.Nodes{sigma}, 0),
		Linear{Layer: l, Index: index, Sharing: sharing}}
	return apply(o, sigma)
}

// Do computes the sigmas of the synapses.
func (o *Spread) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return spread[float32](o, in) },
		func() gorgonia.Value { return spread[float64](o, in) })
}

func spread[T kernels.Float](o *Spread, v values[T]) gorgonia.Value {
	dst := output[T](&o.op)
	for r := range o.Out {
		sigma := groupOf(o.Linear, v.slice(0), r)[0]
		for k := range o.Columns() {
			dst[r*o.Columns()+k] = sigma
		}
	}
	return o.out
}

// SymDiff adds the gradient with respect to the shared sigma.
func (o *Spread) SymDiff(in gorgonia.Nodes, _, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	operands := gorgonia.Nodes{grad}
	d, err := apply(&Collect{newOp("Collect", in[0].Shape(), o.dtype, operands), o.Linear}, operands...)
	return gorgonia.Nodes{d}, err
}

// Collect sums the numbers of the synapses that share a sigma. Input: [out, in+1]. Output: of the shape of sigma.
type Collect struct {
	op
	Linear
}

// Do computes the sums.
func (o *Collect) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return collect[float32](o, in) },
		func() gorgonia.Value { return collect[float64](o, in) })
}

func collect[T kernels.Float](o *Collect, v values[T]) gorgonia.Value {
	dst := output[T](&o.op)
	sums := make([]float64, len(dst))
	for r := range o.Out {
		sum := groupOf(o.Linear, sums, r)
		for _, x := range v.slice(0)[r*o.Columns():][:o.Columns()] {
			sum[0] += float64(x)
		}
	}
	for i, sum := range sums {
		dst[i] = T(sum)
	}
	return o.out
}
