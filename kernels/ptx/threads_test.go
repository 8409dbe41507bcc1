package ptx

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Tests of interactions between threads, on PTX written for the purpose.

// body wraps statements in a kernel k of two pointer parameters; %t is the thread's index and %p0 whether it is odd.
// %out and %in point to the thread's word of the first and second array.
func body(statements string) string {
	return header + `.visible .entry k(.param .u64 out, .param .u64 in)
{
	.reg .pred %p<9>; .reg .b16 %rs<9>; .reg .b32 %r<9>, %t; .reg .f32 %f<9>; .reg .b64 %rd<9>, %out, %in, %out0, %in0;
	.shared .align 4 .b8 s[256];
	mov.u32 %t, %tid.x; and.b32 %r0, %t, 1; setp.eq.u32 %p0, %r0, 1;
	mul.wide.u32 %rd0, %t, 4; ld.param.u64 %out0, [out]; ld.param.u64 %in0, [in];
	add.s64 %out, %out0, %rd0; add.s64 %in, %in0, %rd0;
	shl.b32 %r0, %t, 2; mov.u32 %r8, s; add.s32 %r8, %r8, %r0; // the thread's word of shared memory
` + statements + "\n}\n"
}

// runBody runs the statements in one block with in as the second array and gives the first.
func runBody(t *testing.T, g gpu, threads int, statements string, in []uint32) ([]uint32, error) {
	t.Helper()
	m, err := Parse(body(statements))
	if err != nil {
		t.Fatal(err)
	}
	out := make([]uint32, threads)
	if in == nil {
		in = out
	}
	addr := g.upload(out)
	err = g.try(m, "k", d1(1), d1(threads), 0, addr, g.upload(in))
	g.download(addr, out)
	return out, err
}

func wantWords(t *testing.T, what string, got []uint32, want func(i int) uint32) {
	t.Helper()
	for i, v := range got {
		if v != want(i) {
			t.Errorf("%s: thread %d has %#x, want %#x", what, i, v, want(i))
			return
		}
	}
}

func TestJumpTable(t *testing.T) {
	const text = `
	ld.global.u32 %r1, [%in];
	@!%p0 bra DONE;
	brx.idx %r1, TABLE;
TABLE: .branchtargets A, B, C;
A:	mov.u32 %r2, 10; bra JOIN;
B:	mov.u32 %r2, 20; bra JOIN;
C:	mov.u32 %r2, 30;
JOIN:
	activemask.b32 %r3;
	add.s32 %r2, %r2, %r3;
	st.global.u32 [%out], %r2;
DONE: ret;`
	in := make([]uint32, 64)
	for i := range in {
		in[i] = uint32(i / 2 % 3)
	}
	got, err := runBody(t, newGPU(t), 64, text, in)
	if err != nil {
		t.Fatal(err)
	}
	wantWords(t, "brx", got, func(i int) uint32 {
		if i%2 == 0 {
			return 0
		}
		return (in[i]+1)*10 + 0xaaaaaaaa // all odd lanes have met again
	})
	in[5] = 3
	_, err = runBody(t, newGPU(t), 64, text, in)
	wantFault(t, err, FaultBounds, "index 3 of a table of 3 labels", "thread (5,0,0)")
}

