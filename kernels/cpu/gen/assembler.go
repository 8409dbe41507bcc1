package main

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vec is a vector register: 16 numbers with AVX-512, 8 with AVX2, 4 with NEON.
type vec = reg.VecVirtual

// assembler writes the kernels of one set. The methods below hide what differs between the sets: the width, and how an
// operand in memory that is the same for all lanes is read.
type assembler struct {
	*build.Context
	set       string // AVX512, AVX2 or NEON: the ending of the kernels' names
	lanes     int
	constants map[uint32]operand.Mem
	// laneNumbers are the numbers of the even and of the odd lanes, each in the lower half of 64 bits.
	laneNumbers [2]operand.Mem
	// vectorPool is the table of constants of NEON kernels.
	vectorPool [][4]uint32
}

func newAssembler(set string, lanes int) *assembler {
	a := &assembler{Context: build.NewContext(), set: set, lanes: lanes, constants: map[uint32]operand.Mem{}}
	if a.arm() {
		a.ConstraintExpr("arm64")
		return a
	}
	a.ConstraintExpr("amd64")
	for parity, name := range []string{"evenLanes", "oddLanes"} {
		a.laneNumbers[parity] = a.StaticGlobal(name)
		a.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range lanes / 2 {
			a.AddDatum(8*i, operand.U64(2*i+parity))
		}
	}
	return a
}

func (a *assembler) wide() bool { return a.lanes == 16 }

// arm says whether the kernels are for arm64. Integers and addresses are then written with the instructions of amd64,
// which the printer translates one by one; vectors have instructions of their own.
func (a *assembler) arm() bool { return a.lanes == 4 }

// bytes is the size of a vector.
func (a *assembler) bytes() int { return 4 * a.lanes }

func (a *assembler) vector() vec {
	if a.wide() {
		return a.ZMM()
	}
	if a.arm() {
		return a.XMM()
	}
	return a.YMM()
}

func (a *assembler) vectors(n int) []vec {
	v := make([]vec, n)
	for i := range v {
		v[i] = a.vector()
	}
	return v
}

// function starts a kernel. Every kernel ends with ret.
func (a *assembler) function(name, params, doc string) {
	a.Function(name + a.set)
	a.Attributes(attr.NOSPLIT)
	a.Pragma("noescape")
	a.SignatureExpr("func(" + params + ")")
	a.Doc(name + a.set + " " + doc)
}

func (a *assembler) ret() {
	if !a.arm() {
		a.VZEROUPPER()
	}
	a.RET()
}

// flushSubnormals makes subnormal numbers count as zero until the function it returns is called: otherwise moments that
// decay towards zero, or gradients of confident answers, would each cost a microcode assist.
func (a *assembler) flushSubnormals() (restore func()) {
	saved := a.AllocLocal(8)
	if a.arm() {
		a.special("flush", []operand.Op{saved}, nil)
		return func() { a.special("restore", nil, []operand.Op{saved}) }
	}
	a.STMXCSR(saved)
	a.LDMXCSR(a.bits(0x9fc0).(constant).Mem) // all exceptions masked (0x1f80), flush to zero, denormals are zero
	return func() { a.LDMXCSR(saved) }
}

// argument loads an integer or pointer parameter.
func (a *assembler) argument(name string) reg.GPVirtual {
	r := a.GP64()
	a.Load(a.Param(name), r)
	return r
}

// inBytes loads a parameter that counts float32 numbers and turns it into bytes.
func (a *assembler) inBytes(name string) reg.GPVirtual {
	r := a.argument(name)
	a.SHLQ(operand.Imm(2), r)
	return r
}

// inVectors loads a parameter that counts float32 numbers, a multiple of 16, and turns it into vectors.
func (a *assembler) inVectors(name string) reg.GPVirtual {
	r := a.argument(name)
	a.SHRQ(operand.Imm(uint64(bits.TrailingZeros(uint(a.lanes)))), r)
	return r
}

