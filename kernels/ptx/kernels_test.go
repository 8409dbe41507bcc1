package ptx

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The kernels of testdata, compiled by nvcc (testdata/generate.sh), against the same computation in Go.

func load(t testing.TB, file string) *Module {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTestdataIsUpToDate(t *testing.T) {
	files, err := filepath.Glob("testdata/*.cu")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, cu := range files {
		source, err := os.ReadFile(cu)
		if err != nil {
			t.Fatal(err)
		}
		compiled, err := os.ReadFile(strings.TrimSuffix(cu, ".cu") + ".ptx")
		if err != nil {
			t.Fatal(err)
		}
		first, _ := bufio.NewReader(bytes.NewReader(compiled)).ReadString('\n')
		if want := fmt.Sprintf("// source sha256 %x\n", sha256.Sum256(source)); first != want {
			t.Errorf("%s has changed since testdata/generate.sh ran", cu)
		}
	}
}

// gpu is a machine with helpers that fail the test.
type gpu struct {
	*Machine
	t testing.TB
}

func newGPU(t testing.TB) gpu {
	m := NewMachine()
	m.GlobalRaces = true
	m.Uninitialised = true
	return gpu{m, t}
}

func encode(v any) []byte {
	b, err := binary.Append(nil, binary.LittleEndian, v)
	if err != nil {
		panic(err)
	}
	return b
}

// upload returns the address of a copy of v, a slice of fixed-size values.
func (g gpu) upload(v any) uint64 {
	g.t.Helper()
	b := encode(v)
	addr, err := g.Alloc(len(b))
	if err != nil {
		g.t.Fatal(err)
	}
	if err := g.Write(addr, b); err != nil {
		g.t.Fatal(err)
	}
	return addr
}

// download fills v, a slice of fixed-size values.
func (g gpu) download(addr uint64, v any) {
	g.t.Helper()
	b := make([]byte, binary.Size(v))
	if err := g.Read(addr, b); err != nil {
		g.t.Fatal(err)
	}
	if _, err := binary.Decode(b, binary.LittleEndian, v); err != nil {
		g.t.Fatal(err)
	}
}

func (g gpu) try(m *Module, kernel string, grid, block [3]int, shared int, args ...any) error {
	g.t.Helper()
	k, err := m.Kernel(kernel)
	if err != nil {
		g.t.Fatal(err)
	}
	return g.Launch(k, Launch{Grid: grid, Block: block, Shared: shared, Args: args})
}

func (g gpu) launch(m *Module, kernel string, grid, block [3]int, shared int, args ...any) {
	g.t.Helper()
	if err := g.try(m, kernel, grid, block, shared, args...); err != nil {
		g.t.Fatal(err)
	}
}

// wantFault checks that err is a fault of the given kind whose message has all the parts.
func wantFault(t *testing.T, err error, kind FaultKind, parts ...string) {
	t.Helper()
	var f *Fault
	if !errors.As(err, &f) || f.Kind != kind {
		t.Fatalf("want a fault of kind %q, got %v", kind, err)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("the message does not say %q: %v", p, err)
		}
	}
}

func d1(n int) [3]int { return [3]int{n, 1, 1} }

func randomFloats(n int) []float32 {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func close32(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %g, want %g", what, got, want)
	}
}

func TestSums(t *testing.T) {
	m := load(t, "reduce.ptx")
	x := randomFloats(1000)
	var want float64
	for _, v := range x {
		want += float64(v)
	}
	for _, c := range []struct {
		kernel string
		blocks int
		shared int
	}{{"block_sum", 3, 0}, {"tree_sum", 4, 4 * 256}} {
		g := newGPU(t)
		partial := make([]float32, c.blocks)
		out := g.upload(partial)
		g.launch(m, c.kernel, d1(c.blocks), d1(256), c.shared, out, g.upload(x), int32(len(x)))
		g.download(out, partial)
		var got float64
		for _, v := range partial {
			got += float64(v)
		}
		close32(t, c.kernel, got, want, 1e-4)
	}

	g := newGPU(t)
	out := g.upload(make([]float32, 32))
	g.launch(m, "warp_tree", d1(1), d1(32), 0, out, g.upload(x[:32]))
	got := make([]float32, 32)
	g.download(out, got)
	want = 0
	for _, v := range x[:32] {
		want += float64(v)
	}
	for _, v := range got {
		close32(t, "warp_tree", float64(v), want, 1e-5)
	}
}

