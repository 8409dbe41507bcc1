package synapse_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"quantal/graph"
	"quantal/kernels"
	. "quantal/synapse"
)

// laws are the laws by name, with their slopes.
func laws(t *testing.T) map[string]priced {
	t.Helper()
	all := map[string]priced{}
	for _, named := range Laws() {
		l, err := graph.ParseLaw(named.Text())
		if err != nil {
			t.Fatal(err)
		}
		slopes, err := l.Slopes()
		if err != nil {
			t.Fatal(err)
		}
		all[named.Name] = priced{l, slopes}
	}
	return all
}

type priced struct {
	graph.Law
	slopes kernels.Formula
}

// at is the price and its slopes, with 1 for numbers that are not given.
func (l priced) at(mu, sigma float64, numbers map[string]float64) []float64 {
	in := []float64{mu, sigma}
	for _, name := range l.Numbers() {
		v, ok := numbers[name]
		if !ok {
			v = 1
		}
		in = append(in, v)
	}
	return kernels.Eval(l.slopes, in...)
}

// The laws with the mean cost what the quantal parameters cost that give a synapse its mean and deviation, with n or p
// held, up to a factor; at a fixed mean so do those without.
func TestLawsAreTheMechanisms(t *testing.T) {
	all := laws(t)
	rapid.Check(t, func(t *rapid.T) {
		for _, m := range Mechanisms() {
			withMean, without := all[m.String()+"_mean"], all[m.String()]
			hold, held := P, rapid.Float64Range(0.05, 0.95).Draw(t, "p")
			if m == Calcium {
				hold, held = N, rapid.Float64Range(0.5, 50).Draw(t, "n")
			}
			price := func(mu, sigma float64) float64 {
				r, err := FromMoments(mu, sigma, hold, held)
				if err != nil {
					t.Fatal(err)
				}
				return m.Cost(r)
			}
			of := func(l priced, mu, sigma float64) float64 { return l.at(mu, sigma, nil)[0] }
			mu, sigma := rapid.Float64Range(0.01, 3).Draw(t, "mu"), rapid.Float64Range(0.01, 3).Draw(t, "sigma")
			factor := price(1, 1) / of(withMean, 1, 1)
			if want := price(mu, sigma); math.Abs(factor*of(withMean, mu, sigma)/want-1) > 1e-10 ||
				of(withMean, -mu, sigma) != of(withMean, mu, sigma) {
				t.Fatalf("%v at mean %g and sd %g with %v = %g costs %g, want %g", m, mu, sigma, hold, held,
					factor*of(withMean, mu, sigma), want)
			}
			got, want := of(without, mu, sigma)/of(without, mu, 1), price(mu, sigma)/price(mu, 1)
			if math.Abs(got/want-1) > 1e-10 {
				t.Fatalf("%v falls to %g from sd 1 to %g, want %g", m, got, sigma, want)
			}
		}
		n, mu, sigma := rapid.Float64Range(0.5, 50).Draw(t, "n"), rapid.Float64Range(0.01, 3).Draw(t, "mu"),
			rapid.Float64Range(0.01, 3).Draw(t, "sigma")
		r, err := FromMoments(mu, sigma, N, n)
		if err != nil {
			t.Fatal(err)
		}
		if got := all["trafficking_p"].at(mu, sigma, map[string]float64{"n": n})[0]; math.Abs(got/(r.N*r.P)-1) > 1e-10 {
			t.Fatalf("trafficking through p costs %g, want n p = %g", got, r.N*r.P)
		}
	})
}

// A synapse of mean 0 has the slope 0 along its mean whatever the law, and a slope along sigma that is a number.
func TestSlopesOfLawsAtMeanZero(t *testing.T) {
	all := laws(t)
	for _, l := range all {
		for _, sigma := range []float64{1e-4, 0.1, 2} {
			got := l.at(0, sigma, map[string]float64{"rho": 0.7, "n": 5})
			if got[1] != 0 || math.IsNaN(got[0]+got[2]) || math.IsInf(got[0]+got[2], 0) {
				t.Errorf("%v at mu = 0, sigma = %g: value and slopes %v, want the slope 0 along mu", l, sigma, got)
			}
		}
	}
	parts, weights := make([]float64, 3), map[string]float64{}
	for i, m := range Mechanisms() {
		weights[m.String()] = float64(i + 2)
		for j, v := range all[m.String()+"_mean"].at(0.3, 0.2, nil) {
			parts[j] += float64(i+2) * v
		}
	}
	for j, v := range all["mechanisms_mean"].at(0.3, 0.2, weights) {
		if math.Abs(v-parts[j]) > 1e-12*math.Abs(v) {
			t.Errorf("output %d of the sum is %g, want %g", j, v, parts[j])
		}
	}
	if _, err := NamedLaw("calcum"); err == nil || err.Error() == "" {
		t.Error("calcum is a law")
	}
}

// The built-in prices are the laws' (Power).
func TestLawsAreTheBuiltInCosts(t *testing.T) {
	all := laws(t)
	for name, rho := range map[string]float64{"calcium": 0.5, "membrane": 2. / 3, "actin": 4. / 3, "trafficking": 2,
		"entropic": 0, "power": 0.9} {
		l := all[name]
		for _, sigma := range []float64{1e-4, 0.05, 0.3, 2} {
			got := l.at(0.1, sigma, map[string]float64{"rho": rho})
			cost, slope := Power(rho).Cost(sigma), Power(rho).Slope(sigma)
			if math.Abs(got[0]-cost) > 1e-13*math.Abs(cost) || math.Abs(got[2]-slope) > 1e-13*math.Abs(slope) {
				t.Errorf("%v at sigma %g: %g with slope %g, want %g and %g", l, sigma, got[0], got[2], cost, slope)
			}
		}
	}
}