// counter is a copy of a parameter in memory, for kernels short of registers.
func (a *assembler) counter(name string) operand.Mem {
	m := a.AllocLocal(8)
	a.MOVQ(a.argument(name), m)
	return m
}

// constant is a number of the program text. AVX-512 instructions broadcast it from four bytes, those of AVX2 read a
// whole vector.
type constant struct{ operand.Mem }

// scalar is a number in memory that an instruction uses in all lanes.
type scalar struct{ operand.Mem }

func (a *assembler) parameter(name string) scalar {
	p, err := a.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return scalar{p.Addr}
}

func (a *assembler) number(x float64) operand.Op { return a.bits(math.Float32bits(float32(x))) }

func (a *assembler) bits(b uint32) operand.Op {
	if a.arm() {
		return a.pool([4]uint32{b, b, b, b})
	}
	m, ok := a.constants[b]
	if !ok {
		m = a.StaticGlobal(fmt.Sprintf("all%08x", b))
		a.DataAttributes(attr.RODATA | attr.NOPTR)
		size := 4
		if !a.wide() {
			size = a.bytes()
		}
		for i := 0; i < size; i += 4 {
			a.AddDatum(i, operand.U32(b))
		}
		a.constants[b] = m
	}
	return constant{m}
}

// splat returns a register with x in all lanes.
func (a *assembler) splat(x operand.Op) vec {
	v := a.vector()
	switch x := x.(type) {
	case constant:
		if a.wide() {
			a.VBROADCASTSS(x.Mem, v)
		} else {
			a.VMOVUPS(x.Mem, v)
		}
	case scalar:
		if a.arm() {
			a.special("broadcast", []operand.Op{v}, []operand.Op{x.Mem})
		} else {
			a.VBROADCASTSS(x.Mem, v)
		}
	case pooled:
		a.special("constant", []operand.Op{v}, nil, x)
	case vec: // held already, and only read
		return x
	default:
		panic("splat: want a constant or a scalar")
	}
	return v
}

// zero reads its zeros from memory: avo does not know that the exclusive or of a register with itself reads nothing.
func (a *assembler) zero() vec { return a.splat(a.number(0)) }

func (a *assembler) zeros(n int) []vec { return a.splats(a.number(0), n) }

func (a *assembler) splats(x operand.Op, n int) []vec {
	v := make([]vec, n)
	for i := range v {
		v[i] = a.splat(x)
	}
	return v
}

func (a *assembler) load(m operand.Mem) vec {
	v := a.vector()
	a.VMOVUPS(m, v)
	return v
}

func (a *assembler) store(v vec, m operand.Mem) { a.VMOVUPS(v, m) }

type emitter func(ops ...operand.Op)

// emit writes an instruction whose first operand may be a constant or a scalar.
func (a *assembler) emit(plain, broadcast emitter, first operand.Op, rest ...operand.Op) {
	switch x := first.(type) {
	case constant:
		if a.wide() {
			broadcast(append([]operand.Op{x.Mem}, rest...)...)
			return
		}
		first = x.Mem
	case scalar:
		if a.wide() {
			broadcast(append([]operand.Op{x.Mem}, rest...)...)
			return
		}
		first = a.splat(x)
	}
	plain(append([]operand.Op{first}, rest...)...)
}

// arithmetic writes an instruction that sets dst from y and x, with NEON the one named.
func (a *assembler) arithmetic(neon string, plain, broadcast emitter, x operand.Op, y, dst vec) {
	if a.arm() {
		a.neon(neon, dst, y, a.neonOperand(x))
		return
	}
	a.emit(plain, broadcast, x, y, dst)
}

// Arithmetic. The operands are in the order of Go's assembler: the first may be in memory, the last is the destination.

func (a *assembler) add(x operand.Op, y, dst vec) {
	a.arithmetic("fadd", a.VADDPS, a.VADDPS_BCST, x, y, dst)
}

