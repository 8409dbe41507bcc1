package main

import (
	"math"
	"math/bits"

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
	// Several operations in one.
	{"Inverse", 1, false, each(inverted(func(*assembler, []vec) {}))}, // 1/x
	{"MulMul", 3, false, each(func(a *assembler, v []vec) { // x y z
		a.mul(v[0], v[1], v[1])
		a.mul(v[1], v[2], v[2])
	})},
	{"MulMulMul", 4, false, each(func(a *assembler, v []vec) { // x y z u
		a.mul(v[0], v[1], v[1])
		a.mul(v[1], v[2], v[2])
		a.mul(v[2], v[3], v[3])
	})},
	{"MulAdd", 3, false, each((*assembler).mulAdd)},                                          // x y + z
	{"MulSub", 3, false, each(func(a *assembler, v []vec) { a.fmsub231(v[0], v[1], v[2]) })}, // x y - z
	{"SubMul", 3, false, each(func(a *assembler, v []vec) { a.fnma231(v[0], v[1], v[2]) })},  // z - x y
	{"MulMulAdd", 4, false, each((*assembler).mulMulAdd)},                                    // x y z + u
	{"MulAddMul", 4, false, each((*assembler).mulAddMul)},                                    // x y + z u
	// 1 over such a sum
	{"InverseAdd", 2, false, each(inverted(func(a *assembler, v []vec) { a.add(v[0], v[1], v[1]) }))},
	{"InverseMulAdd", 3, false, each(inverted((*assembler).mulAdd))},
	{"InverseMulMulAdd", 4, false, each(inverted((*assembler).mulMulAdd))},
	{"InverseMulAddMul", 4, false, each(inverted((*assembler).mulAddMul))},
	{"CubeRoot", 1, true, func(a *assembler, v [][]vec) []vec {
		x := v[0]
		r := a.inverseCubeRoots(x)
		for i := range r {
			a.mul(r[i], r[i], r[i])
			a.mul(x[i], r[i], r[i])
			a.choose(a.equal(x[i], a.splat(a.bits(infinity))), x[i], r[i])
			a.choose(a.less(x[i], a.zero()), a.splat(a.bits(notNumber)), r[i])
		}
		return r
	}},
	{"InverseCubeRoot", 1, true, func(a *assembler, v [][]vec) []vec {
		x := v[0]
		r := a.inverseCubeRoots(x)
		for i := range r {
			a.choose(a.equal(x[i], a.splat(a.bits(infinity))), a.zero(), r[i])
			a.choose(a.less(x[i], a.splat(a.number(0x1p-126))), a.splat(a.bits(infinity)), r[i])
			a.choose(a.less(x[i], a.zero()), a.splat(a.bits(notNumber)), r[i])
		}
		return r
	}},
	{"Select", 3, false, each(func(a *assembler, v []vec) {
		elsewhere := a.compare(notEqual, v[0], a.zero())
		a.choose(elsewhere, v[1], v[2])
	})},
}

func (a *assembler) mulAdd(v []vec) { a.fma231(v[0], v[1], v[2]) }

func (a *assembler) mulMulAdd(v []vec) {
	a.mul(v[0], v[1], v[1])
	a.fma231(v[1], v[2], v[3])
}

func (a *assembler) mulAddMul(v []vec) {
	a.mul(v[2], v[3], v[3])
	a.fma231(v[0], v[1], v[3])
}

// inverted is an operation of one on single vectors with 1 over its result.
func inverted(of func(a *assembler, v []vec)) func(a *assembler, v []vec) {
	return func(a *assembler, v []vec) {
		of(a, v)
		last := v[len(v)-1]
		a.div(last, a.splat(a.number(1)), last)
	}
}

// Bits of special numbers.
const (
	infinity  = 0x7f800000
	notNumber = 0x7fc00000
)

// Predicates of comparisons besides 0, 1 and 3. Those with not hold where an argument is not a number.
const (
	lessEqual = 2
	notEqual  = 4
	notLess   = 5
)

