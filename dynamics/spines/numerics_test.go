package spines

import (
	"context"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"
)

const cells = 2000

// affine is a law with linear drift and noise.
func affine(low, high, m0, m1, s0, s1 float64) Coefficients {
	return Coefficients{low, high, []float64{m0 + m1*low, m0 + m1*high}, []float64{s0 + s1*low, s0 + s1*high}}
}

// masses integrates a density, up to a constant, over cells by Simpson's rule.
func masses(edges []float64, f func(w float64) float64) Distribution {
	d := Distribution{edges, make([]float64, len(edges)-1)}
	sum := 0.0
	for i := range d.Mass {
		a, b := edges[i], edges[i+1]
		const n = 8
		for k := range n {
			x, h := a+(b-a)*float64(k)/n, (b-a)/n
			d.Mass[i] += h / 6 * (f(x) + 4*f(x+h/2) + f(x+h))
		}
		sum += d.Mass[i]
	}
	for i := range d.Mass {
		d.Mass[i] /= sum
	}
	return d
}

// With s = sigma(w) = s0 + s1 w and mu = A + B s the stationary density is s^(2B/s1-2) exp(-2A/(s1 s)): an inverse
// gamma in s, a power law where drift and noise are proportional to w. With constant noise it is a Gaussian. All are
// cut off at the bounds.
func TestStationaryDensities(t *testing.T) {
	for _, c := range []struct {
		name                      string
		low, high, m0, m1, s0, s1 float64
	}{
		{"control", 0.02, 1, 0.008, -0.06, 0.010, 0.22}, {"steep", 0.001, 2, 0.05, -1, 0.001, 0.9},
		{"power law", 0.01, 10, 0, -0.1, 0, 0.3},
	} {
		k := affine(c.low, c.high, c.m0, c.m1, c.s0, c.s1)
		b := c.m1 / c.s1
		a := c.m0 - b*c.s0
		want := masses(k.Grid(cells), func(w float64) float64 {
			s := c.s0 + c.s1*w
			return math.Exp((2*b/c.s1-2)*math.Log(s) - 2*a/(c.s1*s))
		})
		if e := k.Stationary(k.Grid(cells)).Distance(want); !(e < 1e-9) {
			t.Errorf("%s: distance %.3g from the closed form", c.name, e)
		}
	}
	const mean, rate, sigma = 0.3, 2.0, 0.4
	k := affine(-1, 2, rate*mean, -rate, sigma, 0)
	edges := k.Grid(cells)
	want := Distribution{edges, make([]float64, cells)}
	below := func(w float64) float64 { return math.Erf((w - mean) / sigma * math.Sqrt(rate)) }
	for i := range want.Mass {
		want.Mass[i] = (below(edges[i+1]) - below(edges[i])) / (below(2) - below(-1))
	}
	if e := k.Stationary(edges).Distance(want); !(e < 1e-9) {
		t.Errorf("Gaussian: distance %.3g from the closed form", e)
	}
}

// The cells of a grid are equally wide in int dw / sigma, even if sigma comes from a table.
func TestGrid(t *testing.T) {
	table := Condition{Name: "t", Low: 0.1, High: 2, Table: []Measurement{{0.1, 0, 0.1}, {0.5, 0, 0.02}, {1, 0, 0.5},
		{2, 0, 0.5}}}
	for _, k := range []Coefficients{affine(0.02, 1, 0, 0, 0.01, 0.2), affine(0, 1, 0, 0, 0.3, 0), table.Coefficients()} {
		edges := k.Grid(100)
		if edges[0] != k.Low || edges[100] != k.High || !slices.IsSorted(edges) {
			t.Fatalf("edges from %v to %v", edges[0], edges[100])
		}
		var widths []float64
		for i := range 100 {
			sum := 0.0
			const n = 1000
			for j := range n {
				_, s, _ := k.at(edges[i] + (edges[i+1]-edges[i])*(float64(j)+0.5)/n)
				sum += (edges[i+1] - edges[i]) / n / s
			}
			widths = append(widths, sum)
		}
		if d := slices.Max(widths)/slices.Min(widths) - 1; d > 1e-4 {
			t.Errorf("widths differ by %.2g", d)
		}
	}
}

