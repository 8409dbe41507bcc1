package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// operation is an operation of a formula: dst = f(args), number by number. The arguments are lost.
type operation struct {
	name  string
	arity int
	dear  bool // so many registers that AVX2, and for powers AVX-512, too, has them for one vector only
	of    func(a *assembler, args [][]vec) []vec
}

// each makes an operation of one on single vectors, which writes its result to its last argument.
func each(f func(a *assembler, args []vec)) func(a *assembler, args [][]vec) []vec {
	return func(a *assembler, args [][]vec) []vec {
		last := args[len(args)-1]
		for i := range last {
			var of []vec
			for _, v := range args {
				of = append(of, v[i])
			}
			f(a, of)
		}
		return last
	}
}

// comparison sets the last argument to 1 where the predicate holds, else to 0.
func comparison(predicate uint64) func(a *assembler, args [][]vec) []vec {
	return each(func(a *assembler, v []vec) {
		m := a.compare(predicate, v[0], v[1])
		one := a.splat(a.number(1))
		a.sub(one, one, v[1])
		a.choose(m, one, v[1])
	})
}

const unordered = 3

// The operations of package kernels, by their names there. See kernels.Operate for what they are.
var operations = []operation{
	{"Add", 2, false, each(func(a *assembler, v []vec) { a.add(v[0], v[1], v[1]) })},
	{"Sub", 2, false, each(func(a *assembler, v []vec) { a.sub(v[1], v[0], v[1]) })},
	{"Mul", 2, false, each(func(a *assembler, v []vec) { a.mul(v[0], v[1], v[1]) })},
	{"Div", 2, false, each(func(a *assembler, v []vec) { a.div(v[1], v[0], v[1]) })},
	{"Pow", 2, true, func(a *assembler, v [][]vec) []vec { return a.powers(v[0], v[1]) }},
	{"Min", 2, false, each(func(a *assembler, v []vec) {
		a.choose(a.compare(unordered, v[0], v[0]), v[0], v[1])
		a.choose(a.less(v[0], v[1]), v[0], v[1])
	})},
	{"Max", 2, false, each(func(a *assembler, v []vec) {
		a.choose(a.compare(unordered, v[0], v[0]), v[0], v[1])
		a.choose(a.less(v[1], v[0]), v[0], v[1])
	})},
	{"Less", 2, false, comparison(1)},
	{"LessEqual", 2, false, comparison(2)},
	{"Equal", 2, false, comparison(0)},
	{"Neg", 1, false, each(func(a *assembler, v []vec) { a.xor(a.bits(1<<31), v[0], v[0]) })},
	{"Abs", 1, false, each(func(a *assembler, v []vec) { a.and(a.bits(1<<31-1), v[0], v[0]) })},
	{"Sign", 1, false, each(func(a *assembler, v []vec) {
		zero := a.zero()
		positive, negative := a.less(zero, v[0]), a.less(v[0], zero)
		a.choose(positive, a.splat(a.number(1)), v[0])
		a.choose(negative, a.splat(a.number(-1)), v[0])
	})},
	{"Square", 1, false, each(func(a *assembler, v []vec) { a.mul(v[0], v[0], v[0]) })},
	{"Sqrt", 1, false, each(func(a *assembler, v []vec) { a.sqrt(v[0], v[0]) })},
	{"Exp", 1, true, func(a *assembler, v [][]vec) []vec { return a.exps(v[0]) }},
	{"Log", 1, true, func(a *assembler, v [][]vec) []vec { return a.logs(v[0]) }},
	{"Log1p", 1, true, func(a *assembler, v [][]vec) []vec {
		u := a.vectors(len(v[0]))
		for i, x := range v[0] { // x becomes what rounding took from 1 + x, over 1 + x
			rounded := a.vector()
			a.add(a.number(1), x, u[i])
			a.sub(a.number(1), u[i], rounded)
			a.sub(rounded, x, x)
			a.div(u[i], x, x)
			lost := a.compare(notLess, u[i], a.splat(a.number(math.MaxFloat32))) // infinity: nothing to correct
			a.choose(lost, a.zero(), x)
			nothing := a.compare(lessEqual, u[i], a.zero())
			a.choose(nothing, a.zero(), x)
		}
		l := a.logs(u)
		for i, x := range v[0] {
			a.add(x, l[i], l[i])
		}
		return l
	}},
	{"Expm1", 1, true, func(a *assembler, v [][]vec) []vec { return a.expm1s(v[0]) }},
	{"Tanh", 1, true, func(a *assembler, v [][]vec) []vec {
		signs := a.vectors(len(v[0]))
		for i, x := range v[0] {
			a.and(a.bits(1<<31), x, signs[i])
			a.and(a.bits(1<<31-1), x, x)
			a.mul(a.number(-2), x, x)
		}
		t := a.expm1s(v[0])
		for i := range t {
			d := a.splat(a.number(2))
			a.add(t[i], d, d)
			a.div(d, t[i], t[i])
			a.and(a.bits(1<<31-1), t[i], t[i])
			a.xor(signs[i], t[i], t[i])
		}
		return t
	}},
	{"Sigmoid", 1, true, func(a *assembler, v [][]vec) []vec {
		e, negative := a.decay(v[0])
		for i := range e {
			d, one := a.splat(a.number(1)), a.splat(a.number(1))
			a.add(e[i], d, d)
			a.choose(negative[i], e[i], one)
			a.div(d, one, e[i])
		}
		return e
	}},
	{"Softplus", 1, true, func(a *assembler, v [][]vec) []vec {
		positive := a.vectors(len(v[0]))
		for i, x := range v[0] {
			a.max(x, a.zero(), positive[i])
		}
		e, _ := a.decay(v[0])
		sigma := a.log1p(e)
		for i := range sigma {
			a.add(positive[i], sigma[i], sigma[i])
		}
		return sigma
	}},
	{"Select", 3, false, each(func(a *assembler, v []vec) {
		elsewhere := a.compare(notEqual, v[0], a.zero())
		a.choose(elsewhere, v[1], v[2])
	})},
}

