package synapse

import (
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"
	"pgregory.net/rapid"
)

func near(a, b, tolerance float64) bool {
	return math.Abs(a-b) <= tolerance*max(math.Abs(a), math.Abs(b))
}

func drawRelease(t *rapid.T) Release {
	return Release{
		N: rapid.Float64Range(0.5, 200).Draw(t, "n"), P: rapid.Float64Range(0.01, 0.99).Draw(t, "p"),
		Q: math.Exp(rapid.Float64Range(-5, 5).Draw(t, "ln q")),
	}
}

// enumerate computes mean and variance of the potential from the probabilities of every number of releases, made by
// adding one vesicle after the other.
func enumerate(n int, p, q float64) (mean, variance float64) {
	probability := []float64{1}
	for range n {
		next := make([]float64, len(probability)+1)
		for k, v := range probability {
			next[k] += v * (1 - p)
			next[k+1] += v * p
		}
		probability = next
	}
	for k, v := range probability {
		mean += v * float64(k) * q
	}
	for k, v := range probability {
		variance += v * (float64(k)*q - mean) * (float64(k)*q - mean)
	}
	return mean, variance
}

func TestMomentsAreThoseOfAllOutcomes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRelease(t)
		n := rapid.IntRange(1, 60).Draw(t, "whole n")
		r.N = float64(n)
		mean, variance := enumerate(n, r.P, r.Q)
		if !near(r.Mean(), mean, 1e-10) || !near(r.Variance(), variance, 1e-10) {
			t.Fatalf("%+v: mean %v, variance %v; all outcomes give %v, %v", r, r.Mean(), r.Variance(), mean, variance)
		}
		if !near(r.CV(), math.Sqrt(variance)/mean, 1e-10) {
			t.Fatalf("CV %v", r.CV())
		}
		sum, first := 0.0, 0.0
		for k := range n + 1 {
			sum += r.Probability(k)
			first += r.Probability(k) * float64(k) * r.Q
		}
		if !near(sum, 1, 1e-9) || !near(first, mean, 1e-9) || !near(r.Failure(), r.Probability(0), 1e-9) {
			t.Fatalf("probabilities sum to %v with mean %v, want 1 and %v; failure %v", sum, first, mean, r.Failure())
		}
	})
}

func TestProbabilityOfCertainRelease(t *testing.T) {
	r := Release{N: 3, P: 1, Q: 1}
	for k, want := range []float64{0, 0, 0, 1} {
		if got := r.Probability(k); got != want {
			t.Errorf("probability of %d is %v", k, got)
		}
	}
}

// Moments and one parameter determine the other two: there and back, for each held parameter.
func TestFromMomentsIsTheInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRelease(t)
		for _, held := range []Parameter{N, P, Q} {
			back, err := FromMoments(r.Mean(), r.SD(), held, r.Value(held))
			if err != nil {
				t.Fatal(err)
			}
			if !near(back.N, r.N, 1e-8) || !near(back.P, r.P, 1e-8) || !near(back.Q, r.Q, 1e-8) {
				t.Fatalf("%v held: %+v came back as %+v", held, r, back)
			}
		}
	})
}

func TestNoSuchRelease(t *testing.T) {
	for _, c := range []struct {
		mean, sd float64
		held     Parameter
		value    float64
		want     string
	}{
		{1, 1, Q, 1, "p 0"},
		{1, 2, Q, 1, "p -3"},
		{1, 0, P, 0.5, "n +Inf"},
		{1, 1, P, 1, "n 0"},
		{1, 1, P, 1.5, "p 1.5"},
		{0, 1, N, 1, "want a mean above 0"},
		{1, math.NaN(), N, 1, "sd NaN"},
		{1, 1, N, -2, "n -2: want a number of vesicles above 0"},
	} {
		if _, err := FromMoments(c.mean, c.sd, c.held, c.value); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c, err, c.want)
		}
	}
	if r, err := FromMoments(2, 0, N, 4); err != nil || r != (Release{4, 1, 0.5}) {
		t.Errorf("no variance: %+v, %v", r, err)
	}
}

// Each mechanism's cost is a power law over the whole range of p, with its exponent.
func TestMechanismsGiveTheirExponents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := drawRelease(t)
		for _, m := range Mechanisms() {
			curve := Tradeoff{Mechanism: m, From: from, Drives: m.Drives(), Compensates: Q}
			var x, y []float64
			for i := range 20 {
				sd := from.SD() * math.Exp(float64(i-10)/4) // by a factor of 150
				r, cost, err := curve.At(sd)
				if err != nil {
					t.Fatal(err)
				}
				if !near(r.Mean(), from.Mean(), 1e-9) || !near(r.SD(), sd, 1e-6) {
					t.Fatalf("%v: %+v has mean %v and sd %v, want %v and %v", m, r, r.Mean(), r.SD(), from.Mean(), sd)
				}
				x, y = append(x, math.Log(sd)), append(y, math.Log(cost))
			}
			_, slope := stat.LinearRegression(x, y, nil, false)
			if want := map[Mechanism]Power{Calcium: 0.5, Membrane: 2. / 3, Actin: 4. / 3, Trafficking: 2}[m]; !near(-slope,
				float64(want), 1e-5) || m.Rho() != want {
				t.Fatalf("%v: slope %v, Rho %v, want %v", m, slope, m.Rho(), want)
			}
			if r := stat.Correlation(x, y, nil); math.Abs(r+1) > 1e-9 {
				t.Fatalf("%v is not a power law: correlation %v", m, r)
			}
		}
	})
}

