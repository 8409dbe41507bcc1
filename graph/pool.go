package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// Pool replaces what a window sees of each channel by its largest value or its mean. Input: x, with a row for each
// position of each example. Output: [batch outputs, channels].
type Pool struct {
	op
	Pictures
	Pooling kernels.Pooling
}

// ApplyPool adds a Pool.
func ApplyPool(p kernels.Pooling, w kernels.Window, x *gorgonia.Node) (*gorgonia.Node, error) {
	pictures, err := see("pool", w, x)
	if err != nil {
		return nil, err
	}
	if w.Pad != 0 || w.Arrangement != kernels.ByPosition {
		return nil, fmt.Errorf("graph: pool: want a picture with a row for each position and no zeros around it")
	}
	shape := tensor.Shape{pictures.Batch * w.Output().Positions(), w.Channels}
	return apply(&Pool{newOp("Pool", shape, x.Dtype(), gorgonia.Nodes{x}, unlessInput(x)...), pictures, p}, x)
}

// Do computes the output.
func (o *Pool) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return pool[float32](o, in) },
		func() gorgonia.Value { return pool[float64](o, in) })
}

func pool[T kernels.Float](o *Pool, v values[T]) gorgonia.Value {
	x := strided(v.slice(0), o.source()[0], o.Channels)
	y := make([]T, o.shape[0]*kernels.Stride(o.Channels))
	for b := range o.Batch {
		kernels.PoolForward(o.Pooling, o.Window, part(y, b, o.Batch), part(x, b, o.Batch))
	}
	dense(output[T](&o.op), y, o.shape[0], o.Channels)
	return o.out
}

// SymDiff adds the gradient with respect to x.
func (o *Pool) SymDiff(in gorgonia.Nodes, y, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	operands := gorgonia.Nodes{dy, y, in[0]}
	dx, err := apply(&PoolGradient{newOp("PoolGradient", in[0].Shape(), o.dtype, operands), o.Pictures, o.Pooling},
		operands...)
	return gorgonia.Nodes{dx}, err
}

// PoolGradient is the gradient with respect to the input of a Pool. Inputs: the gradient of its output, its output, its
// input.
type PoolGradient struct {
	op
	Pictures
	Pooling kernels.Pooling
}

// Do computes the gradient.
func (o *PoolGradient) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return poolGradient[float32](o, in) },
		func() gorgonia.Value { return poolGradient[float64](o, in) })
}

func poolGradient[T kernels.Float](o *PoolGradient, v values[T]) gorgonia.Value {
	outputs, rows := o.Batch*o.Output().Positions(), o.source()[0]
	dy, y := strided(v.slice(0), outputs, o.Channels), strided(v.slice(1), outputs, o.Channels)
	x := strided(v.slice(2), rows, o.Channels)
	dx := make([]T, len(x))
	for b := range o.Batch {
		kernels.PoolGradient(o.Pooling, o.Window, part(dx, b, o.Batch), part(dy, b, o.Batch), part(y, b, o.Batch),
			part(x, b, o.Batch))
	}
	dense(output[T](&o.op), dx, rows, o.Channels)
	return o.out
}
