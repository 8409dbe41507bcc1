package graph

import (
	"fmt"
	"math"
	"strings"

	"gorgonia.org/gorgonia"

	"quantal/kernels"
)

// lower writes what nodes compute for one synapse as a formula with one output for each. The nodes are elementwise
// trees, of Gorgonia's operations or of Elementwise, down to constants, scalar inputs, which the formula reads by the
// names of their nodes, and any node that is a variable by the given function. Inputs are in the order of first, and
// then in the order of their first occurrence. Nodes that no output reads do not matter. Any other node is refused by
// the name of the operation and the node.
func lower(outputs []*gorgonia.Node, variable func(*gorgonia.Node) (name string, ok bool), first ...string) (
	kernels.Formula, error) {
	l := lowering{b: kernels.NewFormula(), variable: variable, inputs: map[string]int{},
		lines: map[*gorgonia.Node]lowered{}}
	for _, name := range first {
		l.input(name)
	}
	lines := make([]int, len(outputs))
	for i, n := range outputs {
		at, err := l.line(n)
		if err != nil {
			return kernels.Formula{}, err
		}
		lines[i] = at.line
	}
	return l.b.Formula(lines...), nil
}

type lowering struct {
	b        *kernels.FormulaBuilder
	variable func(*gorgonia.Node) (string, bool)
	inputs   map[string]int
	lines    map[*gorgonia.Node]lowered
}

// lowered is the line that a node has become.
type lowered struct {
	line   int
	varies bool // from entry to entry
}

// The names of Gorgonia's elementwise operations, whose types are not exported.
var (
	unaryNames = map[string]kernels.Op{
		"neg": kernels.OpNeg, "abs": kernels.OpAbs, "sign": kernels.OpSign, "square": kernels.OpSquare,
		"sqrt": kernels.OpSqrt, "exp": kernels.OpExp, "ln": kernels.OpLog, "log1p": kernels.OpLog1p,
		"expm1": kernels.OpExpm1, "tanh": kernels.OpTanh, "sigmoid": kernels.OpSigmoid, "softplus": kernels.OpSoftplus,
	}
	binaryNames = map[string]kernels.Op{
		"+": kernels.OpAdd, "-": kernels.OpSub, "⊙": kernels.OpMul, "÷": kernels.OpDiv, "^": kernels.OpPow,
		"<": kernels.OpLess, "<=": kernels.OpLessEqual, "==": kernels.OpEqual,
	}
)

// input is the line of a named input.
func (l *lowering) input(name string) int {
	i, ok := l.inputs[name]
	if !ok {
		i = l.b.AddInput(name)
		l.inputs[name] = i
	}
	return l.b.Input(i)
}

func (l *lowering) line(n *gorgonia.Node) (lowered, error) {
	if at, ok := l.lines[n]; ok {
		return at, nil
	}
	at, err := l.visit(n)
	if err == nil {
		l.lines[n] = at
	}
	return at, err
}

func (l *lowering) visit(n *gorgonia.Node) (lowered, error) {
	if name, ok := l.variable(n); ok {
		return lowered{l.input(name), !n.IsScalar()}, nil
	}
	if v, ok := constantValue(n); ok {
		return lowered{line: l.b.Number(v)}, nil
	}
	if n.Op() == nil {
		if n.IsVar() && n.IsScalar() {
			return lowered{line: l.input(n.Name())}, nil
		}
		return lowered{}, fmt.Errorf("%v, an input of shape %v, is neither a variable of a synapse nor a number", n,
			n.Shape())
	}
	return l.operation(n)
}

func (l *lowering) operation(n *gorgonia.Node) (lowered, error) {
	unknown := fmt.Errorf("operation %q of node %v is not one of a single synapse that it knows", n.Op(), n)
	do, ok := l.known(n)
	if !ok {
		return lowered{}, unknown
	}
	var out lowered
	var args []int
	for i, operand := range operands(n) {
		if spreads(n) && i > 0 {
			break // how often
		}
		at, err := l.line(operand)
		if err != nil {
			return lowered{}, err
		}
		args, out.varies = append(args, at.line), out.varies || at.varies
	}
	if (spreads(n) || sums(n)) && out.varies {
		return lowered{}, unknown
	}
	out.line = do(args)
	return out, nil
}

// operands returns a node's inputs in order.
func operands(n *gorgonia.Node) gorgonia.Nodes {
	var in gorgonia.Nodes
	for it := n.Graph().From(n.ID()); it.Next(); {
		in = append(in, it.Node().(*gorgonia.Node))
	}
	return in
}

// spreads reports whether an operation copies its first operand into a larger or another shape.
func spreads(n *gorgonia.Node) bool {
	name := n.Op().String()
	return strings.HasPrefix(name, "Repeat") || strings.HasPrefix(name, "Reshape")
}

func sums(n *gorgonia.Node) bool { return strings.HasPrefix(n.Op().String(), "Σ") }

// known says how to write an operation, given the lines of its operands.
func (l *lowering) known(n *gorgonia.Node) (func(args []int) int, bool) {
	b := l.b
	plain := func(o kernels.Op) (func([]int) int, bool) {
		return func(args []int) int { return b.Do(o, args...) }, true
	}
	if op, ok := n.Op().(*Elementwise); ok {
		return plain(op.Operation)
	}
	name := n.Op().String()
	switch {
	case spreads(n):
		return func(args []int) int { return args[0] }, true
	case sums(n): // of a value that is the same in all entries
		return func(args []int) int {
			return b.Do(kernels.OpMul, b.Number(float64(operands(n)[0].Shape().TotalSize())), args[0])
		}, true
	case n.Op().Arity() == 1:
		switch name {
		case "inv":
			return func(a []int) int { return b.Do(kernels.OpDiv, b.Number(1), a[0]) }, true
		case "invSqrt":
			return func(a []int) int { return b.Do(kernels.OpDiv, b.Number(1), b.Do(kernels.OpSqrt, a[0])) }, true
		case "cube":
			return func(a []int) int { return b.Do(kernels.OpMul, b.Do(kernels.OpSquare, a[0]), a[0]) }, true
		case "log2":
			return func(a []int) int { return b.Do(kernels.OpDiv, b.Do(kernels.OpLog, a[0]), b.Number(math.Ln2)) }, true
		}
		if o, ok := unaryNames[name]; ok {
			return plain(o)
		}
	case n.Op().Arity() == 2:
		// The name is followed by whether a comparison is a number.
		name = strings.TrimSuffix(strings.TrimSuffix(name, " false"), " true")
		switch name {
		case ">":
			return func(a []int) int { return b.Do(kernels.OpLess, a[1], a[0]) }, true
		case ">=":
			return func(a []int) int { return b.Do(kernels.OpLessEqual, a[1], a[0]) }, true
		case "!=":
			return func(a []int) int { return b.Do(kernels.OpEqual, b.Do(kernels.OpEqual, a[0], a[1]), b.Number(0)) }, true
		}
		if o, ok := binaryNames[name]; ok {
			return plain(o)
		}
	}
	return nil, false
}
