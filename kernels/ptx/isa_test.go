package ptx

import (
	"encoding/binary"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
)

// An instruction test runs one instruction (or a few, separated by semicolons) in every other thread of a block of 40,
// and checks the result there, and that the other threads keep what they had.
//
// Operands are named by their position: number 0 is the destination, 1 to 4 are the inputs; the letters give the type,
// as in nvcc's output: %r 32 bits, %rd 64, %rs 16, %f and %fd floats, %p a predicate (set if the input is not 0).
type instructionTest struct {
	text string
	in   []uint64
	want uint64
}

const sentinel = 0x5a5a5a5a5a5a5a5a

var registerName = regexp.MustCompile(`%(rd|rs|r|fd|f|p)0`)

func instructionKernel(text string) (kernel, result string) {
	var s strings.Builder
	s.WriteString(".version 7.8\n.target sm_80\n.address_size 64\n" +
		".visible .entry k(.param .u64 out, .param .u64 i1, .param .u64 i2, .param .u64 i3, .param .u64 i4)\n{\n")
	s.WriteString(".reg .pred %p<6>; .reg .b16 %rs<6>; .reg .b32 %r<6>, %tid; .reg .f32 %f<6>; .reg .b64 %rd<6>, %at; " +
		".reg .f64 %fd<6>; .reg .pred %odd;\n")
	for i := 1; i <= 4; i++ {
		fmt.Fprintf(&s, "ld.param.u64 %%rd%d, [i%d]; ld.param.f64 %%fd%d, [i%d]; ld.param.u32 %%r%d, [i%d]; ld.param.f32 "+
			"%%f%d, [i%d]; ld.param.u16 %%rs%d, [i%d]; setp.ne.u64 %%p%d, %%rd%d, 0;\n",
			i, i, i, i, i, i, i, i, i, i, i, i)
	}
	fmt.Fprintf(&s, "mov.u64 %%rd0, %#x; mov.b64 %%fd0, %%rd0; mov.u32 %%r0, %#x; mov.b32 %%f0, %%r0; mov.u16 %%rs0, "+
		"%#x; setp.eq.u32 %%p0, 0, 0;\n",
		uint64(sentinel), uint32(sentinel&0xffffffff), sentinel&0xffff)
	s.WriteString("mov.u32 %tid, %tid.x; and.b32 %tid, %tid, 1; setp.ne.u32 %odd, %tid, 0; mov.u32 %tid, %tid.x;\n")
	for part := range strings.SplitSeq(text, ";") {
		if part = strings.TrimSpace(part); part != "" {
			fmt.Fprintf(&s, "@%%odd %s;\n", part)
		}
	}
	m := registerName.FindStringSubmatch(text)
	if m == nil {
		return "", ""
	}
	result = m[1]
	s.WriteString("ld.param.u64 %at, [out]; mul.wide.u32 %rd1, %tid, 8; add.u64 %at, %at, %rd1;\n")
	switch result {
	case "rs":
		s.WriteString("cvt.u64.u16 %rd0, %rs0;\n")
	case "r":
		s.WriteString("cvt.u64.u32 %rd0, %r0;\n")
	case "f":
		s.WriteString("mov.b32 %r0, %f0; cvt.u64.u32 %rd0, %r0;\n")
	case "fd":
		s.WriteString("mov.b64 %rd0, %fd0;\n")
	case "p":
		s.WriteString("selp.u64 %rd0, 1, 0, %p0;\n")
	}
	s.WriteString("st.global.u64 [%at], %rd0;\nret;\n}\n")
	return s.String(), result
}

func (c instructionTest) run(t *testing.T) {
	t.Helper()
	text, result := instructionKernel(c.text)
	mod, err := Parse(text)
	if err != nil {
		t.Errorf("%s: %v", c.text, err)
		return
	}
	k, err := mod.Kernel("k")
	if err != nil {
		t.Fatal(err)
	}
	const threads = 40
	m := NewMachine()
	out, err := m.Alloc(8 * threads)
	if err != nil {
		t.Fatal(err)
	}
	args := []any{out, uint64(0), uint64(0), uint64(0), uint64(0)}
	for i, v := range c.in {
		args[i+1] = v
	}
	if err := m.Launch(k, Launch{Grid: [3]int{1, 1, 1}, Block: [3]int{threads, 1, 1}, Args: args}); err != nil {
		t.Errorf("%s: %v", c.text, err)
		return
	}
	got := make([]byte, 8*threads)
	if err := m.Read(out, got); err != nil {
		t.Fatal(err)
	}
	keep := map[string]uint64{"rs": sentinel & 0xffff, "r": sentinel & 0xffffffff, "f": sentinel & 0xffffffff,
		"rd": sentinel, "fd": sentinel, "p": 1}[result]
	for i := range threads {
		want := keep
		if i%2 == 1 {
			want = c.want
		}
		if v := binary.LittleEndian.Uint64(got[8*i:]); v != want {
			t.Errorf("%s of %#x: thread %d has %#x, want %#x", c.text, c.in, i, v, want)
			return
		}
	}
}

func runInstructions(t *testing.T, cases []instructionTest) {
	t.Helper()
	for _, c := range cases {
		c.run(t)
	}
}

// Shorthands for inputs and results.
func f(v float32) uint64      { return uint64(math.Float32bits(v)) }
func fd(v float64) uint64     { return math.Float64bits(v) }
func s16(v int16) uint64      { return uint64(uint16(v)) }
func s32(v int32) uint64      { return uint64(uint32(v)) }
func s64(v int64) uint64      { return uint64(v) }
func in(v ...uint64) []uint64 { return v }

var (
	inf    = float32(math.Inf(1))
	nan32  = uint64(0x7fc00001) // some NaN, not the canonical one
	tiny   = float32(math.SmallestNonzeroFloat32)
	small  = float32(0x1p-126) // the smallest normal number
	max32  = float32(math.MaxFloat32)
	nan64  = fd(math.NaN())
	ones32 = uint64(0xffffffff)
	ones64 = ^uint64(0)
)

