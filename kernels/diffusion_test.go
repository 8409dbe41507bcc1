package kernels

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat"
)

// geometric is dw = a w dt + b w dB between bounds that it does not reach: w_T = w_0 exp((a - b^2/2) T + b B_T).
func geometric(a, b, dt float64) Diffusion[float64] {
	const low, high = 1e-9, 1e9
	return NewDiffusion[float64](low, high, []float64{a * low, a * high}, []float64{b * low, b * high}, dt)
}

// slope is the exponent of the power law through errors over step lengths.
func slope(steps, errors []float64) float64 {
	x, y := make([]float64, len(steps)), make([]float64, len(steps))
	for i := range steps {
		x[i], y[i] = math.Log(steps[i]), math.Log(errors[i])
	}
	_, b := stat.LinearRegression(x, y, nil, false)
	return b
}

// Coarse steps are driven by the sums of the same fine increments, and compared with the exact solution on each path:
// the mean distance at the end is of order dt, and so is the distance between the means. Euler's scheme has strong
// order 1/2 here.
func TestMilsteinOrders(t *testing.T) {
	const (
		a, b, start, end = 0.5, 0.8, 1.0, 1.0
		fine, paths      = 512, 5000
	)
	var lengths, strong, weak []float64
	for _, coarsening := range []int{2, 4, 8, 16, 32} {
		dt := end * float64(coarsening) / fine
		d := geometric(a, b, dt)
		distance, difference := 0.0, 0.0
		xi := make([]float64, fine)
		for p := range paths {
			Normals(xi, Noise{Seed: 3, Stream: StreamDynamics}, p)
			w, path := start, 0.0
			for i := 0; i < fine; i += coarsening {
				sum := 0.0
				for _, x := range xi[i : i+coarsening] {
					sum += x
				}
				w, _ = d.Step(w, sum/math.Sqrt(float64(coarsening)))
				path += sum * math.Sqrt(end/fine)
			}
			exact := start * math.Exp((a-b*b/2)*end+b*path)
			distance += math.Abs(w-exact) / paths
			difference += (w - exact) / paths
		}
		lengths, strong, weak = append(lengths, dt), append(strong, distance), append(weak, math.Abs(difference))
	}
	s, w := slope(lengths, strong), slope(lengths, weak)
	t.Logf("steps %.3g, mean distance %.3g (order %.3f), distance of the means %.3g (order %.3f)", lengths, strong, s,
		weak, w)
	if math.Abs(s-1) > 0.1 {
		t.Errorf("strong order %.3f, want 1: mean distances %.3g at steps %.3g", s, strong, lengths)
	}
	if math.Abs(w-1) > 0.1 {
		t.Errorf("weak order %.3f, want 1: distances of the means %.3g at steps %.3g", w, weak, lengths)
	}
}

// Mean and variance of an Ornstein-Uhlenbeck process obey a recursion over steps that can be solved; a geometric
// process is lognormal in the end.
func TestAdvanceAgainstKnownSolutions(t *testing.T) {
	const n = 50000
	t.Run("Ornstein-Uhlenbeck", func(t *testing.T) {
		const k, mean, sigma, dt, steps, start = 1.0, 2.0, 0.5, 0.01, 150, 3.0
		d := NewDiffusion[float64](-10, 10, []float64{k * (mean + 10), k * (mean - 10)}, []float64{sigma, sigma}, dt)
		w := filled(n, start)
		d.Advance(w, Noise{Seed: 1, Stream: StreamDynamics}, 0, steps)
		m, v := stat.MeanVariance(w, nil)
		wantM := mean + (start-mean)*math.Exp(-k*dt*steps)
		wantV := sigma * sigma / (2 * k) * (1 - math.Exp(-2*k*dt*steps))
		// Sampling adds 0.35/sqrt(n) = 0.0016 to the mean and a share of sqrt(2/n) = 0.0063 to the variance, the step k dt/2.
		if math.Abs(m-wantM) > 0.006 || math.Abs(v/wantV-1) > 0.03 {
			t.Errorf("mean %.4f and variance %.4f, want %.4f and %.4f", m, v, wantM, wantV)
		}
	})
	t.Run("geometric", func(t *testing.T) {
		const a, b, dt, steps = 0.1, 0.4, 0.01, 100
		d := geometric(a, b, dt)
		w := filled(n, 1)
		d.Advance(w, Noise{Seed: 1, Stream: StreamDynamics}, 0, steps)
		logs := make([]float64, n)
		for i, v := range w {
			logs[i] = math.Log(v)
		}
		m, v := stat.MeanVariance(logs, nil)
		if math.Abs(m-(a-b*b/2)) > 0.007 || math.Abs(v/(b*b)-1) > 0.025 {
			t.Errorf("log w has mean %.4f and variance %.4f, want %.4f and %.4f", m, v, a-b*b/2, b*b)
		}
	})
}

func filled(n int, v float64) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = v
	}
	return w
}

