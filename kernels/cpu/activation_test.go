package cpu

import (
	"math"
	"testing"

	"quantal/kernels"
)

// Every set's activations and their gradients against float64: within a few roundings of the value, but for the far
// tail of GELU, where that is of y, and for the gradient within some of its scale, which is 1.
func TestActivationsAgainstFloat64(t *testing.T) {
	const n = 1 << 18
	for _, set := range available() {
		for _, a := range kernels.Activations() {
			y, slope, d := linear(make([]float32, n), -40, 40), make([]float32, n), make([]float32, n)
			for i := range d {
				d[i] = 1
			}
			x := append([]float32{}, y...)
			if set.activate(a, y, slope); !a.KeepsSlope() {
				copy(slope, y)
			}
			set.gradient(a, d, slope)
			worst, worstSlope := 0.0, 0.0
			for i, x := range x {
				value, derivative := []float64{float64(x)}, []float64{1}
				of := []float64{0}
				if kernels.Apply(a, value, of); !a.KeepsSlope() {
					of = value
				}
				kernels.ApplyGradient(a, derivative, of)
				scale := math.Abs(value[0])
				if a == kernels.GELU {
					scale = math.Max(scale, 1e-3*math.Abs(float64(x)))
				}
				if e := math.Abs(float64(y[i]) - value[0]); e > 0 && e > 1e-37 {
					worst = math.Max(worst, e/scale)
				}
				worstSlope = math.Max(worstSlope, math.Abs(float64(d[i])-derivative[0]))
			}
			t.Logf("%s %v: value %.2g, slope %.2g", set.name, a, worst, worstSlope)
			if !(worst <= 6e-7) || !(worstSlope <= 3e-7) {
				t.Errorf("%s %v: value off by %.2g of itself, slope by %.2g", set.name, a, worst, worstSlope)
			}
		}
	}
}

// Far out, and where there is no number, activations are what they tend to.
func TestActivationsAtTheEdges(t *testing.T) {
	for _, set := range available() {
		for _, a := range kernels.Activations() {
			for _, x := range []float32{-1e38, -90, 0, 90, 1e38} {
				y, slope, d := make([]float32, 16), make([]float32, 16), make([]float32, 16)
				y[5], d[5] = x, 1
				if set.activate(a, y, slope); !a.KeepsSlope() {
					copy(slope, y)
				}
				set.gradient(a, d, slope)
				value, of, derivative := []float64{float64(x)}, []float64{0}, []float64{1}
				if kernels.Apply(a, value, of); !a.KeepsSlope() {
					of = value
				}
				kernels.ApplyGradient(a, derivative, of)
				if math.Abs(float64(y[5])-value[0]) > 1e-7*math.Abs(value[0])+1e-37 ||
					math.Abs(float64(d[5])-derivative[0]) > 1e-7 {
					t.Errorf("%s: %v(%v) = %v with the slope %v, want %v and %v", set.name, a, x, y[5], d[5], value, derivative)
				}
			}
			y, slope := make([]float32, 16), make([]float32, 16)
			y[5] = float32(math.NaN())
			if set.activate(a, y, slope); y[5] == y[5] || y[6] != y[6] {
				t.Errorf("%s: %v hides a NaN, or spreads it", set.name, a)
			}
		}
	}
}

// linear and geometric fill x with evenly spaced numbers, or logarithms, from lo to hi.
func linear(x []float32, lo, hi float64) []float32 {
	for i := range x {
		x[i] = float32(lo + (hi-lo)*float64(i)/float64(len(x)-1))
	}
	return x
}