func TestGuards(t *testing.T) {
	got, err := runBody(t, newGPU(t), 40, `
	mov.u32 %r1, 7;
	@%p0 add.s32 %r1, %r1, 1;
	@!%p0 mul.lo.s32 %r1, %r1, 3;
	@%p0 st.global.u32 [%out], %r1;
	@%p0 ret;
	st.global.u32 [%out], %r1;`, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantWords(t, "guards", got, func(i int) uint32 { return []uint32{21, 8}[i%2] })
}

func TestSpecialRegisters(t *testing.T) {
	text := header + `.entry k(.param .u64 out) {
	.reg .b32 %r<12>; .reg .b64 %rd<4>; .reg .pred %p<2>;
	mov.u32 %r0, %tid.x; mov.u32 %r1, %tid.y; mov.u32 %r2, %tid.z;
	mov.u32 %r3, %ntid.x; mov.u32 %r4, %ntid.y; mov.u32 %r5, %ntid.z;
	mad.lo.u32 %r6, %r2, %r4, %r1; mad.lo.u32 %r6, %r6, %r3, %r0; // the thread within the block
	mov.u32 %r7, %ctaid.z; mov.u32 %r8, %nctaid.y; mov.u32 %r9, %ctaid.y; mad.lo.u32 %r7, %r7, %r8, %r9;
	mov.u32 %r8, %nctaid.x; mov.u32 %r9, %ctaid.x; mad.lo.u32 %r7, %r7, %r8, %r9; // the block within the grid
	mul.lo.u32 %r8, %r3, %r4; mul.lo.u32 %r8, %r8, %r5; mad.lo.u32 %r6, %r7, %r8, %r6;
	ld.param.u64 %rd0, [out]; mul.wide.u32 %rd1, %r6, 32; add.s64 %rd0, %rd0, %rd1;
	mov.u32 %r1, %laneid; mov.u32 %r2, %warpid; mov.u32 %r3, %nwarpid;
	mov.u32 %r4, %lanemask_eq; mov.u32 %r5, %lanemask_lt;
	mov.u32 %r7, %lanemask_ge; mov.u32 %r8, %lanemask_gt; mov.u32 %r9, %lanemask_le;
	st.global.v4.u32 [%rd0], {%r1, %r2, %r3, %r4}; st.global.v4.u32 [%rd0+16], {%r5, %r7, %r8, %r9};
	}`
	m, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	g := newGPU(t)
	grid, block := [3]int{2, 3, 2}, [3]int{5, 4, 3}
	got := make([]uint32, 8*12*60)
	out := g.upload(got)
	g.launch(m, "k", grid, block, 0, out)
	g.download(out, got)
	for i := range 12 * 60 {
		thread := i % 60
		lane := thread % 32
		eq := uint32(1) << lane
		want := []uint32{uint32(lane), uint32(thread / 32), 2, eq, eq - 1, -eq, -eq &^ eq, eq | (eq - 1)}
		if !slices.Equal(got[8*i:8*i+8], want) {
			t.Fatalf("thread %d: %#x, want %#x", i, got[8*i:8*i+8], want)
		}
	}
}

func TestSubgroupShuffles(t *testing.T) {
	// Odd and even lanes shuffle among themselves by one instruction with different masks.
	got, err := runBody(t, newGPU(t), 32, `
	selp.b32 %r1, 0xaaaaaaaa, 0x55555555, %p0;
	shfl.sync.bfly.b32 %r2|%p1, %t, 2, 31, %r1;
	selp.b32 %r3, 100, 0, %p1;
	add.s32 %r2, %r2, %r3;
	st.global.u32 [%out], %r2;`, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantWords(t, "shfl", got, func(i int) uint32 { return uint32(i^2) + 100 })

	// The even lanes arrive first and wait; the odd ones reach the same shuffle by another path.
	got, err = runBody(t, newGPU(t), 32, `
	mov.u32 %r2, 1;
	@!%p0 bra SHUFFLE;
	mov.u32 %r2, 2;
	bra.uni LATER;
SHUFFLE:
	shfl.sync.bfly.b32 %r3, %r2, 1, 31, -1;
	st.global.u32 [%out], %r3;
	ret;
LATER:
	add.s32 %r2, %r2, 5;
	bra SHUFFLE;`, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantWords(t, "late", got, func(i int) uint32 { return []uint32{7, 1}[i%2] })

	// Lanes that have exited are not waited for, even if named.
	got, err = runBody(t, newGPU(t), 32, `
	@!%p0 bra SHUFFLE;
	st.global.u32 [%out], 5;
	bra LATER;
SHUFFLE:
	vote.sync.ballot.b32 %r3, %p0, -1;
	add.s32 %r3, %r3, 1;
	st.global.u32 [%out], %r3;
	ret;
LATER:
	ret;`, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantWords(t, "exited", got, func(i int) uint32 { return []uint32{1, 5}[i%2] })
}

func TestVoteModes(t *testing.T) {
	for _, c := range []struct {
		mode string
		want [3]uint32 // if none, the odd or all lanes hold
	}{{"all", [3]uint32{0, 0, 1}}, {"any", [3]uint32{0, 1, 1}}, {"uni", [3]uint32{1, 0, 1}}} {
		for i, p := range []string{"setp.ne.u32 %p1, 0, 0;", "mov.pred %p1, %p0;", "setp.eq.u32 %p1, 0, 0;"} {
			got, err := runBody(t, newGPU(t), 40,
				p+"vote.sync."+c.mode+".pred %p2, %p1, -1; selp.b32 %r1, 1, 0, %p2; st.global.u32 [%out], %r1;", nil)
			if err != nil {
				t.Fatal(err)
			}
			wantWords(t, c.mode, got, func(int) uint32 { return c.want[i] })
		}
	}
}

func TestReductionsOfAWarp(t *testing.T) {
	for op, want := range map[string]uint32{
		"add.s32": uint32(1<<32 - 496&0xffffffff), "min.s32": uint32(1<<32 - 31), "max.s32": 0, "min.u32": 0,
		"max.u32": 0xffffffff,
		"and.b32": 0, "or.b32": 0xffffffff, "xor.b32": 0,
	} {
		got, err := runBody(t, newGPU(t), 32, "neg.s32 %r1, %t; redux.sync."+op+" %r2, %r1, -1; st.global.u32 [%out], %r2;",
			nil)
		if err != nil {
			t.Fatal(err)
		}
		if op == "xor.b32" {
			want = 0
			for i := range uint32(32) {
				want ^= -i
			}
		}
		wantWords(t, op, got, func(int) uint32 { return want })
	}
}

// Each pair of accesses, in this order by different threads, with nothing, a warp barrier or a block barrier between.
func TestSharedHazards(t *testing.T) {
	const read, write, atomic = "ld.shared.u32 %r1, [s];", "st.shared.u32 [s], %t;", "red.shared.add.u32 [s], 1;"
	for _, c := range []struct {
		first, second string
		race          bool
	}{
		{read, read, false}, {read, write, true}, {write, read, true}, {write, write, true},
		{atomic, atomic, false}, {atomic, read, true}, {read, atomic, true}, {atomic, write, true}, {write, atomic, true},
	} {
		for _, between := range []string{"", "bar.warp.sync -1;", "bar.sync 0;"} {
			for _, other := range []int{1, 32} { // a thread of the same warp, and of another
				g := newGPU(t)
				g.Uninitialised = false
				_, err := runBody(t, g, 64, fmt.Sprintf("setp.eq.u32 %%p1, %%t, 0; setp.eq.u32 %%p2, %%t, %d; @%%p1 %s %s @%%p2 %s",
					other, c.first, between, c.second), nil)
				race := c.race && (between == "" || between != "bar.sync 0;" && other == 32)
				if race {
					wantFault(t, err, FaultRace, "byte 0 of shared memory", fmt.Sprintf("thread (%d,0,0)", other))
				} else if err != nil {
					t.Errorf("%s %s %s by thread %d: %v", c.first, between, c.second, other, err)
				}
				g.Race = false
				if _, err := runBody(t, g, 64, fmt.Sprintf("setp.eq.u32 %%p1, %%t, 0; @%%p1 %s @!%%p1 %s", c.first, c.second),
					nil); err != nil {
					t.Errorf("with Race off: %v", err)
				}
			}
		}
	}
}

func TestHazardGranularity(t *testing.T) {
	g := newGPU(t)
	// Neighbouring bytes are different places.
	if _, err := runBody(t, g, 64,
		"mov.u32 %r1, s; add.s32 %r1, %r1, %t; st.shared.u8 [%r1], %t; ld.shared.u8 %r2, [%r1];", nil); err != nil {
		t.Error(err)
	}
	g.Race = false
	_, err := runBody(t, g, 64, "mov.u32 %r1, s; add.s32 %r1, %r1, %t; st.shared.u8 [%r1], %t; ld.shared.u8 %r2, [%r1+1];",
		nil)
	wantFault(t, err, FaultUninitialised, "byte 32,") // lane 31 reads what the next warp has not yet written
	g.Race, g.Uninitialised = true, false
	_, err = runBody(t, g, 64,
		"mov.u32 %r1, s; add.s32 %r1, %r1, %t; st.shared.u8 [%r1], %t; bar.warp.sync -1; ld.shared.u8 %r2, [%r1+1];", nil)
	wantFault(t, err, FaultRace, "byte 32 ", "thread (31,0,0)")
	// A vector covers several words.
	_, err = runBody(t, g, 2, "@%p0 bra X; st.shared.v4.u32 [s+16], {%t, %t, %t, %t}; ret; X: ld.shared.u32 %r1, [s+28];",
		nil)
	wantFault(t, err, FaultRace, "byte 28 ")
	// Two lanes that write one word in the same instruction.
	_, err = runBody(t, g, 2, "st.shared.u32 [s], %t;", nil)
	wantFault(t, err, FaultRace, "thread (1,0,0)", "writes byte 0", "thread (0,0,0) wrote")
}

func TestUninitialised(t *testing.T) {
	g := newGPU(t)
	_, err := runBody(t, g, 32, "ld.shared.u32 %r1, [%r8];", nil)
	wantFault(t, err, FaultUninitialised, "byte 0,")
	_, err = runBody(t, g, 32, "atom.shared.add.u32 %r1, [%r8], 1;", nil)
	wantFault(t, err, FaultUninitialised, "byte 0,")
	g.Uninitialised = false
	got, err := runBody(t, g, 32, "ld.shared.u32 %r1, [%r8]; st.global.u32 [%out], %r1;", nil)
	if err != nil {
		t.Fatal(err)
	}
	wantWords(t, "poison", got, func(int) uint32 { return 0xffffffff })
}

func TestBarrierFaults(t *testing.T) {
	for _, c := range []struct {
		text  string
		kind  FaultKind
		parts []string
	}{
		{"@%p0 bar.sync 0;", FaultBarrier, []string{"thread (0,0,0) has exited"}},
		{"@%p0 ret; bar.sync 0;", FaultBarrier, []string{"thread (1,0,0) has exited"}},
		{"setp.lt.u32 %p1, %t, 32; @%p1 bra A; bar.sync 0; ret; A: bar.sync 0;", FaultBarrier,
			[]string{"divergent: thread (0,0,0) of the block waits at line"}},
		{"@%p0 bra A; bar.sync 0; ret;\nA: bar.sync 0;", FaultBarrier,
			[]string{"divergent, but thread (0,0,0) of the same warp waits at line 12"}},
		{"@%p0 bra A; bar.sync 0; ret;\nA: bar.warp.sync -1;", FaultBarrier, []string{"divergent, but thread"}},
		{"trap;", FaultTrap, []string{"thread (0,0,0)"}},
		{"@%p0 trap;", FaultTrap, []string{"thread (1,0,0)"}},
		{"L: bra L;", FaultLimit, []string{"endless loop"}},
		{"mov.u32 %r1, 0; L: brx.idx %r1, T;\nT: .branchtargets L;", FaultLimit, []string{"endless loop"}},
	} {
		g := newGPU(t)
		g.Limit = 1000
		_, err := runBody(t, g, 64, c.text, nil)
		wantFault(t, err, c.kind, c.parts...)
	}
	// Barriers with other numbers, in a loop, are fine.
	got, err := runBody(t, newGPU(t), 64, `
	mov.u32 %r1, 0; mov.u32 %r2, 0; xor.b32 %r7, %r8, 128;
L:	bar.sync 1; st.shared.u32 [%r8], %r1; barrier.sync.aligned 2; ld.shared.u32 %r3, [%r7];
	add.s32 %r2, %r2, %r3; add.s32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 5; @%p1 bra L;
	st.global.u32 [%out], %r2;`, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantWords(t, "loop", got, func(int) uint32 { return 10 })
}

func TestGlobalHazards(t *testing.T) {
	run := func(text string, blocks int) error {
		m, err := Parse(body(text))
		if err != nil {
			t.Fatal(err)
		}
		g := newGPU(t)
		return g.try(m, "k", d1(blocks), d1(64), 0, g.upload(make([]uint32, 64)), g.upload(make([]uint32, 64)))
	}
	const first = "mov.u32 %r1, %ctaid.x; setp.eq.u32 %p1, %r1, 0; "
	for _, c := range []struct {
		text   string
		blocks int
		race   bool
	}{
		{"ld.global.u32 %r1, [%out];", 2, false},
		{"st.global.u32 [%out], %t;", 1, false},
		{"st.global.u32 [%out], %t;", 2, true},
		{"red.global.add.u32 [%out0], 1;", 2, false},
		{"red.global.add.u32 [%out0], 1; bar.sync 0; ld.global.u32 %r1, [%out0];", 1, false},
		{"red.global.add.u32 [%out0], 1; bar.sync 0; ld.global.u32 %r1, [%out0];", 2, true},
		{"ld.global.u32 %r1, [%out0]; bar.sync 0; red.global.add.u32 [%out0], 1;", 2, true},
		{"st.global.u32 [%out], %t; bar.sync 0; ld.global.u32 %r1, [%out0];", 1, false},
		{"st.global.u32 [%out], %t; ld.global.u32 %r1, [%out0];", 1, true},
		{"st.global.u32 [%out], %t; membar.gl; ld.global.u32 %r1, [%out0];", 1, true},
		{"ld.global.u32 %r1, [%out0]; bar.sync 0; st.global.u32 [%out], %t;", 1, false},
		{first + "@%p1 ld.global.u32 %r1, [%out]; @!%p1 st.global.u32 [%out], %t;", 2, true},
		{first + "ld.global.u32 %r1, [%out]; bar.sync 0; @!%p1 st.global.u32 [%out], %t;", 2, true},
		{first + "@%p1 st.global.u32 [%out], %t; @!%p1 ld.global.u32 %r1, [%out];", 2, true},
		{first + "@%p1 st.global.u32 [%out], %t; @!%p1 red.global.add.u32 [%out], 1;", 2, true},
		{"add.s64 %rd1, %out0, %rd0; st.global.u8 [%rd1], %t; ld.global.u8 %r1, [%rd1];", 1, false},
		{"shr.u32 %r1, %t, 1; cvt.u64.u32 %rd1, %r1; add.s64 %rd1, %out0, %rd1; st.global.u8 [%rd1], %t;", 1, true},
	} {
		err := run(c.text, c.blocks)
		if c.race {
			wantFault(t, err, FaultRace, "of its allocation", "in the same launch")
		} else if err != nil {
			t.Errorf("%s in %d blocks: %v", c.text, c.blocks, err)
		}
	}
}

func TestMemoryFaults(t *testing.T) {
	for _, c := range []struct {
		text  string
		kind  FaultKind
		parts []string
	}{
		{"ld.global.u32 %r1, [%out+256];", FaultBounds, []string{"thread (0,0,0)", "read of 4 bytes",
			"just past the end of allocation", "(256 bytes)"}},
		{"ld.global.u32 %r1, [%out+4];", FaultBounds, []string{"thread (63,0,0)"}},
		{"st.global.u32 [%out+-4], %t;", FaultBounds, []string{"thread (0,0,0)", "write of 4 bytes",
			"4 bytes before the start of allocation"}},
		{"red.global.add.u32 [%out+260], %t;", FaultBounds, []string{"atomic of 4 bytes", "4 bytes past the end"}},
		{"ld.global.v2.u32 {%r1, %r2}, [%out0+252];", FaultBounds, []string{"read of 8 bytes", "at byte 252 of"}},
		{"ld.u32 %r1, [0];", FaultBounds, []string{"address 0x0"}},
		{"ld.global.u32 %r1, [%out+2];", FaultAlignment, nil},
		{"ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%out0+8];", FaultAlignment, nil},
		{"ld.shared.u32 %r1, [s+256];", FaultBounds, []string{"4 bytes at byte 256 of shared memory, which has 256"}},
		{"st.shared.u32 [s+-4], %r1;", FaultBounds, []string{"byte 4294967292 of shared memory"}},
		{"st.shared.u64 [s+4], %rd1;", FaultAlignment, []string{"byte 4 of shared memory is not a multiple of 8"}},
		{"ld.param.u32 %r1, [in+8];", FaultBounds, []string{"byte 16 of the parameters, which has 16"}},
		{".local .align 4 .b8 l[6]; mov.u64 %rd1, l; ld.local.u32 %r1, [%rd1+16];", FaultBounds, []string{"local memory"}},
		{"mov.u64 %rd1, s; cvta.shared.u64 %rd1, %rd1; st.u32 [%rd1+256], %r1;", FaultBounds, []string{"shared memory"}},
	} {
		_, err := runBody(t, newGPU(t), 64, c.text, nil)
		wantFault(t, err, c.kind, append(c.parts, "kernel k, line 1")...)
	}
	m, err := Parse(header + ".const .u32 c = 5; .entry k() { .reg .b64 %rd; mov.u64 %rd, c; st.global.u32 [%rd], 1; }")
	if err != nil {
		t.Fatal(err)
	}
	g := newGPU(t)
	wantFault(t, g.try(m, "k", d1(1), d1(1), 0), FaultReadOnly, ".const c")
}

// A fault in one block is reported the same way however many workers there are: the first block's.
func TestFirstFaultWins(t *testing.T) {
	m, err := Parse(body("mov.u32 %r1, %ctaid.x; setp.lt.u32 %p1, %r1, 50; @%p1 ret; st.global.u32 [%out+400], %r1;"))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		g := newGPU(t)
		g.GlobalRaces = false
		err := g.try(m, "k", d1(200), d1(64), 0, g.upload(make([]uint32, 64)), uint64(0))
		wantFault(t, err, FaultBounds, "block (50,0,0)")
	}
}

func TestStateDoesNotLeakBetweenLaunches(t *testing.T) {
	m, err := Parse(strings.Replace(body(`
	mov.u32 %r1, d; ld.param.u64 %rd1, [in]; cvt.u32.u64 %r2, %rd1; setp.ne.u32 %p1, %r2, 0;
	add.s32 %r1, %r1, %r0; @%p1 st.shared.u32 [%r1], 9; ld.shared.u32 %r3, [%r1]; st.global.u32 [%out], %r3;`),
		".visible", ".extern .shared .align 8 .b8 d[]; .visible", 1))
	if err != nil {
		t.Fatal(err)
	}
	g := newGPU(t)
	out := g.upload(make([]uint32, 64))
	k, err := m.Kernel("k")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		l := Launch{Grid: d1(1), Block: d1(64), Shared: 256, Args: []any{out, uint64(1 - i%2)}}
		err := g.Launch(k, l)
		if i%2 == 0 && err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 {
			wantFault(t, err, FaultUninitialised)
		}
		g.Race = !g.Race
	}
}