func TestBarrierVotes(t *testing.T) {
	m := load(t, "reduce.ptx")
	for _, positive := range []int{0, 1, 69, 70} {
		x := make([]float32, 70)
		for i := range positive {
			x[i] = 1
		}
		g := newGPU(t)
		got := make([]int32, 3)
		out := g.upload(got)
		g.launch(m, "barrier_votes", d1(1), d1(70), 0, out, g.upload(x))
		g.download(out, got)
		want := []int32{int32(positive), 0, 0}
		if positive == 70 {
			want[1] = 1
		}
		if positive > 0 {
			want[2] = 1
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d of 70: %v, want %v", positive, got, want)
		}
	}
}

func TestTiles(t *testing.T) {
	mod := load(t, "tile.ptx")
	const m, n, k = 20, 37, 50
	a, b := randomFloats(m*k), randomFloats(k*n)
	g := newGPU(t)
	c := make([]float32, m*n)
	out := g.upload(c)
	g.launch(mod, "matmul", [3]int{(n + 15) / 16, (m + 15) / 16, 1}, [3]int{16, 16, 1}, 0, out, g.upload(a), g.upload(b),
		int32(m), int32(n), int32(k))
	g.download(out, c)
	for i := range m {
		for j := range n {
			var want float32 // the same order of operations
			for l := range k {
				want = fma32(a[i*k+l], b[l*n+j], want)
			}
			if got := c[i*n+j]; got != want {
				t.Fatalf("c[%d][%d] = %v, want %v", i, j, got, want)
			}
		}
	}
}

