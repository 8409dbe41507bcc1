package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// Pictures is a minibatch of pictures that a window sees. Its matrices have a row for each position of each example,
// [batch height width, channels], or a row for each example, [batch, values], if the window's arrangement says so.
type Pictures struct {
	kernels.Window
	Batch int
}

func (p Pictures) source() tensor.Shape {
	return tensor.Shape{p.Batch * p.SourceRows(), p.SourceWidth()}
}

// see checks that x has the pictures that a window wants.
func see(what string, w kernels.Window, x *gorgonia.Node) (Pictures, error) {
	if err := w.Check(); err != nil {
		return Pictures{}, fmt.Errorf("graph: %s: %w", what, err)
	}
	p := Pictures{Window: w}
	if x.Dims() == 2 {
		p.Batch = x.Shape()[0] / w.SourceRows()
	}
	if p.Batch < 1 || !x.Shape().Eq(p.source()) {
		return Pictures{}, fmt.Errorf("graph: %s: want a picture of %d rows and %d columns for each example, got %v", what,
			w.SourceRows(), w.SourceWidth(), x.Shape())
	}
	return p, nil
}

// Unfold lays out what a window sees at each output position: a NoisyLinear that reads it is a convolution. Input: x.
// Output: [batch outputs, patch], where value c of row i and column j of the window is in column (i Columns + j)
// Channels + c.
type Unfold struct {
	op
	Pictures
}

// ApplyUnfold adds an Unfold.
func ApplyUnfold(w kernels.Window, x *gorgonia.Node) (*gorgonia.Node, error) {
	p, err := see("unfold", w, x)
	if err != nil {
		return nil, err
	}
	shape := tensor.Shape{p.Batch * w.Output().Positions(), w.Patch()}
	return apply(&Unfold{newOp("Unfold", shape, x.Dtype(), gorgonia.Nodes{x}, unlessInput(x)...), p}, x)
}

// unlessInput is the gradient with respect to the first input, unless that is one of the graph.
func unlessInput(x *gorgonia.Node) []int {
	if x.IsVar() {
		return nil
	}
	return []int{0}
}

// Do computes the output.
func (o *Unfold) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return unfold[float32](o, in) },
		func() gorgonia.Value { return unfold[float64](o, in) })
}

func unfold[T kernels.Float](o *Unfold, v values[T]) gorgonia.Value {
	n := o.Output().Positions()
	y := make([]T, o.Batch*n*kernels.Stride(o.Patch()))
	x := strided(v.slice(0), o.source()[0], o.SourceWidth())
	for b := range o.Batch {
		kernels.Unfold(o.Window, part(y, b, o.Batch), part(x, b, o.Batch), 0, n)
	}
	dense(output[T](&o.op), y, o.Batch*n, o.Patch())
	return o.out
}

// part is that of example b.
func part[T any](all []T, b, batch int) []T { return all[b*(len(all)/batch):][:len(all)/batch] }

// SymDiff adds the gradient with respect to x.
func (o *Unfold) SymDiff(in gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	dx, err := apply(&Fold{newOp("Fold", in[0].Shape(), o.dtype, gorgonia.Nodes{dy}), o.Pictures}, dy)
	return gorgonia.Nodes{dx}, err
}

// Fold is the gradient with respect to the input of an Unfold. Input: the gradient of its output.
type Fold struct {
	op
	Pictures
}

// Do computes the gradient.
func (o *Fold) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return fold[float32](o, in) },
		func() gorgonia.Value { return fold[float64](o, in) })
}

func fold[T kernels.Float](o *Fold, v values[T]) gorgonia.Value {
	n := o.Output().Positions()
	dy := strided(v.slice(0), o.Batch*n, o.Patch())
	rows, width := o.source()[0], o.SourceWidth()
	dx := make([]T, rows*kernels.Stride(width))
	for b := range o.Batch {
		kernels.Fold(o.Window, part(dx, b, o.Batch), part(dy, b, o.Batch), 0, n)
	}
	dense(output[T](&o.op), dx, rows, width)
	return o.out
}
