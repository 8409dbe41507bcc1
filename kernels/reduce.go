package kernels

import (
	"cmp"
	"math"
	"slices"
)

// Reduce is the formula with its products, quotients and squares formed anew, for machines on which a division takes as
// long as several products. Each divisor is inverted once; a factor of numbers is joined; a product is made of products
// that are there already. Inverses says which inputs are 1 over which other inputs, by their numbers. Values may differ
// in the last digits, and where a product of several is too large or too small for the arithmetic.
func (f Formula) Reduce(inverses map[int]int) Formula {
	b := NewFormula(f.Inputs...)
	b.multiplies = true
	r := reducer{FormulaBuilder: b, inverses: map[int]int{}, bounds: map[int]float64{}}
	for x, inverse := range inverses {
		r.inverses[b.Input(x)] = b.Input(inverse)
	}
	values := make([]product, len(f.Lines))
	for i, l := range f.Lines {
		var of [3]product
		for j := range l.Op.Arity() {
			of[j] = values[l.Args[j]]
		}
		x, y := of[0], of[1]
		switch l.Op {
		case OpInput:
			values[i] = atom(b.Input(l.Args[0]))
		case OpNumber:
			values[i] = product{number: l.Num}
		case OpMul:
			values[i] = r.times(x, y)
		case OpSquare:
			values[i] = r.times(x, x)
		case OpNeg:
			values[i] = product{-x.number, x.powers}
		case OpDiv:
			if y.number != 0 && !math.IsInf(1/y.number, 0) {
				inverse := product{number: 1 / y.number}
				for _, p := range y.powers {
					inverse.powers = append(inverse.powers, power{p.line, -p.n})
				}
				values[i] = r.times(x, inverse)
				break
			}
			fallthrough
		default:
			if l.Op == OpSub && y.number != 1 && len(y.powers) > 0 { // machines add to a product in one operation
				l.Op, of[1].number = OpAdd, -y.number
			}
			var args []int
			for _, a := range of[:l.Op.Arity()] {
				args = append(args, r.line(a))
			}
			line := r.compare(l.Op, args)
			if v, ok := r.number(line); ok {
				values[i] = product{number: v}
			} else {
				values[i] = atom(line)
			}
		}
	}
	outputs := make([]int, len(f.Outputs))
	for i, o := range f.Outputs {
		outputs[i] = r.line(values[o])
	}
	return b.Formula(outputs...)
}

// product is a number times powers of lines, in the order of the lines.
type product struct {
	number float64
	powers []power
}

type power struct{ line, n int }

func atom(line int) product { return product{1, []power{{line, 1}}} }

// reducer builds formulas out of products.
type reducer struct {
	*FormulaBuilder
	inverses map[int]int // lines that are 1 over other lines
	made     []madeProduct
	bounds   map[int]float64
}

// madeProduct is a product, without its number, for which there is a line.
type madeProduct struct {
	powers []power
	line   int
}

// times is the product of two. What would cancel stays: x/x is no number at 0.
func (r *reducer) times(x, y product) product {
	p := product{number: x.number * y.number, powers: slices.Clone(x.powers)}
	for _, f := range y.powers {
		byLine := func(p power, line int) int { return cmp.Compare(p.line, line) }
		i, there := slices.BinarySearchFunc(p.powers, f.line, byLine)
		switch {
		case !there:
			p.powers = slices.Insert(p.powers, i, f)
		case (p.powers[i].n < 0) == (f.n < 0):
			p.powers[i].n += f.n
		default:
			a, b := r.line(product{1, x.powers}), r.line(product{1, y.powers})
			if a > b {
				a, b = b, a
			}
			return product{p.number, []power{{a, 1}, {b, 1}}}
		}
	}
	if p.number == 0 { // as FormulaBuilder.Do has it
		p.powers = nil
	}
	return p
}

// line makes the line of a product.
func (r *reducer) line(p product) int {
	if len(p.powers) == 0 {
		return r.Number(p.number)
	}
	return r.Do(OpMul, r.Number(p.number), r.multiplied(p.powers))
}

