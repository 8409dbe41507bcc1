package kernels

import (
	"math"
	"slices"
)

// FormulaBuilder puts a Formula together, line by line. It shares lines that compute the same, and folds constants.
type FormulaBuilder struct {
	inputs []string
	lines  []Line
	known  map[Line]int
	reduce bool // whether constant powers become roots and products
	// multiplies is whether a product with an inverse stays one.
	multiplies bool
}

// NewFormula begins a formula of the named inputs.
func NewFormula(inputs ...string) *FormulaBuilder {
	return &FormulaBuilder{inputs: append([]string(nil), inputs...), known: map[Line]int{}}
}

// AddInput adds an input and returns its number.
func (b *FormulaBuilder) AddInput(name string) int {
	b.inputs = append(b.inputs, name)
	return len(b.inputs) - 1
}

// Input is the line of an input, by its number.
func (b *FormulaBuilder) Input(i int) int { return b.line(Line{Op: OpInput, Args: [3]int{i}}) }

// Number is the line of a constant.
func (b *FormulaBuilder) Number(v float64) int { return b.line(Line{Op: OpNumber, Num: v}) }

func (b *FormulaBuilder) line(l Line) int {
	key := l
	if math.IsNaN(l.Num) {
		key.Op = ^OpNumber // NaN is no key
		key.Num = 0
	}
	if i, ok := b.known[key]; ok {
		return i
	}
	b.lines = append(b.lines, l)
	b.known[key] = len(b.lines) - 1
	return len(b.lines) - 1
}

func (b *FormulaBuilder) number(i int) (float64, bool) {
	return b.lines[i].Num, b.lines[i].Op == OpNumber
}

func (b *FormulaBuilder) is(i int, v float64) bool { n, ok := b.number(i); return ok && n == v }

// Do is the line of an operation on earlier lines, as many as its arity. It may be simpler than asked for: constants
// are folded, and x + 0, x*1, x*0, --x and the like go. Zero times x is zero, whatever x is: it comes of derivatives.
func (b *FormulaBuilder) Do(o Op, args ...int) int {
	l := Line{Op: o}
	var values [3]float64
	constant := len(args) > 0
	for j, a := range args {
		l.Args[j] = a
		v, ok := b.number(a)
		values[j], constant = v, constant && ok
	}
	if constant {
		return b.Number(Operate(o, values[0], values[1], values[2]))
	}
	if i, ok := b.simpler(o, l.Args); ok {
		return i
	}
	if (o == OpAdd || o == OpMul || o == OpEqual) && l.Args[0] > l.Args[1] {
		swapped := l
		swapped.Args[0], swapped.Args[1] = l.Args[1], l.Args[0]
		if i, ok := b.known[swapped]; ok {
			return i
		}
	}
	return b.line(l)
}

