package analysis

import (
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/integrate/quad"
	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"

	"quantal/synapse"
)

// Eq. 44 to 48 as printed, C_BI from the reliability cost of Eq. 48 and its constant.
func TestBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sigma, s := math.Exp(rapid.Float64Range(-6, 3).Draw(t, "ln sigma")),
			math.Exp(rapid.Float64Range(-6, 3).Draw(t, "ln s"))
		rho := rapid.Float64Range(0.01, 3).Draw(t, "rho")
		power := synapse.Power(rho)
		vi := -distuv.Normal{Mu: 0, Sigma: sigma}.Entropy()
		bi := math.Pow(s/sigma, rho)/rho - 1/rho - 0.5*math.Log(2*math.Pi*math.E*s*s)
		gap := BoundGap(sigma, s, power)
		if !near(EntropicCost(sigma), vi, 1e-9) && math.Abs(vi) > 1e-9 {
			t.Fatalf("C_VI %v, minus the entropy is %v", EntropicCost(sigma), vi)
		}
		if math.Abs(gap-(bi-vi)) > 1e-9*(1+math.Abs(bi)+math.Abs(vi)) {
			t.Fatalf("gap %v, C_BI - C_VI = %v", gap, bi-vi)
		}
		if gap < 0 || bi < vi-1e-9*math.Abs(vi) {
			t.Fatalf("C_BI %v below C_VI %v", bi, vi)
		}
		// Larger for larger rho, and the farther sigma is from s; zero where they agree.
		if smaller := BoundGap(sigma, s, power/2); s > sigma && smaller > gap*(1+1e-9) {
			t.Fatalf("gap %v for rho, %v for half of it", gap, smaller)
		}
		if g := BoundGap(s, s, power); g != 0 {
			t.Fatalf("gap %v at sigma = s", g)
		}
		if g := BoundGap(sigma, s, 1e-9); g < 0 || g > 1e-7 {
			t.Fatalf("gap %v for rho near 0", g)
		}
	})
}

// There must be no jump where the series takes over.
func TestBoundGapIsContinuous(t *testing.T) {
	for _, rho := range []synapse.Power{0.5, 2} {
		edge := math.Exp(-1e-4 / float64(rho))
		a, b := BoundGap(edge*(1+1e-13), 1, rho), BoundGap(edge*(1-1e-13), 1, rho)
		if !near(a, b, 1e-7) {
			t.Errorf("rho %v: %v and %v", rho, a, b)
		}
	}
}

func TestTightestScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sigmas []float64
		for range rapid.IntRange(1, 20).Draw(t, "synapses") {
			sigmas = append(sigmas, math.Exp(rapid.Float64Range(-8, 2).Draw(t, "ln sigma")))
		}
		rho := synapse.Power(rapid.Float64Range(0.05, 3).Draw(t, "rho"))
		s := TightestScale(sigmas, rho)
		best := MeanGap(sigmas, s, rho)
		for _, factor := range []float64{0.5, 0.9, 1.1, 2} {
			if g := MeanGap(sigmas, s*factor, rho); g < best-1e-9*(1+best) {
				t.Fatalf("gap %v at s = %v, %v at %v times that", best, s, g, factor)
			}
		}
		if a, b := TightestScale(sigmas, 1e-7), TightestScale(sigmas, 0); !near(a, b, 1e-4) {
			t.Fatalf("geometric mean %v, limit %v", b, a)
		}
	})
}

func TestFoldedMean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mu, sigma := rapid.Float64Range(-3, 3).Draw(t, "mu"), math.Exp(rapid.Float64Range(-4, 2).Draw(t, "ln sigma"))
		d := distuv.Normal{Mu: mu, Sigma: sigma}
		f := func(w float64) float64 { return math.Abs(w) * d.Prob(w) }
		low, high := min(0, mu-12*sigma), max(0, mu+12*sigma)
		want := quad.Fixed(f, low, 0, 400, quad.Legendre{}, 0) + quad.Fixed(f, 0, high, 400, quad.Legendre{}, 0)
		if got := FoldedMean(mu, sigma); !near(got, want, 1e-6) || got < math.Abs(mu)*(1-1e-12) {
			t.Fatalf("E|w| %v, by quadrature %v, |mu| %v", got, want, math.Abs(mu))
		}
	})
	if FoldedMean(-2, 0) != 2 {
		t.Error("without noise it is |mu|")
	}
}