// multiplied is the line of a product: one that is there, or one that is there times the rest, or the square of its
// half. The half goes first, so that what is large and what is small meet early.
func (r *reducer) multiplied(of []power) int {
	line, largest := -1, 1
	var rest []power
	for _, m := range r.made {
		if slices.Equal(m.powers, of) {
			return m.line
		}
		if left, ok := quotient(of, m.powers); ok && degree(m.powers) > largest {
			line, largest, rest = m.line, degree(m.powers), left
		}
	}
	if line < 0 {
		var half []power
		for _, p := range of {
			if p.n/2 != 0 {
				half = append(half, power{p.line, p.n / 2})
			}
			if p.n%2 != 0 {
				rest = append(rest, power{p.line, p.n % 2})
			}
		}
		switch {
		case half != nil:
			line = r.Do(OpSquare, r.multiplied(half))
		case len(rest) > 1:
			line, rest = r.multiplied(rest[:1]), rest[1:]
		case rest[0].n < 0:
			line, rest = r.inverse(rest[0].line), nil
		default:
			line, rest = rest[0].line, nil
		}
	}
	if rest != nil {
		line = r.Do(OpMul, line, r.multiplied(rest))
	}
	r.made = append(r.made, madeProduct{of, line})
	return line
}

// inverse is the line of 1 over another. That of a root is the root of the inverse: the root itself may not be needed.
// The root of what may be minus infinity is no number, but 1 over that is 0.
func (r *reducer) inverse(line int) int {
	inverse, ok := r.inverses[line]
	if ok {
		return inverse
	}
	inverse = -1
	switch l := r.lines[line]; l.Op {
	case OpSqrt:
		if r.least(l.Args[0]) >= 0 {
			inverse = r.Do(OpSqrt, r.inverse(l.Args[0]))
		}
	case OpExp: // a cube root
		if third := r.lines[l.Args[0]]; third.Op == OpMul && r.is(third.Args[0], 1./3) {
			inverse = r.Do(OpExp, r.Do(OpMul, r.Number(-1./3), third.Args[1]))
		}
	}
	if inverse < 0 {
		inverse = r.Do(OpDiv, r.Number(1), line)
	}
	r.inverses[line] = inverse
	return inverse
}

// compare is the line of an operation. A comparison with 0 or less that holds nowhere is 0: what is undefined for
// negative numbers asks for them even where there are none.
func (r *reducer) compare(o Op, args []int) int {
	if o == OpLess || o == OpLessEqual || o == OpEqual {
		const positive = 1e-30 // in float32, too
		least := r.least(args[0])
		if v, ok := r.number(args[1]); ok && v <= 0 && (least >= positive || o == OpLess && least >= 0) {
			return r.Number(0)
		}
	}
	return r.Do(o, args...)
}

// least is a number that a line is not below, whatever the inputs.
func (r *reducer) least(line int) float64 {
	least, ok := r.bounds[line]
	if ok {
		return least
	}
	least = math.Inf(-1)
	l := r.lines[line]
	switch l.Op {
	case OpNumber:
		least = l.Num
	case OpAbs, OpSquare, OpExp, OpSigmoid, OpSoftplus, OpLess, OpLessEqual, OpEqual:
		least = 0
	case OpSqrt:
		least = math.Sqrt(max(0, r.least(l.Args[0])))
	case OpAdd, OpMax, OpMin, OpMul, OpDiv:
		x, y := r.least(l.Args[0]), r.least(l.Args[1])
		switch {
		case l.Op == OpAdd, l.Op == OpMax, l.Op == OpMin:
			least = Operate(l.Op, x, y, 0)
		case x >= 0 && y >= 0:
			least = 0
		}
	case OpSelect:
		least = min(r.least(l.Args[1]), r.least(l.Args[2]))
	}
	if math.IsNaN(least) {
		least = math.Inf(-1)
	}
	r.bounds[line] = least
	return least
}

// quotient is a product divided by another that is a part of it.
func quotient(of, by []power) (left []power, ok bool) {
	left = slices.Clone(of)
	for _, p := range by {
		i := slices.IndexFunc(left, func(q power) bool { return q.line == p.line })
		if i < 0 || (left[i].n < 0) != (p.n < 0) || magnitude(left[i].n) < magnitude(p.n) {
			return nil, false
		}
		left[i].n -= p.n
	}
	return slices.DeleteFunc(left, func(p power) bool { return p.n == 0 }), true
}

func degree(of []power) (sum int) {
	for _, p := range of {
		sum += magnitude(p.n)
	}
	return sum
}

func magnitude(n int) int { return max(n, -n) }
