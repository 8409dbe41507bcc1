package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tileExamples is the number of examples per tile of the products. Accumulators, one vector per example and row, must
// fit the registers together with the operands: 4 rows x 5 of 32 registers, or 2 rows x 5 of 16.
const tileExamples = 5

// multiples addresses base + i*stride for i = 0..4 without a multiplication.
func (a *assembler) multiples(base, stride reg.Register) func(i int) operand.Mem {
	third := a.GP64()
	a.LEAQ(operand.Mem{Base: base, Index: stride, Scale: 2}, third)
	a.ADDQ(stride, third)
	return func(i int) operand.Mem {
		switch i {
		case 0:
			return operand.Mem{Base: base}
		case 3:
			return operand.Mem{Base: third}
		}
		return operand.Mem{Base: base, Index: stride, Scale: uint8(i)}
	}
}

// tiles emits loops that take tiles of each size in turn from the counter while it holds as many; the last size is 1.
func (a *assembler) tiles(name string, counter operand.Op, sizes []int, tile func(size int)) {
	for _, size := range sizes {
		loop, done := fmt.Sprintf("%s%d", name, size), fmt.Sprintf("%s%ddone", name, size)
		a.Label(loop)
		a.CMPQ(counter, operand.Imm(uint64(size)))
		a.JL(operand.LabelRef(done))
		tile(size)
		a.SUBQ(operand.Imm(uint64(size)), counter)
		a.JMP(operand.LabelRef(loop))
		a.Label(done)
	}
}

// forward: y[b][r] = max(floor, sum_k x[b][k] w[r][k]) for the rows of w and all examples; floor is 0 for a rectifier
// and -Inf for a linear layer. Strides count numbers. Vectors run over k, so that an accumulator holds partial sums of
// one y.
func (a *assembler) forward() {
	a.function("forward", "y, x, w *float32, yStride, stride, rows, batch int, floor float32",
		"multiplies rows of weights by a minibatch.")
	rowSizes := []int{4, 1}
	if !a.wide() {
		rowSizes = []int{2, 1}
	}
	parts := 1 // vectors of an accumulator: with NEON two, so that the order of the sums is that of AVX2
	if a.arm() {
		parts = 2
	}
	restore := a.flushSubnormals()
	y, x := a.argument("y"), a.argument("x")
	stride := a.inBytes("stride")
	batch := a.argument("batch")
	a.tiles("examples", batch, []int{tileExamples, 1}, func(examples int) {
		w, rows, yRow := a.argument("w"), a.argument("rows"), a.GP64()
		a.MOVQ(y, yRow)
		a.tiles(fmt.Sprintf("e%drows", examples), rows, rowSizes, func(n int) {
			sums := make([][]vec, examples)
			for b := range sums {
				sums[b] = a.zeros(n * parts)
			}
			count, xk := a.GP64(), a.GP64()
			a.MOVQ(stride, count)
			a.MOVQ(x, xk)
			loop := fmt.Sprintf("columns%dx%d", examples, n)
			if a.arm() {
				a.neonColumns(loop, sums, w, xk, stride, count, n)
			} else {
				a.columns(loop, sums, w, xk, stride, count, n)
			}
			for range n - 1 { // w already points one row further
				a.ADDQ(stride, w)
			}
			yStride, to := a.inBytes("yStride"), a.GP64()
			a.MOVQ(yRow, to)
			for b := range sums {
				a.sumLanes(sums[b], operand.Mem{Base: to}, func(sums vec) {
					if a.arm() {
						a.max(sums, a.splat(a.parameter("floor")), sums)
						return
					}
					floor := a.XMM()
					a.VBROADCASTSS(a.parameter("floor").Mem, floor)
					a.VMAXPS(sums.AsX(), floor, sums.AsX())
				})
				a.ADDQ(yStride, to)
			}
			a.ADDQ(operand.U32(4*n), yRow)
		})
		yStride := a.inBytes("yStride")
		for range examples {
			a.ADDQ(yStride, y)
			a.ADDQ(stride, x)
		}
	})
	restore()
	a.ret()
}

// columns emits the loop over the columns of a tile of forward.
func (a *assembler) columns(loop string, sums [][]vec, w, xk, stride, count reg.Register, n int) {
	wRow, xRow := a.multiples(w, stride), a.multiples(xk, stride)
	third := []reg.Register{wRow(3).Base, xRow(3).Base}
	examples := len(sums)
	a.Label(loop)
	if a.wide() {
		weights := make([]vec, n)
		for r := range weights {
			weights[r] = a.load(wRow(r))
		}
		for b := range sums {
			v := a.load(xRow(b))
			for r := range weights {
				a.fma231(weights[r], v, sums[b][r])
			}
		}
	} else {
		inputs := make([]vec, examples)
		for b := range inputs {
			inputs[b] = a.load(xRow(b))
		}
		for r := range n {
			v := a.load(wRow(r))
			for b := range sums {
				a.fma231(inputs[b], v, sums[b][r])
			}
		}
	}
	for _, p := range append([]reg.Register{w, xk}, third...) {
		a.ADDQ(operand.U32(a.bytes()), p)
	}
	a.SUBQ(operand.U32(a.bytes()), count)
	a.JNZ(operand.LabelRef(loop))
}