func TestPlantedFaults(t *testing.T) {
	tile, reduce, atomics, warps := load(t, "tile.ptx"), load(t, "reduce.ptx"), load(t, "atomics.ptx"),
		load(t, "warps.ptx")
	const n = 32
	g := newGPU(t)
	a, b, c := g.upload(randomFloats(n*n)), g.upload(randomFloats(n*n)), g.upload(make([]float32, n*n))
	matmul := []any{c, a, b, int32(n), int32(n), int32(n)}
	out, x := g.upload(make([]float32, 256)), g.upload(randomFloats(256))

	g.Race = false
	err := g.try(tile, "matmul_without_first_barrier", d1(2), [3]int{16, 16, 1}, 0, matmul...)
	wantFault(t, err, FaultUninitialised, "no thread of the block has written")
	g.Race = true
	for _, kernel := range []string{"matmul_without_first_barrier", "matmul_without_second_barrier"} {
		h := g
		h.Uninitialised = false
		err := h.try(tile, kernel, d1(2), [3]int{16, 16, 1}, 0, matmul...)
		wantFault(t, err, FaultRace, kernel, "tile.cu:", "shared", "without a barrier in between", "thread (")
		h.Race = false
		h.launch(tile, kernel, d1(1), [3]int{16, 16, 1}, 0, matmul...)
		h.Race, h.Uninitialised = true, true
	}
	err = g.try(tile, "matmul_one_row_too_far", [3]int{2, 2, 1}, [3]int{16, 16, 1}, 0, c, a, b, int32(n), int32(n),
		int32(n-1))
	if err != nil {
		t.Fatal(err) // the row has been written; now it has not
	}
	short := g.upload(randomFloats(n * (n - 1)))
	err = g.try(tile, "matmul_one_row_too_far", [3]int{2, 2, 1}, [3]int{16, 16, 1}, 0, c, a, short, int32(n), int32(n),
		int32(n-1))
	wantFault(t, err, FaultBounds, "matmul_one_row_too_far", "tile.cu:", "block (0,0,0), thread (0,15,0)",
		"read of 4 bytes",
		"just past the end of allocation", "(3968 bytes)", "ld.global")

	wantFault(t, g.try(reduce, "tree_sum_without_barrier", d1(1), d1(256), 1024, out, x, int32(256)), FaultUninitialised)
	g.Uninitialised = false
	wantFault(t, g.try(reduce, "tree_sum_without_barrier", d1(1), d1(256), 1024, out, x, int32(256)), FaultRace,
		"reduce.cu:")
	wantFault(t, g.try(reduce, "warp_tree_without_barrier", d1(1), d1(32), 0, out, x), FaultRace, "reduce.cu:")
	wantFault(t, g.try(reduce, "divergent_barrier", d1(1), d1(64), 0, x), FaultBarrier, "reduce.cu:",
		"thread (32,0,0) has exited")
	wantFault(t, g.try(warps, "lonely_shuffle", d1(1), d1(32), 0, out), FaultWarp, "shfl.sync", "warps.cu:",
		"reads lane 16, which does not take part")
	wantFault(t, g.try(warps, "crossed_shuffles", d1(1), d1(32), 0, out), FaultWarp, "warps.cu:",
		"waits for other lanes of its warp, but thread")
	wantFault(t, g.try(warps, "wrong_mask", d1(1), d1(32), 0, out), FaultWarp, "thread (31,0,0)", "not in its member mask")
	wantFault(t, g.try(atomics, "blocks_collide", d1(2), d1(32), 0, out), FaultRace, "of another block", "atomics.cu:")
	wantFault(t, g.try(atomics, "blocks_read", d1(2), d1(32), 0, out), FaultRace, "of another block", "atomics.cu:")
	g.launch(atomics, "block_shares", d1(2), d1(128), 0, out)
	g.GlobalRaces = false
	g.launch(atomics, "blocks_read", d1(1), d1(32), 0, out)

	if err := g.Free(x); err != nil {
		t.Fatal(err)
	}
	wantFault(t, g.try(reduce, "tree_sum", d1(1), d1(256), 1024, out, x, int32(256)), FaultFreed, "freed", "at byte 0 of")
}

func TestAffine(t *testing.T) {
	m := load(t, "memory.ptx")
	g := newGPU(t)
	x := randomFloats(4 * 40)
	y := make([]float32, len(x))
	out := g.upload(y)
	s := encode(struct {
		Scale, Shift float32
		Weight       float64
		Mask         uint8
		_            [7]byte
	}{Scale: 2.5, Shift: -1})
	g.launch(m, "affine4", d1(2), d1(32), 0, out, g.upload(x), s, int32(40))
	g.download(out, y)
	for i := range x {
		if want := fma32(2.5, x[i], -1); y[i] != want {
			t.Fatalf("y[%d] = %v, want %v", i, y[i], want)
		}
	}
	wantFault(t, g.try(m, "affine4", d1(2), d1(32), 0, out+4, g.upload(x), s, int32(40)), FaultAlignment, "thread (0,0,0)")
}