// The cost of Eq. 18, and its exponent 2 (1-p): near 2 only for small p.
func TestTraffickingThroughP(t *testing.T) {
	for _, c := range []struct{ p, least, most float64 }{{0.01, 1.97, 1.99}, {0.3, 1.39, 1.41}, {0.5, 0.99, 1.01},
		{0.95, 0.09, 0.11}} {
		from := Release{10, c.p, 1}
		curve := Tradeoff{Mechanism: Trafficking, From: from, Drives: P, Compensates: Q}
		rho, err := curve.Exponent(from.SD())
		if err != nil || rho < c.least || rho > c.most {
			t.Errorf("p = %v: exponent %v, %v", c.p, rho, err)
		}
		for _, factor := range []float64{0.5, 1, 2} {
			r, cost, err := curve.At(factor * from.SD())
			if err != nil {
				t.Fatal(err)
			}
			if want := from.Mean() * from.Mean() * (1 - r.P) / (factor * factor * from.Variance()); !near(cost, want, 1e-9) {
				t.Errorf("cost %v, Eq. 18 with its factor mu^2 gives %v", cost, want)
			}
		}
	}
}

// exactExponent is the exponent in closed form. With k^2 = (1-p)/(n p),
//
//	n held:  d ln p = -2 (1-p) d ln k,     d ln q = -d ln p
//	p held:  d ln n = -2 d ln k,           d ln q = -d ln n
//	q held:  d ln p = -2 (1-p)/p d ln k,   d ln n = -d ln p
func exactExponent(m Mechanism, r Release, held Parameter) float64 {
	var n, p, q float64 // -d ln of each by d ln k
	switch held {
	case N:
		p = 2 * (1 - r.P)
		q = -p
	case P:
		n = 2
		q = -n
	case Q:
		p = 2 * (1 - r.P) / r.P
		n = -p
	}
	return map[Mechanism]float64{
		Calcium: p / (4 * (1 - r.P)), Membrane: n + 2./3*q, Actin: n + q/3, Trafficking: n + p,
	}[m]
}

// The closed form of the local exponent against the curve, for every choice of driving and compensating parameter.
func TestExponents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := drawRelease(t)
		for _, m := range Mechanisms() {
			for _, drives := range []Parameter{N, P, Q} {
				for _, compensates := range []Parameter{N, P, Q} {
					curve := Tradeoff{Mechanism: m, From: from, Drives: drives, Compensates: compensates}
					numeric, err := curve.Exponent(from.SD())
					if drives == compensates {
						if err == nil {
							t.Fatalf("%v both drives and compensates", drives)
						}
						continue
					}
					exact := exactExponent(m, from, N+P+Q-drives-compensates)
					if err != nil {
						if compensates == P || drives == P { // p = 1 is less than a step away
							continue
						}
						t.Fatal(err)
					}
					if math.Abs(numeric-exact) > 1e-3*(1+math.Abs(exact)) {
						t.Fatalf("%v, %v drives, %v compensates: exponent %v, closed form %v", m, drives, compensates, numeric, exact)
					}
				}
			}
		}
	})
}

func TestSampleHasTheMomentsOfTheBinomial(t *testing.T) {
	const draws = 40000
	for _, r := range []Release{{10, 0.3, 1}, {1, 0.5, 2}, {130, 0.05, 0.1}, {7, 0.9, 3}, {5, 1, 1}} {
		x := make([]float64, draws)
		if err := r.Sample(x, 5); err != nil {
			t.Fatal(err)
		}
		mean, sd := stat.MeanStdDev(x, nil)
		// Five standard errors; that of the variance follows from the binomial's fourth moment, and its
		// second order from that of the mean.
		p, n := r.P, r.N
		v := n * p * (1 - p)
		kurtosis := 0.0
		if v > 0 {
			kurtosis = 3 + (1-6*p*(1-p))/v
		}
		if e := math.Abs(mean - r.Mean()); e > 5*r.SD()/math.Sqrt(draws) {
			t.Errorf("%+v: mean %v, want %v", r, mean, r.Mean())
		}
		if e := math.Abs(sd*sd - r.Variance()); e > 5*r.Variance()*math.Sqrt(max(0, kurtosis-1)/draws)+25*r.Variance()/draws {
			t.Errorf("%+v: variance %v, want %v", r, sd*sd, r.Variance())
		}
		counts := map[int]float64{}
		for _, v := range x {
			k := int(math.Round(v / r.Q))
			if math.Abs(v-float64(k)*r.Q) > 1e-12 || k < 0 || k > int(n) {
				t.Fatalf("%+v: potential %v is not a multiple of q", r, v)
			}
			counts[k]++
		}
		for k := range int(n) + 1 {
			want := draws * r.Probability(k)
			if e := math.Abs(counts[k] - want); e > 5*math.Sqrt(want)+3 {
				t.Errorf("%+v: %v draws with %d releases, want %v", r, counts[k], k, want)
			}
		}
	}
}

