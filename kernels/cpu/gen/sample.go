package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Round multipliers of Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3. SC
// 2011).
const (
	philoxM0 = 0xD2511F53
	philoxM1 = 0xCD9E8D57
)

// halves holds 32-bit words, one per lane, as the multiplier needs them. With AVX these are even lanes and odd lanes
// separate, each in the lower half of 64 bits, and the content of the upper halves does not matter. With NEON it is one
// vector, and their products are two.
type halves []vec

// philox returns the four words of the blocks q, one block per lane. The counter's other words are the same for all
// lanes, and so are parts of the first rounds; the caller has included them in the table of round keys, two words per
// round:
//
//	round 1   c0 is q; the products of c2, uniform, are in the keys of round 2
//	round 2   c0 is uniform: its product is in the keys of rounds 2 (high word) and 3 (low word)
//	else      (c0, c1, c2, c3) = (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1, lo(M0 c0))
func (a *assembler) philox(q halves, keys reg.Register) [4]vec {
	key := func(round, word int) scalar {
		return scalar{operand.Mem{Base: keys, Disp: 4 * (2*(round-1) + word)}}
	}
	m0, m1 := a.splat(a.bits(philoxM0)), a.splat(a.bits(philoxM1))
	multiply := func(x halves, m vec) halves {
		product := halves{a.vector(), a.vector()}
		if a.arm() {
			a.neon("umull", product[0], x[0], m)
			a.neon("umull2", product[1], x[0], m)
			return product
		}
		for i := range product {
			a.VPMULUDQ(m, x[i], product[i])
		}
		return product
	}
	// The upper and the lower words of products.
	split := func(x halves) (upper, lower halves) {
		if a.arm() {
			upper, lower = a.vectors(1), a.vectors(1)
			a.neon("uzp2", upper[0], x[0], x[1])
			a.neon("uzp1", lower[0], x[0], x[1])
			return upper, lower
		}
		upper = a.vectors(2)
		for i := range upper {
			a.VPSRLQ(operand.Imm(32), x[i], upper[i])
		}
		return upper, x
	}
	var c0, c1, c2, c3 halves
	c2, c3 = split(multiply(q, m0)) // round 1
	for i := range c2 {
		a.xor(key(1, 1), c2[i], c2[i])
	}
	c0, c1 = split(multiply(c2, m1)) // round 2
	for i := range c0 {
		a.xor(key(2, 0), c0[i], c0[i])
		c2[i] = a.vector()
		a.xor(key(2, 1), c3[i], c2[i])
	}
	for round := 3; round <= 10; round++ {
		x0, x1 := multiply(c0, m0), multiply(c2, m1)
		u0, p0 := split(x0)
		u1, p1 := split(x1)
		for i := range u0 {
			a.xor3(key(round, 0), c1[i], u1[i])
			if round == 3 {
				a.xor(key(round, 1), u0[i], u0[i])
			} else {
				a.xor3(key(round, 1), c3[i], u0[i])
			}
		}
		c0, c1, c2, c3 = u1, p1, u0, p0
	}
	var words [4]vec
	for i, c := range []halves{c0, c1, c2, c3} {
		words[i] = a.merge(c)
	}
	return words
}

// merge joins even and odd lanes again.
func (a *assembler) merge(h halves) vec {
	if a.arm() {
		return h[0]
	}
	if a.wide() {
		odd := a.K()
		mask := a.GP32()
		a.MOVL(operand.U32(0xaaaa), mask)
		a.KMOVW(mask, odd)
		a.VMOVSLDUP(h[1], odd, h[0])
		return h[0]
	}
	odd := a.vector()
	a.VMOVSLDUP(h[1], odd)
	a.VPBLENDD(operand.Imm(0xaa), odd, h[0], h[0])
	return h[0]
}

// uniform turns words into uniforms ((x>>8) + 1/2) 2^-24.
func (a *assembler) uniform(x []vec) {
	for i := range x {
		a.shiftRight(8, x[i], x[i])
		a.fromInts(x[i], x[i])
		a.fma213(a.number(0x1p-25), a.splat(a.number(0x1p-24)), x[i])
	}
}