func TestIntegerInstructions(t *testing.T) {
	runInstructions(t, []instructionTest{
		{"add.s32 %r0, %r1, %r2", in(s32(-3), 5), 2},
		{"add.u32 %r0, %r1, %r2", in(0xffffffff, 2), 1},
		{"add.s32 %r0, %r1, -7", in(3), s32(-4)},
		{"add.u16 %rs0, %rs1, %rs2", in(0xffff, 3), 2},
		{"add.s64 %rd0, %rd1, %rd2", in(ones64, 3), 2},
		{"add.sat.s32 %r0, %r1, %r2", in(0x7fffffff, 1), 0x7fffffff},
		{"add.sat.s32 %r0, %r1, %r2", in(0x80000000, s32(-1)), 0x80000000},
		{"sub.s32 %r0, %r1, %r2", in(3, 5), s32(-2)},
		{"sub.s16 %rs0, %rs1, %rs2", in(3, 5), s16(-2)},
		{"sub.s64 %rd0, %rd1, %rd2", in(3, 5), s64(-2)},
		{"sub.sat.s32 %r0, %r1, %r2", in(0x80000000, 1), 0x80000000},
		{"mul.lo.s32 %r0, %r1, %r2", in(s32(-7), 6), s32(-42)},
		{"mul.lo.u32 %r0, %r1, %r2", in(0x10001, 0x10001), 0x20001},
		{"mul.lo.s16 %rs0, %rs1, %rs2", in(s16(-300), 300), uint64(uint16(-90000 & 0xffff))},
		{"mul.lo.s64 %rd0, %rd1, %rd2", in(s64(-7), 6), s64(-42)},
		{"mul.hi.u32 %r0, %r1, %r2", in(0xffffffff, 0xffffffff), 0xfffffffe},
		{"mul.hi.s32 %r0, %r1, %r2", in(s32(-1), 5), s32(-1)},
		{"mul.hi.u16 %rs0, %rs1, %rs2", in(0xffff, 0xffff), 0xfffe},
		{"mul.hi.u64 %rd0, %rd1, %rd2", in(ones64, ones64), ones64 - 1},
		{"mul.hi.s64 %rd0, %rd1, %rd2", in(s64(-1), 5), s64(-1)},
		{"mul.hi.s64 %rd0, %rd1, %rd2", in(s64(math.MinInt64), s64(math.MinInt64)), 1 << 62},
		{"mul.wide.s32 %rd0, %r1, %r2", in(s32(-2), 0x7fffffff), s64(-2 * 0x7fffffff)},
		{"mul.wide.u32 %rd0, %r1, %r2", in(0xffffffff, 0xffffffff), 0xfffffffe00000001},
		{"mul.wide.s16 %r0, %rs1, %rs2", in(s16(-2), 0x7fff), s32(-2 * 0x7fff)},
		{"mul.wide.u16 %r0, %rs1, %rs2", in(0xffff, 0xffff), 0xfffe0001},
		{"mad.lo.s32 %r0, %r1, %r2, %r3", in(s32(-7), 6, 2), s32(-40)},
		{"mad.lo.u16 %rs0, %rs1, %rs2, %rs3", in(0x100, 0x100, 7), 7},
		{"mad.lo.s64 %rd0, %rd1, %rd2, %rd3", in(s64(-7), 6, 2), s64(-40)},
		{"mad.hi.u32 %r0, %r1, %r2, %r3", in(0xffffffff, 0xffffffff, 5), 3},
		{"mad.hi.s32 %r0, %r1, %r2, %r3", in(s32(-1), 5, 1), 0},
		{"mad.wide.s32 %rd0, %r1, %r2, %rd3", in(s32(-2), 3, 10), 4},
		{"mad.wide.u32 %rd0, %r1, %r2, %rd3", in(0xffffffff, 2, 1), 0x1ffffffff},
		{"div.s32 %r0, %r1, %r2", in(s32(-7), 2), s32(-3)},
		{"div.u32 %r0, %r1, %r2", in(s32(-7), 2), 0x7ffffffc},
		{"div.s32 %r0, %r1, %r2", in(0x80000000, s32(-1)), 0x80000000},
		{"div.s64 %rd0, %rd1, %rd2", in(1<<63, ones64), 1 << 63},
		{"div.u32 %r0, %r1, %r2", in(7, 0), ones32},
		{"div.s16 %rs0, %rs1, %rs2", in(s16(-7), 2), s16(-3)},
		{"div.u64 %rd0, %rd1, %rd2", in(ones64, 10), ones64 / 10},
		{"rem.s32 %r0, %r1, %r2", in(s32(-7), 2), s32(-1)},
		{"rem.u32 %r0, %r1, %r2", in(7, 0), 7},
		{"rem.u64 %rd0, %rd1, %rd2", in(ones64, 10), ones64 % 10},
		{"min.s32 %r0, %r1, %r2", in(s32(-1), 1), s32(-1)},
		{"min.u32 %r0, %r1, %r2", in(s32(-1), 1), 1},
		{"max.s32 %r0, %r1, %r2", in(s32(-1), 1), 1},
		{"max.u32 %r0, %r1, %r2", in(s32(-1), 1), ones32},
		{"max.s16 %rs0, %rs1, %rs2", in(s16(-1), 1), 1},
		{"min.s64 %rd0, %rd1, %rd2", in(s64(-1), 1), ones64},
		{"max.u64 %rd0, %rd1, %rd2", in(s64(-1), 1), ones64},
		{"abs.s32 %r0, %r1", in(s32(-5)), 5},
		{"abs.s32 %r0, %r1", in(0x80000000), 0x80000000},
		{"abs.s16 %rs0, %rs1", in(s16(-5)), 5},
		{"abs.s64 %rd0, %rd1", in(s64(-5)), 5},
		{"neg.s32 %r0, %r1", in(5), s32(-5)},
		{"neg.s16 %rs0, %rs1", in(5), s16(-5)},
		{"neg.s64 %rd0, %rd1", in(5), s64(-5)},
		// Carries: the second instruction sees the flag of the first.
		{"add.cc.u32 %r1, %r1, %r2; addc.u32 %r0, %r3, 0", in(0xffffffff, 1, 5), 6},
		{"add.cc.u32 %r1, %r1, %r2; addc.u32 %r0, %r3, 0", in(0xfffffffe, 1, 5), 5},
		{"add.cc.u64 %rd1, %rd1, %rd2; addc.u64 %rd0, %rd3, 0", in(ones64, 1, 5), 6},
		{"sub.cc.u32 %r1, %r1, %r2; subc.u32 %r0, %r3, 0", in(0, 1, 5), 4},
		{"sub.cc.u32 %r1, %r1, %r2; subc.cc.u32 %r3, %r3, 0; subc.u32 %r0, %r4, 0", in(0, 1, 0, 9), 8},
		{"mad.lo.cc.u32 %r1, %r1, %r1, %r1; madc.hi.u32 %r0, %r2, %r2, 0", in(0xffffffff, 0x10000), 2},
		{"mad.lo.cc.u32 %r1, %r1, %r1, %r2; madc.hi.u32 %r0, %r3, %r3, 0", in(0xffff, 0x1fffe, 0x10000), 1},
		{"mad.lo.cc.u32 %r1, %r1, %r1, %r2; madc.hi.u32 %r0, %r3, %r3, 0", in(0xffff, 0xffffffff, 0x10000), 2},
		{"mad.lo.cc.u32 %r1, %r1, %r1, %r2; madc.lo.cc.u32 %r1, %r1, 0, -1; addc.u32 %r0, 0, 0", in(0xffff, 0xffffffff), 1},
	})
}