// neonColumns is columns for NEON: a pointer for each row, eight columns at a time.
func (a *assembler) neonColumns(loop string, sums [][]vec, w, xk, stride, count reg.Register, n int) {
	ws, xs := a.pointers(w, stride, n), a.pointers(xk, stride, len(sums))
	a.Label(loop)
	var inputs [][2]vec
	for _, x := range xs {
		inputs = append(inputs, a.loadPair(x))
	}
	for r := range n {
		v := a.loadPair(ws[r])
		for b := range sums {
			for part := range v {
				a.fma231(inputs[b][part], v[part], sums[b][part*n+r])
			}
		}
	}
	a.SUBQ(operand.U32(2*a.bytes()), count)
	a.JNZ(operand.LabelRef(loop))
}

// pointers returns n registers: base, base + stride and so on.
func (a *assembler) pointers(base, stride reg.Register, n int) []reg.Register {
	p := []reg.Register{base}
	for len(p) < n {
		next := a.GP64()
		a.MOVQ(p[len(p)-1], next)
		a.ADDQ(stride, next)
		p = append(p, next)
	}
	return p
}

// backward: dx[b][k] = sum_r dy[b][r] w[r][k] where x[b][k] > threshold, else 0; threshold is 0 after a rectifier and
// -Inf after a linear layer. It covers whole vectors: the pads of dx get meaningless numbers.
func (a *assembler) backward() {
	a.function("backward", "dx, x, dy, w *float32, dyStride, stride, rows, batch int, threshold float32",
		"propagates the gradient of a minibatch back through the weights.")
	restore := a.flushSubnormals()
	stride, dyStride := a.inBytes("stride"), a.inBytes("dyStride")
	batch, dy := a.argument("batch"), a.argument("dy")
	offset := a.GP64()
	a.XORQ(offset, offset)
	columnSizes := []int{4, 1}
	switch {
	case a.arm():
		columnSizes = []int{4} // rows are multiples of 16 numbers
	case !a.wide():
		columnSizes = []int{2, 1}
	}
	a.tiles("examples", batch, []int{tileExamples, 1}, func(examples int) {
		left := a.inVectors("stride")
		column := a.GP64()
		a.XORQ(column, column)
		a.tiles(fmt.Sprintf("e%dcolumns", examples), left, columnSizes, func(n int) {
			sums := make([][]vec, examples)
			for b := range sums {
				sums[b] = a.zeros(n)
			}
			w, rows, d := a.argument("w"), a.argument("rows"), a.GP64()
			a.ADDQ(column, w)
			a.MOVQ(dy, d)
			var each func(b int) vec // dy of an example
			var next func()
			if a.arm() {
				ds := a.pointers(d, dyStride, examples)
				each, next = func(b int) vec { return a.loadAll(ds[b]) }, func() {}
			} else {
				dyRow := a.multiples(d, dyStride)
				each = func(b int) vec { return a.splat(scalar{dyRow(b)}) }
				next = func() {
					a.ADDQ(operand.Imm(4), d)
					a.ADDQ(operand.Imm(4), dyRow(3).Base)
				}
			}
			loop := fmt.Sprintf("rows%dx%d", examples, n)
			a.Label(loop)
			weights := make([]vec, n)
			for i := range weights {
				weights[i] = a.load(operand.Mem{Base: w, Disp: i * a.bytes()})
			}
			for b := range sums {
				g := each(b)
				for i := range weights {
					a.fma231(weights[i], g, sums[b][i])
				}
			}
			a.ADDQ(stride, w)
			next()
			a.DECQ(rows)
			a.JNZ(operand.LabelRef(loop))
			dx, x := a.argument("dx"), a.argument("x")
			threshold := a.splat(a.parameter("threshold"))
			at := a.GP64()
			a.MOVQ(offset, at)
			a.ADDQ(column, at)
			for b := range sums {
				for i, s := range sums[b] {
					a.zeroUnlessAbove(threshold, operand.Mem{Base: x, Index: at, Scale: 1, Disp: i * a.bytes()}, s)
					a.store(s, operand.Mem{Base: dx, Index: at, Scale: 1, Disp: i * a.bytes()})
				}
				a.ADDQ(stride, at)
			}
			a.ADDQ(operand.U32(n*a.bytes()), column)
		})
		for range examples {
			a.ADDQ(stride, offset)
			a.ADDQ(dyStride, dy)
		}
	})
	restore()
	a.ret()
}