// boxMuller turns pairs of words per lane into pairs of standard normals: radius sqrt(-2 ln u), u = ((x>>8) + 1/2)
// 2^-24, angle pi 2^-31 y. The words are overwritten.
func (a *assembler) boxMuller(x, y []vec) (cosine, sine []vec) {
	a.uniform(x)
	r := a.log(x)
	for i := range r {
		a.mul(a.number(-2), r[i], r[i])
		a.sqrt(r[i], r[i])
		a.fromInts(y[i], y[i])
		a.mul(a.number(0x1p-31), y[i], y[i])
	}
	sine, cosine, sign := a.sinCosPi(y)
	for i := range r {
		a.xor(sign[i], r[i], r[i])
		a.mul(r[i], cosine[i], cosine[i])
		a.mul(r[i], sine[i], sine[i])
	}
	return cosine, sine
}

// normals turns the words of a block per lane into the normals of the columns that read them.
func (a *assembler) normals(words [4]vec) (xi [4]vec) {
	if a.wide() {
		cosine, sine := a.boxMuller([]vec{words[0], words[2]}, []vec{words[1], words[3]})
		return [4]vec{cosine[0], sine[0], cosine[1], sine[1]}
	}
	for i := 0; i < 4; i += 2 {
		cosine, sine := a.boxMuller(words[i:i+1], words[i+1:i+2])
		xi[i], xi[i+1] = cosine[0], sine[0]
	}
	return xi
}

// sampleRows loops over rows of the given stride, 64 columns of noise at a time, and calls body for vectors of them
// with their byte offsets from the first row and their noise. The kernel's parameters keys, block, stride and rows hold
// the position.
func (a *assembler) sampleRows(body func(at []operand.Mem, xi []vec), endOfRow func(end reg.Register)) {
	keys, rows := a.argument("keys"), a.argument("rows")
	q := a.firstBlocks("block")
	offset, left := a.GP64(), a.GP64()
	a.XORQ(offset, offset)
	a.Label("row")
	a.Load(a.Param("stride"), left)
	a.Label("group")
	a.parts(offset, func(sub, displacement int) {
		words := a.philox(q, keys)
		for _, h := range q {
			a.addInt(a.bits(uint32(a.lanes)), h, h)
		}
		at := func(j int) operand.Mem {
			return operand.Mem{Index: offset, Scale: 1, Disp: 64*j + displacement}
		}
		xi := a.normals(words)
		next := fmt.Sprintf("part%d", sub)
		for j := 0; j < 4; j += 2 { // two at a time, or the last alone
			pair := fmt.Sprintf("pair%d%d", sub, j)
			a.CMPQ(left, operand.Imm(uint64(16*(j+1))))
			a.JG(operand.LabelRef(pair))
			a.CMPQ(left, operand.Imm(uint64(16*j)))
			a.JLE(operand.LabelRef(next))
			body([]operand.Mem{at(j)}, xi[j:j+1])
			a.JMP(operand.LabelRef(next))
			a.Label(pair)
			body([]operand.Mem{at(j), at(j + 1)}, xi[j:j+2])
		}
		a.Label(next)
	})
	a.SUBQ(operand.Imm(64), left)
	a.JG(operand.LabelRef("group"))
	a.LEAQ(operand.Mem{Base: offset, Index: left, Scale: 4}, offset) // back to the end of the row
	if endOfRow != nil {
		endOfRow(offset)
	}
	a.DECQ(rows)
	a.JNZ(operand.LabelRef("row"))
}

// parts calls body for each vector of 16 blocks, which make 64 numbers from the offset on, with its number and its
// displacement, and moves the offset past them. With NEON, which has four vectors, it is a loop: offsets are multiples
// of 64 where it starts.
func (a *assembler) parts(offset reg.Register, body func(part, displacement int)) {
	if a.arm() {
		a.Label("part")
		body(0, 0)
		a.ADDQ(operand.U32(a.bytes()), offset)
		a.TESTQ(operand.U32(63), offset)
		a.JNZ(operand.LabelRef("part"))
		a.ADDQ(operand.U32(256-64), offset)
		return
	}
	for part := range 16 / a.lanes {
		body(part, part*a.bytes())
	}
	a.ADDQ(operand.U32(256), offset)
}