func TestBitInstructions(t *testing.T) {
	runInstructions(t, []instructionTest{
		{"and.b32 %r0, %r1, %r2", in(0xf0f0, 0xff00), 0xf000},
		{"and.b16 %rs0, %rs1, %rs2", in(0xf0f0, 0xff00), 0xf000},
		{"and.b64 %rd0, %rd1, %rd2", in(ones64, 0xff<<50), 0xff << 50},
		{"or.b32 %r0, %r1, %r2", in(0xf0f0, 0xff00), 0xfff0},
		{"or.b64 %rd0, %rd1, %rd2", in(1, 1<<40), 1<<40 | 1},
		{"xor.b32 %r0, %r1, %r2", in(0xf0f0, 0xff00), 0x0ff0},
		{"xor.b32 %r0, %r1, -1", in(0xf0f0), 0xffff0f0f},
		{"not.b32 %r0, %r1", in(0xf0f0), 0xffff0f0f},
		{"not.b16 %rs0, %rs1", in(0xf0f0), 0x0f0f},
		{"not.b64 %rd0, %rd1", in(0), ones64},
		{"cnot.b32 %r0, %r1", in(0), 1},
		{"cnot.b32 %r0, %r1", in(7), 0},
		{"and.pred %p0, %p1, %p2", in(1, 0), 0},
		{"and.pred %p0, %p1, !%p2", in(1, 0), 1},
		{"or.pred %p0, %p1, %p2", in(1, 0), 1},
		{"xor.pred %p0, %p1, %p2", in(1, 1), 0},
		{"not.pred %p0, %p1", in(1), 0},
		{"mov.pred %p0, %p1", in(0), 0},
		{"mov.pred %p0, 0", nil, 0},
		{"mov.pred %p0, 1", nil, 1},
		{"lop3.b32 %r0, %r1, %r2, %r3, 0x96", in(0xf0, 0xcc, 0xaa), 0x96},
		{"lop3.b32 %r0, %r1, %r2, %r3, 0xe8", in(0xf0, 0xcc, 0xaa), 0xe8},
		{"lop3.b32 %r0, %r1, %r2, %r3, 0x01", in(0xf0, 0xcc, 0xaa), 0xffffff01},
		{"shl.b32 %r0, %r1, %r2", in(0x81, 4), 0x810},
		{"shl.b32 %r0, %r1, 32", in(0x81), 0},
		{"shl.b16 %rs0, %rs1, %r2", in(0x8181, 4), 0x1810},
		{"shl.b64 %rd0, %rd1, %r2", in(0x81, 40), 0x81 << 40},
		{"shl.b64 %rd0, %rd1, %r2", in(0x81, 64), 0},
		{"shr.u32 %r0, %r1, %r2", in(0x80000000, 4), 0x08000000},
		{"shr.b32 %r0, %r1, %r2", in(0x80000000, 32), 0},
		{"shr.s32 %r0, %r1, %r2", in(0x80000000, 4), 0xf8000000},
		{"shr.s32 %r0, %r1, %r2", in(0x80000000, 100), ones32},
		{"shr.s16 %rs0, %rs1, %r2", in(0x8000, 4), 0xf800},
		{"shr.u64 %rd0, %rd1, %r2", in(1<<63, 60), 8},
		{"shr.s64 %rd0, %rd1, %r2", in(1<<63, 60), s64(-8)},
		{"shf.l.wrap.b32 %r0, %r1, %r2, %r3", in(0x80000001, 0x12345678, 4), 0x23456788},
		{"shf.l.wrap.b32 %r0, %r1, %r2, %r3", in(0x80000001, 0x12345678, 36), 0x23456788},
		{"shf.l.clamp.b32 %r0, %r1, %r2, %r3", in(0x80000001, 0x12345678, 36), 0x80000001},
		{"shf.r.wrap.b32 %r0, %r1, %r2, %r3", in(0x80000001, 0x12345678, 4), 0x88000000},
		{"shf.r.clamp.b32 %r0, %r1, %r2, %r3", in(0x80000001, 0x12345678, 40), 0x12345678},
		{"bfe.u32 %r0, %r1, %r2, %r3", in(0x12345678, 8, 12), 0x456},
		{"bfe.u32 %r0, %r1, %r2, %r3", in(0x82345678, 24, 20), 0x82},
		{"bfe.s32 %r0, %r1, %r2, %r3", in(0x12348678, 8, 8), s32(-0x7a)},
		{"bfe.s32 %r0, %r1, %r2, %r3", in(0x82345678, 28, 20), s32(-8)},
		{"bfe.s32 %r0, %r1, %r2, 0", in(0x82345678, 28), 0},
		{"bfe.s32 %r0, %r1, 40, 4", in(0x82345678), ones32},
		{"bfe.u32 %r0, %r1, 40, 4", in(0x82345678), 0},
		{"bfe.u64 %rd0, %rd1, 60, 4", in(ones64), 15},
		{"bfe.u64 %rd0, %rd1, 0, 255", in(ones64), ones64},
		{"bfe.s64 %rd0, %rd1, 56, 4", in(0x0f << 56), ones64},
		{"bfi.b32 %r0, %r1, %r2, %r3, %r4", in(0xabcd, 0x12345678, 8, 12), 0x123bcd78},
		{"bfi.b32 %r0, %r1, %r2, %r3, %r4", in(0xff, 0, 28, 8), 0xf0000000},
		{"bfi.b32 %r0, %r1, %r2, 8, 0", in(0xff, 7), 7},
		{"bfi.b64 %rd0, %rd1, %rd2, 40, 64", in(ones64, 5), ones64<<40 | 5},
		{"popc.b32 %r0, %r1", in(0xf00f), 8},
		{"popc.b64 %r0, %rd1", in(ones64), 64},
		{"clz.b32 %r0, %r1", in(1), 31},
		{"clz.b32 %r0, %r1", in(0), 32},
		{"clz.b64 %r0, %rd1", in(1), 63},
		{"brev.b32 %r0, %r1", in(1), 0x80000000},
		{"brev.b64 %rd0, %rd1", in(2), 1 << 62},
		{"bfind.u32 %r0, %r1", in(0x1000), 12},
		{"bfind.u32 %r0, %r1", in(0), ones32},
		{"bfind.s32 %r0, %r1", in(s32(-1)), ones32},
		{"bfind.s32 %r0, %r1", in(s32(-9)), 3},
		{"bfind.shiftamt.u32 %r0, %r1", in(0x1000), 19},
		{"bfind.u64 %r0, %rd1", in(1 << 40), 40},
		{"bfind.s64 %r0, %rd1", in(s64(-1 << 40)), 39},
		{"prmt.b32 %r0, %r1, %r2, 0x7531", in(0x03020100, 0x07060504), 0x07050301},
		{"prmt.b32 %r0, %r1, %r2, 0x0123", in(0x03020100, 0x07060504), 0x00010203},
		{"prmt.b32 %r0, %r1, %r2, 0x8a80", in(0x00800180, 0), 0xffffff80},
		{"prmt.b32 %r0, %r1, %r2, 0x9889", in(0x00800180, 0), 0x00ffff00},
		{"prmt.b32.f4e %r0, %r1, %r2, 1", in(0x03020100, 0x07060504), 0x04030201},
		{"prmt.b32.b4e %r0, %r1, %r2, 1", in(0x03020100, 0x07060504), 0x06070001},
		{"prmt.b32.rc8 %r0, %r1, %r2, 2", in(0x03020100, 0x07060504), 0x02020202},
		{"prmt.b32.ecl %r0, %r1, %r2, 2", in(0x03020100, 0x07060504), 0x03020202},
		{"prmt.b32.ecr %r0, %r1, %r2, 2", in(0x03020100, 0x07060504), 0x02020100},
		{"prmt.b32.rc16 %r0, %r1, %r2, 1", in(0x03020100, 0x07060504), 0x03020302},
	})
}