func (a *assembler) mul(x operand.Op, y, dst vec) {
	a.arithmetic("fmul", a.VMULPS, a.VMULPS_BCST, x, y, dst)
}

// sub is dst = y - x, div is dst = y / x.
func (a *assembler) sub(x operand.Op, y, dst vec) {
	a.arithmetic("fsub", a.VSUBPS, a.VSUBPS_BCST, x, y, dst)
}

func (a *assembler) div(x operand.Op, y, dst vec) {
	a.arithmetic("fdiv", a.VDIVPS, a.VDIVPS_BCST, x, y, dst)
}

// max and min return x where x or y is not a number, or both are zero.
func (a *assembler) max(x operand.Op, y, dst vec) {
	if a.arm() {
		v := a.neonRegister(x)
		a.neonChoice(y, v, y, v, dst)
		return
	}
	a.emit(a.VMAXPS, a.VMAXPS_BCST, x, y, dst)
}

func (a *assembler) min(x operand.Op, y, dst vec) {
	if a.arm() {
		v := a.neonRegister(x)
		a.neonChoice(v, y, y, v, dst)
		return
	}
	a.emit(a.VMINPS, a.VMINPS_BCST, x, y, dst)
}

func (a *assembler) sqrt(x, dst vec) {
	if a.arm() {
		a.neon("fsqrt", dst, x)
		return
	}
	a.VSQRTPS(x, dst)
}

// polynomialStep returns p x + c. p is lost.
func (a *assembler) polynomialStep(c operand.Op, x, p vec) vec {
	if a.arm() {
		sum := a.splat(c)
		a.fma231(x, p, sum)
		return sum
	}
	a.fma213(c, x, p)
	return p
}

// fma213 is dst = y dst + x.
func (a *assembler) fma213(x operand.Op, y, dst vec) {
	if a.arm() {
		sum := a.vector()
		if r, ok := x.(vec); ok {
			a.assign(r, sum)
		} else {
			sum = a.neonRegister(x)
		}
		a.neon("fmla", sum, y, dst)
		a.assign(sum, dst)
		return
	}
	a.emit(a.VFMADD213PS, a.VFMADD213PS_BCST, x, y, dst)
}

// fmsub231 is dst = y x - dst.
func (a *assembler) fmsub231(x operand.Op, y, dst vec) {
	if a.arm() {
		a.neon("fneg", dst, dst)
		a.neon("fmla", dst, y, a.neonOperand(x))
		return
	}
	a.emit(a.VFMSUB231PS, a.VFMSUB231PS_BCST, x, y, dst)
}

// fma231 is dst = y x + dst.
func (a *assembler) fma231(x operand.Op, y, dst vec) {
	if a.arm() {
		a.neon("fmla", dst, y, a.neonOperand(x))
		return
	}
	a.emit(a.VFMADD231PS, a.VFMADD231PS_BCST, x, y, dst)
}

// fnma231 is dst = -y x + dst.
func (a *assembler) fnma231(x operand.Op, y, dst vec) {
	if a.arm() {
		a.neon("fmls", dst, y, a.neonOperand(x))
		return
	}
	a.emit(a.VFNMADD231PS, a.VFNMADD231PS_BCST, x, y, dst)
}

// Integers and bits, 32 at a time.

func (a *assembler) addInt(x operand.Op, y, dst vec) {
	a.arithmetic("add", a.VPADDD, a.VPADDD_BCST, x, y, dst)
}

func (a *assembler) subInt(x operand.Op, y, dst vec) {
	a.arithmetic("sub", a.VPSUBD, a.VPSUBD_BCST, x, y, dst)
}

func (a *assembler) and(x operand.Op, y, dst vec) {
	if a.arm() {
		a.neon("and", dst, y, a.neonOperand(x))
		return
	}
	if a.wide() {
		a.emit(a.VPANDD, a.VPANDD_BCST, x, y, dst)
	} else {
		a.emit(variadic3(a.VPAND), nil, x, y, dst)
	}
}

