package kernels

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Op is an elementwise operation of a Formula. What stands here is the whole of it: its name, the number of its
// arguments, and its value in Operate. A machine refuses those that it has no code for.
type Op uint8

// The operations. Comparisons are 1 where they hold, else 0.
const (
	OpInput  Op = iota // one of the formula's inputs
	OpNumber           // a constant
	OpAdd
	OpSub
	OpMul
	OpDiv
	OpPow
	OpMin
	OpMax
	OpLess
	OpLessEqual
	OpEqual
	OpNeg
	OpAbs
	OpSign // 0 at 0
	OpSquare
	OpSqrt
	OpExp
	OpLog
	OpLog1p
	OpExpm1
	OpTanh
	OpSigmoid
	OpSoftplus
	OpSelect // the second argument where the first is not 0, else the third
)

// ops has the name of each operation and how many arguments it takes. Infix ones are written between their arguments.
var ops = [...]struct {
	name  string
	arity int
	binds int // how strongly an infix operation binds; 0 for a function
}{
	OpInput: {"input", 0, 0}, OpNumber: {"number", 0, 0},
	OpAdd: {"+", 2, 2}, OpSub: {"-", 2, 2}, OpMul: {"*", 2, 3}, OpDiv: {"/", 2, 3}, OpPow: {"^", 2, 5},
	OpMin: {"min", 2, 0}, OpMax: {"max", 2, 0},
	OpLess: {"<", 2, 1}, OpLessEqual: {"<=", 2, 1}, OpEqual: {"==", 2, 1},
	OpNeg: {"-", 1, 4}, OpAbs: {"abs", 1, 0}, OpSign: {"sign", 1, 0}, OpSquare: {"square", 1, 0},
	OpSqrt: {"sqrt", 1, 0}, OpExp: {"exp", 1, 0}, OpLog: {"log", 1, 0}, OpLog1p: {"log1p", 1, 0},
	OpExpm1: {"expm1", 1, 0}, OpTanh: {"tanh", 1, 0}, OpSigmoid: {"sigmoid", 1, 0}, OpSoftplus: {"softplus", 1, 0},
	OpSelect: {"select", 3, 0},
}

// Ops lists the operations that compute something.
func Ops() []Op {
	var all []Op
	for o := OpAdd; int(o) < len(ops); o++ {
		all = append(all, o)
	}
	return all
}

func (o Op) String() string {
	if int(o) >= len(ops) {
		return fmt.Sprintf("Op(%d)", int(o))
	}
	return ops[o].name
}

// Arity is the number of arguments.
func (o Op) Arity() int {
	if int(o) >= len(ops) {
		return 0
	}
	return ops[o].arity
}

// Operate is the value of an operation that computes something. Arguments beyond its arity are not read. What is no
// operation is NaN.
func Operate[T Float](o Op, a, b, c T) T {
	switch o {
	case OpAdd:
		return a + b
	case OpSub:
		return a - b
	case OpMul:
		return a * b
	case OpDiv:
		return a / b
	case OpPow:
		return pow(a, b)
	case OpMin:
		return lesser(a, b)
	case OpMax:
		return -lesser(-a, -b)
	case OpLess:
		return truth[T](a < b)
	case OpLessEqual:
		return truth[T](a <= b)
	case OpEqual:
		return truth[T](a == b)
	case OpNeg:
		return -a
	case OpAbs:
		return T(math.Abs(float64(a)))
	case OpSign:
		if a != a {
			return a
		}
		return Sign(a)
	case OpSquare:
		return a * a
	case OpSqrt:
		return sqrt(a)
	case OpExp:
		return exp(a)
	case OpLog:
		return log(a)
	case OpLog1p:
		return log1p(a)
	case OpExpm1:
		return expm1(a)
	case OpTanh:
		t := expm1(-2 * T(math.Abs(float64(a))))
		return T(math.Copysign(float64(t/(2+t)), float64(a)))
	case OpSigmoid:
		_, derivative := Softplus(a)
		return derivative
	case OpSoftplus:
		value, _ := Softplus(a)
		return value
	case OpSelect:
		if a != 0 {
			return b
		}
		return c
	}
	return T(math.NaN())
}

func truth[T Float](holds bool) T {
	if holds {
		return 1
	}
	return 0
}