// Predicates of comparisons besides 0, 1 and 3. Those with not hold where an argument is not a number.
const (
	lessEqual = 2
	notEqual  = 4
	notLess   = 5
)

// decay returns e^-|x| and the lanes where x is not above 0. x is lost.
func (a *assembler) decay(x []vec) (e []vec, negative []mask) {
	for i := range x {
		negative = append(negative, a.compare(lessEqual, x[i], a.zero()))
		a.or(a.bits(1<<31), x[i], x[i])
		a.max(x[i], a.splat(a.number(smallestExp)), x[i])
	}
	return a.exp(x), negative
}

// exps returns e^x for any x: 0 below smallestExp, infinity above. x is lost.
func (a *assembler) exps(x []vec) []vec {
	tiny := make([]mask, len(x))
	for i := range x {
		tiny[i] = a.less(x[i], a.splat(a.number(smallestExp)))
		a.max(x[i], a.splat(a.number(smallestExp)), x[i])
		a.min(x[i], a.splat(a.number(89)), x[i])
	}
	unclear := make([]mask, len(x))
	for i := range x {
		unclear[i] = a.compare(unordered, x[i], x[i])
	}
	e := a.expToInfinity(x)
	for i := range e {
		a.choose(tiny[i], a.zero(), e[i])
		a.choose(unclear[i], a.splat(a.bits(0x7fc00000)), e[i])
	}
	return e
}

// logs returns ln x for any x: minus infinity at 0, not a number below. x is lost.
func (a *assembler) logs(x []vec) []vec {
	infinity := a.bits(math.Float32bits(float32(math.Inf(1))))
	saved, small := a.vectors(len(x)), make([]mask, len(x))
	for i := range x {
		a.VMOVAPS(x[i], saved[i])
		small[i] = a.less(x[i], a.splat(a.number(0x1p-126)))
		scaled := a.vector()
		a.mul(a.number(0x1p24), x[i], scaled)
		a.choose(small[i], scaled, x[i])
	}
	l := a.log(x)
	for i := range l {
		less := a.vector()
		a.add(a.number(-24*math.Ln2), l[i], less)
		a.choose(small[i], less, l[i])
		a.choose(a.less(saved[i], a.zero()), a.splat(a.bits(0x7fc00000)), l[i])
		a.choose(a.equal(saved[i], a.zero()), a.splat(a.bits(math.Float32bits(float32(math.Inf(-1))))), l[i])
		a.choose(a.compare(notLess, saved[i], a.splat(infinity)), saved[i], l[i]) // infinity, and what is not a number
	}
	return l
}