func (a *assembler) or(x operand.Op, y, dst vec) {
	if a.arm() {
		a.neon("orr", dst, y, a.neonOperand(x))
		return
	}
	if a.wide() {
		a.emit(a.VPORD, a.VPORD_BCST, x, y, dst)
	} else {
		a.emit(variadic3(a.VPOR), nil, x, y, dst)
	}
}

func (a *assembler) xor(x operand.Op, y, dst vec) {
	if a.arm() {
		a.neon("eor", dst, y, a.neonOperand(x))
		return
	}
	if a.wide() {
		a.emit(a.VPXORD, a.VPXORD_BCST, x, y, dst)
	} else {
		a.emit(variadic3(a.VPXOR), nil, x, y, dst)
	}
}

// xor3 is dst = dst ^ x ^ y.
func (a *assembler) xor3(x operand.Op, y, dst vec) {
	if a.wide() {
		const oddParity = 0x96 // truth table
		a.emit(
			func(ops ...operand.Op) { a.VPTERNLOGD(append([]operand.Op{operand.Imm(oddParity)}, ops...)...) },
			func(ops ...operand.Op) { a.VPTERNLOGD_BCST(append([]operand.Op{operand.Imm(oddParity)}, ops...)...) },
			x, y, dst)
		return
	}
	a.xor(y, dst, dst)
	a.xor(x, dst, dst)
}

func variadic3(f func(x, y, z operand.Op)) emitter {
	return func(ops ...operand.Op) { f(ops[0], ops[1], ops[2]) }
}

// mask has a bit for each lane: a mask register with AVX-512, all bits of the lane of a vector with AVX2.
type mask = reg.Register

// less is the lanes where x < y, equal those where x = y.
func (a *assembler) less(x vec, y operand.Op) mask  { return a.compare(1, x, y) }
func (a *assembler) equal(x vec, y operand.Op) mask { return a.compare(0, x, y) }

func (a *assembler) compare(predicate uint64, x vec, y operand.Op) mask {
	var m mask
	if a.arm() {
		m := a.vector()
		a.neonCompare(predicate, x, a.neonOperand(y), m)
		return m
	}
	if a.wide() {
		m = a.K()
	} else {
		m = a.vector()
	}
	a.emit(
		func(ops ...operand.Op) { a.VCMPPS(append([]operand.Op{operand.Imm(predicate)}, ops...)...) },
		func(ops ...operand.Op) { a.VCMPPS_BCST(append([]operand.Op{operand.Imm(predicate)}, ops...)...) },
		y, x, m)
	return m
}

// both keeps the lanes of n that are also in m, and except those that are not.
func (a *assembler) both(m, n mask) {
	if a.wide() {
		a.KANDW(m, n, n)
		return
	}
	if a.arm() {
		a.neon("and", n, n, m)
		return
	}
	a.VANDPS(m, n, n)
}

func (a *assembler) except(m, n mask) {
	if a.wide() {
		a.KANDNW(n, m, n)
		return
	}
	if a.arm() {
		a.neon("bic", n, n, m)
		return
	}
	a.VANDNPS(n, m, n)
}

// choose sets dst to x in the lanes of m.
func (a *assembler) choose(m mask, x, dst vec) {
	if a.wide() {
		a.VMOVAPS(x, m, dst)
		return
	}
	if a.arm() {
		a.neon("bit", dst, x, m)
		return
	}
	a.VBLENDVPS(m, x, dst, dst)
}

// count adds the number of lanes in m.
func (a *assembler) count(m mask, sum reg.GPVirtual) {
	n := a.GP64()
	if a.arm() {
		ones := a.vector()
		a.neon("ushr", ones, m, operand.U8(31))
		a.neon("addv", ones, ones)
		a.special("umov", []operand.Op{n}, []operand.Op{ones})
		a.ADDQ(n, sum)
		return
	}
	if a.wide() {
		a.KMOVW(m, n.As32())
	} else {
		a.VMOVMSKPS(m, n.As32())
	}
	a.POPCNTQ(n, n)
	a.ADDQ(n, sum)
}