// firstBlocks returns the block numbers of the lanes, starting with the parameter named.
func (a *assembler) firstBlocks(name string) halves {
	if a.arm() {
		v := a.splat(a.parameter(name))
		a.addInt(a.pool([4]uint32{0, 1, 2, 3}), v, v)
		return halves{v}
	}
	var h halves
	for _, numbers := range a.laneNumbers {
		v := a.splat(a.parameter(name))
		a.addInt(numbers, v, v)
		h = append(h, v)
	}
	return h
}

// powerLaw is a way to compute sigma^-(rho+1).
type powerLaw struct {
	name string
	// of returns the power, given sigma and its inverse. Both may be overwritten.
	of func(a *assembler, sigma, inverse []vec) []vec
}

var powerLaws = []powerLaw{
	{"Rho0", func(a *assembler, sigma, inverse []vec) []vec { return inverse }},
	{"RhoHalf", func(a *assembler, sigma, inverse []vec) []vec {
		for i := range inverse {
			a.sqrt(inverse[i], sigma[i])
			a.mul(inverse[i], sigma[i], sigma[i])
		}
		return sigma
	}},
	{"Rho1", func(a *assembler, sigma, inverse []vec) []vec {
		for i := range inverse {
			a.mul(inverse[i], inverse[i], inverse[i])
		}
		return inverse
	}},
	{"Rho2", func(a *assembler, sigma, inverse []vec) []vec {
		for i := range inverse {
			a.mul(inverse[i], inverse[i], sigma[i])
			a.mul(inverse[i], sigma[i], sigma[i])
		}
		return sigma
	}},
	{"AnyRho", func(a *assembler, sigma, inverse []vec) []vec {
		x := a.log(sigma)
		for i := range x {
			a.mul(a.splat(a.parameter("exponent")), x[i], x[i])
			a.max(x[i], a.splat(a.number(smallestExp)), x[i])
			a.min(x[i], a.splat(a.number(89)), x[i])
		}
		return a.expToInfinity(x)
	}},
}

// sample writes the kernel that draws the weights of rows whose synapses have a sigma each, and all that a training
// step needs of phi:
//
//	w     = mu + sigma xi
//	slope = dw/dphi = xi sigma'
//	cost  = -k sigma^-(rho+1) sigma', the derivative of the reliability cost; 0 in the pads
//
// with factor = -k and exponent = -(rho+1).
func (a *assembler) sample(law powerLaw) {
	a.function("sample"+law.name,
		"w, slope, cost, mu, phi *float32, keys *[20]uint32, pads *[16]uint32, block uint32, stride, rows int, factor, "+
			"exponent float32",
		"draws weights, one sigma per synapse.")
	w, slope, cost := a.argument("w"), a.argument("slope"), a.argument("cost")
	mu, phi := a.argument("mu"), a.argument("phi")
	pads := a.argument("pads")
	a.sampleRows(func(at []operand.Mem, xi []vec) {
		phis := make([]operand.Mem, len(at))
		for i := range at {
			phis[i] = based(at[i], phi)
		}
		sigma, e := a.softplus(phis)
		for i := range at {
			v := a.load(based(at[i], mu))
			a.fma231(sigma[i], xi[i], v)
			a.store(v, based(at[i], w))
		}
		derivative, inverse := a.inverses(phis, sigma, e)
		for i := range at {
			a.mul(derivative[i], xi[i], xi[i])
			a.store(xi[i], based(at[i], slope))
		}
		for i, c := range law.of(a, sigma, inverse) {
			a.mul(a.splat(a.parameter("factor")), c, c)
			a.mul(derivative[i], c, c)
			a.store(c, based(at[i], cost))
		}
	}, func(end reg.Register) {
		for at := -64; at < 0; at += a.bytes() {
			last := operand.Mem{Base: cost, Index: end, Scale: 1, Disp: at}
			v := a.load(last)
			a.and(operand.Mem{Base: pads, Disp: 64 + at}, v, v)
			a.store(v, last)
		}
	})
	a.ret()
}