// expm1s returns e^x - 1 for any x: kernels.expm1f. x is lost.
func (a *assembler) expm1s(x []vec) []vec {
	small := a.horner(x, 1./5040, 1./720, 1./120, 1./24, 1./6, 0.5)
	near := make([]mask, len(x))
	for i := range x {
		square, size := a.vector(), a.vector()
		a.mul(x[i], x[i], square)
		a.mul(square, small[i], small[i])
		a.add(x[i], small[i], small[i])
		a.and(a.bits(1<<31-1), x[i], size)
		near[i] = a.less(size, a.splat(a.number(0.34657359)))
	}
	e := a.exps(x)
	for i := range e {
		a.sub(a.number(1), e[i], e[i])
		a.choose(near[i], small[i], e[i])
	}
	return e
}

// powers returns x^y = e^(y ln |x|), with the sign and the exceptions of a power. Both are lost.
func (a *assembler) powers(x, y []vec) []vec {
	negative, odd, broken, none := make([]mask, len(x)), make([]vec, len(x)), make([]mask, len(x)), make([]mask, len(x))
	for i := range x {
		zero, half, down := a.zero(), a.vector(), a.vector()
		negative[i] = a.less(x[i], zero)
		none[i] = a.equal(y[i], zero)
		a.floor(y[i], down)
		broken[i] = a.compare(notEqual, down, y[i])
		a.mul(a.number(0.5), y[i], half)
		a.floor(half, down)
		odd[i] = a.vector()
		a.sub(down, half, odd[i]) // 0 where y is even, 1/2 where it is odd
		a.and(a.bits(1<<31-1), x[i], x[i])
	}
	l := a.logs(x)
	for i := range l {
		a.mul(y[i], l[i], l[i])
	}
	p := a.exps(l)
	for i := range p {
		// The sign: 1 - 4 odd is 1 or -1.
		sign := a.splat(a.number(1))
		a.fma231(a.number(-4), odd[i], sign)
		a.choose(broken[i], a.splat(a.bits(0x7fc00000)), sign)
		signed := a.vector()
		a.mul(sign, p[i], signed)
		a.choose(negative[i], signed, p[i])
		a.choose(none[i], a.splat(a.number(1)), p[i])
	}
	return p
}

// floor is the largest integer up to x.
func (a *assembler) floor(x, dst vec) {
	const down = 1
	if a.wide() {
		a.VRNDSCALEPS(operand.Imm(down), x, dst)
	} else {
		a.VROUNDPS(operand.Imm(down), x, dst)
	}
}

// formulaOperation writes the kernel of an operation on n numbers, n a multiple of 16.
func (a *assembler) formulaOperation(o operation) {
	a.function("formula"+o.name, "dst, x, y, z *float32, n int", "is an operation of formulas.")
	dst, n := a.argument("dst"), a.argument("n")
	var from []reg.Register
	for _, name := range []string{"x", "y", "z"}[:o.arity] {
		from = append(from, a.argument(name))
	}
	offset := a.GP64()
	a.XORQ(offset, offset)
	a.SHLQ(operand.Imm(2), n)
	together := 2
	if o.dear && (!a.wide() || o.name == "Pow") {
		together = 1
	}
	body := func(count int) {
		var args [][]vec
		at := func(base reg.Register, i int) operand.Mem {
			return operand.Mem{Base: base, Index: offset, Scale: 1, Disp: i * a.bytes()}
		}
		for _, base := range from {
			var v []vec
			for i := range count {
				v = append(v, a.load(at(base, i)))
			}
			args = append(args, v)
		}
		for i, v := range o.of(a, args) {
			a.store(v, at(dst, i))
		}
		a.ADDQ(operand.U32(count*a.bytes()), offset)
	}
	if together > 1 {
		a.Label("pairs")
		last := a.GP64()
		a.LEAQ(operand.Mem{Base: offset, Disp: together * a.bytes()}, last)
		a.CMPQ(last, n)
		a.JG(operand.LabelRef("rest"))
		body(together)
		a.JMP(operand.LabelRef("pairs"))
	}
	a.Label("rest")
	a.CMPQ(offset, n)
	a.JGE(operand.LabelRef("done"))
	body(1)
	a.JMP(operand.LabelRef("rest"))
	a.Label("done")
	a.ret()
}