// gatherLanes loads a number for each lane, index times four floats and the displacement away from base.
func (a *assembler) gatherLanes(base reg.Register, index vec, displacement int) vec {
	dst := a.zero()
	if a.arm() {
		a.special("gather", []operand.Op{dst}, []operand.Op{index, base, dst}, operand.U32(displacement))
		return dst
	}
	at := operand.Mem{Base: base, Index: index, Scale: 4, Disp: displacement}
	if a.wide() {
		all, ones := a.K(), a.GP32()
		a.MOVL(operand.U32(0xffff), ones)
		a.KMOVW(ones, all)
		a.VGATHERDPS(at, all, dst)
		return dst
	}
	all := a.splat(a.bits(0xffffffff))
	a.VGATHERDPS(all, at, dst)
	return dst
}

// oneWherePositive sets dst to 1 where x > 0 and leaves it elsewhere. dst must not be above 1.
func (a *assembler) oneWherePositive(x operand.Mem, dst vec) {
	const less = 1
	if a.wide() {
		k := a.K()
		a.VCMPPS(operand.Imm(less), x, a.zero(), k)
		a.VBROADCASTSS(a.number(1).(constant).Mem, k, dst)
		return
	}
	if a.arm() {
		a.choose(a.less(a.zero(), x), a.splat(a.number(1)), dst)
		return
	}
	one := a.zero()
	a.VCMPPS(operand.Imm(less), x, one, one)
	a.and(a.number(1), one, one)
	a.max(dst, one, dst)
}

// zeroUnlessAbove sets y to 0 where x > threshold does not hold.
func (a *assembler) zeroUnlessAbove(threshold vec, x operand.Mem, y vec) {
	const less = 1 // threshold < x
	if a.wide() {
		k := a.K()
		a.VCMPPS(operand.Imm(less), x, threshold, k)
		a.VMOVAPS_Z(y, k, y)
		return
	}
	keep := a.vector()
	if a.arm() {
		a.neon("fcmgt", keep, a.load(x), threshold)
		a.and(keep, y, y)
		return
	}
	a.VCMPPS(operand.Imm(less), x, threshold, keep)
	a.and(keep, y, y)
}

// reportNaN stores, as the parameter named, a number that is 0 unless some lane of x is not a number.
func (a *assembler) reportNaN(x vec, name string) {
	const unordered = 3
	mask := a.GP32()
	if a.arm() {
		a.neon("fcmeq", x, x, x)
		a.neon("uminv", x, x)
		a.special("umov", []operand.Op{mask}, []operand.Op{x})
		a.NOTL(mask)
		a.Store(mask, a.Return(name))
		return
	}
	if a.wide() {
		k := a.K()
		a.VCMPPS(operand.Imm(unordered), x, x, k)
		a.KMOVW(k, mask)
	} else {
		a.VCMPPS(operand.Imm(unordered), x, x, x)
		a.VMOVMSKPS(x, mask)
	}
	a.Store(mask, a.Return(name))
}