// Reflecting bounds: nothing is lost or gained, no density is negative, and the final one is the stationary one.
func TestFokkerPlanckReachesTheStationaryDensity(t *testing.T) {
	measured := Condition{Name: "measured", Low: 0.02, High: 1, Table: []Measurement{
		{0.02, 0.003, 0.02}, {0.05, 0.002, 0.03}, {0.1, 0, 0.035}, {0.3, -0.01, 0.08}, {1, -0.06, 0.25},
	}}
	for _, c := range append(Conditions(), measured) {
		k := c.Coefficients()
		stationary := k.Stationary(k.Grid(cells))
		start := Distribution{stationary.Edges, make([]float64, cells)}
		start.Mass[cells/2] = 1
		p := k.FokkerPlanck(start, nil, 2)
		for range 10 {
			p.Advance(100)
			if m := p.Total(); math.Abs(m-1) > 1e-10 || slices.Min(p.Mass) < 0 {
				t.Errorf("%s: mass %.15f, smallest %g", c.Name, m, slices.Min(p.Mass))
			}
		}
		e := p.Distance(stationary)
		t.Logf("%s: mass %.2g from 1, density %.2g from the closed form", c.Name, p.Total()-1, e)
		if !(e < 1e-4) {
			t.Errorf("%s: distance %.3g from the closed form, want at most 1e-4", c.Name, e)
		}
	}
}

// In time: mean and variance of an Ornstein-Uhlenbeck process, and the moments of a geometric one, from a narrow start.
func TestFokkerPlanckInTime(t *testing.T) {
	const end, dt = 1.5, 0.001
	spread := func(k Coefficients, from, to float64) Distribution {
		return uniform(k.Grid(cells), from, to)
	}
	t.Run("Ornstein-Uhlenbeck", func(t *testing.T) {
		const rate, mean, sigma = 1.0, 0.0, 0.5
		k := affine(-4, 4, rate*mean, -rate, sigma, 0)
		start := spread(k, 1, 1.2)
		p := k.FokkerPlanck(start, nil, dt)
		p.Advance(end / dt)
		s := p.Statistics()
		decay := math.Exp(-rate * end)
		wantMean, wantVariance := 1.1*decay, 0.2*0.2/12*decay*decay+sigma*sigma/(2*rate)*(1-decay*decay)
		if math.Abs(s.Mean-wantMean) > 1e-3 || math.Abs(s.SD*s.SD/wantVariance-1) > 2e-3 {
			t.Errorf("mean %.5f, variance %.5f, want %.5f, %.5f", s.Mean, s.SD*s.SD, wantMean, wantVariance)
		}
	})
	t.Run("geometric", func(t *testing.T) {
		const a, b = -0.2, 0.4
		k := affine(1e-3, 100, 0, a, 0, b)
		p := k.FokkerPlanck(spread(k, 0.9, 1.1), nil, dt)
		p.Advance(end / dt)
		s := p.Statistics()
		second := (1 + 0.2*0.2/12) * math.Exp((2*a+b*b)*end)
		wantMean := math.Exp(a * end)
		if math.Abs(s.Mean/wantMean-1) > 1e-3 || math.Abs((s.SD*s.SD+s.Mean*s.Mean)/second-1) > 2e-3 {
			t.Errorf("mean %.5f, second moment %.5f, want %.5f, %.5f", s.Mean, s.SD*s.SD+s.Mean*s.Mean, wantMean, second)
		}
	})
}

// Turnover: births minus losses are the change of the mass, and in the end births equal losses, at the rate and with
// the density of the closed form.
func TestFokkerPlanckWithTurnover(t *testing.T) {
	for _, c := range Conditions() {
		turnover := DefaultTurnover()
		k := c.Coefficients()
		stationary, lifetime := k.StationaryTurnover(turnover, k.Grid(cells))
		p := k.FokkerPlanck(Distribution{stationary.Edges, make([]float64, cells)}, &turnover, 0.5)
		for range 10 {
			p.Advance(300)
			if e := p.Births - p.Losses - p.Total(); math.Abs(e) > 1e-10 {
				t.Errorf("%s: births %.15f - losses %.15f - mass %.15f = %.3g", c.Name, p.Births, p.Losses, p.Total(), e)
			}
		}
		births, losses := p.Births, p.Losses
		p.Advance(1)
		births, losses = (p.Births-births)/0.5, (p.Losses-losses)/0.5
		e := p.Distance(stationary)
		t.Logf("%s: lifetime %.2f days, %.1f %% of the sites, density %.2g from the closed form", c.Name, lifetime,
			100*stationary.Total(), e)
		// A step of 0.5 days fills slightly less than the rate says.
		want := -math.Expm1(-turnover.Rate*0.5) / 0.5 * (1 - p.Total())
		if !(e < 0.02) || math.Abs(births/losses-1) > 1e-9 || math.Abs(births/want-1) > 1e-9 {
			t.Errorf("%s: distance %.3g, births %.6g and losses %.6g a day, want %.6g", c.Name, e, births, losses, want)
		}
		fine := k.FokkerPlanck(stationary, &turnover, 0.001)
		fine.Advance(1000)
		if e := fine.Distance(stationary); !(e < 2e-4) {
			t.Errorf("%s: the closed form moves by %.3g in a day", c.Name, e)
		}
		if got := stationary.Total() / lifetime; math.Abs(got/(turnover.Rate*(1-stationary.Total()))-1) > 1e-9 {
			t.Errorf("%s: %g births a day for %g spines with lifetime %g", c.Name, turnover.Rate*(1-stationary.Total()),
				stationary.Total(), lifetime)
		}
	}
}