func TestNarrowTypes(t *testing.T) {
	m := load(t, "memory.ptx")
	g := newGPU(t)
	x := []byte{0, 1, 127, 128, 255, 7}
	y, back := make([]float32, len(x)), make([]byte, len(x))
	yd, bd := g.upload(y), g.upload(back)
	g.launch(m, "bytes", d1(1), d1(32), 0, yd, bd, g.upload(x), float32(0.25), float32(-3), int32(len(x)))
	g.download(yd, y)
	g.download(bd, back)
	for i, v := range x {
		if want := float32(v)*0.25 - 3; y[i] != want {
			t.Errorf("%d as float = %v, want %v", v, y[i], want)
		}
	}
	if !bytes.Equal(x, back) {
		t.Errorf("back to bytes: %v, want %v", back, x)
	}

	a, b, c, d := []int16{-5, 300}, []uint16{65535, 1}, []int8{-128, 5}, []int64{-1 << 40, 123456789012}
	out := g.upload(make([]int32, 2))
	g.launch(m, "shorts", d1(1), d1(2), 0, out, g.upload(a), g.upload(b), g.upload(c), g.upload(d))
	got := make([]int32, 2)
	g.download(out, got)
	for i := range got {
		if want := int32(a[i])*3 + int32(b[i]) - int32(c[i]) + int32(d[i]>>7) + int32(d[i]%1000); got[i] != want {
			t.Errorf("shorts[%d] = %d, want %d", i, got[i], want)
		}
	}
}

func TestLocalMemory(t *testing.T) {
	m := load(t, "memory.ptx")
	g := newGPU(t)
	r := rand.New(rand.NewPCG(1, 1))
	x := make([]int32, 8*70)
	for i := range x {
		x[i] = int32(r.IntN(100) - 50)
	}
	out := g.upload(x)
	g.launch(m, "local_sort", d1(2), d1(35), 0, out)
	got := make([]int32, len(x))
	g.download(out, got)
	for i := 0; i < len(x); i += 8 {
		slices.Sort(x[i : i+8])
	}
	if !slices.Equal(got, x) {
		t.Errorf("%v, want %v", got, x)
	}
}

func TestGenericPointers(t *testing.T) {
	m := load(t, "memory.ptx")
	want := make([]int32, 7)
	for i := range want {
		want[i*3%7] = int32(i)
	}
	for where := range int32(3) {
		g := newGPU(t)
		got := make([]int32, 2*7*32)
		out := g.upload(got)
		g.launch(m, "generic_pointers", d1(1), d1(32), 0, out, where)
		g.download(out, got)
		for i := range 32 {
			if !slices.Equal(got[7*i:7*i+7], want) {
				t.Fatalf("where %d, thread %d: %v, want %v", where, i, got[7*i:7*i+7], want)
			}
		}
	}
}

func TestModuleVariables(t *testing.T) {
	m := load(t, "memory.ptx")
	g := newGPU(t)
	y, count := make([]float32, 4), make([]uint32, 1)
	yd, cd := g.upload(y), g.upload(count)
	index := g.upload([]int32{3, 1, 0, 2})
	for i := range uint32(3) {
		g.launch(m, "constants", d1(1), d1(4), 0, yd, index, cd)
		g.download(yd, y)
		g.download(cd, count)
		if !slices.Equal(y, []float32{0.0625, 0.25, 0.5, 0.125}) || count[0] != 7+i {
			t.Fatalf("launch %d: %v, %d", i, y, count[0])
		}
	}
	addr, size, err := g.Symbol(m, "calls")
	if err != nil || size != 4 {
		t.Fatal(size, err)
	}
	g.download(addr, count)
	if count[0] != 10 {
		t.Errorf("calls = %d, want 10", count[0])
	}
	if _, _, err := g.Symbol(m, "nothing"); err == nil {
		t.Error("no error for an unknown variable")
	}
	// Another machine has its own copy.
	h := newGPU(t)
	h.launch(m, "constants", d1(1), d1(4), 0, h.upload(y), h.upload([]int32{3, 1, 0, 2}), h.upload(count))

	wantFault(t, g.try(m, "constants", d1(1), d1(4), 0, yd, g.upload([]int32{0, 1, 2, 9}), cd), FaultBounds,
		".const weights")
}

