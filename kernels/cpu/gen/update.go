package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The fields of the Go struct rule, in its order.
const (
	beta1 = iota
	gain1
	beta2
	gain2
	rate
	root
	epsilon
	magnitude
	minusMagnitude
	decay
	steep // 1e38 with the sign of the magnitude's slope
)

// updateRows x updateColumns is the tile of dW: for each example two vectors of x and four numbers of dy make eight
// products, with AVX2 eight of sixteen registers are left for Adam. Half as many rows and twice the columns measured
// the same.
const updateRows, updateColumns = 4, 2

// updating writes the kernels that form dW of some rows and use it.
type updating struct {
	*assembler
	rule   reg.Register
	offset reg.Register // of the row at hand, from the first
	column int          // bytes from there
	finite vec          // 0 while everything is
	row    int          // within the tile
	sums   reg.Register // of the tile's first row, if the kernel has any
	priced bool         // whether the slope of each mean's cost is given, in the parameter price
	fields []int        // of the rule, that the kernel reads
	// What NEON has registers for: the bases are those of the row at hand, and held has the rule's fields.
	rowBases bool
	held     map[int]vec
	waiting  operand.Mem // dW of the tile
}

func (u *updating) number(field int) operand.Op {
	if v, ok := u.held[field]; ok {
		return v
	}
	return scalar{operand.Mem{Base: u.rule, Disp: 4 * field}}
}

// slot is the operand of this row and column in the array that starts at base.
func (u *updating) slot(base reg.Register) operand.Mem {
	if u.rowBases {
		return operand.Mem{Base: base, Disp: u.column}
	}
	return operand.Mem{Base: base, Index: u.offset, Scale: 1, Disp: u.column}
}

// addMagnitudeSlope adds the derivative of the magnitude cost to g: sign(mu) times the rule's magnitude, 0 at 0, which
// is mu, made steep, between the magnitudes. The product overflows for all but the smallest mu, which does no harm.
func (u *updating) addMagnitudeSlope(mu, g vec) {
	s := u.vector()
	u.mul(u.number(steep), mu, s)
	u.max(u.number(minusMagnitude), s, s)
	u.min(u.number(magnitude), s, s)
	u.add(s, g, g)
}

// moments updates Adam's moments in memory with gradient g (Kingma and Ba 2015),
//
//	m = beta1 m + (1-beta1) g,   v = beta2 v + (1-beta2) g^2,
//
// and returns the numerator and denominator of the step: rate m and sqrt(v) root + epsilon. g is overwritten. The
// denominator is finite only if v is, and so g and its square.
func (u *updating) moments(g vec, m, v reg.Register) (numerator, denominator vec) {
	numerator, square := u.vector(), u.vector()
	u.mul(u.number(gain1), g, numerator)
	u.mul(u.number(gain2), g, square)
	u.mul(g, square, square)
	old := u.splat(u.number(beta1))
	u.fma231(u.slot(m), old, numerator)
	u.store(numerator, u.slot(m))
	u.mul(u.number(rate), numerator, numerator)
	old = u.splat(u.number(beta2))
	u.fma231(u.slot(v), old, square)
	u.store(square, u.slot(v))
	u.sqrt(square, square)
	u.fma213(u.splat(u.number(epsilon)), u.splat(u.number(root)), square)
	return numerator, square
}

// mover is a rule that trains. See package kernels for the formulas.
type mover struct {
	name   string // of its kernels
	fields []int  // of the struct rule, that the steps read
	// step writes how a parameter, whose value is p in a register, follows its gradient g. Both are overwritten. At are
	// the addresses of the parameter and of its moments, if the rule has them.
	step func(u *updating, p, g vec, at []reg.Register)
	// both writes how mu and phi follow theirs, if together they need less than a step each.
	both func(u *updating, gMu, gPhi vec, mu, phi []reg.Register)
}

var movers = []mover{
	{"", []int{beta1, gain1, beta2, gain2, rate, root, epsilon}, adam, bothAdam},
	{"SGD", []int{rate}, func(u *updating, p, g vec, at []reg.Register) {
		u.fnma231(u.splat(u.number(rate)), g, p)
		u.moved(p, at[0])
	}, nil},
	{"Momentum", []int{beta1, rate}, func(u *updating, p, g vec, at []reg.Register) {
		u.fma231(u.slot(at[1]), u.splat(u.number(beta1)), g)
		u.store(g, u.slot(at[1]))
		u.fnma231(u.splat(u.number(rate)), g, p)
		u.moved(p, at[0])
	}, nil},
	{"RMSprop", []int{gain2, beta2, epsilon, rate}, func(u *updating, p, g vec, at []reg.Register) {
		square := u.vector()
		u.mul(u.number(gain2), g, square)
		u.mul(g, square, square)
		u.fma231(u.slot(at[1]), u.splat(u.number(beta2)), square)
		u.store(square, u.slot(at[1]))
		u.sqrt(square, square)
		u.add(u.number(epsilon), square, square)
		u.mul(u.number(rate), g, g)
		u.div(square, g, g)
		u.sub(g, p, p)
		u.store(p, u.slot(at[0]))
		u.seeBoth(p, square)
	}, nil},
}