// lesser is NaN if either is.
func lesser[T Float](a, b T) T {
	if a < b || a != a {
		return a
	}
	return b
}

// pow is a^b, as math.Pow has it for finite arguments. In float32 it is e^(b log a), with a relative error of about
// |b log a| 2^-24.
func pow[T Float](a, b T) T {
	if !single[T]() || !(a > 0) {
		return T(math.Pow(float64(a), float64(b)))
	}
	return exp(b * log(a))
}

// Line is one step of a Formula.
type Line struct {
	Op   Op
	Args [3]int  // the lines it reads, all before it; of OpInput, Args[0] is the number of the input
	Num  float64 // of OpNumber
}

// Formula is a straight-line program of elementwise operations: each line computes one number of a synapse from those
// of earlier lines. The cost of a synapse is one, and so are the slopes of the cost. A FormulaBuilder makes it; nobody
// changes it afterwards.
type Formula struct {
	Inputs  []string // what it reads: mu, sigma, c, rho, ...
	Lines   []Line
	Outputs []int // lines
}

// Eval returns the outputs for the inputs, in the arithmetic of T.
func Eval[T Float](f Formula, inputs ...T) []T {
	values := make([]T, len(f.Lines))
	evaluate(f, inputs, values)
	out := make([]T, len(f.Outputs))
	for i, o := range f.Outputs {
		out[i] = values[o]
	}
	return out
}

// evaluate computes the values of all lines.
func evaluate[T Float](f Formula, inputs, values []T) {
	for i, l := range f.Lines {
		switch l.Op {
		case OpInput:
			values[i] = inputs[l.Args[0]]
		case OpNumber:
			values[i] = T(l.Num)
		default:
			values[i] = Operate(l.Op, values[l.Args[0]], values[l.Args[1]], values[l.Args[2]])
		}
	}
}

// Equal reports whether two formulas are the same program.
func (f Formula) Equal(g Formula) bool {
	return slices.Equal(f.Inputs, g.Inputs) && slices.Equal(f.Outputs, g.Outputs) &&
		slices.EqualFunc(f.Lines, g.Lines, func(a, b Line) bool {
			return a.Op == b.Op && a.Args == b.Args && math.Float64bits(a.Num) == math.Float64bits(b.Num)
		})
}

// Reads reports whether a line is the input of the given name.
func (f Formula) Reads(input string) bool {
	return slices.ContainsFunc(f.Lines, func(l Line) bool { return l.Op == OpInput && f.Inputs[l.Args[0]] == input })
}

// Operations counts the lines that compute something.
func (f Formula) Operations() int {
	n := 0
	for _, l := range f.Lines {
		if l.Op > OpNumber {
			n++
		}
	}
	return n
}

// Bind returns the formula with some inputs replaced by numbers, and folded, for machines: powers of a quarter, a half
// and small whole numbers become roots and products. The other inputs keep their order.
func (f Formula) Bind(numbers map[string]float64) Formula {
	b, kept := NewFormula(), 0
	b.reduce = true
	lines := make([]int, len(f.Lines))
	inputs := make([]func() int, len(f.Inputs))
	for i, name := range f.Inputs {
		if v, ok := numbers[name]; ok {
			inputs[i] = func() int { return b.Number(v) }
			continue
		}
		b.inputs = append(b.inputs, name)
		at := kept
		inputs[i] = func() int { return b.Input(at) }
		kept++
	}
	return f.rebuild(b, lines, func(l Line) int { return inputs[l.Args[0]]() })
}

// rebuild copies the lines into a builder.
func (f Formula) rebuild(b *FormulaBuilder, lines []int, input func(Line) int) Formula {
	for i, l := range f.Lines {
		switch l.Op {
		case OpInput:
			lines[i] = input(l)
		case OpNumber:
			lines[i] = b.Number(l.Num)
		default:
			args := make([]int, l.Op.Arity())
			for j := range args {
				args[j] = lines[l.Args[j]]
			}
			lines[i] = b.Do(l.Op, args...)
		}
	}
	outputs := make([]int, len(f.Outputs))
	for i, o := range f.Outputs {
		outputs[i] = lines[o]
	}
	return b.Formula(outputs...)
}

