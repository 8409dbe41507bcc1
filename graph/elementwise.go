package graph

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// Elementwise is an operation of package kernels, entry by entry, on tensors of one shape and scalars, which apply to
// every entry. Only tensors have a gradient. It is for operations that Gorgonia does not have or does not do well:
//
//   - It has no select, min and max. Its sign and comparisons have no derivative, so a graph with them has none at all;
//     here it is 0.
//   - The derivative of its power includes one for the exponent, with the logarithm of the base. A scalar exponent
//     leaves that as nodes which nothing reads and which are NaN where the base is negative.
//   - Its log of 1 + x becomes log1p of x and takes the node of the sum out of the graph, though others may read it.
//   - The slope of a root is infinite at 0, and that of x^2 is 0 there, so the slope of their composition, (x^2)^(1/4),
//     is NaN. By convention a root's slope at 0 is 0 here: of sqrt, and of powers with a constant exponent between 0
//     and 1. A synapse of mean 0 then has no slope along its mean.
//
// Where min and max have a kink, the second argument has the slope; abs has the slope 0 at 0. Gorgonia's machine
// multiplies the slope of a branch that select does not take by 0, which is NaN if the slope is infinite; formulas,
// into which Compile lowers the graph, leave it out.
type Elementwise struct {
	op
	Operation kernels.Op
}

// ApplyElementwise adds an operation to the graph of its inputs.
func ApplyElementwise(o kernels.Op, in ...*gorgonia.Node) (*gorgonia.Node, error) {
	if len(in) != o.Arity() || len(in) == 0 {
		return nil, fmt.Errorf("graph: %v: want %d arguments, got %d", o, o.Arity(), len(in))
	}
	shape := tensor.ScalarShape()
	var diff []int
	for i, n := range in {
		switch {
		case n.IsScalar():
			continue
		case shape.IsScalar():
			shape = n.Shape().Clone()
		case !shape.Eq(n.Shape()):
			return nil, fmt.Errorf("graph: %v: want tensors of one shape, got %v and %v", o, shape, n.Shape())
		}
		diff = append(diff, i)
	}
	return apply(&Elementwise{newOp("elementwise "+o.String(), shape, in[0].Dtype(), in, diff...), o}, in...)
}

// Do computes the entries.
func (o *Elementwise) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return elementwise[float32](o, in) },
		func() gorgonia.Value { return elementwise[float64](o, in) })
}

func elementwise[T kernels.Float](o *Elementwise, v values[T]) gorgonia.Value {
	var entries [3][]T
	for i := range v {
		entries[i] = v.slice(i)
	}
	at := func(i int) (args [3]T) {
		for j, e := range entries {
			switch len(e) {
			case 0:
			case 1:
				args[j] = e[0]
			default:
				args[j] = e[i]
			}
		}
		return args
	}
	if o.shape.IsScalar() {
		a := at(0)
		return scalarValue(kernels.Operate(o.Operation, a[0], a[1], a[2]))
	}
	out := output[T](&o.op)
	for i := range out {
		a := at(i)
		out[i] = kernels.Operate(o.Operation, a[0], a[1], a[2])
	}
	return o.out
}

// SymDiff adds the gradients of those inputs that are tensors.
func (o *Elementwise) SymDiff(in gorgonia.Nodes, out, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	w := writer{dt: o.dtype}
	gradients := make(gorgonia.Nodes, len(in))
	for i, wanted := range o.diff {
		if wanted {
			gradients[i] = o.gradient(&w, i, in, out, grad)
		}
	}
	return gradients, w.err
}