func TestFloatInstructions(t *testing.T) {
	third := float32(1) / 3
	runInstructions(t, []instructionTest{
		{"add.f32 %f0, %f1, %f2", in(f(0.1), f(0.2)), f(float32(0.1) + float32(0.2))},
		{"add.rn.f32 %f0, %f1, %f2", in(f(1), f(0x1p-24)), f(1)},
		{"add.rn.f32 %f0, %f1, %f2", in(f(1+0x1p-23), f(0x1p-24)), f(1 + 0x1p-22)},
		{"add.rz.f32 %f0, %f1, %f2", in(f(1+0x1p-23), f(0x1.8p-24)), f(1 + 0x1p-23)},
		{"add.rz.f32 %f0, %f1, %f2", in(f(-1), f(0x1p-40)), f(-1 + 0x1p-24)},
		{"add.rm.f32 %f0, %f1, %f2", in(f(1), f(-0x1p-40)), f(1 - 0x1p-24)},
		{"add.rp.f32 %f0, %f1, %f2", in(f(1), f(0x1p-40)), f(1 + 0x1p-23)},
		{"add.rp.f32 %f0, %f1, %f2", in(f(max32), f(1)), f(inf)},
		{"add.rz.f32 %f0, %f1, %f2", in(f(max32), f(max32)), f(max32)},
		{"add.rm.f32 %f0, %f1, %f2", in(f(1), f(-1)), 0x80000000},
		{"add.rn.f32 %f0, %f1, %f2", in(f(1), f(-1)), 0},
		{"add.f32 %f0, %f1, %f2", in(f(inf), f(-inf)), canonicalNaN},
		{"add.f32 %f0, %f1, %f2", in(nan32, f(1)), canonicalNaN},
		{"add.f32 %f0, %f1, 0f3F800000", in(f(2)), f(3)},
		{"add.f32 %f0, %f1, %f2", in(f(tiny), f(tiny)), 2},
		{"add.ftz.f32 %f0, %f1, %f2", in(f(tiny), f(tiny)), 0},
		{"add.ftz.f32 %f0, %f1, %f2", in(f(-1.5*small), f(small)), 0x80000000},
		{"add.sat.f32 %f0, %f1, %f2", in(f(0.75), f(0.5)), f(1)},
		{"add.sat.f32 %f0, %f1, %f2", in(nan32, f(0.5)), 0},
		{"sub.f32 %f0, %f1, %f2", in(f(0.1), f(0.2)), f(float32(0.1) - float32(0.2))},
		{"sub.rz.f32 %f0, %f1, %f2", in(f(1), f(0x1p-40)), f(1 - 0x1p-24)},
		{"sub.rm.f32 %f0, %f1, %f2", in(f(1), f(1)), 0x80000000},
		{"sub.sat.f32 %f0, %f1, %f2", in(f(0.5), f(0.75)), 0},
		{"mul.f32 %f0, %f1, %f2", in(f(0.1), f(0.2)), f(float32(0.1) * float32(0.2))},
		{"mul.rz.f32 %f0, %f1, %f2", in(f(third), f(3)), f(1)},
		{"mul.rp.f32 %f0, %f1, %f2", in(f(1+0x1p-23), f(1+0x1p-23)), f(1 + 0x1p-22 + 0x1p-23)},
		{"mul.rm.f32 %f0, %f1, %f2", in(f(1+0x1p-23), f(1+0x1p-23)), f(1 + 0x1p-22)},
		{"mul.rp.f32 %f0, %f1, %f2", in(f(tiny), f(tiny)), 1},
		{"mul.rn.f32 %f0, %f1, %f2", in(f(tiny), f(-0.5)), 0x80000000},
		{"mul.ftz.f32 %f0, %f1, %f2", in(f(small), f(0.5)), 0},
		{"mul.sat.f32 %f0, %f1, %f2", in(f(2), f(3)), f(1)},
		{"fma.rn.f32 %f0, %f1, %f2, %f3", in(f(1+0x1p-23), f(1-0x1p-23), f(-1)), f(-0x1p-46)},
		// 1 + 2^-24 + 2^-60 rounds up; rounded to float64 first, it would be 1 + 2^-24, a tie, which goes down.
		{"fma.rn.f32 %f0, %f1, %f2, %f3", in(f(0x1p-30), f(0x1p-30), f(1)), f(1)},
		{"fma.rn.f32 %f0, %f1, %f2, %f3", in(f(1+0x1p-12), f(1+0x1p-12), f(0x1p-60)), f(1 + 0x1p-11 + 0x1p-23)},
		{"fma.rn.f32 %f0, %f1, %f2, %f3", in(f(1+0x1p-12), f(1+0x1p-12), f(-0x1p-60)), f(1 + 0x1p-11)},
		{"fma.rz.f32 %f0, %f1, %f2, %f3", in(f(1+0x1p-12), f(1+0x1p-12), f(0x1p-60)), f(1 + 0x1p-11)},
		{"fma.rm.f32 %f0, %f1, %f2, %f3", in(f(-1), f(1), f(-0x1p-60)), f(-1 - 0x1p-23)},
		{"fma.rp.f32 %f0, %f1, %f2, %f3", in(f(1), f(1), f(0x1p-60)), f(1 + 0x1p-23)},
		{"fma.rn.ftz.f32 %f0, %f1, %f2, %f3", in(f(small), f(0.5), f(0)), 0},
		{"fma.rn.sat.f32 %f0, %f1, %f2, %f3", in(f(3), f(0.5), f(0)), f(1)},
		{"fma.rn.f32 %f0, %f1, %f2, %f3", in(f(inf), f(0), f(1)), canonicalNaN},
		{"mad.rn.f32 %f0, %f1, %f2, %f3", in(f(2), f(3), f(4)), f(10)},
		{"div.rn.f32 %f0, %f1, %f2", in(f(1), f(3)), f(third)},
		{"div.rm.f32 %f0, %f1, %f2", in(f(1), f(3)), f(math.Nextafter32(third, 0))},
		{"div.rz.f32 %f0, %f1, %f2", in(f(-1), f(3)), f(-math.Nextafter32(third, 0))},
		{"div.rp.f32 %f0, %f1, %f2", in(f(-1), f(-3)), f(third)},
		{"div.rp.f32 %f0, %f1, %f2", in(f(2), f(-3)), f(-math.Nextafter32(2*third, 0))},
		{"div.rn.f32 %f0, %f1, %f2", in(f(1), f(0)), f(inf)},
		{"div.rm.f32 %f0, %f1, %f2", in(f(-1), f(0)), f(-inf)},
		{"div.rn.ftz.f32 %f0, %f1, %f2", in(f(tiny), f(1)), 0},
		{"div.approx.f32 %f0, %f1, %f2", in(f(1), f(3)), f(third)},
		{"div.full.ftz.f32 %f0, %f1, %f2", in(f(1), f(3)), f(third)},
		{"rcp.rn.f32 %f0, %f1", in(f(3)), f(third)},
		{"rcp.rz.f32 %f0, %f1", in(f(3)), f(math.Nextafter32(third, 0))},
		{"rcp.approx.f32 %f0, %f1", in(f(4)), f(0.25)},
		{"rcp.approx.ftz.f32 %f0, %f1", in(f(tiny)), f(inf)},
		{"sqrt.rn.f32 %f0, %f1", in(f(2)), f(math.Sqrt2)},
		{"sqrt.rp.f32 %f0, %f1", in(f(2)), f(math.Nextafter32(math.Sqrt2, 2))},
		{"sqrt.rm.f32 %f0, %f1", in(f(3)), f(float32(math.Sqrt(3)))},
		{"sqrt.rz.f32 %f0, %f1", in(f(4)), f(2)},
		{"sqrt.rn.f32 %f0, %f1", in(f(-2)), canonicalNaN},
		{"sqrt.rn.f32 %f0, %f1", in(0x80000000), 0x80000000},
		{"sqrt.approx.f32 %f0, %f1", in(f(4)), f(2)},
		{"sqrt.approx.ftz.f32 %f0, %f1", in(f(tiny)), 0},
		{"rsqrt.approx.f32 %f0, %f1", in(f(4)), f(0.5)},
		{"rsqrt.approx.ftz.f32 %f0, %f1", in(f(-1)), canonicalNaN},
		{"ex2.approx.f32 %f0, %f1", in(f(-3)), f(0.125)},
		{"ex2.approx.ftz.f32 %f0, %f1", in(f(-130)), 0},
		{"ex2.approx.f32 %f0, %f1", in(f(-130)), f(0x1p-130)},
		{"ex2.approx.ftz.f32 %f0, %f1", in(f(200)), f(inf)},
		{"lg2.approx.f32 %f0, %f1", in(f(8)), f(3)},
		{"lg2.approx.ftz.f32 %f0, %f1", in(f(0)), f(-inf)},
		{"sin.approx.f32 %f0, %f1", in(f(0.5)), f(float32(math.Sin(0.5)))},
		{"cos.approx.ftz.f32 %f0, %f1", in(f(0.5)), f(float32(math.Cos(0.5)))},
		{"tanh.approx.f32 %f0, %f1", in(f(0.5)), f(float32(math.Tanh(0.5)))},
		{"min.f32 %f0, %f1, %f2", in(f(1), f(-2)), f(-2)},
		{"min.f32 %f0, %f1, %f2", in(nan32, f(-2)), f(-2)},
		{"min.f32 %f0, %f1, %f2", in(f(0), 0x80000000), 0x80000000},
		{"max.f32 %f0, %f1, %f2", in(0x80000000, f(0)), 0},
		{"max.f32 %f0, %f1, %f2", in(f(1), nan32), f(1)},
		{"max.f32 %f0, %f1, %f2", in(nan32, nan32), canonicalNaN},
		{"max.NaN.f32 %f0, %f1, %f2", in(f(1), nan32), canonicalNaN},
		{"max.ftz.f32 %f0, %f1, %f2", in(f(tiny), f(-1)), 0},
		{"abs.f32 %f0, %f1", in(f(-1.5)), f(1.5)},
		{"abs.ftz.f32 %f0, %f1", in(f(-tiny)), 0},
		{"neg.f32 %f0, %f1", in(f(0)), 0x80000000},
		{"neg.ftz.f32 %f0, %f1", in(f(tiny)), 0x80000000},
		{"copysign.f32 %f0, %f1, %f2", in(f(-1), f(3)), f(-3)},
		{"testp.finite.f32 %p0, %f1", in(f(1)), 1},
		{"testp.finite.f32 %p0, %f1", in(f(inf)), 0},
		{"testp.infinite.f32 %p0, %f1", in(f(-inf)), 1},
		{"testp.number.f32 %p0, %f1", in(nan32), 0},
		{"testp.notanumber.f64 %p0, %fd1", in(nan64), 1},
		{"testp.normal.f32 %p0, %f1", in(f(small)), 1},
		{"testp.normal.f32 %p0, %f1", in(f(tiny)), 0},
		{"testp.subnormal.f32 %p0, %f1", in(f(tiny)), 1},
		{"testp.subnormal.f32 %p0, %f1", in(0), 0},
	})
}