// inverseCubeRoots returns x^(-1/3) of positive normal x: a guess within some percent from the bits of x, made better
// twice by two terms of the series r (1 - h)^(-1/3), h = 1 - x r^3.
func (a *assembler) inverseCubeRoots(x []vec) []vec {
	r := a.vectors(len(x))
	for i := range x {
		a.fromInts(x[i], r[i])
		a.fma213(a.number(0x54a24000), a.splat(a.number(-1./3)), r[i])
		a.nearestInts(r[i], r[i])
	}
	for range 2 {
		h := a.splats(a.number(1), len(x))
		for i := range x {
			square, product := a.vector(), a.vector()
			a.mul(r[i], r[i], square)
			a.mul(x[i], r[i], product)
			a.fnma231(square, product, h[i])
		}
		t := a.horner(h, 2./9, 1./3)
		for i := range x {
			a.mul(h[i], t[i], t[i])
			a.fma231(t[i], r[i], r[i])
		}
	}
	return r
}

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
		a.choose(unclear[i], a.splat(a.bits(notNumber)), e[i])
	}
	return e
}

// logs returns ln x for any x: minus infinity at 0, not a number below. x is lost.
func (a *assembler) logs(x []vec) []vec {
	saved, small := a.vectors(len(x)), make([]mask, len(x))
	for i := range x {
		a.assign(x[i], saved[i])
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
		a.choose(a.less(saved[i], a.zero()), a.splat(a.bits(notNumber)), l[i])
		a.choose(a.equal(saved[i], a.zero()), a.splat(a.bits(math.Float32bits(float32(math.Inf(-1))))), l[i])
		huge := a.compare(notLess, saved[i], a.splat(a.bits(infinity))) // or not a number
		a.choose(huge, saved[i], l[i])
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
		a.choose(broken[i], a.splat(a.bits(notNumber)), sign)
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
	if a.arm() {
		a.neon("frintm", dst, x)
		return
	}
	if a.wide() {
		a.VRNDSCALEPS(operand.Imm(down), x, dst)
	} else {
		a.VROUNDPS(operand.Imm(down), x, dst)
	}
}

// formulaOperation writes the kernel of an operation on n numbers, n a multiple of 16. An argument whose step is 1 is a
// row of numbers, one whose step is 0 a vector that all of them read; the first is then read once.
func (a *assembler) formulaOperation(o operation) {
	names := []string{"x", "y", "z", "u"}[:o.arity]
	a.function("formula"+o.name, "dst, x, y, z, u *float32, xStep, yStep, zStep, uStep, n int",
		"is an operation of formulas.")
	dst, left, from := a.argument("dst"), a.inVectors("n"), a.arguments(names)
	var steps []reg.Register
	for _, name := range names {
		step := a.argument(name + "Step")
		a.SHLQ(operand.Imm(uint64(bits.TrailingZeros(uint(a.bytes())))), step)
		steps = append(steps, step)
	}
	together := 2
	if o.dear && (!a.wide() || o.name == "Pow") {
		together = 1
	}
	loops := func(suffix string, first vec) {
		body := func(count int) {
			args := make([][]vec, o.arity)
			for i, base := range from {
				for j := range count {
					at, v := operand.Mem{Base: base}, a.vector()
					if j > 0 {
						at.Index, at.Scale = steps[i], 1
					}
					if i == 0 && first != nil {
						a.assign(first, v)
					} else {
						a.VMOVUPS(at, v)
					}
					args[i] = append(args[i], v)
				}
				if i > 0 || first == nil {
					a.LEAQ(operand.Mem{Base: base, Index: steps[i], Scale: uint8(count)}, base)
				}
			}
			for i, v := range o.of(a, args) {
				a.store(v, operand.Mem{Base: dst, Disp: i * a.bytes()})
			}
			a.ADDQ(operand.U32(count*a.bytes()), dst)
		}
		if together > 1 { // not tiles: this loop has one jump
			a.SUBQ(operand.Imm(2), left)
			a.JL(operand.LabelRef("last" + suffix))
			a.Label("pairs" + suffix)
			body(2)
			a.SUBQ(operand.Imm(2), left)
			a.JGE(operand.LabelRef("pairs" + suffix))
			a.Label("last" + suffix)
			a.ADDQ(operand.Imm(2), left)
			a.JZ(operand.LabelRef("done"))
		}
		a.Label("one" + suffix)
		body(1)
		a.DECQ(left)
		a.JNZ(operand.LabelRef("one" + suffix))
	}
	if o.arity > 1 && !o.dear {
		a.TESTQ(steps[0], steps[0])
		a.JNZ(operand.LabelRef("rows"))
		loops("Constant", a.load(operand.Mem{Base: from[0]}))
		a.JMP(operand.LabelRef("done"))
		a.Label("rows")
	}
	loops("", nil)
	a.Label("done")
	a.ret()
}
