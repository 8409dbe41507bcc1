package main

import (
	"slices"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// drawGroups loops over numbers in whole groups of 64, whose noise comes from 16 blocks, and calls body for some
// vectors of them with their byte offsets and the result of draw for their words. The kernel's parameters keys, block
// and n hold the position.
func (a *assembler) drawGroups(draw func(words [4]vec) [4]vec, body func(at []operand.Mem, x []vec)) {
	keys, left := a.argument("keys"), a.argument("n")
	q := a.firstBlocks("block")
	offset := a.GP64()
	a.XORQ(offset, offset)
	a.Label("group")
	a.parts(offset, func(_, displacement int) {
		x := draw(a.philox(q, keys))
		for _, h := range q {
			a.addInt(a.bits(uint32(a.lanes)), h, h)
		}
		var at [4]operand.Mem
		for j := range at {
			at[j] = operand.Mem{Index: offset, Scale: 1, Disp: 64*j + displacement}
		}
		together := 4
		if !a.wide() {
			together = 2
		}
		for j := 0; j < 4; j += together {
			body(at[j:j+together], x[j:j+together])
		}
	})
	a.SUBQ(operand.Imm(64), left)
	a.JG(operand.LabelRef("group"))
}

// A kernel that moves numbers reads from its diffusion the cells, if there are several, and an array of numbers in this
// order. Drift and noise are those of the only cell; last is the number of the last one.
var lawNumbers = []string{"low", "high", "drift", "driftSlope", "noise", "noiseSlope", "perUnit", "last", "birth",
	"smallest", "spread"}

// law is where the coefficients of a step are.
type law struct {
	numbers reg.Register
	cells   reg.Register // nil if there is only one
}

// law loads the parameters law, and cells.
func (a *assembler) law(tabulated bool) law {
	l := law{numbers: a.argument("law")}
	if tabulated {
		l.cells = a.argument("cells")
	}
	return l
}

func (l law) number(name string) scalar {
	return scalar{operand.Mem{Base: l.numbers, Disp: 4 * slices.Index(lawNumbers, name)}}
}

func lawName(tabulated bool) string {
	if tabulated {
		return "Table"
	}
	return "Line"
}

// lawParams declares the parameters of law.
func lawParams(tabulated bool) string {
	if tabulated {
		return "law, cells *float32"
	}
	return "law *float32"
}

// step returns, for numbers w and normals xi,
//
//	noise = sigma sqrt(dt) at w,   next = w + mu dt + noise (xi + noise'/2 (xi^2 - 1))
//
// xi is overwritten.
func (a *assembler) step(l law, w, xi []vec) (next, noise []vec) {
	next, noise = a.vectors(len(w)), a.vectors(len(w))
	slope := make([]operand.Op, len(w))
	for i := range w {
		if l.cells == nil {
			noise[i], next[i] = a.splat(l.number("noise")), a.splat(l.number("drift"))
			slope[i] = l.number("noiseSlope")
			a.fma231(slope[i], w[i], noise[i])
			a.fma231(l.number("driftSlope"), w[i], next[i])
			continue
		}
		cell := a.vector()
		a.sub(l.number("low"), w[i], cell)
		a.mul(l.number("perUnit"), cell, cell)
		a.max(a.number(0), cell, cell)
		a.min(l.number("last"), cell, cell)
		a.truncated(cell, cell)
		a.shiftLeft(2, cell, cell) // a cell has four numbers
		next[i] = a.gatherLanes(l.cells, cell, 0)
		a.fma231(a.gatherLanes(l.cells, cell, 4), w[i], next[i])
		noise[i] = a.gatherLanes(l.cells, cell, 8)
		s := a.gatherLanes(l.cells, cell, 12)
		slope[i] = s
		a.fma231(s, w[i], noise[i])
	}
	for i := range w {
		half, shape := a.splat(a.number(0.5)), a.vector()
		a.mul(slope[i], half, half)
		a.mul(half, xi[i], shape)
		a.fma213(xi[i], xi[i], shape)
		a.sub(half, shape, shape)
		a.add(w[i], next[i], next[i])
		a.fma231(noise[i], shape, next[i])
	}
	return next, noise
}

// reflectLow is w = low + |w - low|, reflectHigh is w = high - |high - w|.
func (a *assembler) reflectLow(l law, w vec) {
	a.sub(l.number("low"), w, w)
	a.and(a.splat(a.bits(1<<31-1)), w, w)
	a.add(l.number("low"), w, w)
}

func (a *assembler) reflectHigh(l law, w vec) {
	high := a.splat(l.number("high"))
	a.sub(w, high, w)
	a.and(a.splat(a.bits(1<<31-1)), w, w)
	a.sub(w, high, w)
}

// advance moves numbers by one step between reflecting bounds.
func (a *assembler) advance(tabulated bool) {
	a.function("advance"+lawName(tabulated), "w *float32, keys *[20]uint32, block uint32, n int, "+lawParams(tabulated),
		"moves numbers by one step of a diffusion between reflecting bounds.")
	numbers := a.argument("w")
	l := a.law(tabulated)
	a.drawGroups(a.normals, func(at []operand.Mem, xi []vec) {
		w := make([]vec, len(at))
		for i := range at {
			w[i] = a.load(based(at[i], numbers))
		}
		next, _ := a.step(l, w, xi)
		for i := range at {
			a.reflectLow(l, next[i])
			a.reflectHigh(l, next[i])
			a.store(next[i], based(at[i], numbers))
		}
	})
	a.ret()
}

// uniforms draws a uniform per column, below 1.
func (a *assembler) uniforms() {
	a.function("uniforms", "u *float32, keys *[20]uint32, block uint32, n int", "draws uniforms.")
	u := a.argument("u")
	a.drawGroups(func(words [4]vec) [4]vec {
		a.uniform(words[:])
		for _, u := range words {
			a.min(a.number(1-0x1p-24), u, u)
		}
		return words
	}, func(at []operand.Mem, x []vec) {
		for i := range at {
			a.store(x[i], based(at[i], u))
		}
	})
	a.ret()
}

// advanceSites moves the numbers on sites by one step, with births and losses. u are uniforms, one per site; a site
// whose u is below birth and that is empty gets smallest + spread u, and step as the time of its birth. u below exp(-2
// (w-low) (next-low) / noise^2) is a loss.
func (a *assembler) advanceSites(tabulated bool) {
	a.function("advanceSites"+lawName(tabulated),
		"w *float32, born *uint32, u *float32, keys *[20]uint32, block uint32, n int, step uint32, "+
			lawParams(tabulated)+") (births, losses int", "moves the numbers on sites by one step.")
	numbers, born, chances := a.argument("w"), a.argument("born"), a.argument("u")
	l := a.law(tabulated)
	births, losses := a.GP64(), a.GP64()
	a.XORQ(births, births)
	a.XORQ(losses, losses)
	a.drawGroups(a.normals, func(at []operand.Mem, xi []vec) {
		w := make([]vec, len(at))
		for i := range at {
			w[i] = a.load(based(at[i], numbers))
		}
		next, noise := a.step(l, w, xi)
		x := a.vectors(len(at))
		for i := range at {
			touch := a.vector()
			a.sub(l.number("low"), w[i], x[i])
			a.sub(l.number("low"), next[i], touch)
			a.mul(touch, x[i], x[i])
			a.mul(a.number(-2), x[i], x[i])
			a.mul(noise[i], noise[i], touch)
			a.div(touch, x[i], x[i])
			a.max(x[i], a.splat(a.number(smallestExp)), x[i])
			a.min(x[i], a.splat(a.number(1)), x[i]) // at or below the bound: e^x is above every u
		}
		chance := a.exp(x)
		for i := range at {
			u := a.load(based(at[i], chances))
			empty := a.equal(w[i], a.number(0))
			lost := a.less(u, chance[i])
			a.except(empty, lost)
			arrives := a.less(u, l.number("birth"))
			a.both(empty, arrives)
			a.count(lost, losses)
			a.count(arrives, births)
			a.reflectHigh(l, next[i])
			nothing := a.zero()
			a.choose(empty, nothing, next[i])
			a.choose(lost, nothing, next[i])
			size := a.splat(l.number("smallest"))
			a.fma231(l.number("spread"), u, size)
			a.choose(arrives, size, next[i])
			a.store(next[i], based(at[i], numbers))
			since := a.load(based(at[i], born))
			a.choose(arrives, a.splat(a.parameter("step")), since)
			a.store(since, based(at[i], born))
		}
	})
	a.Store(births, a.Return("births"))
	a.Store(losses, a.Return("losses"))
	a.ret()
}
