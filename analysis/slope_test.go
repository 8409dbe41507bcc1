package analysis

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quantal/kernels"
)

// leastSquares is the textbook's line through v over u.
func leastSquares(u, v []float64) (intercept, slope, r float64) {
	n := float64(len(u))
	var su, sv, suu, suv, svv float64
	for i := range u {
		su += u[i]
		sv += v[i]
		suu += u[i] * u[i]
		suv += u[i] * v[i]
		svv += v[i] * v[i]
	}
	slope = (n*suv - su*sv) / (n*suu - su*su)
	return (sv - slope*su) / n, slope, (n*suv - su*sv) / math.Sqrt((n*suu-su*su)*(n*svv-sv*sv))
}

func TestFitSlope(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 50).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		u, e := normals(n, noise(seed, forInputs), 0), normals(n, noise(seed, forInputs), 1)
		slope, spread := rapid.Float64Range(-3, 3).Draw(t, "slope"), rapid.Float64Range(0.05, 2).Draw(t, "spread")
		var x, y, v []float64
		for i := range u {
			v = append(v, 1+slope*u[i]+spread*e[i])
			x, y = append(x, math.Exp(u[i])), append(y, math.Exp(v[i]))
		}
		// Points that logarithms cannot show.
		x, y = append(x, 0, -1, 1, math.NaN(), math.Inf(1)), append(y, 1, 1, 0, 1, 1)
		s, err := FitSlope(x, y, Bootstrap{})
		if err != nil {
			t.Fatal(err)
		}
		intercept, want, r := leastSquares(u, v)
		if math.Abs(s.Value-want) > 1e-8 || math.Abs(s.Intercept-intercept) > 1e-8 || math.Abs(s.Correlation-r) > 1e-6 {
			t.Fatalf("slope %v, intercept %v, r %v; want %v, %v, %v", s.Value, s.Intercept, s.Correlation, want, intercept, r)
		}
		if s.Points != n || s.Dropped != 5 || !math.IsNaN(s.Low) ||
			!near(s.At(2), math.Exp(intercept+want*math.Log(2)), 1e-7) {
			t.Fatalf("%+v", s)
		}
	})
}

func TestFitSlopeRefuses(t *testing.T) {
	for _, c := range []struct {
		x, y []float64
		want string
	}{
		{[]float64{1}, []float64{1, 2}, "1 values of x, 2 of y"},
		{[]float64{1, 2, 0}, []float64{1, 2, 3}, "want 3 points or more with positive x and y, got 2"},
		{[]float64{2, 2, 2}, []float64{1, 2, 3}, "all 3 points have the same x"},
	} {
		if _, err := FitSlope(c.x, c.y, DefaultBootstrap()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v", err)
		}
	}
}

// A resample has the same number of cases, every case occurs equally often, and the noise is the bootstrap stream's.
func TestResample(t *testing.T) {
	b := Bootstrap{Seed: 4}
	const n, resamples = 7, 3000
	counts, total := make([]float64, n), make([]float64, n)
	for i := range resamples {
		b.resample(counts, i, cases)
		sum := 0.0
		for j, c := range counts {
			sum += c
			total[j] += c
		}
		if sum != n {
			t.Fatalf("resample %d has %v cases", i, sum)
		}
	}
	for j, c := range total {
		if e := math.Abs(c - resamples); e > 5*math.Sqrt(resamples) {
			t.Errorf("case %d came %v times in %d resamples of %d", j, c, resamples, n)
		}
	}
	want := make([]float64, n)
	for j := range n {
		words := kernels.Philox([4]uint32{uint32(j / 4), 12, 7<<16 | 2, 0}, [2]uint32{4, 0})
		want[int(float64(words[j%4])/(1<<32)*n)]++
	}
	if b.resample(counts, 12, inputUnits); !slices.Equal(counts, want) {
		t.Errorf("counts %v, want %v", counts, want)
	}
}

// Of many data sets with one true slope, the intervals of about 95 % contain it. Intervals by the bootstrap of
// quantiles are a little narrow for few points, so fewer than 95 % are allowed; 200 data sets have a standard error of
// 1.5 %.
func TestIntervalCoversTheSlope(t *testing.T) {
	const sets, n, slope = 200, 60, -0.7
	covered := 0
	for set := range sets {
		u, e := normals(n, noise(uint64(set), forInputs), 0), normals(n, noise(uint64(set), forInputs), 1)
		var x, y []float64
		for i := range u {
			x, y = append(x, math.Exp(u[i])), append(y, math.Exp(slope*u[i]+e[i]))
		}
		s, err := FitSlope(x, y, Bootstrap{Seed: uint64(set), Resamples: 200})
		if err != nil {
			t.Fatal(err)
		}
		if s.Low > s.Value || s.High < s.Value {
			t.Fatalf("%v is outside its own interval", s)
		}
		if s.Low <= slope && slope <= s.High {
			covered++
		}
	}
	if covered < 176 || covered > 198 {
		t.Errorf("%d of %d intervals contain the slope", covered, sets)
	}
	if s := (Slope{Value: -0.714, Low: -1.13, High: 0.33}).String(); s != "−0.71 [−1.13, 0.33]" {
		t.Error(s)
	}
}