func TestDoubleInstructions(t *testing.T) {
	x, y := 0.1, 0.3
	runInstructions(t, []instructionTest{
		{"add.f64 %fd0, %fd1, %fd2", in(fd(x), fd(y)), fd(x + y)},
		{"add.rn.f64 %fd0, %fd1, 0d3FF0000000000000", in(fd(x)), fd(x + 1)},
		{"sub.f64 %fd0, %fd1, %fd2", in(fd(x), fd(y)), fd(x - y)},
		{"mul.f64 %fd0, %fd1, %fd2", in(fd(x), fd(y)), fd(x * y)},
		{"fma.rn.f64 %fd0, %fd1, %fd2, %fd3", in(fd(1+0x1p-52), fd(1-0x1p-52), fd(-1)), fd(-0x1p-104)},
		{"div.rn.f64 %fd0, %fd1, %fd2", in(fd(x), fd(y)), fd(x / y)},
		{"rcp.rn.f64 %fd0, %fd1", in(fd(y)), fd(1 / y)},
		{"rcp.approx.ftz.f64 %fd0, %fd1", in(fd(3)), fd(1.0/3) & (0xffffffff << 32)},
		{"rcp.approx.ftz.f64 %fd0, %fd1", in(1), fd(math.Inf(1))},
		{"sqrt.rn.f64 %fd0, %fd1", in(fd(y)), fd(math.Sqrt(y))},
		{"min.f64 %fd0, %fd1, %fd2", in(nan64, fd(y)), fd(y)},
		{"max.f64 %fd0, %fd1, %fd2", in(fd(x), fd(y)), fd(y)},
		{"abs.f64 %fd0, %fd1", in(fd(-y)), fd(y)},
		{"neg.f64 %fd0, %fd1", in(fd(y)), fd(-y)},
		{"copysign.f64 %fd0, %fd1, %fd2", in(fd(-1), fd(3)), fd(-3)},
	})
}