func TestSwitch(t *testing.T) {
	m := load(t, "memory.ptx")
	g := newGPU(t)
	y := make([]int32, 64)
	for i := range 8 {
		y[i] = int32(100 + 17*i)
	}
	x := make([]int32, 32)
	for i := range x {
		x[i] = int32(i % 9)
	}
	out := g.upload(y)
	g.launch(m, "table", d1(1), d1(32), 0, out, g.upload(x))
	g.download(out, y)
	want := []int32{17, y[0] + 3, int32(bits.OnesCount32(uint32(y[1]))), y[2] / 3, y[3] ^ 5, y[4] - y[5], y[6] << 3,
		y[7] % 5, -1}
	for i, v := range x {
		if got := y[32+i]; got != want[v] {
			t.Errorf("case %d: %d, want %d", v, got, want[v])
		}
	}
}

func TestAtomics(t *testing.T) {
	m := load(t, "atomics.ptx")
	g := newGPU(t)
	x := make([]byte, 1000)
	want := make([]uint32, 16)
	for i := range x {
		x[i] = byte(i * i / 3)
		want[x[i]&15]++
	}
	bins := make([]uint32, 16)
	out := g.upload(bins)
	g.launch(m, "histogram", d1(3), d1(100), 0, out, g.upload(x), int32(len(x)))
	g.download(out, bins)
	if !slices.Equal(bins, want) {
		t.Errorf("histogram %v, want %v", bins, want)
	}

	v := randomFloats(96)
	sum, sum64, count := g.upload([]float32{0}), g.upload([]float64{0}), g.upload([]uint64{5})
	g.launch(m, "sums", d1(3), d1(32), 0, sum, sum64, count, g.upload(v))
	s, s64, n := make([]float32, 1), make([]float64, 1), make([]uint64, 1)
	g.download(sum, s)
	g.download(sum64, s64)
	g.download(count, n)
	var wantSum float32
	var wantSum64 float64
	for _, x := range v { // in the order of the grid
		wantSum += x
		wantSum64 += float64(x)
	}
	if s[0] != wantSum || s64[0] != wantSum64 || n[0] != 101 {
		t.Errorf("sums %v %v %v, want %v %v 101", s, s64, n, wantSum, wantSum64)
	}

	g.GlobalRaces = false // the first read of the value is not atomic
	best := g.upload([]float32{float32(math.Inf(-1))})
	g.launch(m, "largest", d1(3), d1(32), 0, best, g.upload(v))
	g.download(best, s)
	if s[0] != slices.Max(v) {
		t.Errorf("largest %v, want %v", s, slices.Max(v))
	}

	a, b := g.upload([]int32{0, 0, 100, 7, 0, -1}), g.upload([]uint32{5, 5, 9, 9, 77, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1})
	g.launch(m, "integers", d1(1), d1(8), 0, a, b)
	ga, gb := make([]int32, 6), make([]uint32, 16)
	g.download(a, ga)
	g.download(b, gb)
	if want := []int32{-5, 2, 100 - 28, 7, 255, ^255}; !slices.Equal(ga, want) {
		t.Errorf("signed: %v, want %v", ga, want)
	}
	if want := []uint32{3, 7, 3, 10, 7, 0, 0, 0, 77, 0, 1, 2, 3, 4, 5, 6}; !slices.Equal(gb, want) {
		t.Errorf("unsigned: %v, want %v", gb, want)
	}
}

