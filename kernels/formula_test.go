package kernels

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// naive is an expression as a tree, evaluated without any of the builder's rewriting.
type naive struct {
	op   Op
	num  float64
	in   int
	args []naive
}

func (n naive) eval(inputs []float64) float64 {
	switch n.op {
	case OpInput:
		return inputs[n.in]
	case OpNumber:
		return n.num
	}
	var v [3]float64
	for i, a := range n.args {
		v[i] = a.eval(inputs)
	}
	return Operate(n.op, v[0], v[1], v[2])
}

func (n naive) build(b *FormulaBuilder) int {
	switch n.op {
	case OpInput:
		return b.Input(n.in)
	case OpNumber:
		return b.Number(n.num)
	}
	var args []int
	for _, a := range n.args {
		args = append(args, a.build(b))
	}
	return b.Do(n.op, args...)
}

func drawNaive(t *rapid.T, inputs, depth int) naive {
	switch leaf := rapid.IntRange(0, 5).Draw(t, "leaf"); {
	case depth == 0 && leaf < 3 || leaf == 0:
		return naive{op: OpInput, in: rapid.IntRange(0, inputs-1).Draw(t, "input")}
	case depth == 0 || leaf == 1:
		return naive{op: OpNumber, num: rapid.SampledFrom([]float64{-2, -1, -0.5, 0, 0.25, 0.5, 1, 2, 3, 0.3}).Draw(t,
			"number")}
	}
	n := naive{op: rapid.SampledFrom(Ops()).Draw(t, "op")}
	for range n.op.Arity() {
		n.args = append(n.args, drawNaive(t, inputs, depth-1))
	}
	return n
}

func near(a, b float64) bool {
	return math.IsNaN(a) && math.IsNaN(b) || a == b || math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b))
}

// Whatever the builder rewrites, and however inputs are bound or hoisted, the value stays. Where the tree is not a
// number or infinite somewhere, the rewritten one may be finite (0 times infinity), so that only finite trees count.
func TestFormulasKeepTheirValue(t *testing.T) {
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"mu", "sigma", "c", "rho"}
		tree := drawNaive(t, len(names), 4)
		b := NewFormula(names...)
		f := b.Formula(tree.build(b))
		in := make([]float64, len(names))
		for i := range in {
			in[i] = rapid.SampledFrom([]float64{-1.7, -0.6, 0.2, 0.9, 1.3, 2.5}).Draw(t, names[i])
		}
		want := tree.eval(in)
		if math.IsNaN(want) || math.IsInf(want, 0) || !tree.tame(in) {
			return
		}
		compared++
		if got := Eval(f, in...)[0]; !near(got, want) {
			t.Fatalf("%v of %v: got %g, want %g", f, in, got, want)
		}
		bound := f.Bind(map[string]float64{"c": in[2], "rho": in[3]})
		if got := Eval(bound, in[:2]...)[0]; !near(got, want) {
			t.Fatalf("%v, bound to %v: got %g, want %g", f, bound, got, want)
		}
		reduced := f.Reduce(nil)
		if got := Eval(reduced, in...)[0]; !near(got, want) {
			t.Fatalf("%v, reduced to %v: got %g, want %g", f, reduced, got, want)
		}
		given := f
		given.Inputs = append(slices.Clone(f.Inputs), "1/mu")
		reduced = given.Reduce(map[int]int{0: len(in)})
		if got := Eval(reduced, append(in, 1/in[0])...)[0]; !near(got, want) {
			t.Fatalf("%v, reduced to %v: got %g, want %g", f, reduced, got, want)
		}
		scalar, perSynapse := f.Hoist("mu", "sigma")
		if got := Eval(perSynapse, append(in[:2:2], Eval(scalar, in...)...)...)[0]; !near(got, want) {
			t.Fatalf("%v, hoisted to %v: got %g, want %g", f, perSynapse, got, want)
		}
	})
	if compared == 0 {
		t.Fatal("no formula was compared")
	}
}