// simpler rewrites an operation, if that is to its advantage.
func (b *FormulaBuilder) simpler(o Op, a [3]int) (int, bool) {
	negated := func(i int) (int, bool) { return b.lines[i].Args[0], b.lines[i].Op == OpNeg }
	switch o {
	case OpAdd:
		if b.is(a[0], 0) {
			return a[1], true
		}
		if b.is(a[1], 0) {
			return a[0], true
		}
		if x, ok := negated(a[1]); ok {
			return b.Do(OpSub, a[0], x), true
		}
	case OpSub:
		if b.is(a[1], 0) {
			return a[0], true
		}
		if b.is(a[0], 0) {
			return b.Do(OpNeg, a[1]), true
		}
		if x, ok := negated(a[1]); ok {
			return b.Do(OpAdd, a[0], x), true
		}
	case OpMul:
		for i, x := range a[:2] {
			other := a[1-i]
			switch {
			case b.is(x, 0):
				return b.Number(0), true
			case b.is(x, 1):
				return other, true
			case b.is(x, -1):
				return b.Do(OpNeg, other), true
			}
		}
		if a[0] == a[1] {
			return b.Do(OpSquare, a[0]), true
		}
		if i, ok := b.factor(a); ok {
			return i, true
		}
		for i := range 2 {
			if j, ok := b.masked(o, a, i); ok {
				return j, true
			}
		}
		for i, x := range a[:2] { // u (v/x) is (u v)/x
			if l := b.lines[x]; l.Op == OpDiv && !b.multiplies {
				if _, ok := b.number(l.Args[0]); ok {
					return b.Do(OpDiv, b.Do(OpMul, l.Args[0], a[1-i]), l.Args[1]), true
				}
			}
		}
		for i, x := range a[:2] {
			if y, ok := negated(x); ok { // the sign goes outwards
				return b.Do(OpNeg, b.Do(OpMul, pair(i, y, a[1-i])...)), true
			}
		}
	case OpDiv:
		switch {
		case b.is(a[1], 1):
			return a[0], true
		case b.is(a[0], 0):
			return b.Number(0), true
		}
		if x, ok := negated(a[0]); ok {
			return b.Do(OpNeg, b.Do(OpDiv, x, a[1])), true
		}
		if i, ok := b.masked(o, a, 0); ok {
			return i, true
		}
		if v, ok := b.number(a[1]); ok && v != 0 && exactReciprocal(v) {
			return b.Do(OpMul, a[0], b.Number(1/v)), true
		}
	case OpNeg:
		if x, ok := negated(a[0]); ok {
			return x, true
		}
		if i, ok := b.masked(o, a, 0); ok {
			return i, true
		}
		if l := b.lines[a[0]]; l.Op == OpMul {
			for i, x := range l.Args[:2] {
				if v, ok := b.number(x); ok {
					return b.Do(OpMul, b.Number(-v), l.Args[1-i]), true
				}
			}
		}
	case OpPow:
		v, ok := b.number(a[1])
		switch {
		case ok && v == 0:
			return b.Number(1), true
		case ok && v == 1:
			return a[0], true
		case ok && b.reduce:
			return b.power(a[0], v)
		}
	case OpSelect:
		if v, ok := b.number(a[0]); ok {
			if v != 0 {
				return a[1], true
			}
			return a[2], true
		}
	}
	return 0, false
}

// masked is an operation for which 0 is 0 on an argument that a select makes 0 in places: the select goes outwards. In
// the places that it leaves out nothing counts then, not even what is infinite there, such as the slope of 1/x at 0
// where another branch is taken.
func (b *FormulaBuilder) masked(o Op, a [3]int, i int) (int, bool) {
	l := b.lines[a[i]]
	if l.Op != OpSelect || !b.is(l.Args[1], 0) && !b.is(l.Args[2], 0) {
		return 0, false
	}
	branch := func(x int) int {
		if a[i] = x; b.is(x, 0) {
			return x
		}
		return b.Do(o, a[:o.Arity()]...)
	}
	return b.Do(OpSelect, l.Args[0], branch(l.Args[1]), branch(l.Args[2])), true
}

// factor joins the constants of a product within a product: u (v x) is (u v) x.
func (b *FormulaBuilder) factor(a [3]int) (int, bool) {
	for i, x := range a[:2] {
		u, ok := b.number(x)
		if l := b.lines[a[1-i]]; ok && l.Op == OpMul {
			for j, y := range l.Args[:2] {
				if v, ok := b.number(y); ok {
					return b.Do(OpMul, b.Number(u*v), l.Args[1-j]), true
				}
			}
		} else if ok && l.Op == OpNeg {
			return b.Do(OpMul, b.Number(-u), l.Args[0]), true
		}
	}
	return 0, false
}

// pair puts x at place i of two, and other at the other.
func pair(i, x, other int) []int {
	if i == 0 {
		return []int{x, other}
	}
	return []int{other, x}
}

func exactReciprocal(v float64) bool {
	fraction, _ := math.Frexp(v)
	return math.Abs(fraction) == 0.5 // a power of two
}