// The lifetime of Brownian motion between an absorbing bound at 0 and a reflecting one at h is x (2h - x) / sigma^2
// from x on.
func TestLifetime(t *testing.T) {
	const h, sigma = 2.0, 0.5
	k := affine(0, h, 0, 0, sigma, 0)
	_, got := k.StationaryTurnover(Turnover{Rate: 1, Smallest: 0.4, Largest: 0.8}, k.Grid(cells))
	want := 0.0 // the mean over x from 0.4 to 0.8
	antiderivative := func(x float64) float64 { return (h*x*x - x*x*x/3) / (sigma * sigma) }
	want = (antiderivative(0.8) - antiderivative(0.4)) / 0.4
	if math.Abs(got/want-1) > 1e-6 {
		t.Errorf("lifetime %.6f, want %.6f", got, want)
	}
}

// fast is a law like the control's, but thirty times as fast, so that a test can wait for it.
func fast() Coefficients { return affine(0.02, 1, 0.24, -1.8, 0.010*5.5, 0.22*5.5) }

func advanced(t *testing.T, p *Population, err error, steps int) *Population {
	t.Helper()
	if err == nil {
		err = p.Advance(context.Background(), steps, func(int) {})
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A million spines against the Fokker-Planck equation over time and against the stationary density. Plain Go would take
// a minute for that many; it moves a fifth of them.
func TestPopulationAgainstDensities(t *testing.T) {
	const dt = 2e-3
	k := fast()
	start := [2]float64{0.3, 0.4}
	n, bound := 1_000_000, 0.005
	p, err := k.NewPopulation(n, dt, start, nil, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if testing.Short() || p.Kernels() == "portable" {
		n, bound = 200_000, 0.008
		p, err = k.NewPopulation(n, dt, start, nil, 1, 2)
	}
	density := k.FokkerPlanck(uniform(k.Grid(cells), start[0], start[1]), nil, dt)
	for _, steps := range []int{50, 100, 250} {
		advanced(t, p, err, steps)
		density.Advance(steps)
		d := density.KolmogorovSmirnov(p.W)
		t.Logf("after %d steps: Kolmogorov-Smirnov distance %.5f", p.Step, d)
		if !(d < bound) {
			t.Errorf("after %d steps: Kolmogorov-Smirnov distance %.5f from the Fokker-Planck equation", p.Step, d)
		}
	}
	advanced(t, p, nil, 1600)
	stationary := k.Stationary(k.Grid(cells))
	d := stationary.KolmogorovSmirnov(p.W)
	t.Logf("stationary: Kolmogorov-Smirnov distance %.5f of %d spines", d, n)
	if !(d < bound) {
		t.Errorf("Kolmogorov-Smirnov distance %.5f from the stationary density, want below %g", d, bound)
	}
}

// A population with turnover grows from nothing to as many spines as the closed form says, loses them as the
// Fokker-Planck equation does, and counts correctly.
func TestPopulationWithTurnover(t *testing.T) {
	const n, dt = 100_000, 2e-3
	k := fast()
	turnover := Turnover{Rate: 3, Smallest: 0.03, Largest: 0.06}
	p, err := k.NewPopulation(n, dt, [2]float64{}, &turnover, 1, 2)
	stationary, _ := k.StationaryTurnover(turnover, k.Grid(cells))
	density := k.FokkerPlanck(Distribution{stationary.Edges, make([]float64, cells)}, &turnover, dt)
	for range 4 {
		advanced(t, p, err, 500)
		density.Advance(500)
		if p.Births-p.Losses != p.Spines() {
			t.Fatalf("%d births - %d losses leave %d spines", p.Births, p.Losses, p.Spines())
		}
		for _, c := range []struct {
			what      string
			got, want float64
		}{{"spines", float64(p.Spines()), density.Total()}, {"births", float64(p.Births), density.Births},
			{"losses", float64(p.Losses), density.Losses}} {
			if math.Abs(c.got/n/c.want-1) > 0.015 {
				t.Errorf("step %d: %.4f %s per site, want %.4f", p.Step, c.got/n, c.what, c.want)
			}
		}
	}
	if got := float64(p.Spines()) / n; math.Abs(got/stationary.Total()-1) > 0.015 {
		t.Errorf("%.4f of the sites have spines, want %.4f", got, stationary.Total())
	}
	if d := stationary.KolmogorovSmirnov(p.W); !(d < 0.01) {
		t.Errorf("Kolmogorov-Smirnov distance %.4f from the stationary density", d)
	}
	since, spines := p.Step, p.Spines()
	if p.Survivors(since) != spines {
		t.Fatalf("%d of %d spines are there", p.Survivors(since), spines)
	}
	none := turnover
	none.Rate = 0
	left := k.FokkerPlanck(stationary, &none, dt)
	for range 3 {
		advanced(t, p, nil, 100)
		left.Advance(100)
		got, want := float64(p.Survivors(since))/float64(spines), left.Total()/stationary.Total()
		if math.Abs(got-want) > 0.01 {
			t.Errorf("after %d steps %.4f are left, want %.4f", p.Step-since, got, want)
		}
	}
}

// The same bytes for any number of threads, and if the steps are divided differently.
func TestBytesDoNotDependOnThreads(t *testing.T) {
	const n = 3*blockSize + 700
	turnover := Turnover{Rate: 3, Smallest: 0.03, Largest: 0.06}
	for _, with := range []*Turnover{nil, &turnover} {
		var want *Population
		for _, threads := range []int{1, 2, 7} {
			p, err := fast().NewPopulation(n, 1e-3, [2]float64{0.1, 0.3}, with, 5, threads)
			for range threads {
				advanced(t, p, err, 840/threads)
			}
			if want == nil {
				want = p
				continue
			}
			if !slices.Equal(p.W, want.W) || !slices.Equal(p.Born, want.Born) || p.Births != want.Births ||
				p.Losses != want.Losses {
				t.Errorf("%d threads: another population, %d births and %d losses for %d and %d", threads, p.Births, p.Losses,
					want.Births, want.Losses)
			}
		}
	}
}

func TestAdvanceStops(t *testing.T) {
	p, err := fast().NewPopulation(10000, 1e-3, [2]float64{0.1, 0.3}, nil, 5, 2)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := p.Advance(ctx, 1<<40, func(int) { cancel() }); err != context.Canceled {
		t.Errorf("got %v", err)
	}
}

func TestStepsThatAreTooLong(t *testing.T) {
	if _, err := affine(0.02, 1, 0.008, -0.06, 0.01, 0.22).NewPopulation(10, 1, [2]float64{0.1, 0.3}, nil, 1,
		1); err == nil {
		t.Error("a step of a day is taken")
	}
}

// Noise that is proportional to the size makes the skewed, heavy tail; constant noise under the same drift does not.
func TestOnlyMultiplicativeNoiseMakesTheTail(t *testing.T) {
	control, err := Named("control")
	if err != nil {
		t.Fatal(err)
	}
	additive, err := Named("additive")
	if err != nil {
		t.Fatal(err)
	}
	if control.Mu != additive.Mu || additive.Sigma.Slope != 0 {
		t.Fatalf("the two differ in more than the noise: %+v, %+v", control, additive)
	}
	statistics := func(c Condition) Statistics {
		k := c.Coefficients()
		return k.Stationary(k.Grid(cells)).Statistics()
	}
	m, a := statistics(control), statistics(additive)
	t.Logf("multiplicative %+v, additive %+v", m, a)
	if m.Skewness < 1.5 || m.TailExponent > 6 || math.Abs(a.Skewness) > 0.5 || a.TailExponent < 8 {
		t.Errorf("skewness %.2f and %.2f, tail exponents %.2f and %.2f", m.Skewness, a.Skewness, m.TailExponent,
			a.TailExponent)
	}
}

// peaks counts the maxima of a curve inside its range.
func peaks(y []float64) int {
	n := 0
	for i := 1; i < len(y)-1; i++ {
		if y[i] > y[i-1] && y[i] >= y[i+1] {
			n++
		}
	}
	return n
}

// ISD Fig. 2C and 3: f of the three conditions has one peak and they differ as described; f of a network falls
// throughout with and without assemblies, and w f(w) has a second peak only with them.
func TestShapesOfTheConditions(t *testing.T) {
	at := map[string]Statistics{}
	for _, c := range Conditions() {
		k := c.Coefficients()
		d := k.Stationary(k.Grid(cells))
		f := d.Density()
		wf := make([]float64, len(f))
		for i := range f {
			wf[i] = d.Centre(i) * f[i]
		}
		at[c.Name] = d.Statistics()
		want := map[string][2]int{"control": {1, 1}, "silenced": {1, 1}, "fmr1": {1, 1}, "additive": {1, 1},
			"network": {0, 1}, "assembly": {0, 2}}[c.Name]
		if got := [2]int{peaks(f), peaks(wf)}; got != want {
			t.Errorf("%s: f and w f have %v peaks, want %v", c.Name, got, want)
		}
		if top := math.Log(d.Centre(slices.Index(wf, slices.Max(wf)))); (c.Name == "network" || c.Name == "assembly") &&
			math.Abs(top+3) > 0.05 {
			t.Errorf("%s: w f is highest at ln w = %.2f, want -3", c.Name, top)
		}
		t.Logf("%s: %+v", c.Name, at[c.Name])
	}
	if !(at["fmr1"].Median < at["control"].Median && at["fmr1"].Mean < at["control"].Mean) {
		t.Errorf("Fmr1 KO has median %.3f and mean %.3f, control %.3f and %.3f", at["fmr1"].Median, at["fmr1"].Mean,
			at["control"].Median, at["control"].Mean)
	}
}

// The exponent of a truncated power law is recovered from a sample, and its quantiles and moments are those of its
// distribution.
func TestStatisticsOfAPowerLaw(t *testing.T) {
	const alpha, low, high, n = 3.0, 0.1, 2.0, 200000
	k := affine(low, high, 0, 0, 0.01, 0.3)
	d := masses(k.Grid(cells), func(w float64) float64 { return math.Pow(w, -alpha) })
	sample := make([]float32, n)
	for i := range sample {
		u := (float64(i) + 0.5) / n
		sample[i] = float32(math.Pow(math.Pow(low, 1-alpha)*(1-u)+math.Pow(high, 1-alpha)*u, 1/(1-alpha)))
	}
	got, want := sampleStatistics(sorted(sample), high), d.Statistics()
	for _, c := range []struct {
		name                 string
		got, want, tolerance float64
	}{
		{"mean", got.Mean, want.Mean, 1e-4}, {"sd", got.SD, want.SD, 1e-4}, {"median", got.Median, want.Median, 1e-4},
		{"skewness", got.Skewness, want.Skewness, 1e-3}, {"tail exponent", want.TailExponent, alpha, 1e-3},
		{"tail exponent of the sample", got.TailExponent, alpha, 1e-3},
	} {
		if math.Abs(c.got/c.want-1) > c.tolerance {
			t.Errorf("%s %.6f, want %.6f", c.name, c.got, c.want)
		}
	}
	if e := histogram(sample, d.Edges).Distance(d); e > 0.02 {
		t.Errorf("histogram: distance %.3g", e)
	}
	for _, factor := range []float32{0.95, 1.05} { // to either side
		var a, b []float64
		var shifted []float32
		for _, w := range sample {
			a, b, shifted = append(a, float64(w)), append(b, float64(w*factor)), append(shifted, w*factor)
		}
		want := stat.KolmogorovSmirnov(a, nil, b, nil)
		if e := d.KolmogorovSmirnov(append(shifted, 0, 0, 0)); math.Abs(e-want) > 1e-4 {
			t.Errorf("Kolmogorov-Smirnov distance %.5f, want %.5f", e, want)
		}
	}
	if e := d.KolmogorovSmirnov(sample); e > 1e-4 {
		t.Errorf("Kolmogorov-Smirnov distance %.5f of its own sample", e)
	}
}