func adam(u *updating, p, g vec, at []reg.Register) {
	n, d := u.moments(g, at[1], at[2])
	u.div(d, n, n)
	u.sub(n, p, p)
	u.store(p, u.slot(at[0]))
	u.seeBoth(p, d) // a finite numerator over an infinite d is a step of 0
}

// bothAdam has one division for both steps. The product of the denominators is a normal number unless both gradients
// exceed 1e17. The other parameter shows if v is not finite: its denominator d is then infinite, the inverse 0, and d
// times the inverse NaN, which makes the other's step NaN.
func bothAdam(u *updating, gMu, gPhi vec, mu, phi []reg.Register) {
	phiN, phiD := u.moments(gPhi, phi[1], phi[2])
	m := u.mean(gMu, mu)
	muN, muD := u.moments(gMu, mu[1], mu[2])
	inverse := u.vector()
	u.mul(muD, phiD, inverse)
	u.div(inverse, u.splat(u.assembler.number(1)), inverse)
	u.mul(inverse, phiD, phiD)
	u.mul(inverse, muD, muD)
	u.fnma231(muN, phiD, m)
	u.store(m, u.slot(mu[0]))
	p := u.load(u.slot(phi[0]))
	u.fnma231(phiN, muD, p)
	u.store(p, u.slot(phi[0]))
	u.seeBoth(m, p)
}

// mean loads mu, adds the slope of its cost to its gradient, and subtracts the weight decay.
func (u *updating) mean(g vec, mu []reg.Register) vec {
	m := u.load(u.slot(mu[0]))
	u.addMagnitudeSlope(m, g)
	if u.priced {
		price := u.argument("price")
		if u.rowBases {
			u.ADDQ(u.offset, price)
		}
		u.add(u.slot(price), g, g)
	}
	u.fnma231(u.number(decay), m, m)
	return m
}

// moved stores a parameter that has moved, and checks that it is finite. If gradient, rate and moments give a step that
// is not finite, neither is the parameter.
func (u *updating) moved(p vec, param reg.Register) {
	u.see(p)
	u.store(p, u.slot(param))
}

// see checks that x is finite: 0 x is NaN otherwise.
func (u *updating) see(x vec) { u.fma231(u.assembler.number(0), x, u.finite) }

// seeBoth checks that x and y are finite: x - x is 0 if x is, and 0 y is 0 if y is. x is overwritten.
func (u *updating) seeBoth(x, y vec) {
	u.sub(x, x, x)
	u.fma231(y, x, u.finite)
}

// updates are the kernels of a rule. Each returns a number that is not 0 if a gradient, a parameter or a moment is not
// finite.
//
// update moves mu and phi of rows whose synapses have a phi each, with the output of the sample kernel:
//
//	dL/dmu  = dW + lambda B/N sign(mu)
//	dL/dphi = dW dw/dphi + d cost/dphi
//
// updatePerExample does this where every example has its own noise: dW of phi is then another, with the squares of x,
// the gradients with respect to the variances of y in place of dy, and the output of the kernel variances.
//
// updateShared moves mu of rows whose synapses share a sigma, and adds up sum_k dW xi for each row, lane by lane, in
// the 16 numbers that the row has in sums. updateMeans moves only mu. If priced, the slope of each mean's cost has one
// more part, which is given; the others do not read price.
func (a *assembler) updates(rule mover, priced bool) {
	if priced {
		rule.name += "Priced"
	}
	step := func(u *updating, dw vec, mu []reg.Register) { rule.step(u, u.mean(dw, mu), dw, mu) }
	arrays := []string{"mu", "muM", "muV", "phi", "phiM", "phiV", "slope", "cost"}
	both := func(u *updating, bases []reg.Register, dw, dwPhi vec) {
		mu, phi := bases[:3], bases[3:6]
		gPhi := a.load(u.slot(bases[6]))
		a.fma213(u.slot(bases[7]), dwPhi, gPhi)
		if rule.both != nil {
			rule.both(u, dw, gPhi, mu, phi)
			return
		}
		rule.step(u, a.load(u.slot(phi[0])), gPhi, phi)
		step(u, dw, mu)
	}
	fields := append(slices.Clone(rule.fields), magnitude, minusMagnitude, decay, steep)
	a.moving("update"+rule.name, priced, fields, arrays, "", "forms dW and moves mu and phi.",
		func(u *updating, bases []reg.Register, dw vec) { both(u, bases, dw, dw) })
	a.movingBoth("updatePerExample"+rule.name, priced, fields, arrays, both)
	a.moving("updateShared"+rule.name, priced, fields, []string{"mu", "muM", "muV", "xi"}, "sums",
		"forms dW, moves mu and sums dW xi.", func(u *updating, bases []reg.Register, dw vec) {
			at := operand.Mem{Base: u.sums, Disp: 64*u.row + u.column%32} // eight lanes, in two vectors with NEON
			sum := a.load(at)
			a.fma231(u.slot(bases[3]), dw, sum)
			a.store(sum, at)
			step(u, dw, bases)
		})
	a.moving("updateMeans"+rule.name, priced, fields, []string{"mu", "muM", "muV"}, "", "forms dW and moves mu.",
		func(u *updating, bases []reg.Register, dw vec) { step(u, dw, bases) })
}