// The interval over units is that of a line through each synapse as often as its two units come together.
func TestCrossedIntervalCountsSynapses(t *testing.T) {
	const outputs, inputs, resamples = 7, 9, 70 // more than are computed together
	x, y := crossedEffects(3, outputs, inputs, 0.5, 1)
	for r := range outputs { // an input without any point, and another that lacks some
		x[r*inputs+4] = 0
		if r > 2 {
			y[r*inputs+6] = 0
		}
	}
	b := Bootstrap{Seed: 6, Resamples: resamples}
	got, err := FitLayerSlope(x, y, inputs, b)
	if err != nil {
		t.Fatal(err)
	}
	var slopes []float64
	a, k := make([]float64, outputs), make([]float64, inputs-1)
	for i := range resamples {
		b.resample(a, i, outputUnits)
		b.resample(k, i, inputUnits)
		counts := slices.Insert(slices.Clone(k), 4, 0)
		var u, v []float64
		for j := range x {
			for range int(a[j/inputs] * counts[j%inputs]) {
				if x[j] > 0 && y[j] > 0 {
					u, v = append(u, math.Log(x[j])), append(v, math.Log(y[j]))
				}
			}
		}
		_, slope, _ := leastSquares(u, v)
		slopes = append(slopes, slope)
	}
	low, high := quantiles(slopes)
	if !near(got.Low, low, 1e-9) || !near(got.High, high, 1e-9) || got.Points != outputs*inputs-outputs-4 {
		t.Errorf("%+v, want [%v, %v]", got, low, high)
	}
	if plain, err := FitSlope(x, y, Bootstrap{}); err != nil || plain.Value != got.Value {
		t.Errorf("slope %v, want %v", got.Value, plain.Value)
	}
}

// crossedEffects are synapses of a layer with a true slope of -0.7, whose x and y also vary with both of their units by
// a standard deviation of units, and by themselves by one of single.
func crossedEffects(seed uint64, outputs, inputs int, units, single float64) (x, y []float64) {
	from := noise(seed, forInputs)
	var post, pre, own [2][]float64
	for i := range 2 {
		post[i], pre[i] = normals(outputs, from, 3*i), normals(inputs, from, 3*i+1)
		own[i] = normals(outputs*inputs, from, 1000*(i+1))
	}
	for j := range outputs * inputs {
		var e [2]float64
		for i := range e {
			e[i] = units*(post[i][j/inputs]+pre[i][j%inputs]) + single*own[i][j]
		}
		x, y = append(x, math.Exp(e[0])), append(y, math.Exp(-0.7*e[0]+e[1]))
	}
	return x, y
}

// Of 200 layers in which synapses of a unit have something in common, about 95 % of the intervals over units cover the
// true slope, some fewer with ten units on a side, and of those over synapses a half. Where they have nothing in common
// all cover it, and those over units are up to sqrt(3) times as wide.
func TestIntervalOverUnitsCoversTheSlope(t *testing.T) {
	const sets, slope = 200, -0.7
	for _, c := range []struct {
		outputs, inputs int
		units           float64
		over, plain     [2]int // how many cover it
		widths          [2]float64
	}{
		{40, 30, 1, [2]int{184, 198}, [2]int{60, 130}, [2]float64{2, 4}},
		{10, 40, 1, [2]int{176, 198}, [2]int{60, 130}, [2]float64{2, 4}},
		{40, 30, 0, [2]int{194, 200}, [2]int{180, 199}, [2]float64{1, 1.8}},
	} {
		over, plain, widths := 0, 0, 0.0
		for set := range sets {
			x, y := crossedEffects(uint64(set), c.outputs, c.inputs, c.units, 1)
			b := Bootstrap{Seed: uint64(set), Resamples: 200}
			u, err := FitLayerSlope(x, y, c.inputs, b)
			if err != nil {
				t.Fatal(err)
			}
			p, err := FitSlope(x, y, b)
			if err != nil {
				t.Fatal(err)
			}
			if u.Low <= slope && slope <= u.High {
				over++
			}
			if p.Low <= slope && slope <= p.High {
				plain++
			}
			widths += (u.High - u.Low) / (p.High - p.Low) / sets
		}
		if over < c.over[0] || over > c.over[1] || plain < c.plain[0] || plain > c.plain[1] ||
			widths < c.widths[0] || widths > c.widths[1] {
			t.Errorf("%d x %d, effects of units %g: of %d intervals %d over units cover the slope, %d over synapses; "+
				"widths as %.3g", c.outputs, c.inputs, c.units, sets, over, plain, widths)
		}
	}
}

func BenchmarkIntervalOverUnits(b *testing.B) {
	const outputs, inputs = 100, 784
	x, y := crossedEffects(1, outputs, inputs, 1, 1)
	for b.Loop() {
		if _, err := FitLayerSlope(x, y, inputs, Bootstrap{Seed: 1, Resamples: 1000}); err != nil {
			b.Fatal(err)
		}
	}
}
