package cuda

import (
	"math"
	"testing"

	"quantal/kernels"
	"quantal/kernels/ptx"
)

// The operations of formulas as they are written into PTX, on the interpreter, against float64.
func TestFormulaOperationsInPTX(t *testing.T) {
	special := []float64{0, math.Copysign(0, -1), 1, -1, 2, -2, 0.5, -0.5, 3, -3, 87, -87, 89, -89, 1e-30, 1e30, -1e30,
		math.Inf(1), math.Inf(-1), math.NaN()}
	var x, y []float32
	for _, a := range special {
		for _, b := range special {
			x, y = append(x, float32(a)), append(y, float32(b))
		}
	}
	for i := len(x); i < 1024; i++ {
		x = append(x, float32(4*math.Sin(1.7*float64(i))*math.Exp(-float64(i%40)/8)))
		y = append(y, float32(3*math.Sin(0.61*float64(i)+1)))
	}
	const skeleton = `.version 7.8
.target sm_80
.address_size 64
.visible .entry run(.param .u64 run_x, .param .u64 run_y, .param .u64 run_out, .param .u64 run_numbers)
{
	.reg .f32 %f<5>;
	.reg .b32 %r<5>;
	.reg .b64 %rd<9>;
	ld.param.u64 %rd1, [run_x];
	ld.param.u64 %rd2, [run_y];
	ld.param.u64 %rd3, [run_out];
	ld.param.u64 %rd4, [run_numbers];
	mov.u32 %r1, %ctaid.x;
	mov.u32 %r2, %ntid.x;
	mov.u32 %r3, %tid.x;
	mad.lo.s32 %r4, %r1, %r2, %r3;
	mul.wide.s32 %rd5, %r4, 4;
	add.s64 %rd6, %rd1, %rd5;
	add.s64 %rd7, %rd2, %rd5;
	add.s64 %rd8, %rd3, %rd5;
	ld.global.f32 %f1, [%rd6];
	ld.global.f32 %f2, [%rd7];
	// price %f3, %f4, %f1, %f2, %rd4;
	st.global.f32 [%rd8], %f3;
	ret;
}
`
	for _, o := range kernels.Ops() {
		t.Run(o.String(), func(t *testing.T) {
			b := kernels.NewFormula(kernels.InputMu, kernels.InputSigma, "h0")
			args := []int{b.Input(0), b.Input(1), b.Input(2)}[:o.Arity()]
			result := b.Do(o, args...)
			f := b.Formula(result, result)
			module, err := ptx.Parse(priced(skeleton, f))
			if err != nil {
				t.Fatal(err)
			}
			got := runFormula(t, module, x, y, []float32{0.7})
			for i := range x {
				a, c := float64(x[i]), float64(y[i])
				want, got := kernels.Operate(o, a, c, float64(float32(0.7))), float64(got[i])
				if infinite := a-a != 0 || c-c != 0; infinite && o == kernels.OpPow {
					continue
				}
				if math.IsNaN(want) && math.IsNaN(got) || float64(float32(want)) == got ||
					math.Abs(want) < 0x1p-125 && math.Abs(got) < 0x1p-125 {
					continue
				}
				tolerance := 4e-7 * math.Abs(want)
				switch o {
				case kernels.OpExpm1, kernels.OpTanh:
					tolerance *= 3
				case kernels.OpPow:
					tolerance *= 1 + math.Abs(c*math.Log(math.Abs(a)))
				}
				if !(math.Abs(got-want) <= tolerance) {
					t.Errorf("(%g, %g) is %g, want %g", a, c, got, want)
				}
			}
		})
	}
}

// runFormula runs the kernel for pairs of numbers, a multiple of 128.
func runFormula(t *testing.T, module *ptx.Module, x, y, numbers []float32) []float32 {
	t.Helper()
	m := ptx.NewMachine()
	put := func(v []float32) uint64 {
		at, err := m.Alloc(4 * len(v))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Write(at, bytesOf(v)); err != nil {
			t.Fatal(err)
		}
		return at
	}
	out := make([]float32, len(x))
	at := put(out)
	kernel, err := module.Kernel("run")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Launch(kernel, ptx.Launch{Grid: [3]int{len(x) / 128, 1, 1}, Block: [3]int{128, 1, 1},
		Args: []any{put(x), put(y), at, put(numbers)}}); err != nil {
		t.Fatal(err)
	}
	if err := m.Read(at, bytesOf(out)); err != nil {
		t.Fatal(err)
	}
	return out
}