// laplaceIntegral is the integral of N(w; m, v) lambda/2 exp(-lambda |w|) over w, by completing the square on both
// sides of 0.
func laplaceIntegral(m, v, lambda float64) float64 {
	side := func(m float64) float64 { // over w > 0
		shifted := m - lambda*v
		return lambda / 2 * math.Exp(-lambda*m+lambda*lambda*v/2) * 0.5 * math.Erfc(-shifted/math.Sqrt(2*v))
	}
	return side(m) + side(-m)
}

// With orthogonal inputs the weights' integrals separate, and each has a closed form.
func TestEvidenceOfOrthogonalInputs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inputs := rapid.IntRange(0, 2).Draw(t, "inputs")
		l := Linear{NoiseVariance: math.Exp(rapid.Float64Range(-3, 2).Draw(t, "ln noise variance"))}
		patterns := [][]float64{{1, 1}, {-1, 1}, {1, -1}, {-1, -1}} // columns orthogonal to each other and to the bias
		rates := []float64{math.Exp(rapid.Float64Range(-1, 2).Draw(t, "ln rate 1")),
			math.Exp(rapid.Float64Range(-1, 2).Draw(t, "ln rate 2"))}
		for _, p := range patterns {
			x := []float64{}
			for i := range inputs {
				x = append(x, rates[i]*p[i])
			}
			l.X, l.V = append(l.X, x), append(l.V, rapid.Float64Range(-5, 5).Draw(t, "v"))
		}
		lambda := math.Exp(rapid.Float64Range(-3, 1.5).Draw(t, "ln lambda"))
		got, err := l.Evidence(lambda)
		if err != nil {
			t.Fatal(err)
		}
		mean, _, err := l.Posterior()
		if err != nil {
			t.Fatal(err)
		}
		want := -l.ExpectedNLL(Weights{mean, make([]float64, len(mean))})
		h := l.Hessian()
		for i, m := range mean {
			v := 1 / h.At(i, i)
			want += 0.5*math.Log(2*math.Pi*v) + math.Log(laplaceIntegral(m, v, lambda))
		}
		if math.Abs(got-want) > 1e-7 {
			t.Fatalf("log evidence %v, closed form %v", got, want)
		}
	})
}

// A prior that is narrow beside the posterior of a flat one has its mass where that is a far tail.
func TestEvidenceOfNarrowPriors(t *testing.T) {
	for _, lambda := range []float64{0.1, 1, 4.5, 10} {
		l := Linear{NoiseVariance: 7.4, X: [][]float64{{0.37}, {-0.37}, {0.37}, {-0.37}}, V: []float64{2.5, 5, 3, -1.9}}
		mean, _, err := l.Posterior()
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.Evidence(lambda)
		if err != nil {
			t.Fatal(err)
		}
		want := -l.ExpectedNLL(Weights{mean, make([]float64, len(mean))})
		h := l.Hessian()
		for i, m := range mean {
			v := 1 / h.At(i, i)
			want += 0.5*math.Log(2*math.Pi*v) + math.Log(laplaceIntegral(m, v, lambda))
		}
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("lambda %g: log evidence %v, closed form %v", lambda, got, want)
		}
	}
}

// With correlated inputs: a plain sum over a grid of the two weights.
func TestEvidenceOfCorrelatedInputs(t *testing.T) {
	l := Linear{X: [][]float64{{1}, {2}, {2.5}, {4}}, V: []float64{1, 2.2, 2, 4.5}, NoiseVariance: 0.3}
	const lambda, h = 1.3, 0.004
	got, err := l.Evidence(lambda)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for i := -1000; i <= 1000; i++ {
		for j := -1500; j <= 1500; j++ {
			w := []float64{h * float64(i), h * float64(j)}
			log := -lambda*(math.Abs(w[0])+math.Abs(w[1])) + 2*math.Log(lambda/2)
			for a, x := range l.X {
				e := l.V[a] - w[0]*x[0] - w[1]
				log -= e*e/(2*l.NoiseVariance) + math.Log(2*math.Pi*l.NoiseVariance)/2
			}
			sum += math.Exp(log) * h * h
		}
	}
	if want := math.Log(sum); math.Abs(got-want) > 1e-4 {
		t.Errorf("log evidence %v, grid %v", got, want)
	}
}