// operands names the parameters of a product sum_b dy[b][r] x[b][k].
type operands struct{ x, dy string }

// rows emits the loops over tiles of rows and columns, of up to the given number of rows; dW of a tile is formed in
// registers,
//
//	dW[r][k] = sum_b dy[b][r] x[b][k],
//
// for each pair of operands, and its vectors are passed to use, one per pair, with the registers that load returned.
func (u *updating) rows(tileRows int, pairs []operands, load func() []reg.Register,
	use func(bases []reg.Register, dw []vec)) {
	a := u.assembler
	restore := a.flushSubnormals()
	u.finite = a.zero()
	u.offset = a.GP64()
	a.XORQ(u.offset, u.offset)
	dyColumn, rows := a.GP64(), a.counter("rows")
	a.XORQ(dyColumn, dyColumn)
	left := a.AllocLocal(8)
	if a.arm() {
		u.waiting = a.AllocLocal(len(pairs) * tileRows * 4 * a.bytes())
	}
	a.tiles("rows", rows, []int{tileRows, 1}, func(nRows int) {
		xColumn := a.GP64()
		a.XORQ(xColumn, xColumn)
		a.MOVQ(a.inVectors("stride"), left)
		columns := []int{updateColumns, 1}
		if a.arm() {
			columns = []int{4} // rows are multiples of 16 numbers
		}
		a.tiles(fmt.Sprintf("r%dcolumns", nRows), left, columns, func(nColumns int) {
			dw := make([][][]vec, len(pairs)) // pair, row, vector
			for p := range pairs {
				for range nRows {
					dw[p] = append(dw[p], a.zeros(nColumns))
				}
			}
			var x, dy []reg.Register
			for p, pair := range pairs {
				x, dy = append(x, a.argument(pair.x)), append(dy, a.argument(pair.dy))
				a.ADDQ(xColumn, x[p])
				a.ADDQ(dyColumn, dy[p])
			}
			stride, dyStride, batch := a.inBytes("stride"), a.inBytes("dyStride"), a.argument("batch")
			loop := fmt.Sprintf("examples%dx%d", nRows, nColumns)
			a.Label(loop)
			for p := range pairs {
				if a.arm() && nRows == 4 {
					g := a.load(operand.Mem{Base: dy[p]})
					for k := range nColumns {
						v := a.load(operand.Mem{Base: x[p], Disp: k * a.bytes()})
						for r := range nRows {
							a.neon("fmlas", dw[p][r][k], v, g, operand.U8(r))
						}
					}
					continue
				}
				inputs := make([]vec, nColumns)
				for k := range inputs {
					inputs[k] = a.load(operand.Mem{Base: x[p], Disp: k * a.bytes()})
				}
				for r := range nRows {
					g := a.splat(scalar{operand.Mem{Base: dy[p], Disp: 4 * r}})
					for k := range inputs {
						a.fma231(inputs[k], g, dw[p][r][k])
					}
				}
			}
			for p := range pairs {
				a.ADDQ(stride, x[p])
				a.ADDQ(dyStride, dy[p])
			}
			a.DECQ(batch)
			a.JNZ(operand.LabelRef(loop))

			bases := load()
			stride = a.inBytes("stride")
			if a.arm() {
				u.eachRow(fmt.Sprintf("row%d", nRows), dw, bases, stride, use)
				a.ADDQ(operand.U32(nColumns*a.bytes()), u.offset)
				a.ADDQ(operand.U32(nColumns*a.bytes()), xColumn)
				return
			}
			for r := range nRows {
				for k := range nColumns {
					u.row, u.column = r, k*a.bytes()
					vectors := make([]vec, len(pairs))
					for p := range pairs {
						vectors[p] = dw[p][r][k]
					}
					use(bases, vectors)
				}
				if r < nRows-1 {
					a.ADDQ(stride, u.offset)
				}
			}
			for range nRows - 1 {
				a.SUBQ(stride, u.offset)
			}
			a.ADDQ(operand.U32(nColumns*a.bytes()), u.offset)
			a.ADDQ(operand.U32(nColumns*a.bytes()), xColumn)
		})
		stride := a.inBytes("stride")
		for range nRows - 1 { // the offset already points one row further
			a.ADDQ(stride, u.offset)
		}
		a.ADDQ(operand.U32(4*nRows), dyColumn)
		if u.sums != nil {
			a.ADDQ(operand.U32(64*nRows), u.sums)
		}
	})
	restore()
	a.reportNaN(u.finite, "bad")
	a.ret()
}