// What is no number stays so, whatever is reduced.
func TestReduceKeepsWhatIsNoNumber(t *testing.T) {
	for text, of := range map[string]func(b *FormulaBuilder, x int) int{
		"1/sqrt(x)": func(b *FormulaBuilder, x int) int { return b.Do(OpDiv, b.Number(1), b.Do(OpSqrt, x)) },
		"x/(x*2)":   func(b *FormulaBuilder, x int) int { return b.Do(OpDiv, x, b.Do(OpMul, x, b.Number(2))) },
		"x^2/x":     func(b *FormulaBuilder, x int) int { return b.Do(OpDiv, b.Do(OpSquare, x), x) },
		"(x < 0)/x": func(b *FormulaBuilder, x int) int { return b.Do(OpDiv, b.Do(OpLess, x, b.Number(0)), x) },
	} {
		b := NewFormula("x")
		f := b.Formula(of(b, b.Input(0)))
		for _, x := range []float64{0, math.Inf(1), math.Inf(-1), math.NaN(), 3, -3} {
			want, got := Eval(f, x)[0], Eval(f.Reduce(nil), x)[0]
			if math.IsNaN(want) != math.IsNaN(got) || !math.IsNaN(want) && !near(got, want) {
				t.Errorf("%s at %g is %g reduced, want %g", text, x, got, want)
			}
		}
	}
}

// tame reports whether a tree has moderate numbers everywhere and no kink or jump nearby, where a last digit decides.
func (n naive) tame(in []float64) bool {
	if v := n.eval(in); math.IsNaN(v) || math.Abs(v) > 1e6 {
		return false
	}
	for _, a := range n.args {
		if !a.tame(in) {
			return false
		}
	}
	switch n.op {
	case OpLess, OpLessEqual, OpEqual:
		return math.Abs(n.args[0].eval(in)-n.args[1].eval(in)) > 1e-6
	case OpSign, OpSelect, OpPow, OpDiv, OpLog, OpSqrt:
		return math.Abs(n.args[0].eval(in)) > 1e-6
	case OpAdd, OpSub: // a difference of large numbers has their last digits
		v := math.Abs(n.eval(in))
		return v > 1e-4*math.Abs(n.args[0].eval(in))
	case OpLog1p:
		return n.args[0].eval(in) > -0.999
	}
	return true
}

func TestFormulaText(t *testing.T) {
	build := func(of func(b *FormulaBuilder, in ...int) int) string {
		b := NewFormula("mu", "sigma", "c", "rho")
		return b.Formula(of(b, b.Input(0), b.Input(1), b.Input(2), b.Input(3))).String()
	}
	for want, of := range map[string]func(b *FormulaBuilder, in ...int) int{
		"c*sigma^-rho": func(b *FormulaBuilder, in ...int) int {
			return b.Do(OpMul, in[2], b.Do(OpPow, in[1], b.Do(OpNeg, in[3])))
		},
		"-c*log(sigma)": func(b *FormulaBuilder, in ...int) int {
			return b.Do(OpMul, b.Do(OpNeg, in[2]), b.Do(OpLog, in[1]))
		},
		"(mu^2/sigma^2)^rho": func(b *FormulaBuilder, in ...int) int {
			return b.Do(OpPow, b.Do(OpDiv, b.Do(OpPow, in[0], b.Number(2)), b.Do(OpMul, in[1], in[1])), in[3])
		},
		"c - (mu - sigma)": func(b *FormulaBuilder, in ...int) int {
			return b.Do(OpSub, in[2], b.Do(OpSub, in[0], in[1]))
		},
		"select(mu < 0, 0.1*c, c)": func(b *FormulaBuilder, in ...int) int {
			return b.Do(OpSelect, b.Do(OpLess, in[0], b.Number(0)), b.Do(OpMul, b.Number(0.1), in[2]), in[2])
		},
		"c": func(b *FormulaBuilder, in ...int) int {
			return b.Do(OpAdd, b.Do(OpMul, b.Number(0), in[0]), b.Do(OpMul, in[2], b.Number(1)))
		},
	} {
		if got := build(of); got != want && "("+got+")" != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// The operations in float32 agree with those in float64.
func TestOperateInFloat32(t *testing.T) {
	for _, o := range Ops() {
		for a := -3.; a <= 3; a += 0.0137 {
			x := float32(a)
			y := float32(math.Mod(a*a*7.3, 3) - 1.1)
			want := Operate(o, float64(x), float64(y), 0.7)
			got := float64(Operate(o, x, y, 0.7))
			scale := math.Max(math.Abs(want), 1e-6) * (1 + math.Abs(float64(y)*math.Log(math.Abs(a))))
			if !(math.Abs(got-want) <= 4e-7*scale) && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Fatalf("%v(%g, %g) is %g, want %g", o, x, y, got, want)
			}
		}
	}
}
