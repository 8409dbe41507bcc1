package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"quantal/kernels"
)

// Activate applies an activation to each entry. Input: y. Output: a(y), of the same shape.
type Activate struct {
	op
	Activation kernels.Activation
}

// ApplyActivation adds an activation.
func ApplyActivation(a kernels.Activation, y *gorgonia.Node) (*gorgonia.Node, error) {
	if err := a.Check(); err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	return apply(&Activate{newOp("Activate", y.Shape(), y.Dtype(), gorgonia.Nodes{y}, 0), a}, y)
}

// Do computes a(y).
func (o *Activate) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return activate[float32](o, in) },
		func() gorgonia.Value { return activate[float64](o, in) })
}

func activate[T kernels.Float](o *Activate, v values[T]) gorgonia.Value {
	dst := output[T](&o.op)
	copy(dst, v.slice(0))
	kernels.Apply(o.Activation, dst, nil)
	return o.out
}

// SymDiff adds the gradient with respect to y.
func (o *Activate) SymDiff(in gorgonia.Nodes, a, da *gorgonia.Node) (gorgonia.Nodes, error) {
	operands := gorgonia.Nodes{da, a}
	if o.Activation.KeepsSlope() {
		operands[1] = in[0]
	}
	dy, err := apply(&ActivateGradient{newOp("ActivateGradient", o.shape, o.dtype, operands), o.Activation}, operands...)
	return gorgonia.Nodes{dy}, err
}

// ActivateGradient is the gradient with respect to y. Inputs: the gradient with respect to a(y), and a(y), or y if the
// derivative is not a function of a(y).
type ActivateGradient struct {
	op
	Activation kernels.Activation
}

// Do computes dy.
func (o *ActivateGradient) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return activateGradient[float32](o, in) },
		func() gorgonia.Value { return activateGradient[float64](o, in) })
}

func activateGradient[T kernels.Float](o *ActivateGradient, v values[T]) gorgonia.Value {
	dst := output[T](&o.op)
	copy(dst, v.slice(0))
	of := v.slice(1)
	if o.Activation.KeepsSlope() {
		slope := make([]T, len(of))
		kernels.Apply(o.Activation, slices.Clone(of), slope)
		of = slope
	}
	kernels.ApplyGradient(o.Activation, dst, of)
	return o.out
}