// Hoist splits a formula in two: what does not depend on the given inputs is computed once, by scalar, and the rest for
// each synapse. The inputs of perSynapse are the given ones and then the outputs of scalar, named h0, h1, ...
func (f Formula) Hoist(variables ...string) (scalar, perSynapse Formula) {
	varies := make([]bool, len(f.Lines))
	for i, l := range f.Lines {
		if l.Op == OpInput {
			varies[i] = slices.Contains(variables, f.Inputs[l.Args[0]])
			continue
		}
		for j := range l.Op.Arity() {
			varies[i] = varies[i] || varies[l.Args[j]]
		}
	}
	inner, outer := NewFormula(f.Inputs...), NewFormula(variables...)
	lines, scalars := make([]int, len(f.Lines)), make([]int, len(f.Lines))
	hoisted := map[int]int{} // line of inner -> input of outer
	var outputs []int
	read := func(i int) int { // line i of f in outer
		if varies[i] || f.Lines[i].Op == OpNumber {
			return lines[i]
		}
		in, ok := hoisted[scalars[i]]
		if !ok {
			in = outer.AddInput("h" + strconv.Itoa(len(outputs)))
			hoisted[scalars[i]] = in
			outputs = append(outputs, scalars[i])
		}
		return outer.Input(in)
	}
	for i, l := range f.Lines {
		switch {
		case l.Op == OpNumber:
			lines[i], scalars[i] = outer.Number(l.Num), inner.Number(l.Num)
		case l.Op == OpInput && varies[i]:
			lines[i] = outer.Input(slices.Index(variables, f.Inputs[l.Args[0]]))
		case l.Op == OpInput:
			scalars[i] = inner.Input(l.Args[0])
		default:
			args := make([]int, l.Op.Arity())
			for j := range args {
				if varies[i] {
					args[j] = read(l.Args[j])
				} else {
					args[j] = scalars[l.Args[j]]
				}
			}
			if varies[i] {
				lines[i] = outer.Do(l.Op, args...)
			} else {
				scalars[i] = inner.Do(l.Op, args...)
			}
		}
	}
	results := make([]int, len(f.Outputs))
	for i, o := range f.Outputs {
		results[i] = read(o)
	}
	return inner.Formula(outputs...), outer.Formula(results...)
}

// String writes the first output as a formula, with no more brackets than it needs: c*sigma^-rho. Formulas of one text
// compute the same.
func (f Formula) String() string {
	if len(f.Outputs) == 0 {
		return ""
	}
	text, _ := f.text(f.Outputs[0])
	return text
}

// text writes a line, and says how strongly its outermost operation binds.
func (f Formula) text(i int) (string, int) {
	const atom = 6
	l := f.Lines[i]
	switch l.Op {
	case OpInput:
		return f.Inputs[l.Args[0]], atom
	case OpNumber:
		text := strconv.FormatFloat(l.Num, 'g', -1, 64)
		if strings.HasPrefix(text, "-") {
			return text, ops[OpNeg].binds
		}
		return text, atom
	}
	if int(l.Op) >= len(ops) {
		return l.Op.String(), atom
	}
	binds := ops[l.Op].binds
	arg := func(j, least int) string {
		text, b := f.text(l.Args[j])
		if b < least {
			text = "(" + text + ")"
		}
		return text
	}
	switch {
	case l.Op == OpNeg: // -a*b is -(a*b) and (-a)*b
		text, inner := f.text(l.Args[0]) // once: it may be long
		if text[0] == '-' || inner < ops[OpMul].binds {
			return "-(" + text + ")", binds
		}
		return "-" + text, min(binds, inner)
	case l.Op == OpSquare:
		return arg(0, ops[OpPow].binds+1) + "^2", ops[OpPow].binds
	case l.Op == OpPow: // from the right; a sign needs no brackets in the exponent
		return arg(0, binds+1) + "^" + arg(1, ops[OpNeg].binds), binds
	case binds == 1: // a < b < c is not (a < b) < c
		return arg(0, binds+1) + " " + ops[l.Op].name + " " + arg(1, binds+1), binds
	case binds == 2:
		return arg(0, binds) + " " + ops[l.Op].name + " " + arg(1, binds+1), binds
	case binds > 0:
		return arg(0, binds) + ops[l.Op].name + arg(1, binds+1), binds
	}
	args := make([]string, l.Op.Arity())
	for j := range args {
		args[j] = arg(j, 0)
	}
	return ops[l.Op].name + "(" + strings.Join(args, ", ") + ")", atom
}