func TestCompareInstructions(t *testing.T) {
	type compare struct {
		op                   string
		less, equal, greater uint64 // of 1 and 2, 2 and 2, 2 and 1
		unordered            uint64 // of NaN and 1, for floats
	}
	var cases []instructionTest
	for _, c := range []compare{
		{"eq", 0, 1, 0, 0}, {"ne", 1, 0, 1, 0}, {"lt", 1, 0, 0, 0}, {"le", 1, 1, 0, 0}, {"gt", 0, 0, 1, 0},
		{"ge", 0, 1, 1, 0},
		{"equ", 0, 1, 0, 1}, {"neu", 1, 0, 1, 1}, {"ltu", 1, 0, 0, 1}, {"leu", 1, 1, 0, 1}, {"gtu", 0, 0, 1, 1},
		{"geu", 0, 1, 1, 1},
		{"num", 1, 1, 1, 0}, {"nan", 0, 0, 0, 1},
	} {
		for _, ftz := range []string{"", ".ftz"} {
			name := "setp." + c.op + ftz + ".f32 %p0, %f1, %f2"
			cases = append(cases, instructionTest{name, in(f(1), f(2)), c.less}, instructionTest{name, in(f(2), f(2)), c.equal},
				instructionTest{name, in(f(2), f(1)), c.greater}, instructionTest{name, in(nan32, f(1)), c.unordered},
				instructionTest{name, in(f(1), nan32), c.unordered}, instructionTest{name, in(0x80000000, 0), c.equal})
		}
		name := "setp." + c.op + ".f64 %p0, %fd1, %fd2"
		cases = append(cases, instructionTest{name, in(fd(1), fd(2)), c.less},
			instructionTest{name, in(fd(2), fd(1)), c.greater},
			instructionTest{name, in(fd(2), fd(2)), c.equal}, instructionTest{name, in(nan64, fd(1)), c.unordered})
		if len(c.op) > 2 {
			continue
		}
		for _, s := range []string{"s32 %p0, %r1, %r2", "s16 %p0, %rs1, %rs2", "s64 %p0, %rd1, %rd2"} {
			name := "setp." + c.op + "." + s
			cases = append(cases, instructionTest{name, in(ones64, 2), c.less}, instructionTest{name, in(2, 2), c.equal},
				instructionTest{name, in(2, ones64), c.greater})
		}
		for _, s := range []string{"u32 %p0, %r1, %r2", "u16 %p0, %rs1, %rs2", "u64 %p0, %rd1, %rd2"} {
			name := "setp." + c.op + "." + s
			cases = append(cases, instructionTest{name, in(2, ones64), c.less}, instructionTest{name, in(2, 2), c.equal},
				instructionTest{name, in(ones64, 2), c.greater})
		}
	}
	runInstructions(t, cases)
	runInstructions(t, []instructionTest{
		{"setp.eq.b32 %p0, %r1, %r2", in(7, 7), 1},
		{"setp.ne.b64 %p0, %rd1, %rd2", in(7, 7), 0},
		{"setp.lo.u32 %p0, %r1, %r2", in(1, ones32), 1},
		{"setp.ls.u32 %p0, %r1, %r2", in(1, 1), 1},
		{"setp.hi.u32 %p0, %r1, %r2", in(1, ones32), 0},
		{"setp.hs.u32 %p0, %r1, %r2", in(ones32, 1), 1},
		{"setp.lt.ftz.f32 %p0, %f1, %f2", in(0, f(tiny)), 0},
		{"setp.lt.f32 %p0, %f1, %f2", in(0, f(tiny)), 1},
		{"setp.lt.and.s32 %p0, %r1, %r2, %p3", in(1, 2, 0), 0},
		{"setp.lt.and.s32 %p0, %r1, %r2, !%p3", in(1, 2, 0), 1},
		{"setp.lt.or.s32 %p0, %r1, %r2, %p3", in(2, 1, 1), 1},
		{"setp.lt.xor.s32 %p0, %r1, %r2, %p3", in(1, 2, 1), 0},
		{"setp.lt.and.s32 %p0|%p4, %r1, %r2, %p3", in(1, 2, 1), 1},
		{"setp.lt.and.s32 %p4|%p0, %r1, %r2, %p3", in(1, 2, 1), 0},
		{"setp.lt.and.s32 %p4|%p0, %r1, %r2, %p3", in(2, 1, 1), 1},
		{"setp.lt.s32 %p4|%p0, %r1, %r2", in(2, 1), 1},
		{"set.lt.u32.f32 %r0, %f1, %f2", in(f(1), f(2)), ones32},
		{"set.lt.f32.s32 %f0, %r1, %r2", in(s32(-1), 2), f(1)},
		{"set.gt.and.s32.u32 %r0, %r1, %r2, %p3", in(3, 2, 0), 0},
		{"selp.b32 %r0, %r1, %r2, %p3", in(3, 4, 1), 3},
		{"selp.f32 %f0, %f1, %f2, %p3", in(f(3), f(4), 0), f(4)},
		{"selp.u64 %rd0, %rd1, %rd2, !%p3", in(3, 4, 0), 3},
		{"selp.b16 %rs0, %rs1, -1, %p3", in(3, 4, 0), 0xffff},
		{"slct.u32.s32 %r0, %r1, %r2, %r3", in(3, 4, 0), 3},
		{"slct.u32.s32 %r0, %r1, %r2, %r3", in(3, 4, s32(-1)), 4},
		{"slct.f32.f32 %f0, %f1, %f2, %f3", in(f(3), f(4), nan32), f(4)},
		{"slct.f32.f32 %f0, %f1, %f2, %f3", in(f(3), f(4), 0x80000000), f(3)},
		{"slct.ftz.u64.f32 %rd0, %rd1, %rd2, %f3", in(3, 4, f(-tiny)), 3},
	})
}