func TestVotes(t *testing.T) {
	m := load(t, "warps.ptx")
	x := make([]int32, 32)
	var ballot, sum, xor uint32
	for i := range x {
		x[i] = int32(i * 7 % 5)
		if x[i] > 2 {
			ballot |= 1 << i
		}
		sum += uint32(x[i])
		xor ^= uint32(x[i])
	}
	g := newGPU(t)
	y := make([]uint32, 8*32)
	out := g.upload(y)
	g.launch(m, "votes", d1(1), d1(32), 0, out, g.upload(x))
	g.download(out, y)
	for i := range x {
		var same uint32
		for j := range x {
			if x[j] == x[i] {
				same |= 1 << j
			}
		}
		active := ballot // and for the others the complement of the complement
		if want := []uint32{ballot, 0, 1, same, 0, sum + 4000, xor, active}; !slices.Equal(y[8*i:8*i+8], want) {
			t.Errorf("lane %d: %#x, want %#x", i, y[8*i:8*i+8], want)
		}
	}
	g.launch(m, "votes", d1(1), d1(32), 0, out, g.upload(slices.Repeat([]int32{3}, 32)))
	g.download(out, y)
	if want := []uint32{fullMask, 1, 1, fullMask, 0, 96 + 3000 + 300000, 0, fullMask}; !slices.Equal(y[:8], want) {
		t.Errorf("all equal: %#x, want %#x", y[:8], want)
	}
}

func TestShuffles(t *testing.T) {
	m := load(t, "warps.ptx")
	g := newGPU(t)
	y := make([]int32, 128)
	out := g.upload(y)
	g.launch(m, "shuffles", d1(1), d1(32), 0, out)
	g.download(out, y)
	for i := range 32 {
		up, down, xor := i, i, i^5
		if i >= 3 {
			up = i - 3
		}
		if i%16+3 < 16 {
			down = i + 3
		}
		if want := []int32{int32(up), int32(down), int32(xor),
			int32(i&16 | i*7%16)}; !slices.Equal([]int32{y[i], y[32+i], y[64+i], y[96+i]}, want) {
			t.Errorf("lane %d: %v, want %v", i, []int32{y[i], y[32+i], y[64+i], y[96+i]}, want)
		}
	}
}

func TestDivergence(t *testing.T) {
	m := load(t, "warps.ptx")
	g := newGPU(t)
	x, steps := make([]int32, 32), make([]int32, 32)
	for i := range x {
		x[i] = int32(i*i + 1)
		for n := x[i]; n != 1; steps[i]++ {
			if n%2 == 1 {
				n = 3*n + 1
			} else {
				n /= 2
			}
		}
	}
	y := make([]int32, 32)
	out := g.upload(y)
	g.launch(m, "collatz", d1(1), d1(32), 0, out, g.upload(x))
	g.download(out, y)
	for i := range y {
		if want := steps[i] + steps[i^1]; y[i] != want {
			t.Errorf("collatz of %d: %d, want %d", x[i], y[i], want)
		}
	}

	g.launch(m, "halves", d1(1), d1(32), 0, out)
	g.download(out, y)
	for i := range y {
		want := int32(31 * 31)
		if i < 16 {
			want = 15 * 16 * 31 / 6
		}
		if y[i] != want {
			t.Errorf("halves[%d] = %d, want %d", i, y[i], want)
		}
	}
}

