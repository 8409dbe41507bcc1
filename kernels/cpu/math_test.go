//go:build amd64 || arm64

package cpu

import (
	"math"
	"testing"

	"quantal/kernels"
)

// probes are the vector functions of a kernel set, applied to whole arrays.
type probes struct {
	name                      string
	lanes                     int
	exp, expToInf, log, log1p func(dst, src *float32, n int)
	softplus, sinCosPi        func(dst, dst2, src *float32, n int)
	philox                    func(dst *uint32, keys *[20]uint32, block uint32)
}

const points = 1 << 21

func geometric(x []float32, lo, hi float64) []float32 {
	for i := range x {
		x[i] = float32(lo * math.Pow(hi/lo, float64(i)/float64(len(x)-1)))
	}
	return x
}

func relative(got, want float64) float64 {
	if got == want {
		return 0
	}
	return math.Abs(got-want) / math.Abs(want)
}

func absolute(got, want float64) float64 { return math.Abs(got - want) }

// The bounds are those of the portable functions: 4e-7 relative over the whole range that is used, 2e-7 absolute for
// sine and cosine, and next to their zeros also relative.
func TestVectorMathAgainstFloat64(t *testing.T) {
	x, y, z := make([]float32, points), make([]float32, points), make([]float32, points)
	for _, p := range allProbes() {
		check := func(name string, got []float32, bound float64, e func(got, want float64) float64,
			want func(x float64) float64) {
			t.Helper()
			worst, at := 0.0, float32(0)
			for i, v := range got {
				if e := e(float64(v), want(float64(x[i]))); e > worst || e != e {
					worst, at = e, x[i]
				}
			}
			t.Logf("%s %s: %.2g at %v", p.name, name, worst, at)
			if !(worst <= bound) {
				t.Errorf("%s %s: error %.3g at %v, want at most %g", p.name, name, worst, at, bound)
			}
		}
		linear(x, -87.33, 88)
		p.exp(&y[0], &x[0], points)
		check("exp", y, 4e-7, relative, math.Exp)
		linear(x, -87.33, 88.72)
		p.expToInf(&y[0], &x[0], points)
		check("exp to infinity", y, 4e-7, relative, math.Exp)
		geometric(x, 0x1p-126, math.MaxFloat32)
		p.log(&y[0], &x[0], points)
		check("log", y, 4e-7, relative, math.Log)
		linear(x, 0.5, 1.5)
		p.log(&y[0], &x[0], points)
		check("log around 1", y, 4e-7, relative, math.Log)
		linear(x, 0, 1)
		p.log1p(&y[0], &x[0], points)
		check("log1p", y, 4e-7, relative, math.Log1p)
		linear(x, -87.33, 200)
		p.softplus(&y[0], &z[0], &x[0], points)
		check("sigma", y, 4e-7, relative, func(x float64) float64 {
			return math.Max(x, 0) +
				math.Log1p(math.Exp(-math.Abs(x)))
		})
		check("sigma'", z, 4e-7, relative, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) })
		linear(x, -1, 1)
		p.sinCosPi(&y[0], &z[0], &x[0], points)
		check("sin", y, 2e-7, absolute, func(x float64) float64 { return math.Sin(math.Pi * x) })
		check("cos", z, 2e-7, absolute, func(x float64) float64 { return math.Cos(math.Pi * x) })
		linear(x, 0.499, 0.501)
		p.sinCosPi(&y[0], &z[0], &x[0], points)
		check("cos next to its zero", z, 4e-7, relative, func(x float64) float64 { return math.Sin(math.Pi * (0.5 - x)) })
	}
}

func TestVectorMathAtTheEdges(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, p := range allProbes() {
		one := func(f func(dst, src *float32, n int), v float32) float32 {
			x, y := make([]float32, 16), make([]float32, 16)
			x[3] = v
			f(&y[0], &x[0], 16)
			return y[3]
		}
		sigma := func(dst, src *float32, n int) { p.softplus(dst, &make([]float32, 16)[0], src, n) }
		slope := func(dst, src *float32, n int) { p.softplus(&make([]float32, 16)[0], dst, src, n) }
		for _, c := range []struct {
			name      string
			got, want float32
		}{
			{"exp(0)", one(p.exp, 0), 1}, {"exp(89)", one(p.expToInf, 89), inf}, {"exp(NaN)", one(p.expToInf, nan), nan},
			{"log(1)", one(p.log, 1), 0}, {"log1p(0)", one(p.log1p, 0), 0},
			{"sigma(0)", one(sigma, 0), math.Ln2}, {"sigma(200)", one(sigma, 200), 200}, {"sigma(inf)", one(sigma, inf), inf},
			{"sigma(NaN)", one(sigma, nan), nan}, {"slope(0)", one(slope, 0), 0.5}, {"slope(200)", one(slope, 200), 1},
			{"slope(NaN)", one(slope, nan), nan},
		} {
			if math.Abs(float64(c.got-c.want)) > 1e-7 || (c.got != c.got) != (c.want != c.want) {
				t.Errorf("%s: %s = %v, want %v", p.name, c.name, c.got, c.want)
			}
		}
	}
}

func TestVectorPhilox(t *testing.T) {
	words := make([]uint32, 64)
	for _, p := range allProbes() {
		for _, n := range []kernels.Noise{
			{}, {Seed: 0x0123456789abcdef, Stream: kernels.StreamAnalysis, Layer: 77, Step: 0xfedcba98, Draw: 0x13579bdf},
			{Seed: math.MaxUint64, Stream: math.MaxUint16, Layer: math.MaxUint16, Step: math.MaxUint32, Draw: math.MaxUint32},
		} {
			for _, block := range []uint32{0, 12345, math.MaxUint32 - 15} {
				keys := n.Keys()
				p.philox(&words[0], &keys, block)
				for lane := range p.lanes {
					want := n.Words(block + uint32(lane))
					for i, w := range want {
						if got := words[i*p.lanes+lane]; got != w {
							t.Fatalf("%s: word %d of block %d is %x, want %x", p.name, i, block+uint32(lane), got, w)
						}
					}
				}
			}
		}
	}
}