// power is x^v for a constant v, made of fewer or faster operations that powers of one x share: multiples of a quarter
// up to 4 are roots and products, of 1/x where v is negative; multiples of a third are those of one cube root,
// e^(log(x)/3); other fractions are e^(v log x). Large whole numbers stay as they are.
func (b *FormulaBuilder) power(x int, v float64) (int, bool) {
	near := func(parts float64) (int, bool) { // v in parts, if that is a whole number but for rounding
		n := math.Round(math.Abs(v) * parts)
		return int(n), math.Abs(float64(math.Abs(v)*parts)-n) < 1e-12*n && n <= 4*parts
	}
	if v == 1 {
		return x, true
	}
	product := -1
	times := func(f int) {
		if product < 0 {
			product = f
		} else {
			product = b.Do(OpMul, product, f)
		}
	}
	whole := func(x, n int) {
		switch n {
		case 1:
			times(x)
		case 2:
			times(b.Do(OpSquare, x))
		case 3:
			times(b.Do(OpMul, b.Do(OpSquare, x), x))
		case 4:
			times(b.Do(OpSquare, b.Do(OpSquare, x)))
		}
	}
	if quarters, ok := near(4); ok {
		if v < 0 {
			x = b.Do(OpDiv, b.Number(1), x)
		}
		whole(x, quarters/4)
		if quarters%4 >= 2 {
			times(b.Do(OpSqrt, x))
		}
		if quarters%2 == 1 {
			times(b.Do(OpSqrt, b.Do(OpSqrt, x)))
		}
		return product, true
	}
	if thirds, ok := near(3); ok {
		root := b.Do(OpExp, b.Do(OpMul, b.Number(1./3), b.Do(OpLog, x)))
		if v < 0 {
			x, root = b.Do(OpDiv, b.Number(1), x), b.Do(OpDiv, b.Number(1), root)
		}
		whole(x, thirds/3)
		whole(root, thirds%3)
		return product, true
	}
	if v == math.Trunc(v) {
		return 0, false
	}
	return b.Do(OpExp, b.Do(OpMul, b.Number(v), b.Do(OpLog, x))), true
}

// Import copies another formula, whose inputs are the builder's of the same names, and returns its outputs.
func (b *FormulaBuilder) Import(f Formula) []int {
	return b.embed(f, func(input int) int { return b.Input(slices.Index(b.inputs, f.Inputs[input])) })
}

// Sum is the line of a sum of lines of another formula, which has the builder's inputs; 0 if there are none.
func (b *FormulaBuilder) Sum(f Formula, lines []int) int {
	at := make([]int, len(f.Lines))
	f.rebuild(b, at, func(l Line) int { return b.Input(l.Args[0]) })
	sum := b.Number(0)
	for _, i := range lines {
		sum = b.Do(OpAdd, sum, at[i])
	}
	return sum
}

// Formula returns the formula with the given lines as outputs. Lines that no output needs are left out.
func (b *FormulaBuilder) Formula(outputs ...int) Formula {
	needed := make([]bool, len(b.lines))
	for _, o := range outputs {
		needed[o] = true
	}
	for i := len(b.lines) - 1; i >= 0; i-- {
		for j := range b.lines[i].Op.Arity() {
			needed[b.lines[i].Args[j]] = needed[b.lines[i].Args[j]] || needed[i]
		}
	}
	f := Formula{Inputs: b.inputs, Outputs: make([]int, len(outputs))}
	at := make([]int, len(b.lines))
	for i, l := range b.lines {
		if !needed[i] {
			continue
		}
		for j := range l.Op.Arity() {
			l.Args[j] = at[l.Args[j]]
		}
		at[i] = len(f.Lines)
		f.Lines = append(f.Lines, l)
	}
	for i, o := range outputs {
		f.Outputs[i] = at[o]
	}
	return f
}
