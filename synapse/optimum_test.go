package synapse_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"quantal/graph"
	"quantal/kernels"
	. "quantal/synapse"
)

// priceOf is the price of laws with their numbers.
func priceOf(t *testing.T, numbers map[string]float64, laws ...string) *Price {
	t.Helper()
	var terms []kernels.Formula
	for _, text := range laws {
		l, err := graph.ParseLaw(text)
		if err != nil {
			t.Fatal(err)
		}
		slopes, err := l.Slopes()
		if err != nil {
			t.Fatal(err)
		}
		terms = append(terms, slopes)
	}
	p, err := NewPrice(func(name string) (float64, bool) { v, ok := numbers[name]; return v, ok }, terms...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// For power laws and the entropic one the optimum and its slope are those of the closed form, and there is no other.
func TestOptimaOfPowerLaws(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rho := rapid.SampledFrom([]Power{Entropic, 0.3, 0.5, 2. / 3, 4. / 3, 2}).Draw(r, "rho")
		sigma := math.Exp(rapid.Float64Range(math.Log(2e-6), math.Log(9)).Draw(r, "ln sigma"))
		c := math.Exp(rapid.Float64Range(-10, 5).Draw(r, "ln c"))
		h := -c * rho.Slope(sigma) / sigma
		law := "c*sigma^-rho"
		if rho.Entropic() {
			law = "-c*log(sigma)"
		}
		p := priceOf(t, map[string]float64{"c": c, "rho": float64(rho), "lambda": 0.1}, law, "lambda*abs(mu)")
		all := p.Optima(0.3, h)
		if len(all) != 1 || !all[0].Minimum || p.OfMu() {
			r.Fatalf("optima %+v, want one minimum at %g", all, sigma)
		}
		want, slope := OptimalSigma(c, rho, h), OptimalSlopes(rho).Hessian
		if got := all[0]; math.Abs(got.Sigma/want-1) > 1e-9 || math.Abs(got.Slope/slope-1) > 1e-9 {
			r.Fatalf("optimum %g with slope %.12g, the closed form has %g and %.12g", got.Sigma, got.Slope, want, slope)
		}
	})
}

// exp(-sigma) has the slope -2/(1+sigma): g = c e^-sigma/sigma, so that d ln g / d ln sigma = -1 - sigma.
func TestOptimumOfAnExponentialLaw(t *testing.T) {
	p := priceOf(t, map[string]float64{"c": 0.7}, "c*exp(-sigma)")
	for _, sigma := range []float64{1e-5, 0.01, 0.4, 1, 6} {
		best, ok := p.Optimum(0, 0.7*math.Exp(-sigma)/sigma)
		if !ok || math.Abs(best.Sigma/sigma-1) > 1e-9 || math.Abs(best.Slope*(1+sigma)/-2-1) > 1e-9 {
			t.Errorf("optimum %+v, want sigma %g with the slope %g", best, sigma, -2/(1+sigma))
		}
	}
}

// A law may have several optima or none, and one that reads mu has its own for each mean.
func TestOptimaOfOtherLaws(t *testing.T) {
	for _, c := range []struct {
		law     string
		mu, h   float64
		numbers map[string]float64
		sigmas  []float64
		minimum []bool
	}{
		// -price'/sigma = 1 + (sigma-1)(sigma-2)(sigma-3)/sigma^5, so that the sum of the costs rises up to 1, falls
		// to 2, rises to 3 and falls.
		{law: "-sigma^2/2 - log(sigma) - 6/sigma + 11/(2*sigma^2) - 2/sigma^3", h: 1,
			sigmas: []float64{1, 2, 3}, minimum: []bool{false, true, false}},
		{law: "c*sigma", h: 1, numbers: map[string]float64{"c": 1}},             // rises: no optimum
		{law: "-c*sigma^2", h: 1, numbers: map[string]float64{"c": 1}},          // falls faster than noise costs
		{law: "lambda*abs(mu)", h: 1, numbers: map[string]float64{"lambda": 1}}, // has no part in sigma
		{law: "c*mu^2/sigma^2", mu: 0.5, h: 2, numbers: map[string]float64{"c": 1}, // (2 c mu^2/h)^(1/4)
			sigmas: []float64{math.Pow(0.25, 0.25)}, minimum: []bool{true}},
		{law: "c*mu^2/sigma^2", mu: 0, h: 2, numbers: map[string]float64{"c": 1}},
		{law: "abs(sigma - 0.3)", h: 0.1, sigmas: []float64{0.3}, minimum: []bool{true}},     // held by a kink
		{law: "sigma^4/4 - sigma^3*2/3", h: 1, sigmas: []float64{1}, minimum: []bool{false}}, // sigma (sigma-1)^2: touches
	} {
		p := priceOf(t, c.numbers, c.law)
		all := p.Optima(c.mu, c.h)
		if len(all) != len(c.sigmas) {
			t.Errorf("%s: %+v, want optima at %v", c.law, all, c.sigmas)
			continue
		}
		for i, o := range all {
			tolerance := 1e-9
			if len(all) == 1 && !c.minimum[0] {
				tolerance = 1e-6 // a touch is as flat as that
			}
			if math.Abs(o.Sigma/c.sigmas[i]-1) > tolerance || o.Minimum != c.minimum[i] {
				t.Errorf("%s: optimum %+v, want %g, a minimum: %v", c.law, o, c.sigmas[i], c.minimum[i])
			}
		}
		if _, ok := p.Optimum(c.mu, c.h); ok != (len(c.minimum) > 0 && (c.minimum[0] || len(c.minimum) > 1)) {
			t.Errorf("%s: a best one: %v", c.law, ok)
		}
	}
	none := func(string) (float64, bool) { return 0, false }
	if _, err := NewPrice(none, kernels.Formula{Inputs: []string{"k"}}); err == nil {
		t.Error("a price without its number")
	}
}
