package kernels

import (
	"math"
	"testing"
)

// logSpace calls f for n floats from lo to hi, evenly spaced in their logarithm.
func logSpace(lo, hi float64, n int, f func(x float32)) {
	for i := range n {
		f(float32(lo * math.Pow(hi/lo, float64(i)/float64(n-1))))
	}
}

// relative is |got - want| / |want|.
func relative(got float32, want float64) float64 { return math.Abs(float64(got)-want) / math.Abs(want) }

// The bounds are for every float32 kernel set: 4e-7 relative, 2e-7 absolute for the sine and cosine.
func TestVectorMathAgainstFloat64(t *testing.T) {
	worst := map[string]float64{}
	note := func(name string, e float64) {
		if e > worst[name] || e != e {
			worst[name] = e
		}
	}
	for i := range 2_000_001 {
		x := float32(-87.3 + 175.9*float64(i)/2e6)
		note("exp", relative(exp32(x), math.Exp(float64(x))))
	}
	logSpace(0x1p-126, math.MaxFloat32, 2_000_000, func(x float32) {
		if x != 1 {
			note("log", relative(log32(x), math.Log(float64(x))))
		}
	})
	for i := range 2_000_000 { // around 1, where the logarithm vanishes
		x := float32(0.5 + float64(i)/1e6)
		if x != 1 {
			note("log", relative(log32(x), math.Log(float64(x))))
		}
	}
	logSpace(1e-38, 1e30, 2_000_000, func(x float32) { note("log1p", relative(log1p32(x), math.Log1p(float64(x)))) })
	for i := range 2_000_001 {
		phi := float32(-80 + 160*float64(i)/2e6)
		sigma, derivative := Softplus(phi)
		e := math.Exp(float64(phi))
		note("sigma", relative(sigma, math.Log1p(e)))
		note("sigma'", relative(derivative, e/(1+e)))
		x := float32(-1 + 2*float64(i)/2e6)
		sin, cos := sinCosPi32(x)
		s, c := math.Sincos(math.Pi * float64(x))
		note("sin", math.Abs(float64(sin)-s))
		note("cos", math.Abs(float64(cos)-c))
	}
	for name, e := range worst {
		bound := 4e-7
		if name == "sin" || name == "cos" {
			bound = 2e-7
		}
		t.Logf("%s: %.2g", name, e)
		if !(e <= bound) {
			t.Errorf("%s: worst error %.3g, want at most %g", name, e, bound)
		}
	}
}

func TestMathAtTheEdges(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		name      string
		got, want float32
	}{
		{"exp(0)", exp32(0), 1}, {"exp(-inf)", exp32(-inf), 0}, {"exp(inf)", exp32(inf), inf}, {"exp(nan)", exp32(nan), nan},
		{"exp(-200)", exp32(-200), 0}, {"exp(200)", exp32(200), inf},
		{"log(1)", log32(1), 0}, {"log(0)", log32(0), -inf}, {"log(inf)", log32(inf), inf}, {"log(-1)", log32(-1), nan},
		{"log(nan)", log32(nan), nan}, {"log1p(0)", log1p32(0), 0},
	} {
		if c.got != c.want && !(c.got != c.got && c.want != c.want) {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
	if sigma, slope := Softplus[float32](200); sigma != 200 || slope != 1 {
		t.Errorf("Softplus(200) = %v, %v, want 200, 1", sigma, slope)
	}
	if sigma, _ := Softplus(nan); sigma == sigma {
		t.Errorf("Softplus(NaN) = %v, want NaN", sigma)
	}
	for _, sigma := range []float64{1e-12, 1e-4, 0.1, 1, 50} {
		if got, _ := Softplus(SoftplusInverse(sigma)); math.Abs(got-sigma) > 1e-12*sigma {
			t.Errorf("Softplus(SoftplusInverse(%v)) = %v", sigma, got)
		}
	}
}
