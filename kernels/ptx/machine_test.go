package ptx

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
)

func wantError(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) || !strings.HasPrefix(err.Error(), "ptx: ") {
		t.Errorf("want an error that says %q, got %v", part, err)
	}
}

func TestAllocations(t *testing.T) {
	m := NewMachine()
	a, err := m.Alloc(10)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 10)
	if err := m.Read(a, got); err != nil || !bytes.Equal(got, bytes.Repeat([]byte{0xff}, 10)) {
		t.Errorf("new memory is %v, %v", got, err)
	}
	b, err := m.Alloc(1 << 20)
	if err != nil || a%256 != 0 || b%256 != 0 || b < a+10+guardGap {
		t.Errorf("allocations at %#x and %#x, %v", a, b, err)
	}
	if err := m.Write(a+4, []byte{1, 2}); err != nil {
		t.Error(err)
	}
	if err := m.Read(a+3, got[:4]); err != nil || !bytes.Equal(got[:4], []byte{255, 1, 2, 255}) {
		t.Errorf("%v, %v", got[:4], err)
	}
	if err := m.Write(0, nil); err != nil {
		t.Error(err)
	}
	if s := m.Stats(); s.Allocations != 2 || s.Bytes != 1<<20+10 || s.PeakBytes != s.Bytes {
		t.Errorf("%+v", s)
	}
	if err := m.Free(a); err != nil {
		t.Error(err)
	}
	if s := m.Stats(); s.Allocations != 1 || s.Bytes != 1<<20 || s.PeakBytes != 1<<20+10 {
		t.Errorf("%+v", s)
	}
	wantError(t, m.Free(a), "freed before")
	wantError(t, m.Free(b+1), "at byte 1 of allocation")
	wantError(t, m.Free(5), "not the start of an allocation")
	wantError(t, m.Write(a, got), "use after free")
	wantError(t, m.Read(b+1<<20-4, got), "out of bounds: at byte 1048572 of allocation")
	wantError(t, m.Read(b-1, got), "1 bytes before the start of allocation")
	wantError(t, m.Read(math.MaxUint64, got), "past the end")
	wantError(t, NewMachine().Read(5, got), "no allocations")
	_, err = m.Alloc(0)
	wantError(t, err, "cannot allocate 0 bytes")
	_, err = m.Alloc(-1)
	wantError(t, err, "cannot allocate -1 bytes")
	_, err = m.Alloc(1 << 60)
	wantError(t, err, "no addresses left")
	// Addresses are not used again.
	c, err := m.Alloc(10)
	if err != nil || c <= b {
		t.Errorf("%#x after %#x, %v", c, b, err)
	}
}

func TestLaunchRefusals(t *testing.T) {
	mod, err := Parse(header + `
.extern .shared .align 16 .b8 dynamic[];
.entry plain(.param .u64 a, .param .f32 b, .param .s32 c, .param .align 4 .b8 d[12],
	.param .u8 e, .param .u16 f, .param .f64 g) { ret; }
.entry bounded() .maxntid 64, 2, 1 { ret; }
.entry required() .reqntid 64 { ret; }
.entry shared() { .reg .b32 %r; .shared .b8 s[100000]; mov.u32 %r, s; mov.u32 %r, dynamic; }`)
	if err != nil {
		t.Fatal(err)
	}
	m := NewMachine()
	try := func(kernel string, l Launch) error {
		k, err := mod.Kernel(kernel)
		if err != nil {
			t.Fatal(err)
		}
		return m.Launch(k, l)
	}
	good := []any{uint64(1), float32(1), int32(1), make([]byte, 12), uint8(1), uint16(1), float64(1)}
	if err := try("plain", Launch{Grid: d1(1), Block: d1(1), Args: good}); err != nil {
		t.Error(err)
	}
	wantError(t, try("plain", Launch{Grid: d1(1), Block: d1(1)}), "kernel plain: want 7 arguments, got 0")
	for i, v := range []any{float32(1), uint32(1), float32(1), make([]byte, 11), int32(1), "x", float32(1)} {
		args := append([]any{}, good...)
		args[i] = v
		wantError(t, try("plain", Launch{Grid: d1(1), Block: d1(1), Args: args}),
			"kernel plain: argument "+string(rune('0'+i))+" (")
	}
	wantError(t, try("bounded", Launch{Grid: d1(0), Block: d1(1)}), "grid (0,1,1)")
	wantError(t, try("bounded", Launch{Grid: [3]int{1, 65536, 1}, Block: d1(1)}), "grid (1,65536,1)")
	wantError(t, try("bounded", Launch{Grid: d1(1), Block: [3]int{1, 1, 65}}), "block (1,1,65)")
	wantError(t, try("bounded", Launch{Grid: d1(1), Block: [3]int{32, 33, 1}}), "more than 1024 threads")
	wantError(t, try("bounded", Launch{Grid: d1(1), Block: d1(129)}), "launch bounds, 128")
	wantError(t, try("required", Launch{Grid: d1(1), Block: d1(32)}), "requires, (64,1,1)")
	wantError(t, try("bounded", Launch{Grid: d1(1), Block: d1(1), Shared: 4}), "the kernel declares none")
	wantError(t, try("shared", Launch{Grid: d1(1), Block: d1(1), Shared: 70000}),
		"100000 bytes of static and 70000 of dynamic shared memory")
	m.SharedLimit = 227 << 10
	if err := try("shared", Launch{Grid: d1(1), Block: d1(1), Shared: 70000}); err != nil {
		t.Error(err)
	}
}

