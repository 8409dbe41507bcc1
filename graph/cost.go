package graph

import (
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// MagnitudeCost is lambda (B/N) sum |mu|. Inputs: mu, lambda, the fraction B/N. Output: a scalar.
type MagnitudeCost struct{ op }

// ApplyMagnitudeCost adds the magnitude cost of one layer.
func ApplyMagnitudeCost(mu, lambda, fraction *gorgonia.Node) (*gorgonia.Node, error) {
	in := gorgonia.Nodes{mu, lambda, fraction}
	return apply(&MagnitudeCost{newOp("MagnitudeCost", tensor.ScalarShape(), mu.Dtype(), in, 0)}, in...)
}

// Do computes the cost.
func (o *MagnitudeCost) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return scalarValue(float32(magnitudeCost[float32](in))) },
		func() gorgonia.Value { return scalarValue(magnitudeCost[float64](in)) })
}

func magnitudeCost[T kernels.Float](v values[T]) float64 {
	sum := 0.0
	for _, mu := range v.slice(0) {
		sum += math.Abs(float64(mu))
	}
	return v.scalar(1) * v.scalar(2) * sum
}

// SymDiff adds the gradient with respect to mu.
func (o *MagnitudeCost) SymDiff(in gorgonia.Nodes, _, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	operands := gorgonia.Nodes{in[0], in[1], in[2], grad}
	d, err := apply(&MagnitudeGradient{newOp("MagnitudeGradient", in[0].Shape(), o.dtype, operands)}, operands...)
	return gorgonia.Nodes{d, nil, nil}, err
}

// MagnitudeGradient is lambda (B/N) sign(mu). Inputs: mu, lambda, fraction, the gradient of the cost.
type MagnitudeGradient struct{ op }

// Do computes the gradient.
func (o *MagnitudeGradient) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return magnitudeGradient[float32](o, in) },
		func() gorgonia.Value { return magnitudeGradient[float64](o, in) })
}

func magnitudeGradient[T kernels.Float](o *MagnitudeGradient, v values[T]) gorgonia.Value {
	slope := T(v.scalar(1) * v.scalar(2) * v.scalar(3))
	d := output[T](&o.op)
	for i, mu := range v.slice(0) {
		d[i] = slope * kernels.Sign(mu)
	}
	return o.out
}

// ReliabilityCost is c (B/N) sum sigma^-rho over synapses, or -c (B/N) sum log sigma where rho is 0. Inputs: phi, c,
// rho, the fraction B/N. Output: a scalar.
type ReliabilityCost struct {
	op
	Synapses int // that share each entry of phi, and pay
}

// ApplyReliabilityCost adds the reliability cost of the synapses that phi stands for, the given number per entry.
func ApplyReliabilityCost(synapses int, phi, c, rho, fraction *gorgonia.Node) (*gorgonia.Node, error) {
	in := gorgonia.Nodes{phi, c, rho, fraction}
	return apply(&ReliabilityCost{newOp("ReliabilityCost", tensor.ScalarShape(), phi.Dtype(), in, 0), synapses}, in...)
}

// Do computes the cost.
func (o *ReliabilityCost) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return scalarValue(float32(reliabilityCost[float32](o, in))) },
		func() gorgonia.Value { return scalarValue(reliabilityCost[float64](o, in)) })
}

func reliabilityCost[T kernels.Float](o *ReliabilityCost, v values[T]) float64 {
	sum := 0.0
	for _, phi := range v.slice(0) {
		sigma, _ := kernels.Softplus(phi)
		sum += kernels.ReliabilityCost(float64(sigma), v.scalar(2))
	}
	return v.scalar(1) * v.scalar(3) * float64(o.Synapses) * sum
}

// SymDiff adds the gradient with respect to phi.
func (o *ReliabilityCost) SymDiff(in gorgonia.Nodes, _, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	operands := gorgonia.Nodes{in[0], in[1], in[2], in[3], grad}
	d, err := apply(&ReliabilityGradient{newOp("ReliabilityGradient", in[0].Shape(), o.dtype, operands), o.Synapses},
		operands...)
	return gorgonia.Nodes{d, nil, nil, nil}, err
}

// ReliabilityGradient is -c rho (B/N) sigma^-(rho+1) dsigma/dphi per synapse. Inputs: phi, c, rho, fraction, the
// gradient of the cost.
type ReliabilityGradient struct {
	op
	Synapses int
}

// Do computes the gradient.
func (o *ReliabilityGradient) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return reliabilityGradient[float32](o, in) },
		func() gorgonia.Value { return reliabilityGradient[float64](o, in) })
}

func reliabilityGradient[T kernels.Float](o *ReliabilityGradient, v values[T]) gorgonia.Value {
	slope := T(kernels.ReliabilitySlope(v.scalar(1), v.scalar(2)) * v.scalar(3) * v.scalar(4) * float64(o.Synapses))
	d := output[T](&o.op)
	rho := v.slice(2)[0]
	for i, phi := range v.slice(0) {
		sigma, derivative := kernels.Softplus(phi)
		d[i] = -slope * kernels.InversePower(sigma, rho) * derivative
	}
	return o.out
}
