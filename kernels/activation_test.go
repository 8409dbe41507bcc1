package kernels

import (
	"math"
	"testing"
)

// The derivative of each activation, from its output, is that of its value, in both arithmetics; away from the kink of
// a rectifier.
func TestActivations(t *testing.T) {
	for _, a := range Activations() {
		for _, y := range []float64{-30, -3, -0.7, -0.1, 0.2, 0.9, 4, 30} {
			const h = 1e-5
			around := []float64{y - h, y, y + h}
			Apply(a, around, nil)
			want, got := (around[2]-around[0])/(2*h), []float64{1.5}
			value := applied(a, y, got)
			if math.Abs(got[0]-1.5*want) > 1e-8 || value != around[1] {
				t.Errorf("%v: %v with the derivative %v at %v, want %v and %v", a, value, got[0]/1.5, y, around[1], want)
			}
			slope := []float32{1.5}
			single := applied(a, float32(y), slope)
			if math.Abs(float64(single)-around[1]) > 1e-6*math.Abs(y) || math.Abs(float64(slope[0])-got[0]) > 1e-6 {
				t.Errorf("%v at %v: %v and %v in float32, want %v and %v", a, y, single, slope[0], around[1], got[0])
			}
		}
		nan := []float64{math.NaN()}
		if Apply(a, nan, nil); !math.IsNaN(nan[0]) {
			t.Errorf("%v hides a NaN", a)
		}
		var read Activation
		if err := read.UnmarshalText([]byte(a.String())); err != nil || read != a || a.Check() != nil {
			t.Errorf("%v is read as %v, %v; %v", a, read, err, a.Check())
		}
	}
	none := Activation(len(Activations()))
	y, d := []float64{1}, []float64{1}
	Apply(none, y, nil)
	ApplyGradient(none, d, []float64{1})
	if none.Check() == nil || !math.IsNaN(y[0]) || !math.IsNaN(d[0]) {
		t.Errorf("%v passes for an activation: %v, %v", none, y, d)
	}
}

// applied returns a(y) and takes the gradient dy through it.
func applied[T Float](a Activation, y T, dy []T) T {
	value, of := []T{y}, []T{7}
	Apply(a, value, of)
	if !a.KeepsSlope() {
		of = value
	}
	ApplyGradient(a, dy, of)
	return value[0]
}
