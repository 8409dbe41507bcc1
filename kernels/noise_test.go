package kernels

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// definition is the noise of one synapse, written from the definition one word at a time.
func definition(n Noise, columns, row, k int) float64 {
	q := uint32(row*16*int(math.Ceil(float64(columns)/64)) + 16*(k/64) + k%16)
	x := Philox([4]uint32{q, n.Step, uint32(n.Stream)<<16 | uint32(n.Layer), n.Draw},
		[2]uint32{uint32(n.Seed), uint32(n.Seed >> 32)})
	j := k / 16 % 4
	first, second := x[j/2*2], x[j/2*2+1]
	u := (float64(first>>8) + 0.5) / (1 << 24)
	angle := float64(int32(second)) / (1 << 31) * math.Pi
	r := math.Sqrt(-2 * math.Log(u))
	if j%2 == 0 {
		return r * math.Cos(angle)
	}
	return r * math.Sin(angle)
}

func TestNormalsFollowTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := Noise{
			Seed: rapid.Uint64().Draw(t, "seed"), Stream: Stream(rapid.IntRange(0, 7).Draw(t, "stream")),
			Layer: rapid.Uint16().Draw(t, "layer"), Step: rapid.Uint32().Draw(t, "step"), Draw: rapid.Uint32().Draw(t, "draw"),
		}
		columns, row := rapid.IntRange(1, 300).Draw(t, "columns"), rapid.IntRange(0, 1000).Draw(t, "row")
		double, single := make([]float64, columns), make([]float32, columns)
		Normals(double, n, row)
		Normals(single, n, row)
		for k, got := range double {
			want := definition(n, columns, row, k)
			if math.Abs(got-want) > 1e-12 {
				t.Fatalf("float64: column %d is %v, want %v", k, got, want)
			}
			// A float32 radius loses at most 3e-4 where u rounds to 1, at a radius of that size; a few ulp elsewhere.
			if e := math.Abs(float64(single[k]) - want); e > 3e-6 && (e > 3e-4 || math.Abs(want) > 0.01) {
				t.Fatalf("float32: column %d is %v, want %v", k, single[k], want)
			}
		}
	})
}

// A row's numbers must not depend on whether the pads after it are also drawn.
func TestNormalsDoNotDependOnPads(t *testing.T) {
	n := Noise{Seed: 5, Step: 9}
	narrow, wide := make([]float32, 785), make([]float32, 800)
	for row := range 3 {
		Normals(narrow, n, row)
		Normals(wide, n, row)
		for k := range narrow {
			if narrow[k] != wide[k] {
				t.Fatalf("row %d column %d: %v without pads, %v with", row, k, narrow[k], wide[k])
			}
		}
	}
}

// The coordinates that must never share numbers.
func TestNoiseCoordinatesAreDistinct(t *testing.T) {
	base := Noise{Seed: 1, Step: 1, Draw: 1, Layer: 1}
	variants := map[string]Noise{"base": base}
	for name, change := range map[string]func(*Noise){
		"seed low": func(n *Noise) { n.Seed++ }, "seed high": func(n *Noise) { n.Seed += 1 << 32 },
		"stream": func(n *Noise) { n.Stream++ }, "layer": func(n *Noise) { n.Layer++ },
		"step": func(n *Noise) { n.Step++ }, "draw": func(n *Noise) { n.Draw++ },
	} {
		n := base
		change(&n)
		variants[name] = n
	}
	seen := map[[4]uint32]string{}
	for name, n := range variants {
		for q := range uint32(100) {
			w := n.Words(q)
			if other, ok := seen[w]; ok {
				t.Errorf("%s and %s share the words %x", name, other, w)
			}
			seen[w] = name
		}
	}
}

func TestNormalMoments(t *testing.T) {
	const rows, columns = 2000, 785
	xi := make([]float32, columns)
	var sums [5]float64
	largest := 0.0
	for row := range rows {
		Normals(xi, Noise{Seed: 3}, row)
		for _, x := range xi {
			p := 1.0
			for i := range sums {
				sums[i] += p
				p *= float64(x)
			}
			largest = max(largest, math.Abs(float64(x)))
		}
	}
	n := sums[0]
	// Five standard errors of the mean of each power: sqrt(Var x^k / n), Var x^k = E x^2k - (E x^k)^2.
	for k, m := range []struct{ want, variance float64 }{{0, 1}, {1, 2}, {0, 15}, {3, 96}} {
		got, bound := sums[k+1]/n, 5*math.Sqrt(m.variance/n)
		if math.Abs(got-m.want) > bound {
			t.Errorf("moment %d is %v, want %v within %v", k+1, got, m.want, bound)
		}
	}
	if largest > MaxNormal*(1+1e-6) || largest < 4.5 {
		t.Errorf("the largest of %v normals is %v, the definition allows %v", n, largest, MaxNormal)
	}
}

func TestUniforms(t *testing.T) {
	n := Noise{Seed: 7, Stream: StreamInitialMu, Layer: 2}
	u := make([]float64, 200)
	Uniforms(u, n, 3)
	for k, got := range u {
		x := n.Words(uint32(3*16*4 + 16*(k/64) + k%16))[k/16%4]
		if want := (float64(x>>8) + 0.5) / (1 << 24); got != want {
			t.Fatalf("column %d is %v, want %v", k, got, want)
		}
	}
}

// Row 105551 has the largest uniform in column 23, which float32 would round to 1.
func TestUniformsAreBelowOne(t *testing.T) {
	var u [64]float64
	var v [64]float32
	n := Noise{Seed: 1, Stream: StreamDynamics}
	Uniforms(u[:], n, 105551)
	Uniforms(v[:], n, 105551)
	if u[23] != 1-0x1p-25 || v[23] != 1-0x1p-24 {
		t.Errorf("the largest uniform is %v, in float32 %v", u[23], v[23])
	}
}

func BenchmarkNormals(b *testing.B) {
	xi := make([]float32, 785)
	for i := 0; b.Loop(); i++ {
		Normals(xi, Noise{}, i)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/785, "ns/normal")
}