func TestMoveInstructions(t *testing.T) {
	runInstructions(t, []instructionTest{
		{"mov.u32 %r0, %r1", in(7), 7},
		{"mov.b32 %r0, %f1", in(f(2)), f(2)},
		{"mov.f32 %f0, 0fBF800000", nil, f(-1)},
		{"mov.f64 %fd0, 0dBFF0000000000000", nil, fd(-1)},
		{"mov.f64 %fd0, 1.5", nil, fd(1.5)},
		{"mov.u16 %rs0, -1", nil, 0xffff},
		{"mov.u32 %r0, 0x1F", nil, 31},
		{"mov.u32 %r0, 0b101", nil, 5},
		{"mov.u32 %r0, 4294967295U", nil, ones32},
		{"mov.u32 %r0, WARP_SZ", nil, 32},
		{"mov.b64 %rd0, {%r1, %r2}", in(1, 2), 2<<32 | 1},
		{"mov.b64 %rd0, {%rs1, %rs2, %rs3, %rs4}", in(1, 2, 3, 4), 4<<48 | 3<<32 | 2<<16 | 1},
		{"mov.b32 %r0, {%rs1, %rs2}", in(1, 0xffff), 0xffff0001},
		{"mov.b64 {%r0, %r4}, %rd1", in(2<<32 | 1), 1},
		{"mov.b64 {%r4, %r0}, %rd1", in(2<<32 | 1), 2},
		{"mov.b64 {_, %r0}, %rd1", in(2<<32 | 1), 2},
		{"mov.b32 {%rs4, %rs0}, %r1", in(0x12345678), 0x1234},
		{"mov.b64 %fd0, {%r1, %r2}", in(0, 0x3ff00000), fd(1)},
		{"mov.u32 %r0, %ntid.x", nil, 40},
		{"mov.u32 %r0, %nctaid.z", nil, 1},
		{"mov.u32 %r0, %ctaid.y", nil, 0},
		{"mov.u32 %r0, %nwarpid", nil, 2},
	})
}

