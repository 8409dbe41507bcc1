package cpu

import (
	"fmt"
	"math"
	"slices"
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
				set.operations[o](&dst[0], &args[0][0], &args[1][0], &args[2][0], nil, 1, 1, 1, 0, len(dst))
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

// The operations that a kernel set has besides those of package kernels, against float64.
func TestFusedOperations(t *testing.T) {
	const n = 16 * 51 // an odd number of vectors, of either width
	var args [4][]float32
	for j := range args {
		args[j] = aligned(n)
		for i := range args[j] {
			args[j][i] = float32(2 * math.Sin(float64(i+1)*(1.3+0.7*float64(j))))
		}
	}
	inf := math.Inf(1)
	root := func(v [4]float64) float64 {
		if v[0] < 0 {
			return math.NaN()
		}
		return math.Cbrt(v[0])
	}
	sums := map[int]func(v [4]float64) float64{
		int(kernels.OpAdd): func(v [4]float64) float64 { return v[0] + v[1] },
		mulAdd:             func(v [4]float64) float64 { return v[0]*v[1] + v[2] },
		mulMulAdd:          func(v [4]float64) float64 { return v[0]*v[1]*v[2] + v[3] },
		mulAddMul:          func(v [4]float64) float64 { return v[0]*v[1] + v[2]*v[3] },
	}
	all := map[int]func(v [4]float64) float64{
		mulMul:          func(v [4]float64) float64 { return v[0] * v[1] * v[2] },
		mulMulMul:       func(v [4]float64) float64 { return v[0] * v[1] * v[2] * v[3] },
		mulSub:          func(v [4]float64) float64 { return v[0]*v[1] - v[2] },
		subMul:          func(v [4]float64) float64 { return v[2] - v[0]*v[1] },
		cubeRoot:        root,
		inverseCubeRoot: func(v [4]float64) float64 { return 1 / root(v) },
		inverse:         func(v [4]float64) float64 { return 1 / v[0] },
	}
	for op, of := range sums {
		all[op], all[inverses[op]] = of, func(v [4]float64) float64 { return 1 / of(v) }
	}
	for _, set := range available() {
		for op := int(kernels.OpSelect) + 1; op < operationCount; op++ {
			for constants := range 16 { // whether an argument is one, by bits
				x, steps := args, [4]int{}
				if op == cubeRoot || op == inverseCubeRoot { // large and small numbers, and special ones
					x[0] = aligned(n)
					for i := range x[0] {
						x[0][i] = float32(math.Pow(10, 76*float64(i)/n-37.5))
					}
					copy(x[0], []float32{0, -1, float32(inf), float32(-inf), float32(math.NaN()), 1, 8, 27})
				}
				for j := range steps {
					if steps[j] = 1 - constants>>j&1; steps[j] == 0 {
						x[j] = slices.Repeat([]float32{0.37 + float32(j)}, vectorSize)
					}
				}
				dst := aligned(n)
				set.operations[op](&dst[0], &x[0][0], &x[1][0], &x[2][0], &x[3][0], steps[0], steps[1], steps[2], steps[3], n)
				for i, got := range dst {
					var v [4]float64
					scale := 1.
					for j := range v {
						v[j] = float64(x[j][i*steps[j]])
						scale *= math.Max(1, math.Abs(v[j])) // sums may cancel
					}
					want := all[op](v)
					bound := 5e-7 * math.Abs(want)
					switch op {
					case mulAdd, mulSub, subMul, mulMulAdd, mulAddMul:
						bound = 3e-7 * scale
					case inverseAdd, inverseMulAdd, inverseMulMulAdd, inverseMulAddMul:
						bound = 3e-7 * math.Abs(want) * (1 + scale*math.Abs(want))
					}
					if math.IsNaN(want) != math.IsNaN(float64(got)) || math.Abs(float64(got)-want) > bound ||
						math.IsInf(want, 0) && float64(got) != want {
						t.Fatalf("%s: operation %d of %v, steps %v, is %g, want %g", set.name, op, v, steps, got, want)
					}
				}
			}
		}
	}
}
