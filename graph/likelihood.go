package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// CrossEntropy is the summed negative log-likelihood of a minibatch under a softmax. Inputs: logits [batch, classes],
// labels [batch] of int. Output: a scalar.
type CrossEntropy struct{ op }

// ApplyCrossEntropy adds the categorical likelihood.
func ApplyCrossEntropy(logits, labels *gorgonia.Node) (*gorgonia.Node, error) {
	if logits.Dims() != 2 || labels.Dims() != 1 || labels.Shape()[0] != logits.Shape()[0] {
		return nil, fmt.Errorf("graph: cross-entropy: want logits [batch, classes] and labels [batch], got %v and %v",
			logits.Shape(), labels.Shape())
	}
	in := gorgonia.Nodes{logits, labels}
	return apply(&CrossEntropy{newOp("CrossEntropy", tensor.ScalarShape(), logits.Dtype(), in, 0)}, in...)
}

// Do computes the negative log-likelihood.
func (o *CrossEntropy) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	labels, ok := in[1].Data().([]int)
	if !ok {
		return nil, fmt.Errorf("graph: %v: want labels of type int, got %v", o, in[1].Dtype())
	}
	return o.dispatch(
		func() gorgonia.Value { return scalarValue(float32(crossEntropy[float32](nil, in, labels, 1))) },
		func() gorgonia.Value { return scalarValue(crossEntropy[float64](nil, in, labels, 1)) })
}

// crossEntropy sums over the minibatch and fills d, unless it is nil, with the gradient times scale.
func crossEntropy[T kernels.Float](d []T, v values[T], labels []int, scale T) float64 {
	logits := v.slice(0)
	classes := len(logits) / len(labels)
	sum := 0.0
	for b, label := range labels {
		row := logits[b*classes:][:classes]
		if d == nil {
			sum += kernels.CrossEntropy(nil, row, label)
			continue
		}
		g := d[b*classes:][:classes]
		sum += kernels.CrossEntropy(g, row, label)
		for i := range g {
			g[i] *= scale
		}
	}
	return sum
}

// SymDiff adds the gradient with respect to the logits.
func (o *CrossEntropy) SymDiff(in gorgonia.Nodes, _, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	operands := gorgonia.Nodes{in[0], in[1], grad}
	d, err := apply(&CrossEntropyGradient{newOp("CrossEntropyGradient", in[0].Shape(), o.dtype, operands)}, operands...)
	return gorgonia.Nodes{d, nil}, err
}

// CrossEntropyGradient is softmax(logits) - onehot(labels). Inputs: logits, labels, the gradient of the sum.
type CrossEntropyGradient struct{ op }

// Do computes the gradient.
func (o *CrossEntropyGradient) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	labels, ok := in[1].Data().([]int)
	if !ok {
		return nil, fmt.Errorf("graph: %v: want labels of type int, got %v", o, in[1].Dtype())
	}
	return o.dispatch(
		func() gorgonia.Value {
			crossEntropy(output[float32](&o.op), in, labels, values[float32](in).slice(2)[0])
			return o.out
		},
		func() gorgonia.Value {
			crossEntropy(output[float64](&o.op), in, labels, values[float64](in).slice(2)[0])
			return o.out
		})
}

// GaussianNLL is the summed negative log-likelihood of a minibatch under Gaussians of one variance. Inputs: y [batch,
// out], target [batch, out], the variance. Output: a scalar.
type GaussianNLL struct{ op }

// ApplyGaussianNLL adds the Gaussian likelihood.
func ApplyGaussianNLL(y, target, variance *gorgonia.Node) (*gorgonia.Node, error) {
	if !y.Shape().Eq(target.Shape()) {
		return nil, fmt.Errorf("graph: Gaussian likelihood: want outputs and targets of one shape, got %v and %v", y.Shape(),
			target.Shape())
	}
	in := gorgonia.Nodes{y, target, variance}
	return apply(&GaussianNLL{newOp("GaussianNLL", tensor.ScalarShape(), y.Dtype(), in, 0)}, in...)
}

// Do computes the negative log-likelihood.
func (o *GaussianNLL) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return scalarValue(float32(gaussianNLL[float32](nil, in, 1))) },
		func() gorgonia.Value { return scalarValue(gaussianNLL[float64](nil, in, 1)) })
}

// gaussianNLL sums over the minibatch and fills d, unless it is nil, with the gradient times scale. The minibatch
// counts as one long example: the sum is the same.
func gaussianNLL[T kernels.Float](d []T, v values[T], scale T) float64 {
	sum := kernels.GaussianNLL(d, v.slice(0), v.slice(1), v.slice(2)[0])
	for i := range d {
		d[i] *= scale
	}
	return sum
}

// SymDiff adds the gradient with respect to y.
func (o *GaussianNLL) SymDiff(in gorgonia.Nodes, _, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	operands := gorgonia.Nodes{in[0], in[1], in[2], grad}
	d, err := apply(&GaussianGradient{newOp("GaussianGradient", in[0].Shape(), o.dtype, operands)}, operands...)
	return gorgonia.Nodes{d, nil, nil}, err
}

// GaussianGradient is (y - target) / variance. Inputs: y, target, variance, the gradient of the sum.
type GaussianGradient struct{ op }

// Do computes the gradient.
func (o *GaussianGradient) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value {
			gaussianNLL(output[float32](&o.op), in, values[float32](in).slice(3)[0])
			return o.out
		},
		func() gorgonia.Value {
			gaussianNLL(output[float64](&o.op), in, values[float64](in).slice(3)[0])
			return o.out
		})
}
