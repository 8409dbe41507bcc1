package graph

import (
	"fmt"
	"hash"
	"hash/fnv"
	"sync/atomic"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// instances numbers the operations: Gorgonia merges nodes of equal hash, but ours own their output buffers.
var instances atomic.Int64

// op has what the operations of this package share: the parts of gorgonia.Op that do not depend on the computation.
type op struct {
	name   string
	number int64
	dtype  tensor.Dtype
	inputs []hm.Type
	shape  tensor.Shape // of the output
	diff   []bool       // which inputs have a gradient
	out    gorgonia.Value
	data   any // the output's backing slice: tensors of one entry do not expose theirs
}

// newOp describes an operation on the given nodes; diff lists the inputs that have a gradient.
func newOp(name string, shape tensor.Shape, dtype tensor.Dtype, in gorgonia.Nodes, diff ...int) op {
	o := op{name: name, number: instances.Add(1), dtype: dtype, shape: shape, diff: make([]bool, len(in))}
	for _, n := range in {
		o.inputs = append(o.inputs, n.Type())
	}
	for _, i := range diff {
		o.diff[i] = true
	}
	return o
}

// allocate makes the output when the operation runs for the first time: a graph that is only compiled needs no memory.
func (o *op) allocate() {
	if o.out != nil || o.shape.IsScalar() {
		return
	}
	if o.dtype == tensor.Float64 {
		o.data = make([]float64, o.shape.TotalSize())
	} else {
		o.data = make([]float32, o.shape.TotalSize())
	}
	o.out = tensor.New(tensor.WithShape(o.shape...), tensor.WithBacking(o.data))
}

// Arity is the number of inputs.
func (o *op) Arity() int { return len(o.inputs) }

// Type is the Hindley-Milner type, from the inputs to the output.
func (o *op) Type() hm.Type {
	var out hm.Type = o.dtype
	if !o.shape.IsScalar() {
		out = gorgonia.TensorType{Dims: o.shape.Dims(), Of: o.dtype}
	}
	return hm.NewFnType(append(append([]hm.Type{}, o.inputs...), out)...)
}

// InferShape is the shape of the output.
func (o *op) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) { return o.shape.Clone(), nil }

// ReturnsPtr is false: Gorgonia must not write into the output.
func (o *op) ReturnsPtr() bool { return false }

// CallsExtern is false: nothing outside Go is called.
func (o *op) CallsExtern() bool { return false }

// OverwritesInput is -1: no input is.
func (o *op) OverwritesInput() int { return -1 }

// WriteHash makes the operation unique.
func (o *op) WriteHash(h hash.Hash) { fmt.Fprint(h, o.String()) }

// Hashcode makes the operation unique.
func (o *op) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

func (o *op) String() string { return fmt.Sprintf("%s#%d", o.name, o.number) }

// DiffWRT says which inputs have a gradient.
func (o *op) DiffWRT(int) []bool { return o.diff }

// output is where the operation writes; it then returns out.
func output[T kernels.Float](o *op) []T {
	data, _ := o.data.([]T)
	return data
}

// values returns the data of an operation's inputs as read-only slices.
type values[T kernels.Float] []gorgonia.Value

func (v values[T]) slice(i int) []T {
	switch x := v[i].Data().(type) {
	case []T:
		return x
	case T:
		return []T{x}
	}
	return nil
}

func (v values[T]) scalar(i int) float64 { return float64(v.slice(i)[0]) }

func integer(v gorgonia.Value) uint64 {
	i, _ := v.Data().(int64)
	return uint64(i)
}

func scalarValue[T kernels.Float](x T) gorgonia.Value {
	if v, ok := any(x).(float64); ok {
		return gorgonia.NewF64(v)
	}
	return gorgonia.NewF32(float32(x))
}

// dispatch runs the kernel in the arithmetic of the operation.
func (o *op) dispatch(single func() gorgonia.Value, double func() gorgonia.Value) (gorgonia.Value, error) {
	o.allocate()
	switch o.dtype {
	case tensor.Float32:
		return single(), nil
	case tensor.Float64:
		return double(), nil
	}
	return nil, fmt.Errorf("graph: %v: want float32 or float64, got %v", o, o.dtype)
}

// apply adds an operation to the graph of its inputs.
func apply(o gorgonia.Op, in ...*gorgonia.Node) (*gorgonia.Node, error) {
	n, err := gorgonia.ApplyOp(o, in...)
	if err != nil {
		return nil, fmt.Errorf("graph: %v: %w", o, err)
	}
	return n, nil
}