// log P >= ELBO >= bound (Eq. 52) for models of one to three weights. This does not hold for the cost as the paper
// identifies it, with |mu| for E|w|: it may be above the ELBO.
func TestEvidenceAboveELBOAboveBound(t *testing.T) {
	above := 0
	rapid.Check(t, func(t *rapid.T) {
		l := drawLinear(t, rapid.IntRange(0, 2).Draw(t, "inputs"))
		lambda := math.Exp(rapid.Float64Range(-2, 1).Draw(t, "ln lambda"))
		s := math.Exp(rapid.Float64Range(-5, 1).Draw(t, "ln s"))
		rho := rapid.SampledFrom([]synapse.Power{0.5, 2. / 3, 4. / 3, 2}).Draw(t, "rho")
		b, err := l.Bounds(s, rho, lambda)
		if err != nil {
			t.Fatal(err)
		}
		if b.LogEvidence < b.ELBO-1e-9 || b.ELBO < b.Bound-1e-9 || b.WithAbsMu < b.Bound-1e-9 {
			t.Fatalf("log P %v, ELBO %v, bound %v, with |mu| %v", b.LogEvidence, b.ELBO, b.Bound, b.WithAbsMu)
		}
		// The bound is minus the overall cost, with E|w|, minus the constants of Eq. 48.
		cost := objective(l, b.Weights, math.Pow(s, float64(rho))/float64(rho), rho)
		for i, mu := range b.Mu {
			cost += lambda*FoldedMean(mu, b.Sigma[i]) - math.Log(lambda/2) - 1/float64(rho) - 0.5*math.Log(2*math.Pi*s*s*math.E)
		}
		if math.Abs(b.Bound+cost) > 1e-7*(1+math.Abs(cost)) {
			t.Fatalf("bound %v, minus the overall cost %v", b.Bound, -cost)
		}
		// The ELBO itself, by drawing from the weights.
		if elbo, e := sampledELBO(l, b.Weights, lambda); math.Abs(elbo-b.ELBO) > 5*e {
			t.Fatalf("ELBO %v, sampled %v within %v", b.ELBO, elbo, e)
		}
		if b.WithAbsMu > b.ELBO {
			above++
		}
	})
	t.Logf("with |mu| above the ELBO in %d models", above)
}

// sampledELBO is E_Q[log P(v|w) + log P(w) - log Q(w)] by Monte Carlo, with its standard error.
func sampledELBO(l Linear, w Weights, lambda float64) (mean, e float64) {
	const draws = 2000
	sum, sum2 := 0.0, 0.0
	drawn := Weights{make([]float64, len(w.Mu)), make([]float64, len(w.Mu))}
	for d := range draws {
		v := 0.0
		for i, xi := range normals(len(w.Mu), noise(3, forClouds), d) {
			drawn.Mu[i] = w.Mu[i] + w.Sigma[i]*xi
			v += math.Log(lambda/2) - lambda*math.Abs(drawn.Mu[i]) + 0.5*xi*xi + 0.5*math.Log(2*math.Pi*w.Sigma[i]*w.Sigma[i])
		}
		v -= objective(l, drawn, 0, 1)
		sum += v / draws
		sum2 += v * v / draws
	}
	return sum, math.Sqrt(max(0, sum2-sum*sum)/draws) + 1e-9
}

func TestEvidenceRefuses(t *testing.T) {
	l := Linear{X: [][]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1}, {2, 1, 0}}, V: []float64{1, 2, 3, 4, 5},
		NoiseVariance: 1}
	if _, err := l.Evidence(1); err == nil || !strings.Contains(err.Error(), "4 weights: want at most 3") {
		t.Error(err)
	}
	l = Linear{X: [][]float64{{}, {}}, V: []float64{1, 2}, NoiseVariance: 1}
	for lambda, want := range map[float64]string{0: "lambda 0", 1e5: "outweigh"} {
		if _, err := l.Evidence(lambda); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("lambda %v: %v", lambda, err)
		}
	}
}