// sampleSlopes draws the weights of rows whose synapses have a sigma each, and leaves slope = xi sigma', and sigma, its
// inverse and sigma' of these rows. It is sample for costs that are formulas.
func (a *assembler) sampleSlopes() {
	a.function("sampleSlopes", "w, slope, sigma, inverse, derivative, mu, phi *float32, keys *[20]uint32, block uint32, "+
		"stride, rows int", "draws weights, one sigma per synapse, for costs that are formulas.")
	w, slope, mu, phi := a.argument("w"), a.argument("slope"), a.argument("mu"), a.argument("phi")
	of := a.arguments([]string{"sigma", "inverse", "derivative"})
	a.sampleRows(func(at []operand.Mem, xi []vec) {
		phis := make([]operand.Mem, len(at))
		for i := range at {
			phis[i] = based(at[i], phi)
		}
		sigma, e := a.softplus(phis)
		for i := range at {
			v := a.load(based(at[i], mu))
			a.fma231(sigma[i], xi[i], v)
			a.store(v, based(at[i], w))
			a.store(sigma[i], based(at[i], of[0]))
		}
		derivative, inverse := a.inverses(phis, sigma, e)
		for i := range at {
			a.store(inverse[i], based(at[i], of[1]))
			a.store(derivative[i], based(at[i], of[2]))
			a.mul(derivative[i], xi[i], xi[i])
			a.store(xi[i], based(at[i], slope))
		}
	}, nil)
	a.ret()
}

// sigmas: sigma, its inverse and sigma' of n phis, n a multiple of 16.
func (a *assembler) sigmas() {
	a.function("sigmas", "sigma, inverse, derivative, phi *float32, n int",
		"computes standard deviations, their inverses and their slopes.")
	sigmas, inverses, derivatives := a.argument("sigma"), a.argument("inverse"), a.argument("derivative")
	phi, n := a.argument("phi"), a.argument("n")
	offset := a.GP64()
	a.XORQ(offset, offset)
	a.SHLQ(operand.Imm(2), n)
	a.Label("numbers")
	at := operand.Mem{Index: offset, Scale: 1}
	phis := []operand.Mem{based(at, phi)}
	sigma, e := a.softplus(phis)
	derivative, inverse := a.inverses(phis, sigma, e)
	a.store(sigma[0], based(at, sigmas))
	a.store(inverse[0], based(at, inverses))
	a.store(derivative[0], based(at, derivatives))
	a.ADDQ(operand.U32(a.bytes()), offset)
	a.CMPQ(offset, n)
	a.JL(operand.LabelRef("numbers"))
	a.ret()
}

// sampleShared: w = mu + sigma xi with one sigma for all, and xi itself.
func (a *assembler) sampleShared() {
	a.function("sampleShared", "w, xi, mu *float32, keys *[20]uint32, block uint32, stride, rows int, sigma float32",
		"draws weights, one sigma for all.")
	w, xis, mu := a.argument("w"), a.argument("xi"), a.argument("mu")
	a.sampleRows(func(at []operand.Mem, xi []vec) {
		for i := range at {
			v := a.load(based(at[i], mu))
			a.fma231(a.splat(a.parameter("sigma")), xi[i], v)
			a.store(v, based(at[i], w))
			a.store(xi[i], based(at[i], xis))
		}
	}, nil)
	a.ret()
}

// redraw: w = mu + sigma xi with sigmas that are known already.
func (a *assembler) redraw() {
	a.function("redraw", "w, mu, sigma *float32, keys *[20]uint32, block uint32, stride, rows int",
		"draws weights, given every synapse's sigma.")
	w, mu, sigma := a.argument("w"), a.argument("mu"), a.argument("sigma")
	a.sampleRows(func(at []operand.Mem, xi []vec) {
		for i := range at {
			v := a.load(based(at[i], mu))
			a.fma231(based(at[i], sigma), xi[i], v)
			a.store(v, based(at[i], w))
		}
	}, nil)
	a.ret()
}

// based is the operand at an offset from base.
func based(offset operand.Mem, base reg.Register) operand.Mem {
	offset.Base = base
	return offset
}
