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
		b.resample(counts, i)
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
		words := kernels.Philox([4]uint32{uint32(j / 4), 12, 7 << 16, 0}, [2]uint32{4, 0})
		want[int(float64(words[j%4])/(1<<32)*n)]++
	}
	if b.resample(counts, 12); !slices.Equal(counts, want) {
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
