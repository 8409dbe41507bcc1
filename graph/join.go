package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// Join adds branches of a network. Inputs: two or more of one shape. Output: their sum.
type Join struct{ op }

// ApplyJoin adds a Join.
func ApplyJoin(in ...*gorgonia.Node) (*gorgonia.Node, error) {
	if len(in) == 0 {
		return nil, fmt.Errorf("graph: join: want at least one input")
	}
	var diff []int
	for i, n := range in {
		if !n.Shape().Eq(in[0].Shape()) {
			return nil, fmt.Errorf("graph: join: want inputs of one shape, got %v and %v", in[0].Shape(), n.Shape())
		}
		if !n.IsVar() {
			diff = append(diff, i)
		}
	}
	return apply(&Join{newOp("Join", in[0].Shape(), in[0].Dtype(), in, diff...)}, in...)
}

// Do computes the sum.
func (o *Join) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return joined[float32](o, in) },
		func() gorgonia.Value { return joined[float64](o, in) })
}

func joined[T kernels.Float](o *Join, v values[T]) gorgonia.Value {
	var all [][]T
	for i := range v {
		all = append(all, v.slice(i))
	}
	kernels.Sum(output[T](&o.op), all...)
	return o.out
}

// SymDiff adds the gradients with respect to the inputs.
func (o *Join) SymDiff(in gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	grads := make(gorgonia.Nodes, len(in))
	for i := range in {
		if !o.diff[i] {
			continue
		}
		var err error
		if grads[i], err = apply(&JoinGradient{newOp("JoinGradient", o.shape, o.dtype, gorgonia.Nodes{dy}), i},
			dy); err != nil {
			return nil, err
		}
	}
	return grads, nil
}

// JoinGradient is the gradient with respect to one input of a Join. Input: that of its output, which is the same.
type JoinGradient struct {
	op
	Input int // its number
}

// Do copies the gradient.
func (o *JoinGradient) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { copy(output[float32](&o.op), values[float32](in).slice(0)); return o.out },
		func() gorgonia.Value { copy(output[float64](&o.op), values[float64](in).slice(0)); return o.out })
}

// Flat is a minibatch of pictures made rows.
type Flat struct {
	kernels.Picture
	Batch int
}

// Flatten makes a row of each picture, channel after channel. Input: x, with a row for each position of each example.
// Output: [batch, values].
type Flatten struct {
	op
	Flat
}

// ApplyFlatten adds a Flatten.
func ApplyFlatten(p kernels.Picture, x *gorgonia.Node) (*gorgonia.Node, error) {
	if x.Dims() != 2 || p.Units() < 1 || x.Shape()[1] != p.Channels || x.Shape()[0]%p.Positions() != 0 {
		return nil, fmt.Errorf("graph: flatten: want pictures %v, got %v", p, x.Shape())
	}
	f := Flat{p, x.Shape()[0] / p.Positions()}
	return apply(&Flatten{newOp("Flatten", tensor.Shape{f.Batch, p.Units()}, x.Dtype(), gorgonia.Nodes{x},
		unlessInput(x)...), f}, x)
}

// Do computes the rows.
func (o *Flatten) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return flatten[float32](o, in) },
		func() gorgonia.Value { return flatten[float64](o, in) })
}

func flatten[T kernels.Float](o *Flatten, v values[T]) gorgonia.Value {
	x, y := strided(v.slice(0), o.Batch*o.Positions(), o.Channels), output[T](&o.op)
	for b := range o.Batch {
		kernels.Flat(o.Picture, part(y, b, o.Batch), part(x, b, o.Batch))
	}
	return o.out
}

// SymDiff adds the gradient with respect to x.
func (o *Flatten) SymDiff(in gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	dx, err := apply(&FlattenGradient{newOp("FlattenGradient", in[0].Shape(), o.dtype, gorgonia.Nodes{dy}), o.Flat}, dy)
	return gorgonia.Nodes{dx}, err
}

// FlattenGradient is the gradient with respect to the input of a Flatten. Input: that of its output.
type FlattenGradient struct {
	op
	Flat
}

// Do computes the gradient.
func (o *FlattenGradient) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return unflatten[float32](o, in) },
		func() gorgonia.Value { return unflatten[float64](o, in) })
}

func unflatten[T kernels.Float](o *FlattenGradient, v values[T]) gorgonia.Value {
	rows := o.Batch * o.Positions()
	dx := make([]T, rows*kernels.Stride(o.Channels))
	for b := range o.Batch {
		kernels.Unflat(o.Picture, part(dx, b, o.Batch), part(v.slice(0), b, o.Batch))
	}
	dense(output[T](&o.op), dx, rows, o.Channels)
	return o.out
}