func TestMathFunctions(t *testing.T) {
	mod := load(t, "math.ptx")
	var xs []float32
	for _, v := range []float32{1e-30, 1e-10, 1e-3, 0.1, 0.3, 0.5, 0.7, 1, 1.3, 2, 2.7, 3.1, 5, 10, 30, 80} {
		xs = append(xs, v, -v)
	}
	xs = append(xs, 0)
	third := 1 / 3.0
	type function struct {
		name string
		f    func(x float64) float64
		ulp  float64 // CUDA's documented maximum error, in units of the last place; fast functions: absolute
	}
	sign := func(f func(float64) float64) func(float64) float64 {
		return func(x float64) float64 { return math.Copysign(f(math.Abs(x)), x) }
	}
	// Errors: CUDA C++ Programming Guide, appendix Mathematical Functions.
	for _, c := range []function{
		{"exp", math.Exp, 2}, {"exp2", math.Exp2, 2}, {"log", math.Log, 1}, {"log2", math.Log2, 1}, {"log1p", math.Log1p, 1},
		{"expm1", math.Expm1, 1}, {"sin", math.Sin, 2}, {"cos", math.Cos, 2}, {"tanh", math.Tanh, 2},
		{"sinpi", func(x float64) float64 { return math.Sin(math.Pi * math.Mod(x, 2)) }, 1},
		{"sqrt", math.Sqrt, 0.5}, {"rsqrt", func(x float64) float64 { return 1 / math.Sqrt(x) }, 2},
		{"recip", func(x float64) float64 { return 1 / x }, 0.5}, {"cbrt", math.Cbrt, 1}, {"erf", math.Erf, 2},
		{"pow", func(x float64) float64 { return math.Pow(math.Abs(x), float64(float32(1.7))) }, 4},
		{"softplus", func(x float64) float64 { return math.Log1p(math.Exp(x)) }, 4},
		{"fast_exp", math.Exp, 100}, {"fast_log", math.Log, 1000}, {"fast_div", func(x float64) float64 { return 1 / x }, 2},
		{"round", math.Round, 0}, {"floor", math.Floor, 0}, {"saturate", func(x float64) float64 { return min(max(x, 0), 1) },
			0},
		{"half", func(x float64) float64 { return math.Trunc(x*2) / 2 }, 0},
		{"fma_rd", func(x float64) float64 { return x*x + float64(float32(0.1)) }, 1},
		{"add_rz", func(x float64) float64 { return x + float64(float32(0.3)) }, 1},
		{"mul_ru", func(x float64) float64 { return x * float64(float32(0.3)) }, 1},
		{"div_rd", func(x float64) float64 { return x / 3 }, 1}, {"sqrt_ru", math.Sqrt, 1},
		{"rcp_rz", sign(func(x float64) float64 { return 3 * third / x }), 1},
	} {
		g := newGPU(t)
		ys := make([]float32, len(xs))
		out := g.upload(ys)
		g.launch(mod, "f_"+c.name, d1(1), d1(len(xs)), 0, out, g.upload(xs), int32(len(xs)))
		g.download(out, ys)
		for i, x := range xs {
			got, want := float64(ys[i]), c.f(float64(x))
			w := float32(want)
			if math.IsNaN(want) && math.IsNaN(got) || math.IsInf(float64(w), 0) && float32(got) == w {
				continue
			}
			ulp := math.Max(float64(math.Nextafter32(float32(math.Abs(want)), inf))-float64(float32(math.Abs(want))),
				math.SmallestNonzeroFloat32)
			if c.name == "sinpi" && x != float32(math.Trunc(float64(x))) || c.name != "sinpi" {
				if !(math.Abs(got-want) <= c.ulp*ulp+1e-45) {
					t.Errorf("%s(%g) = %g, want %g, off by %.2f ulp", c.name, x, got, want, math.Abs(got-want)/ulp)
				}
			}
		}
	}

	var xd []float64
	for _, x := range xs {
		xd = append(xd, float64(x)*1.1)
	}
	for _, c := range []function{
		{"exp", math.Exp, 2}, {"log", math.Log, 2}, {"sqrt", math.Sqrt, 0.5},
		{"recip", func(x float64) float64 { return 1 / x }, 0.5},
		{"tofloat", func(x float64) float64 { return float64(float32(x)) }, 0},
	} {
		g := newGPU(t)
		ys := make([]float64, len(xd))
		out := g.upload(ys)
		g.launch(mod, "d_"+c.name, d1(1), d1(len(xd)), 0, out, g.upload(xd), int32(len(xd)))
		g.download(out, ys)
		for i, x := range xd {
			got, want := ys[i], c.f(x)
			if math.IsNaN(want) && math.IsNaN(got) || got == want {
				continue
			}
			ulp := math.Nextafter(math.Abs(want), math.Inf(1)) - math.Abs(want)
			if !(math.Abs(got-want) <= (c.ulp+0.5)*ulp) {
				t.Errorf("%s(%g) = %g, want %g, off by %.2f ulp", c.name, x, got, want, math.Abs(got-want)/ulp)
			}
		}
	}
}
