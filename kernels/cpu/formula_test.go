package cpu

import (
	"fmt"
	"math"
	"testing"

	"quantal/kernels"
)

// The operations of every kernel set against float64, special values included.
func TestFormulaOperations(t *testing.T) {
	special := []float64{0, math.Copysign(0, -1), 1, -1, 2, -2, 0.5, -0.5, 3, -3, 87, -87, 89, -89, 1e-30, -1e-30, 1e30,
		-1e30,
		1e-41, math.Inf(1), math.Inf(-1), math.NaN()}
	var x, y []float64
	for _, a := range special {
		for _, b := range special {
			x, y = append(x, a), append(y, b)
		}
	}
	for i := range 4000 {
		x = append(x, 4*math.Sin(1.7*float64(i))*math.Exp(-float64(i%40)/8))
		y = append(y, 3*math.Sin(0.61*float64(i)+1))
	}
	for len(x)%16 != 0 {
		x, y = append(x, 1), append(y, 1)
	}
	narrow := func(v []float64) []float32 {
		s := make([]float32, len(v))
		for i, a := range v {
			s[i] = float32(a)
		}
		return s
	}
	for _, set := range available() {
		for _, o := range kernels.Ops() {
			t.Run(fmt.Sprintf("%s/%v", set.name, o), func(t *testing.T) {
				args := [3][]float32{narrow(x), narrow(y), narrow(x)}
				dst := make([]float32, len(x))
				set.operations[o](&dst[0], &args[0][0], &args[1][0], &args[2][0], len(dst))
				for i := range dst {
					a, b := float64(args[0][i]), float64(args[1][i])
					want := kernels.Operate(o, a, b, a)
					got := float64(dst[i])
					if infinite := a-a != 0 || b-b != 0; infinite && o == kernels.OpPow {
						continue // it is that of math.Pow for finite numbers
					}
					switch {
					case math.IsNaN(want):
						if !math.IsNaN(got) {
							t.Errorf("(%g, %g) is %g, want NaN", a, b, got)
						}
						continue
					case float64(float32(want)) == got:
						continue
					}
					// Numbers that are not normal may count as zero, and so may what would be one.
					if math.Abs(a) < 0x1p-126 && a != 0 || math.Abs(want) < 0x1p-125 && math.Abs(got) < 0x1p-125 {
						continue
					}
					tolerance := 4e-7 * math.Abs(want)
					switch o {
					case kernels.OpExpm1, kernels.OpTanh: // e^x, over e^x - 1
						tolerance *= 3
					case kernels.OpPow: // e^(b log a): the exponent's rounding is relative to its size
						tolerance *= 1 + math.Abs(b*math.Log(math.Abs(a)))
					}
					if e := math.Abs(got - want); !(e <= tolerance) {
						t.Errorf("(%g, %g) is %g, want %g", a, b, got, want)
					}
				}
			})
		}
	}
}
