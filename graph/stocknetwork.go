package graph

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Pictures are [batch, channels, rows, columns] in stock operations, and rows [batch, values].

func (s *stock) reshape(a *gorgonia.Node, shape ...int) *gorgonia.Node {
	if s.err != nil || a.Shape().Eq(tensor.Shape(shape)) {
		return a
	}
	return s.keep(gorgonia.Reshape(a, shape))
}

func (s *stock) permute(a *gorgonia.Node, axes ...int) *gorgonia.Node {
	return s.unary(func(n *gorgonia.Node) (*gorgonia.Node, error) { return gorgonia.Transpose(n, axes...) }, a)
}

// picture is the input of a network as it reads it; pixels have their channels beside each other in x.
func (s *stock) picture(x *gorgonia.Node, spec Spec) *gorgonia.Node {
	in := spec.Input
	if spec.Network == nil || in.Positions() == 1 {
		return x
	}
	return s.reshape(x, spec.Batch, in.Channels, in.Height, in.Width)
}

// convolve is a convolution with filters w [out, rows columns channels] and biases b [out, 1].
func (s *stock) convolve(n Shaped, x, w, b *gorgonia.Node) *gorgonia.Node {
	if s.err != nil {
		return nil
	}
	v, out, batch := n.Window, n.Output, x.Shape()[0]
	w = s.permute(s.reshape(w, n.Layer.Out, v.Rows, v.Columns, v.Channels), 0, 3, 1, 2)
	y := s.conv2d(x, w, v.Step, v.Pad)
	everywhere := s.reshape(s.binary(gorgonia.Mul, b, s.ones(1, out.Positions())), 1, out.Units())
	return s.binary(gorgonia.Add, y, s.reshape(s.binary(gorgonia.Mul, s.ones(batch, 1), everywhere),
		batch, out.Channels, out.Height, out.Width))
}

func (s *stock) conv2d(x, w *gorgonia.Node, stride, pad int) *gorgonia.Node {
	if s.err != nil {
		return nil
	}
	return s.keep(gorgonia.Conv2d(x, w, w.Shape()[2:].Clone(), []int{pad, pad}, []int{stride, stride}, []int{1, 1}))
}

// unweighted is a pool or a sum. The mean is a convolution of each channel with equal weights.
func (s *stock) unweighted(n Shaped, in gorgonia.Nodes) *gorgonia.Node {
	if s.err != nil {
		return nil
	}
	v, out := n.Window, n.Output
	switch {
	case n.Kind == Add:
		sum := in[0]
		for _, x := range in[1:] {
			sum = s.binary(gorgonia.Add, sum, x)
		}
		return sum
	case n.Average:
		batch := in[0].Shape()[0]
		w := gorgonia.NodeFromAny(s.g, tensor.Ones(s.dt, 1, 1, v.Rows, v.Columns), gorgonia.WithName(n.String()))
		y := s.conv2d(s.reshape(in[0], batch*v.Channels, 1, v.Height, v.Width), w, v.Step, 0)
		return s.times(s.reshape(y, batch, v.Channels, out.Height, out.Width), 1/float64(v.Rows*v.Columns))
	}
	return s.unary(func(x *gorgonia.Node) (*gorgonia.Node, error) {
		return gorgonia.MaxPool2D(x, tensor.Shape{v.Rows, v.Columns}, []int{0, 0}, []int{v.Step, v.Step})
	}, in[0])
}