// gradient writes the gradient of input i.
func (o *Elementwise) gradient(w *writer, i int, in gorgonia.Nodes, out, grad *gorgonia.Node) *gorgonia.Node {
	zero := w.number(0)
	where := func(condition, a, b *gorgonia.Node) *gorgonia.Node { return w.do(kernels.OpSelect, condition, a, b) }
	ifFirst := func(condition *gorgonia.Node, first bool) *gorgonia.Node {
		if first {
			return where(condition, grad, zero)
		}
		return where(condition, zero, grad)
	}
	// The slope of a root of a: 0 at 0.
	root := func(slope *gorgonia.Node) *gorgonia.Node {
		return w.do(kernels.OpMul, grad, where(w.do(kernels.OpEqual, in[0], zero), zero, slope))
	}
	switch o.Operation {
	case kernels.OpPow:
		a, b := in[0], in[1]
		if i == 1 {
			slope := w.do(kernels.OpMul, out, w.do(kernels.OpLog, a))
			return w.do(kernels.OpMul, grad, where(w.do(kernels.OpEqual, out, zero), zero, slope)) // 0^b stays 0
		}
		slope := w.do(kernels.OpMul, b, w.do(kernels.OpPow, a, w.do(kernels.OpSub, b, w.number(1))))
		if v, ok := constantValue(b); ok && v > 0 && v < 1 {
			return root(slope)
		}
		return w.do(kernels.OpMul, grad, slope)
	case kernels.OpSqrt:
		return root(w.do(kernels.OpDiv, w.number(0.5), out))
	case kernels.OpLog:
		return w.do(kernels.OpDiv, grad, w.notNegative(in[0]))
	case kernels.OpLog1p:
		return w.do(kernels.OpDiv, grad, w.notNegative(w.do(kernels.OpAdd, in[0], w.number(1))))
	case kernels.OpAbs:
		return w.do(kernels.OpMul, grad, w.do(kernels.OpSign, in[0]))
	case kernels.OpMin:
		return ifFirst(w.do(kernels.OpLess, in[0], in[1]), i == 0)
	case kernels.OpMax:
		return ifFirst(w.do(kernels.OpLess, in[1], in[0]), i == 0)
	case kernels.OpSelect:
		if i > 0 {
			return ifFirst(in[0], i == 1)
		}
	case kernels.OpSign, kernels.OpLess, kernels.OpLessEqual, kernels.OpEqual:
	default:
		w.keep(nil, fmt.Errorf("graph: %v has no derivative", o))
	}
	return where(zero, grad, zero) // a step has the slope 0
}

// gorgonias are the operations for which a graph has Gorgonia's own.
var gorgonias = struct {
	unary  map[kernels.Op]func(*gorgonia.Node) (*gorgonia.Node, error)
	binary map[kernels.Op]func(a, b *gorgonia.Node) (*gorgonia.Node, error)
}{
	map[kernels.Op]func(*gorgonia.Node) (*gorgonia.Node, error){
		kernels.OpNeg: gorgonia.Neg, kernels.OpSquare: gorgonia.Square, kernels.OpExp: gorgonia.Exp,
		kernels.OpExpm1: gorgonia.Expm1, kernels.OpTanh: gorgonia.Tanh,
		kernels.OpSigmoid: gorgonia.Sigmoid, kernels.OpSoftplus: gorgonia.Softplus,
	},
	map[kernels.Op]func(a, b *gorgonia.Node) (*gorgonia.Node, error){
		kernels.OpAdd: gorgonia.Add, kernels.OpSub: gorgonia.Sub,
		kernels.OpMul: gorgonia.HadamardProd, kernels.OpDiv: gorgonia.HadamardDiv,
	},
}

// writer writes elementwise expressions and keeps the first error.
type writer struct {
	dt  tensor.Dtype
	err error
}

func (w *writer) keep(n *gorgonia.Node, err error) *gorgonia.Node {
	if w.err == nil {
		w.err = err
	}
	return n
}

func (w *writer) number(x float64) *gorgonia.Node {
	if w.dt == tensor.Float32 {
		return gorgonia.NewConstant(float32(x))
	}
	return gorgonia.NewConstant(x)
}

// do writes an operation, as Gorgonia's own if that is equivalent.
func (w *writer) do(o kernels.Op, in ...*gorgonia.Node) *gorgonia.Node {
	if w.err != nil {
		return nil
	}
	if f, ok := gorgonias.unary[o]; ok {
		return w.keep(f(in[0]))
	}
	if f, ok := gorgonias.binary[o]; ok {
		return w.keep(f(in[0], in[1]))
	}
	return w.keep(ApplyElementwise(o, in...))
}

// notNegative is x, or not a number where x is negative: a logarithm is none there, and so its slope shall be none,
// though 1/x is one.
func (w *writer) notNegative(x *gorgonia.Node) *gorgonia.Node {
	if w.err != nil || x.Name() == kernels.InputSigma {
		return x
	}
	switch x.Op().(type) {
	case *Sigma, *Spread:
		return x
	}
	return w.do(kernels.OpSelect, w.do(kernels.OpLess, x, w.number(0)), w.number(math.NaN()), x)
}

// constantValue is the number that a constant has in all its entries.
func constantValue(n *gorgonia.Node) (float64, bool) {
	if !isConstant(n) {
		return 0, false
	}
	switch v := n.Value().Data().(type) {
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case []float64:
		return uniform(v)
	case []float32:
		return uniform(v)
	}
	return 0, false
}

func uniform[T kernels.Float](v []T) (float64, bool) {
	for _, x := range v {
		if x != v[0] {
			return 0, false
		}
	}
	return float64(v[0]), len(v) > 0
}