// Machines are independent, one machine may be used from many goroutines, and the counts are right.
func TestConcurrentLaunches(t *testing.T) {
	mod := load(t, "reduce.ptx")
	k, err := mod.Kernel("block_sum")
	if err != nil {
		t.Fatal(err)
	}
	g := gpu{NewMachine(), t}
	x := g.upload(randomFloats(2000))
	var group sync.WaitGroup
	sums := make([][]float32, 8)
	for i := range sums {
		sums[i] = make([]float32, 5)
		out := g.upload(sums[i])
		group.Go(func() {
			for range 5 {
				if err := g.Launch(k, Launch{Grid: d1(5), Block: d1(256), Args: []any{out, x, int32(2000)}}); err != nil {
					t.Error(err)
				}
			}
			g.download(out, sums[i])
		})
	}
	group.Wait()
	for _, s := range sums {
		for j, v := range s {
			if v != sums[0][j] {
				t.Errorf("%v and %v", s, sums[0])
			}
		}
	}
	s := g.Stats()
	if s.Launches != 40 || s.Blocks != 200 || s.Instructions < 40*2000 || s.WarpInstructions*32 < s.Instructions {
		t.Errorf("%+v", s)
	}
}

func TestManyShapes(t *testing.T) {
	mod := load(t, "tile.ptx")
	g := newGPU(t)
	a := g.upload(randomFloats(64))
	k, err := mod.Kernel("matmul")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * maxIdle {
		// With m = 0 nothing is stored, with k = 0 no tile is loaded.
		if err := g.Launch(k, Launch{Grid: d1(1), Block: d1(i + 1),
			Args: []any{a, a, a, int32(0), int32(1), int32(0)}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(g.idle) > maxIdle {
		t.Errorf("%d shapes are kept", len(g.idle))
	}
}

// A struct that is passed by value is read at the offsets of its fields, alone or several at a time, and not beyond its
// end.
func TestStructParameter(t *testing.T) {
	text := header + `.entry k(.param .u32 before, .param .align 8 .b8 p[24]) {
	.reg .b64 %rd<2>; .reg .b32 %r<4>; .reg .f32 %f;
	ld.param.u64 %rd0, [p]; ld.param.v2.u32 {%r0, %r1}, [p+8]; ld.param.f32 %f, [p+16]; ld.param.s32 %r2, [p+20];
	st.global.v2.u32 [%rd0], {%r1, %r0}; st.global.f32 [%rd0+8], %f; st.global.u32 [%rd0+12], %r2; ret; }`
	mod, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	k, err := mod.Kernel("k")
	if err != nil {
		t.Fatal(err)
	}
	g := newGPU(t)
	out := g.upload(make([]uint32, 4))
	p := binary.LittleEndian.AppendUint64(nil, out)
	for _, v := range []uint32{7, 8, math.Float32bits(1.5), math.MaxUint32} {
		p = binary.LittleEndian.AppendUint32(p, v)
	}
	if err := g.Launch(k, Launch{Grid: d1(1), Block: d1(1), Args: []any{uint32(1), p}}); err != nil {
		t.Fatal(err)
	}
	got := make([]uint32, 4)
	g.download(out, got)
	if want := []uint32{8, 7, math.Float32bits(1.5), math.MaxUint32}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
