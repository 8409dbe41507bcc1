package main

import (
	"fmt"

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
)

// updateRows x updateColumns is the tile of dW: for each example two vectors of x and four numbers of dy make eight products, with
// AVX2 eight of sixteen registers are left for Adam. Half as many rows and twice the columns measured the same.
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
}

func (u *updating) number(field int) scalar {
	return scalar{operand.Mem{Base: u.rule, Disp: 4 * field}}
}

// slot is the operand of this row and column in the array that starts at base.
func (u *updating) slot(base reg.Register) operand.Mem {
	return operand.Mem{Base: base, Index: u.offset, Scale: 1, Disp: u.column}
}

// addMagnitudeSlope adds the derivative of the magnitude cost to g: sign(mu) times the rule's magnitude, 0 at 0. The
// product overflows for all but the smallest mu, which does no harm. Then it subtracts the weight decay
// from mu.
func (u *updating) addMagnitudeSlope(mu, g vec) {
	s := u.vector()
	u.mul(u.assembler.number(1e38), mu, s)
	u.max(u.number(minusMagnitude), s, s)
	u.min(u.number(magnitude), s, s)
	u.add(s, g, g)
	u.fnma231(u.number(decay), mu, mu)
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

// mover is a rule that trains: it writes how a parameter at param, with value p in a register, follows its gradient g.
// Both are overwritten. The moments are at m and v, if the rule has them.
type mover struct {
	name string
	step func(u *updating, p, g vec, param, m, v reg.Register)
}

// movers are the rules except Adam, whose two parameters share a division. See package kernels for the formulas.
var movers = []mover{
	{"SGD", func(u *updating, p, g vec, param, _, _ reg.Register) {
		u.fnma231(u.splat(u.number(rate)), g, p)
		u.moved(p, param)
	}},
	{"Momentum", func(u *updating, p, g vec, param, v, _ reg.Register) {
		u.fma231(u.slot(v), u.splat(u.number(beta1)), g)
		u.store(g, u.slot(v))
		u.fnma231(u.splat(u.number(rate)), g, p)
		u.moved(p, param)
	}},
	{"RMSprop", func(u *updating, p, g vec, param, v, _ reg.Register) {
		square := u.vector()
		u.mul(u.number(gain2), g, square)
		u.mul(g, square, square)
		u.fma231(u.slot(v), u.splat(u.number(beta2)), square)
		u.store(square, u.slot(v))
		u.see(square) // with g and its square
		u.sqrt(square, square)
		u.add(u.number(epsilon), square, square)
		u.mul(u.number(rate), g, g)
		u.div(square, g, g)
		u.sub(g, p, p)
		u.moved(p, param)
	}},
}

// moved stores a parameter that has moved, and checks that it is finite. If gradient, rate and moments give a step that
// is not finite, neither is the parameter.
func (u *updating) moved(p vec, param reg.Register) {
	u.see(p)
	u.store(p, u.slot(param))
}

// see checks that x is finite: 0 x is NaN otherwise.
func (u *updating) see(x vec) { u.fma231(u.assembler.number(0), x, u.finite) }

// seeBoth sees whether x and y are finite: x - x is 0 if x is, and 0 y is 0 if y is. x is lost.
func (u *updating) seeBoth(x, y vec) {
	u.sub(x, x, x)
	u.fma231(y, x, u.finite)
}

// updates are update, updateShared and updateMeans of a rule.
func (a *assembler) updates(rule mover) {
	a.function("update"+rule.name,
		"mu, muM, muV, phi, phiM, phiV, slope, cost, x, dy *float32, rule *float32, stride, dyStride, rows, batch int) (bad uint32",
		"forms dW and moves mu and phi.")
	u := &updating{assembler: a}
	names := []string{"mu", "muM", "muV", "phi", "phiM", "phiV", "slope", "cost"}
	u.move(names, func(bases []reg.Register, dw vec) {
		gPhi := a.load(u.slot(bases[6]))
		a.fma213(u.slot(bases[7]), dw, gPhi)
		rule.step(u, a.load(u.slot(bases[3])), gPhi, bases[3], bases[4], bases[5])
		m := a.load(u.slot(bases[0]))
		u.addMagnitudeSlope(m, dw)
		rule.step(u, m, dw, bases[0], bases[1], bases[2])
	})

	a.function("updateShared"+rule.name, "mu, muM, muV, xi, sums, x, dy *float32, rule *float32, stride, dyStride, rows, batch int) (bad uint32",
		"forms dW, moves mu and sums dW xi.")
	u = &updating{assembler: a}
	u.sums = a.argument("sums")
	u.move([]string{"mu", "muM", "muV", "xi"}, func(bases []reg.Register, dw vec) {
		u.addToSums(bases[3], dw)
		m := a.load(u.slot(bases[0]))
		u.addMagnitudeSlope(m, dw)
		rule.step(u, m, dw, bases[0], bases[1], bases[2])
	})

	a.function("updateMeans"+rule.name, "mu, muM, muV, x, dy *float32, rule *float32, stride, dyStride, rows, batch int) (bad uint32",
		"forms dW and moves mu.")
	u = &updating{assembler: a}
	u.move([]string{"mu", "muM", "muV"}, func(bases []reg.Register, dw vec) {
		m := a.load(u.slot(bases[0]))
		u.addMagnitudeSlope(m, dw)
		rule.step(u, m, dw, bases[0], bases[1], bases[2])
	})
}

// operands names the parameters of a product sum_b dy[b][r] x[b][k].
type operands struct{ x, dy string }

// rows emits the loops over tiles of rows and columns, of up to the given number of rows; dW of a tile is formed in registers,
//
//	dW[r][k] = sum_b dy[b][r] x[b][k],
//
// for each pair of operands, and its vectors are passed to use, one per pair, with the registers that load returned.
func (u *updating) rows(tileRows int, pairs []operands, load func() []reg.Register, use func(bases []reg.Register, dw []vec)) {
	a := u.assembler
	restore := a.flushSubnormals()
	u.finite = a.zero()
	u.offset = a.GP64()
	a.XORQ(u.offset, u.offset)
	dyColumn, rows := a.GP64(), a.counter("rows")
	a.XORQ(dyColumn, dyColumn)
	left := a.AllocLocal(8)
	a.tiles("rows", rows, []int{tileRows, 1}, func(nRows int) {
		xColumn := a.GP64()
		a.XORQ(xColumn, xColumn)
		a.MOVQ(a.inVectors("stride"), left)
		a.tiles(fmt.Sprintf("r%dcolumns", nRows), left, []int{updateColumns, 1}, func(nColumns int) {
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

// move emits the loops of a kernel that moves parameters.
func (u *updating) move(names []string, move func(bases []reg.Register, dw vec)) {
	load := func() []reg.Register {
		u.rule = u.argument("rule")
		return u.arguments(names)
	}
	u.rows(updateRows, []operands{{"x", "dy"}}, load, func(bases []reg.Register, dw []vec) { move(bases, dw[0]) })
}

// update moves mu and phi of rows whose synapses have a phi each, with the output of the sample kernel:
//
//	dL/dmu  = dW + lambda B/N sign(mu)
//	dL/dphi = dW dw/dphi + d cost/dphi
//
// bad is not 0 if a gradient was not finite, or a parameter is not.
func (a *assembler) update() {
	names := []string{"mu", "muM", "muV", "phi", "phiM", "phiV", "slope", "cost"}
	a.function("update",
		"mu, muM, muV, phi, phiM, phiV, slope, cost, x, dy *float32, rule *float32, stride, dyStride, rows, batch int) (bad uint32",
		"forms dW and moves mu and phi.")
	u := &updating{assembler: a}
	u.move(names, func(bases []reg.Register, dw vec) {
		mu, muM, muV, phi, phiM, phiV, slope, cost := bases[0], bases[1], bases[2], bases[3], bases[4], bases[5], bases[6], bases[7]
		gPhi := a.load(u.slot(slope))
		a.fma213(u.slot(cost), dw, gPhi)
		phiN, phiD := u.moments(gPhi, phiM, phiV)
		m := a.load(u.slot(mu))
		u.addMagnitudeSlope(m, dw)
		muN, muD := u.moments(dw, muM, muV)
		// One division for both steps. The product is a normal number unless both gradients are beyond 1e17. A v that is not finite shows
		// in the other parameter: its denominator D is infinite, the inverse 0, and D times the inverse NaN, as the step is with it.
		inverse := a.vector()
		a.mul(muD, phiD, inverse)
		a.div(inverse, a.splat(a.number(1)), inverse)
		a.mul(inverse, phiD, phiD)
		a.mul(inverse, muD, muD)
		a.fnma231(muN, phiD, m)
		a.store(m, u.slot(mu))
		p := a.load(u.slot(phi))
		a.fnma231(phiN, muD, p)
		a.store(p, u.slot(phi))
		u.seeBoth(m, p)
	})
}

// updateShared moves mu of rows whose synapses share a sigma, and adds up sum_k dW xi for each row, lane by lane, in the 16
// numbers that the row has in sums.
func (a *assembler) updateShared() {
	names := []string{"mu", "muM", "muV", "xi"}
	a.function("updateShared", "mu, muM, muV, xi, sums, x, dy *float32, rule *float32, stride, dyStride, rows, batch int) (bad uint32",
		"forms dW, moves mu and sums dW xi.")
	u := &updating{assembler: a}
	u.sums = a.argument("sums")
	u.move(names, func(bases []reg.Register, dw vec) {
		u.addToSums(bases[3], dw)
		u.moveMean(bases, dw)
	})
}

// addToSums adds dW xi to the sums of the row.
func (u *updating) addToSums(xi reg.Register, dw vec) {
	at := operand.Mem{Base: u.sums, Disp: 64 * u.row}
	sum := u.load(at)
	u.fma231(u.slot(xi), dw, sum)
	u.store(sum, at)
}

// updateMeans moves mu only.
func (a *assembler) updateMeans() {
	names := []string{"mu", "muM", "muV"}
	a.function("updateMeans", "mu, muM, muV, x, dy *float32, rule *float32, stride, dyStride, rows, batch int) (bad uint32",
		"forms dW and moves mu.")
	u := &updating{assembler: a}
	u.move(names, u.moveMean)
}

func (u *updating) moveMean(bases []reg.Register, dw vec) {
	m := u.load(u.slot(bases[0]))
	u.addMagnitudeSlope(m, dw)
	n, d := u.moments(dw, bases[1], bases[2])
	u.div(d, n, n)
	u.sub(n, m, m)
	u.store(m, u.slot(bases[0]))
	u.seeBoth(m, d) // a finite numerator over an infinite d is a step of 0
}

// descend moves mu down the gradient: mu - rate (dW + lambda B/N sign(mu)).
func (a *assembler) descend() {
	a.function("descend", "mu, x, dy *float32, rule *float32, stride, dyStride, rows, batch int) (bad uint32",
		"forms dW and moves mu down the gradient.")
	u := &updating{assembler: a}
	u.move([]string{"mu"}, func(bases []reg.Register, dw vec) {
		m := u.load(u.slot(bases[0]))
		u.addMagnitudeSlope(m, dw)
		u.fnma231(u.splat(u.number(rate)), dw, m)
		u.moved(m, bases[0])
	})
}

func (a *assembler) arguments(names []string) []reg.Register {
	var r []reg.Register
	for _, n := range names {
		r = append(r, a.argument(n))
	}
	return r
}