// A draw must not depend on the number of draws, and must depend on the seed.
func TestSampleIsAFunctionOfSeedAndNumber(t *testing.T) {
	r := Release{70, 0.4, 1}
	few, many, other := make([]float64, 10), make([]float64, 100), make([]float64, 100)
	for _, s := range []struct {
		x    []float64
		seed uint64
	}{{few, 1}, {many, 1}, {other, 2}} {
		if err := r.Sample(s.x, s.seed); err != nil {
			t.Fatal(err)
		}
	}
	equal := 0
	for i := range many {
		if i < len(few) && few[i] != many[i] {
			t.Fatalf("draw %d is %v among 10, %v among 100", i, few[i], many[i])
		}
		if many[i] == other[i] {
			equal++
		}
	}
	if equal > 40 {
		t.Errorf("%d of 100 draws are equal for two seeds", equal)
	}
}

func TestSampleRefuses(t *testing.T) {
	x := make([]float64, 3)
	for _, c := range []struct {
		r    Release
		want string
	}{{Release{2.5, 0.5, 1}, "n 2.5: want a whole number"}, {Release{2, 1.5, 1}, "p 1.5"},
		{Release{1e10, 0.5, 1}, "want fewer"}} {
		if err := c.r.Sample(x, 1); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.r, err)
		}
	}
}

// The optimum against a search by golden section on the objective itself (Eq. 63 with its sign corrected).
func TestOptimalSigmaIsTheMinimum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := math.Exp(rapid.Float64Range(-10, 5).Draw(t, "ln c"))
		h := math.Exp(rapid.Float64Range(-10, 10).Draw(t, "ln h"))
		rho := rapid.SampledFrom([]Power{Entropic, 0.1, 0.5, 2. / 3, 4. / 3, 2, 5}).Draw(t, "rho")
		objective := func(lnSigma float64) float64 {
			s := math.Exp(lnSigma)
			if rho.Entropic() {
				return h*s*s/2 - c*lnSigma
			}
			return h*s*s/2 + c*math.Pow(s, -float64(rho))
		}
		low, high := -30., 30.
		for range 200 {
			a, b := low+0.382*(high-low), low+0.618*(high-low)
			if objective(a) < objective(b) {
				high = b
			} else {
				low = a
			}
		}
		if got, want := OptimalSigma(c, rho, h), math.Exp((low+high)/2); !near(got, want, 1e-5) {
			t.Fatalf("optimum %v, search finds %v", got, want)
		}
		// The slopes, from two synapses whose importance differs by a factor of 100.
		rise := 2 * math.Log(OptimalSigma(c, rho, 100*h)/OptimalSigma(c, rho, h)) / math.Log(100)
		s := OptimalSlopes(rho)
		// The rate is proportional to h^-1/2, mean squares of the input to h, the posterior variance to 1/h.
		if !near(s.Hessian, rise, 1e-9) || !near(s.Input, rise, 1e-9) || !near(s.LearningRate, rise/-0.5, 1e-9) ||
			!near(s.Posterior, -rise, 1e-9) {
			t.Fatalf("slopes %+v, two synapses give %v", s, rise)
		}
	})
}

func TestScaleAndMultiplier(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := math.Exp(rapid.Float64Range(-8, 3).Draw(t, "ln s"))
		rho := Power(rapid.Float64Range(0.1, 4).Draw(t, "rho"))
		if got := Scale(Multiplier(s, rho), rho); !near(got, s, 1e-9) {
			t.Fatalf("s = %v came back as %v", s, got)
		}
	})
	// The values of c in the caption of Fig. 7, to three decimals: s = 10^-2.5, 10^-2, 10^-1.5 and rho = 1/2.
	for i, want := range []float64{0.112, 0.200, 0.356} {
		if got := Multiplier(math.Pow(10, -2.5+float64(i)/2), 0.5); math.Abs(got-want) > 5e-4 {
			t.Errorf("c = %v, want %v", got, want)
		}
	}
	if Multiplier(3, 0) != 1 || !math.IsNaN(Scale(1, 0)) {
		t.Error("the entropic limit has c = 1 and no scale")
	}
}

func TestNames(t *testing.T) {
	var names []string
	for _, m := range Mechanisms() {
		names = append(names, m.String()+" "+m.Drives().String()+" "+m.Formula())
	}
	if got := strings.Join(names,
		"; "); got != "calcium p (p/(1-p))^(1/4); membrane n n q^(2/3); actin n n q^(1/3); trafficking n n p" {
		t.Error(got)
	}
}
