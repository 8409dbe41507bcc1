package ptx

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const header = ".version 7.8\n.target sm_80\n.address_size 64\n"

// entry wraps a kernel body with a few declarations, on the first line, so that the body starts on line 2.
func entry(body string) string {
	return strings.ReplaceAll(header, "\n", " ") + ".visible .entry k(.param .u64 a, .param .u32 n) { .reg .pred %p<9>;" +
		" .reg .b16 %rs<9>; .reg .b32 %r<9>; .reg .f32 %f<9>; .reg .b64 %rd<9>; .reg .f64 %fd<9>; .shared .align 4 .b8 " +
		"s[64];\n" +
		body + "\n}\n"
}

// Parse refuses what it does not know, naming line and instruction.
func TestRefusals(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{entry("frobnicate.b32 %r1, %r2;"), "line 2: frobnicate.b32 %r1, %r2: unknown instruction frobnicate.b32"},
		{entry("ret;\n\n call.uni (retval0), vprintf, (param0, param1);"),
			"line 4: call.uni (retval0), vprintf, (param0, param1): unknown instruction call.uni"},
		{entry("@%p1 wmma.load.a.sync.aligned.row.m16n16k16.f16 {%r1}, [%rd1], %r2;"), "unknown instruction wmma"},
		{entry("add.foo.f32 %f1, %f2, %f3;"), "line 2: add.foo.f32 %f1, %f2, %f3: unknown modifier .foo"},
		{entry("abs.f32.foo %f1, %f2;"), "type .f32 is not known here"},
		{entry("add.f16 %rs1, %rs2, %rs3;"), "type .f16 is not known here"},
		{entry("add.bf16x2 %r1, %r2, %r3;"), "unknown modifier .bf16x2"},
		{entry("add %f1, %f2, %f3;"), "the type is missing"},
		{entry("add.rn.ftz.f64 %fd1, %fd2, %fd3;"), "for .f64 only .rn is known"},
		{entry("add.sat.u32 %r1, %r2, %r3;"), ".sat is known for .s32 only"},
		{entry("add.s32 %r1, %r2;"), "operand 3 is missing"},
		{entry("add.s32 %r1, %r2, %r3, %r4;"), "want 3 operands, got 4"},
		{entry("add.s32 %r1, %r2, %rd3;"), "register %rd3 of type .b64 cannot be read as .s32"},
		{entry("add.s64 %r1, %rd2, %rd3;"), "register %r1 of type .b32 cannot hold .s64"},
		{entry("add.s32 %r1, %r2, %r9;"), "unknown name %r9"},
		{entry("add.s32 %r1, %r2, %p1;"), "cannot be read"},
		{entry("add.s32 %r1, %r2, 0f3F800000;"), "an operand does not fit type .s32"},
		{entry("add.f32 %f1, %f2, 1;"), "an operand does not fit type .f32"},
		{entry("add.f32 %f1, %f2, [%rd1];"), "an operand does not fit type .f32"},
		{entry("add.f32 5, %f2, %f1;"), "the destination is not a register"},
		{entry("add.s32 %r1, %r2, !%p1;"), "a predicate is not allowed here"},
		{entry("mul.s32 %r1, %r2, %r3;"), "one of .lo, .hi and .wide is missing"},
		{entry("fma.f32 %f1, %f2, %f3, %f4;"), "the rounding mode is missing"},
		{entry("ex2.f32 %f1, %f2;"), "only .approx is known"},
		{entry("sqrt.approx.f64 %fd1, %fd2;"), "cannot be combined"},
		{entry("cvt.f32.s32 %f1, %r1;"), "the conversion needs one of .rn"},
		{entry("cvt.rn.s32.f32 %r1, %f1;"), "the conversion needs one of .rni"},
		{entry("cvt.f32.f64 %f1, %fd1;"), "the rounding mode is missing"},
		{entry("cvt.rn.f32.f32 %f1, %f2;"), "does not round"},
		{entry("cvt.rn.bf16.f32 %rs1, %f2;"), "unknown modifier .bf16"},
		{entry("setp.xx.s32 %p1, %r1, %r2;"), "unknown comparison .xx of type .s32"},
		{entry("setp.lt.b32 %p1, %r1, %r2;"), "unknown comparison .lt of type .b32"},
		{entry("setp.ltu.s32 %p1, %r1, %r2;"), "unknown comparison .ltu of type .s32"},
		{entry("setp.lt.s32 %r3, %r1, %r2;"), "the destination is not a predicate"},
		{entry("selp.b32 %r3, %r1, %r2, %r4;"), "operand 4 is not a predicate"},
		{entry("@%r1 ret;"), "%r1 is not a predicate"},
		{entry("bra nowhere;"), "line 2: bra nowhere: no label nowhere"},
		{entry("brx.idx %r1, nowhere;"), "no table nowhere"},
		{entry("T: .branchtargets L1;\nbrx.idx %r1, T;"), "no label L1"},
		{entry("L: L: ret;"), "label L is defined twice"},
		{entry("ld.global.v3.f32 {%f1,%f2,%f3}, [%rd1];"), "unknown modifier .v3"},
		{entry("ld.global.v4.f64 {%fd1,%fd2,%fd3,%fd4}, [%rd1];"), "a load of 4 times .f64 is not known"},
		{entry("ld.global.v2.f32 %f1, [%rd1];"), "operand 1 is not a vector of 2"},
		{entry("ld.global.f32 %f1, %rd1;"), "operand 2 is not an address"},
		{entry("ld.global.f32 %f1, [%r1];"), "register %r1 of type .b32 is not an address"},
		{entry("ld.global.f32 %f1, [s];"), "s is not in global memory"},
		{entry("ld.global.f32 %f1, [b];"), "unknown name b"},
		{entry("ld.param.u32 %r1, [b];"), "unknown name b"},
		{entry("ld.relaxed.global.f32 %f1, [%rd1];"), "the scope is missing"},
		{entry("ld.global.evict.f32 %f1, [%rd1];"), "unknown modifier .evict"},
		{entry("st.const.f32 [%rd1], %f1;"), "a store to const memory is not known"},
		{entry("atom.global.add.noftz.f16x2 %r1, [%rd1], %r2;"), "unknown modifier .noftz"},
		{entry("atom.global.min.f32 %f1, [%rd1], %f2;"), "unknown atomic operation .min of type .f32"},
		{entry("red.global.xor.u32 [%rd1], %r2;"), "unknown atomic operation"},
		{entry("bar.sync 0, 64;"), "want 1 operands, got 2"},
		{entry("bar.sync %r1;"), "the barrier is not a constant"},
		{entry("bar.arrive 0, 64;"), "only .sync and .red are known"},
		{entry("shfl.down.b32 %r1, %r2, %r3, %r4;"), "only shfl.sync is known"},
		{entry("vote.ballot.b32 %r1, %p1;"), "only vote.sync is known"},
		{entry("redux.sync.add.b32 %r1, %r2, %r3;"), "does not fit the type"},
		{entry("cp.async.ca.shared.global [%r1], [%rd1], 16;"), "unknown instruction cp.async"},
		{entry("mov.b64 {%r1, %r2, %r3}, %rd1;"), "a vector of 3 does not fit type .b64"},
		{entry("mov.u64 {%r1, %r2}, %rd1;"), "a vector of 2 does not fit type .u64"},
		{entry("mov.u32 %r1, %clock;"), "unknown name %clock"},
		{entry("lop3.b32 %r1, %r2, %r3, %r4, 256;"), "the table is not a constant below 256"},
		{entry("fence.proxy.async;"), "the scope is missing"},
		{entry(".reg .b128 %q;"), "unknown type .b128"},
		{entry(".reg .b32 %r<4>;"), "register %r is declared twice"},
		{entry(".shared .b8 s[4];"), "s is declared twice"},
		{entry(".shared .b8 big[4000000];\nmov.u32 %r1, big;"), "are too many"},
		{entry(".pragma \"unroll\";"), "unknown .pragma \"unroll\""},
		{entry(".callprototype _;"), "unknown directive .callprototype"},
		{entry("add.s32 %r1, %r2, 0x1G;"), "0x1G is not a number"},
		{entry("add.s32 %r1, %r2, 1"), "want \";\""},
		{header + ".func (.reg .b32 r) f() { ret; }", "line 4: unknown directive .func"},
		{header + ".visible .func f();", "unknown directive .visible .func"},
		{header + ".entry k() .maxclusterrank 4 { ret; }", "unknown directive .maxclusterrank"},
		{header + ".entry k(.param .u64 a, .param .u64 a) { ret; }", "parameter a is declared twice"},
		{header + ".entry k(.param .b8 a[5000]) { ret; }", "parameters beyond 4096 bytes"},
		{header + ".entry k() { ret; } .entry k() { ret; }", "kernel k is defined twice"},
		{header + ".entry k() { ret;", "kernel k has no end"},
		{header + ".global .texref t;", "unknown type .texref"},
		{header + ".global .f32 x[];", "x has no size"},
		{header + ".extern .global .f32 x[4];", ".extern x is not defined in this module"},
		{header + ".global .s32 x[1] = {1, 2};", "too many initial values"},
		{header + ".global .s32 x = 0f3F800000;", "is not a value of type .s32"},
		{header + ".shared .s32 x = 1;", "cannot have an initial value"},
		{header + ".const .align 3 .b8 x[4];", "alignment 3 is not a power of two"},
		{".version 7.8 .target sm_80 .address_size 32", "only 64-bit addresses are known"},
		{".target gfx90a", "unknown target gfx90a"},
		{"hello", "unknown directive hello"},
		{"?", "unexpected character '?'"},
		{"/* ", "comment without end"},
		{"\"abc\n", "string without end"},
	} {
		_, err := Parse(c.text)
		if err == nil {
			t.Errorf("not refused: %s", c.text)
		} else if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "ptx: ") {
			t.Errorf("%s\ngot  %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestAccepted(t *testing.T) {
	for _, text := range []string{
		"",
		header + "// nothing\n/* at\nall */",
		".version 8.3 .target sm_90, debug .address_size 64",
		header + ".file 1 \"/a/b.cu\"\n.section .debug_str { .b8 1,2 L: .b8 3 }\n.entry k { .loc 1 2 3, function_name " +
			"L, inlined_at 1 4 5\n ret; }",
		header + ".entry k(.param .u64 .ptr .global .align 4 a, .param .align 8 .b8 b[12]) .maxntid 256, 1, 1 " +
			".minnctapersm 2 .maxnreg 64 .pragma \"nounroll\"; { ret; }",
		header + ".weak .entry k() .reqntid 32 { ret; }",
		header + ".global .align 4 .u32 x[2][3] = {1, -2, 0xff}; .const .f32 y = 0f3F800000; .global .f64 z[] = {1.5, " +
			"0d0000000000000000}; .global .align 8 .b8 w[16];",
		entry("{ .reg .b32 t, u; add.s32 t, %r1, 1; { .reg .b64 t; mov.b64 t, {%r1, u}; } mov.u32 %r1, t; }"),
		entry("ld.global.nc.L2::128B.v2.f32 {%f1, _}, [%rd1+-8]; ld.volatile.shared.u32 %r1, [s+4]; " +
			"ld.acquire.gpu.global.u32 %r1, [%rd1]; ld.global.cg.b8 %rs1, [%rd1-1];"),
		entry("st.release.sys.global.u32 [%rd1], %r1; st.global.wt.u8 [%rd1], %r1; st.v4.f32 [%rd1], {%f1, %f2, %f3, " +
			"0f00000000};"),
		entry("membar.gl; membar.cta; fence.sc.gpu; fence.acq_rel.sys; @%p1 membar.sys;"),
		entry("barrier.sync.aligned 3; bar.sync 0; barrier.cta.sync 1; barrier.red.popc.aligned.u32 %r1, 0, !%p1; " +
			"bar.warp.sync 0xffffffff;"),
		entry("atom.relaxed.gpu.global.add.f32 %f1, [%rd1], %f2; atom.add.u32 _, [%rd1], 1; red.shared.add.f32 [s], " +
			"%f1; atom.shared.cta.cas.b64 %rd1, [%r1], %rd2, %rd3;"),
		entry("bra.uni L; L: @!%p1 bra L; exit; trap; .pragma \"nounroll\";"),
		entry("mov.u32 %r1, s; mov.u64 %rd1, s; mov.b64 %rd2, a; cvta.shared.u64 %rd1, %rd1; cvta.to.shared.u64 %rd1, " +
			"%rd1; mov.u64 %rd3, s+8;"),
	} {
		if _, err := Parse(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestKernelLookup(t *testing.T) {
	m := load(t, "tile.ptx")
	if _, err := m.Kernel("matmull"); err == nil || !strings.Contains(err.Error(), `no kernel "matmull"`) ||
		!strings.Contains(err.Error(), `"matmul"`) {
		t.Error(err)
	}
	if names := m.Kernels(); len(names) != 4 || names[0] != "matmul" {
		t.Error(names)
	}
	if k, _ := m.Kernel("matmul"); k.Name() != "matmul" || k.SharedBytes() != 2*16*17*4 {
		t.Error(k.Name(), k.SharedBytes())
	}
}

// Parse turns any text into a module or an error, and its modules can be launched, with at most a fault.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.ptx")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		// One kernel per seed: small seeds make the fuzzer fast.
		parts := strings.SplitAfter(string(text), "\n}\n")
		for _, p := range parts[:min(len(parts), 12)] {
			f.Add(p)
		}
	}
	f.Add(entry("T: .branchtargets L, M; brx.idx %r1, T; L: shfl.sync.idx.b32 %r1|%p1, %r2, 3, 31, -1; M: " +
		"bar.red.and.pred %p1, 0, %p2;"))
	f.Add(entry("bfi.b32 %r1, %r2, %r3, %r4, %r5; prmt.b32.rc16 %r1, %r2, %r3, %r4; lop3.b32 %r1, %r2, %r3, %r4, " +
		"0x96; cvt.rn.f16.f32 %rs1, %f1;"))
	f.Add(header + ".const .align 4 .f32 t[2] = {0f3F800000}; .extern .shared .align 16 .b8 d[];" +
		".entry k() { .reg .b64 %rd<2>; mov.u64 %rd1, t+4; st.u32 [d], 1; }")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Parse(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "ptx: ") {
				t.Errorf("unexpected error %v", err)
			}
			return
		}
		for _, name := range m.Kernels() {
			k, err := m.Kernel(name)
			if err != nil {
				t.Fatal(err)
			}
			if k.registers > 1000 || k.localBytes > 1000 {
				continue
			}
			for _, v := range m.variables {
				if v.bytes > 1<<20 {
					return
				}
			}
			args := make([]any, len(k.params))
			for i, p := range k.params {
				switch {
				case p.array:
					args[i] = make([]byte, p.bytes)
				case p.typ == f32:
					args[i] = float32(1)
				case p.typ == f64:
					args[i] = float64(1)
				default:
					args[i] = map[int]any{1: uint8(1), 2: uint16(1), 4: uint32(1), 8: uint64(1)}[p.bytes]
				}
			}
			g := NewMachine()
			g.Limit = 1000
			g.GlobalRaces = true
			g.Uninitialised = true
			_ = g.Launch(k, Launch{Grid: [3]int{2, 1, 1}, Block: [3]int{3, 2, 1}, Args: args})
		}
	})
}
