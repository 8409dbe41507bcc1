package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// TotalCost is a term of the objective, Times (B/N) sum_i cost_i over the synapses of a layer. Inputs: the cost of each
// synapse [out, in+1], the fraction B/N. Output: a scalar.
type TotalCost struct {
	op
	Name  string // of the term
	Times int    // how often each synapse pays
}

// ApplyTotalCost adds a named cost, which each synapse pays so many times.
func ApplyTotalCost(name string, times int, cost, fraction *gorgonia.Node) (*gorgonia.Node, error) {
	if cost.Dims() != 2 {
		return nil, fmt.Errorf("graph: the cost %s is one number for all synapses: want it to depend on mu or sigma", name)
	}
	in := gorgonia.Nodes{cost, fraction}
	return apply(&TotalCost{newOp("TotalCost", tensor.ScalarShape(), cost.Dtype(), in, 0), name, times}, in...)
}

// Do computes the term.
func (o *TotalCost) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return scalarValue(float32(totalCost[float32](o, in))) },
		func() gorgonia.Value { return scalarValue(totalCost[float64](o, in)) })
}

func totalCost[T kernels.Float](o *TotalCost, v values[T]) float64 {
	sum := 0.0
	for _, cost := range v.slice(0) {
		sum += float64(cost)
	}
	return v.scalar(1) * float64(o.Times) * sum
}

// SymDiff adds the gradient with respect to the cost of each synapse.
func (o *TotalCost) SymDiff(in gorgonia.Nodes, _, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	operands := gorgonia.Nodes{in[1], grad}
	d, err := apply(&CostWeight{newOp("CostWeight", in[0].Shape(), o.dtype, operands), o.Times}, operands...)
	return gorgonia.Nodes{d, nil}, err
}

// CostWeight is the weight of each synapse's cost in the objective: Times B/N. Inputs: the fraction, the gradient
// of the term. Output: [out, in+1].
type CostWeight struct {
	op
	Times int
}

// Do computes the weights.
func (o *CostWeight) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return o.dispatch(
		func() gorgonia.Value { return costWeight[float32](o, in) },
		func() gorgonia.Value { return costWeight[float64](o, in) })
}

func costWeight[T kernels.Float](o *CostWeight, v values[T]) gorgonia.Value {
	dst, weight := output[T](&o.op), T(float64(o.Times)*v.scalar(0)*v.scalar(1))
	for i := range dst {
		dst[i] = weight
	}
	return o.out
}