func TestConvertInstructions(t *testing.T) {
	runInstructions(t, []instructionTest{
		{"cvt.s64.s32 %rd0, %r1", in(s32(-5)), s64(-5)},
		{"cvt.u64.u32 %rd0, %r1", in(s32(-5)), s32(-5)},
		{"cvt.u32.u64 %r0, %rd1", in(0x123456789), 0x23456789},
		{"cvt.s32.s16 %r0, %rs1", in(s16(-5)), s32(-5)},
		{"cvt.u32.u16 %r0, %rs1", in(s16(-5)), 0xfffb},
		{"cvt.u16.u32 %rs0, %r1", in(0x12345), 0x2345},
		{"cvt.s32.s8 %r0, %r1", in(0x180), s32(-128)},
		{"cvt.u32.u8 %r0, %rs1", in(0x180), 0x80},
		{"cvt.s16.s8 %rs0, %rs1", in(0x80), 0xff80},
		{"cvt.s8.s32 %r0, %r1", in(0x180), s32(-128)},
		{"cvt.u8.u32 %rs0, %r1", in(0x1ff), 0xff},
		{"cvt.sat.s8.s32 %r0, %r1", in(300), 127},
		{"cvt.sat.s8.s32 %r0, %r1", in(s32(-300)), s32(-128)},
		{"cvt.sat.u8.s32 %r0, %r1", in(s32(-300)), 0},
		{"cvt.sat.u8.s32 %r0, %r1", in(300), 255},
		{"cvt.sat.s32.u32 %r0, %r1", in(0xffffffff), 0x7fffffff},
		{"cvt.sat.s32.s64 %r0, %rd1", in(s64(-1 << 40)), 0x80000000},
		{"cvt.rn.f32.s32 %f0, %r1", in(s32(-3)), f(-3)},
		{"cvt.rn.f32.u32 %f0, %r1", in(ones32), f(0x1p32)},
		{"cvt.rz.f32.u32 %f0, %r1", in(ones32), f(0x1p32 - 256)},
		{"cvt.rn.f32.s32 %f0, %r1", in(1<<24 + 1), f(1 << 24)},
		{"cvt.rn.f32.s32 %f0, %r1", in(1<<24 + 3), f(1<<24 + 4)},
		{"cvt.rp.f32.s32 %f0, %r1", in(1<<24 + 1), f(1<<24 + 2)},
		{"cvt.rm.f32.s32 %f0, %r1", in(s32(-(1<<24 + 1))), f(-(1<<24 + 2))},
		{"cvt.rp.f32.s32 %f0, %r1", in(s32(-(1<<24 + 1))), f(-(1 << 24))},
		{"cvt.rn.f32.u64 %f0, %rd1", in(1<<63 + 1<<39 + 1), f(0x1p63 + 0x1p40)},
		{"cvt.rn.f32.s64 %f0, %rd1", in(s64(-1 << 50)), f(-0x1p50)},
		{"cvt.rn.f32.u16 %f0, %rs1", in(65535), f(65535)},
		{"cvt.rn.f32.s8 %f0, %r1", in(0xff), f(-1)},
		{"cvt.rn.sat.f32.s32 %f0, %r1", in(7), f(1)},
		{"cvt.rn.f64.s32 %fd0, %r1", in(s32(-3)), fd(-3)},
		{"cvt.rn.f64.u64 %fd0, %rd1", in(ones64), fd(0x1p64)},
		{"cvt.rz.f64.u64 %fd0, %rd1", in(ones64), fd(0x1p64 - 2048)},
		{"cvt.rzi.s32.f32 %r0, %f1", in(f(-2.7)), s32(-2)},
		{"cvt.rmi.s32.f32 %r0, %f1", in(f(-2.7)), s32(-3)},
		{"cvt.rpi.s32.f32 %r0, %f1", in(f(2.1)), 3},
		{"cvt.rni.s32.f32 %r0, %f1", in(f(2.5)), 2},
		{"cvt.rni.s32.f32 %r0, %f1", in(f(3.5)), 4},
		{"cvt.rzi.s32.f32 %r0, %f1", in(f(3e9)), 0x7fffffff},
		{"cvt.rzi.s32.f32 %r0, %f1", in(f(-3e9)), 0x80000000},
		{"cvt.rzi.s32.f32 %r0, %f1", in(nan32), 0},
		{"cvt.rzi.u32.f32 %r0, %f1", in(f(-1)), 0},
		{"cvt.rzi.u32.f32 %r0, %f1", in(f(5e9)), ones32},
		{"cvt.rzi.u32.f32 %r0, %f1", in(f(3e9)), 3000000000},
		{"cvt.rzi.s64.f32 %rd0, %f1", in(nan32), 1 << 63},
		{"cvt.rzi.u64.f64 %rd0, %fd1", in(fd(0x1p63)), 1 << 63},
		{"cvt.rzi.u64.f64 %rd0, %fd1", in(fd(1e30)), ones64},
		{"cvt.rzi.s32.f64 %r0, %fd1", in(nan64), 0x80000000},
		{"cvt.rni.s32.f64 %r0, %fd1", in(fd(-1.5)), s32(-2)},
		{"cvt.rzi.u16.f32 %rs0, %f1", in(f(70000)), 65535},
		{"cvt.rzi.u8.f32 %r0, %f1", in(f(300)), 255},
		{"cvt.rni.ftz.s32.f32 %r0, %f1", in(f(tiny)), 0},
		{"cvt.rpi.ftz.s32.f32 %r0, %f1", in(f(tiny)), 0},
		{"cvt.rpi.s32.f32 %r0, %f1", in(f(tiny)), 1},
		{"cvt.rni.f32.f32 %f0, %f1", in(f(2.5)), f(2)},
		{"cvt.rzi.f32.f32 %f0, %f1", in(f(-2.5)), f(-2)},
		{"cvt.rzi.f32.f32 %f0, %f1", in(f(-0.5)), 0x80000000},
		{"cvt.rmi.f32.f32 %f0, %f1", in(f(-2.5)), f(-3)},
		{"cvt.rpi.f32.f32 %f0, %f1", in(f(2.5)), f(3)},
		{"cvt.rpi.ftz.f32.f32 %f0, %f1", in(f(tiny)), 0},
		{"cvt.sat.f32.f32 %f0, %f1", in(f(1.5)), f(1)},
		{"cvt.sat.f32.f32 %f0, %f1", in(f(-1.5)), 0},
		{"cvt.sat.f32.f32 %f0, %f1", in(nan32), 0},
		{"cvt.sat.f32.f32 %f0, %f1", in(f(0.3)), f(0.3)},
		{"cvt.ftz.sat.f32.f32 %f0, %f1", in(f(tiny)), 0},
		{"cvt.f64.f32 %fd0, %f1", in(f(0.1)), fd(float64(float32(0.1)))},
		{"cvt.ftz.f64.f32 %fd0, %f1", in(f(tiny)), 0},
		{"cvt.rn.f32.f64 %f0, %fd1", in(fd(1 + 0x1p-24)), f(1)},
		{"cvt.rp.f32.f64 %f0, %fd1", in(fd(1 + 0x1p-50)), f(1 + 0x1p-23)},
		{"cvt.rz.f32.f64 %f0, %fd1", in(fd(1e300)), f(max32)},
		{"cvt.rn.f32.f64 %f0, %fd1", in(fd(1e300)), f(inf)},
		{"cvt.rn.f32.f64 %f0, %fd1", in(nan64), canonicalNaN},
		{"cvt.rn.ftz.f32.f64 %f0, %fd1", in(fd(1e-40)), 0},
		{"cvt.rzi.f64.f64 %fd0, %fd1", in(fd(-2.5)), fd(-2)},
		{"cvt.f32.f16 %f0, %rs1", in(0x3c00), f(1)},
		{"cvt.f32.f16 %f0, %rs1", in(0x0001), f(0x1p-24)},
		{"cvt.f32.f16 %f0, %rs1", in(0xfbff), f(-65504)},
		{"cvt.f32.f16 %f0, %rs1", in(0x7c00), f(inf)},
		{"cvt.f32.f16 %f0, %rs1", in(0x7e00), canonicalNaN},
		{"cvt.rn.f16.f32 %rs0, %f1", in(f(1)), 0x3c00},
		{"cvt.rn.f16.f32 %rs0, %f1", in(f(-2.5)), 0xc100},
		{"cvt.rn.f16.f32 %rs0, %f1", in(f(65519)), 0x7bff},
		{"cvt.rn.f16.f32 %rs0, %f1", in(f(65520)), 0x7c00},
		{"cvt.rz.f16.f32 %rs0, %f1", in(f(1e6)), 0x7bff},
		{"cvt.rn.f16.f32 %rs0, %f1", in(f(0x1p-24)), 1},
		{"cvt.rn.f16.f32 %rs0, %f1", in(f(0x1p-25)), 0},
		{"cvt.rn.f16.f32 %rs0, %f1", in(f(0x1.8p-25)), 1},
		{"cvt.rn.f16.f32 %rs0, %f1", in(f(1 + 0x1p-11)), 0x3c00},
		{"cvt.rn.f16.f32 %rs0, %f1", in(f(1 + 0x3p-11)), 0x3c02},
		{"cvt.rp.f16.f32 %rs0, %f1", in(f(1 + 0x1p-20)), 0x3c01},
		{"cvt.rm.f16.f32 %rs0, %f1", in(f(-1 - 0x1p-20)), 0xbc01},
		{"cvt.rn.f16.f32 %rs0, %f1", in(nan32), 0x7fff},
	})
}