// eachRow passes the vectors of dW of a tile to use in a loop over its rows, for NEON: they wait in memory meanwhile,
// so that there are registers for the rule.
func (u *updating) eachRow(loop string, dw [][][]vec, bases []reg.Register, stride reg.Register,
	use func(bases []reg.Register, dw []vec)) {
	a := u.assembler
	rows, columns := len(dw[0]), len(dw[0][0])
	ofPair := rows * columns * a.bytes()
	at, left := a.GP64(), a.GP64()
	a.special("address", []operand.Op{at}, []operand.Op{u.waiting})
	for p := range dw {
		for r := range rows {
			for k, v := range dw[p][r] {
				a.store(v, operand.Mem{Base: at, Disp: p*ofPair + (r*columns+k)*a.bytes()})
			}
		}
	}
	u.held = map[int]vec{}
	for _, field := range u.fields {
		u.held[field] = a.splat(u.number(field))
	}
	advance := func(by reg.Register) {
		if u.rowBases {
			for _, b := range bases {
				a.ADDQ(by, b)
			}
		}
	}
	advance(u.offset)
	a.MOVQ(operand.U32(rows), left)
	a.Label(loop)
	for k := range columns {
		u.row, u.column = 0, k*a.bytes()
		var vectors []vec
		for p := range dw {
			vectors = append(vectors, a.load(operand.Mem{Base: at, Disp: p*ofPair + k*a.bytes()}))
		}
		use(bases, vectors)
	}
	advance(stride)
	a.ADDQ(stride, u.offset)
	a.ADDQ(operand.U32(columns*a.bytes()), at)
	if u.sums != nil {
		a.ADDQ(operand.U32(64), u.sums)
	}
	a.DECQ(left)
	a.JNZ(operand.LabelRef(loop))
	u.held = nil
	for range rows {
		a.SUBQ(stride, u.offset)
	}
	if u.sums != nil {
		a.SUBQ(operand.U32(64*rows), u.sums)
	}
}

// moving emits a kernel that passes the vectors of dW to move, with the addresses of the arrays; sums is the name of
// one more, if any.
func (a *assembler) moving(name string, priced bool, fields []int, arrays []string, sums, doc string,
	move func(u *updating, bases []reg.Register, dw vec)) {
	u := &updating{assembler: a, priced: priced, fields: fields, rowBases: a.arm()}
	all := arrays
	if sums != "" {
		all = append(slices.Clone(arrays), sums)
	}
	a.function(name, strings.Join(all, ", ")+
		", x, dy, price, rule *float32, stride, dyStride, rows, batch int) (bad uint32", doc)
	if sums != "" {
		u.sums = a.argument(sums)
	}
	load := func() []reg.Register {
		u.rule = u.argument("rule")
		return u.arguments(arrays)
	}
	u.rows(updateRows, []operands{{"x", "dy"}}, load, func(bases []reg.Register, dw []vec) { move(u, bases, dw[0]) })
}

// movingBoth emits a kernel that passes the vectors of two dW to move: those of mu and of phi.
func (a *assembler) movingBoth(name string, priced bool, fields []int, arrays []string,
	move func(u *updating, bases []reg.Register, dw, dwPhi vec)) {
	u := &updating{assembler: a, priced: priced, fields: fields, rowBases: a.arm()}
	a.function(name, strings.Join(arrays, ", ")+", x, dy, xSquares, dv, price, rule *float32, stride, dyStride, rows, "+
		"batch int) (bad uint32", "forms dW of mu and phi and moves both.")
	load := func() []reg.Register {
		u.rule = u.argument("rule")
		return u.arguments(arrays)
	}
	u.rows(a.pairedRows(), []operands{{"x", "dy"}, {"xSquares", "dv"}}, load,
		func(bases []reg.Register, dw []vec) { move(u, bases, dw[0], dw[1]) })
}

// pairedRows is the number of rows of tiles for two pairs of operands, which take twice the registers: with AVX2, half
// the rows.
func (a *assembler) pairedRows() int {
	if a.wide() {
		return updateRows
	}
	return updateRows / 2
}

func (a *assembler) arguments(names []string) []reg.Register {
	var r []reg.Register
	for _, n := range names {
		r = append(r, a.argument(n))
	}
	return r
}