// sumLanes adds up the lanes of one, two or four vectors into as many neighbouring floats at m. The sum of a vector is
// the same in all three cases: in each 128 bits (0+2)+(1+3), then the upper half is added to the lower until 128 bits
// are left.
//
// The results pass through finish on their way.
func (a *assembler) sumLanes(v []vec, m operand.Mem, finish func(sums vec)) {
	t := v[0]
	if a.arm() {
		a.neonSumLanes(v, m, finish)
		return
	}
	switch len(v) {
	case 4:
		t = a.addPairs(a.unpackAdd(v[0], v[1]), a.unpackAdd(v[2], v[3]))
	case 2:
		t = a.unpackAdd(v[0], v[1])
		s := a.vector()
		a.VPERMILPS(operand.Imm(0b01_00_11_10), t, s) // lanes 2 3 0 1
		a.VADDPS(s, t, t)
	case 1:
		s := a.vector()
		a.VPERMILPS(operand.Imm(0b01_00_11_10), t, s)
		a.VADDPS(s, t, t)
		a.VPERMILPS(operand.Imm(0b10_11_00_01), t, s) // lanes 1 0 3 2
		a.VADDPS(s, t, t)
	}
	if a.wide() {
		upper := a.YMM()
		a.VEXTRACTF64X4(operand.Imm(1), t, upper)
		a.VADDPS(upper, t.AsY(), upper)
		t = upper
	}
	upper := a.XMM()
	a.VEXTRACTF128(operand.Imm(1), t.AsY(), upper)
	a.VADDPS(upper, t.AsX(), upper)
	finish(upper)
	switch len(v) {
	case 4:
		a.VMOVUPS(upper, m)
	case 2:
		a.VMOVLPS(upper, m)
	case 1:
		a.VMOVSS(upper, m)
	}
}

// unpackAdd returns, in each quarter, x0+x2, y0+y2, x1+x3, y1+y3.
func (a *assembler) unpackAdd(x, y vec) vec {
	lo, hi := a.vector(), a.vector()
	if a.arm() {
		a.neon("zip1", lo, x, y)
		a.neon("zip2", hi, x, y)
		a.add(hi, lo, lo)
		return lo
	}
	a.VUNPCKLPS(y, x, lo)
	a.VUNPCKHPS(y, x, hi)
	a.VADDPS(hi, lo, lo)
	return lo
}

// addPairs returns, in each quarter, x0+x2, x1+x3, y0+y2, y1+y3.
func (a *assembler) addPairs(x, y vec) vec {
	lo, hi := a.vector(), a.vector()
	if a.arm() {
		a.neon("zip1d", lo, x, y)
		a.neon("zip2d", hi, x, y)
		a.add(hi, lo, lo)
		return lo
	}
	a.VUNPCKLPD(y, x, lo)
	a.VUNPCKHPD(y, x, hi)
	a.VADDPS(hi, lo, lo)
	return lo
}

// The instructions that have no operand in memory.

func (a *assembler) shiftLeft(n uint8, x, dst vec) {
	if a.arm() {
		a.neon("shl", dst, x, operand.U8(n))
		return
	}
	a.VPSLLD(operand.Imm(uint64(n)), x, dst)
}

// shiftRight fills with zeros, shiftRightSigned with the sign.
func (a *assembler) shiftRight(n uint8, x, dst vec) {
	if a.arm() {
		a.neon("ushr", dst, x, operand.U8(n))
		return
	}
	a.VPSRLD(operand.Imm(uint64(n)), x, dst)
}

func (a *assembler) shiftRightSigned(n uint8, x, dst vec) {
	if a.arm() {
		a.neon("sshr", dst, x, operand.U8(n))
		return
	}
	a.VPSRAD(operand.Imm(uint64(n)), x, dst)
}

// fromInts converts integers to numbers, nearestInts to the nearest integers, and truncated to integers towards zero.
func (a *assembler) fromInts(x, dst vec) {
	if a.arm() {
		a.neon("scvtf", dst, x)
		return
	}
	a.VCVTDQ2PS(x, dst)
}

func (a *assembler) nearestInts(x, dst vec) {
	if a.arm() {
		a.neon("fcvtns", dst, x)
		return
	}
	a.VCVTPS2DQ(x, dst)
}

func (a *assembler) truncated(x, dst vec) {
	if a.arm() {
		a.neon("fcvtzs", dst, x)
		return
	}
	a.VCVTTPS2DQ(x, dst)
}

func (a *assembler) assign(x, dst vec) {
	if a.arm() {
		a.neon("orr", dst, x, x)
		return
	}
	a.VMOVAPS(x, dst)
}