// A diffusion on cells is the one whose coefficients are linear between the edges, even outside the bounds.
func TestStepOnCells(t *testing.T) {
	mu, sigma := []float64{1, -2, 0.5, 3}, []float64{0.1, 0.5, 0.2, 1}
	const low, high, dt = 0.5, 2.0, 0.01
	d := NewDiffusion[float64](low, high, mu, sigma, dt)
	at := func(v []float64, w float64) (value, slope float64) {
		x := (w - low) / (high - low) * 3
		i := min(int(x), 2)
		return v[i] + (v[i+1]-v[i])*(x-float64(i)), (v[i+1] - v[i]) / 0.5
	}
	for _, w := range []float64{0.5, 0.7, 0.99, 1.01, 1.4, 1.6, 2} {
		for _, xi := range []float64{-3, -0.2, 0, 1, 5} {
			m, _ := at(mu, w)
			s, ds := at(sigma, w)
			want := w + m*dt + s*math.Sqrt(dt)*xi + s*ds*dt*(xi*xi-1)/2
			got, noise := d.Step(w, xi)
			if math.Abs(got-want) > 1e-14 || math.Abs(noise-s*math.Sqrt(dt)) > 1e-14 {
				t.Errorf("from %v with xi %v: %v with noise %v, want %v with %v", w, xi, got, noise, want, s*math.Sqrt(dt))
			}
		}
	}
	for _, c := range [][2]float64{{0.4, 0.6}, {0.5, 0.5}, {1, 1}, {2, 2}, {2.25, 1.75}} {
		if got := d.Reflect(c[0]); math.Abs(got-c[1]) > 1e-15 {
			t.Errorf("mirror image of %v is %v, want %v", c[0], got, c[1])
		}
	}
}

// Numbers move in the same way all at once or in parts, with their noise as defined.
func TestAdvanceInParts(t *testing.T) {
	const n, steps = 300, 7
	d := NewDiffusion[float32](0.1, 1, []float64{0.1, -0.1}, []float64{0.02, 0.3}, 0.1)
	noise := Noise{Seed: 9, Stream: StreamDynamics, Layer: 2, Step: 100}
	start := make([]float32, n)
	for i := range start {
		start[i] = 0.1 + 0.9*float32(i)/n
	}
	want := append([]float32{}, start...)
	xi := make([]float32, n)
	for s := range steps {
		at := noise
		at.Step += uint32(s)
		Normals(xi, at, 0) // one row of all
		for i, w := range want {
			next, _ := d.Step(w, xi[i])
			want[i] = d.Reflect(next)
		}
	}
	whole, parts := append([]float32{}, start...), append([]float32{}, start...)
	d.Advance(whole, noise, 0, steps)
	for s := range steps {
		at := noise
		at.Step += uint32(s)
		d.Advance(parts[128:], at, 128, 1)
		d.Advance(parts[:128], at, 0, 1)
	}
	for i := range want {
		if whole[i] != want[i] || parts[i] != want[i] {
			t.Fatalf("number %d: %v at once, %v in parts, want %v", i, whole[i], parts[i], want[i])
		}
	}
}

// Brownian motion that starts at distance a above an absorbing bound has not been absorbed after a time t with
// probability erf(a / sqrt(2 t)). With 20 steps and without the bridge, far too many would be left.
func TestLossesOfBrownianMotion(t *testing.T) {
	const n, steps, start, end = 200000, 20, 0.5, 1.0
	d := NewDiffusion[float64](1, 100, []float64{0, 0}, []float64{1, 1}, end/steps)
	w, born := filled(n, 1+start), make([]uint32, n)
	births, losses := d.AdvanceSites(Turnover[float64]{}, w, born, Noise{Seed: 4, Stream: StreamDynamics}, 0, steps)
	left := 0
	for _, v := range w {
		if v != 0 {
			left++
		}
	}
	if births != 0 || left != n-losses {
		t.Errorf("%d births and %d losses leave %d of %d", births, losses, left, n)
	}
	want := math.Erf(start / math.Sqrt(2*end))
	if got := float64(left) / n; math.Abs(got-want) > 0.004 { // standard error 0.0011
		t.Errorf("a share of %.4f is left, want %.4f", got, want)
	}
}

// Empty sites fill with the given probability, uniformly over the sizes of new numbers, and Born has their step.
func TestBirths(t *testing.T) {
	const n, steps, first = 100000, 30, 500
	d := NewDiffusion[float64](0.1, 2, []float64{0, 0}, []float64{1e-9, 1e-9}, 1) // nothing moves
	turnover := Turnover[float64]{Birth: 0.02, Smallest: 0.5, Spread: 0.5}
	w, born := make([]float64, n), make([]uint32, n)
	births, losses := d.AdvanceSites(turnover, w, born, Noise{Seed: 5, Stream: StreamDynamics, Step: first}, 0, steps)
	want := 1 - math.Pow(1-turnover.Birth, steps)
	if got := float64(births) / n; losses != 0 || math.Abs(got-want) > 0.008 {
		t.Errorf("%d losses, and a share of %.4f of the sites filled, want %.4f", losses, got, want)
	}
	var sizes, steps2 []float64
	for i, v := range w {
		if v != 0 {
			sizes, steps2 = append(sizes, v), append(steps2, float64(born[i]))
		} else if born[i] != 0 {
			t.Fatalf("site %d is empty, but born in step %d", i, born[i])
		}
	}
	m, sd := stat.MeanStdDev(sizes, nil)
	if len(sizes) != births || math.Abs(m-0.75) > 0.004 || math.Abs(sd-0.5/math.Sqrt(12)) > 0.003 {
		t.Errorf("%d new of %d, sizes %.4f +- %.4f, want 0.75 +- %.4f", len(sizes), births, m, sd, 0.5/math.Sqrt(12))
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range steps2 {
		low, high = min(low, s), max(high, s)
	}
	if low != first+1 || high != first+steps {
		t.Errorf("born in steps %v to %v, want %d to %d", low, high, first+1, first+steps)
	}
}
