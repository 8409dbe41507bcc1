package synapse

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

// least is where a function of ln x is smallest, by golden sections.
func least(low, high float64, f func(x float64) float64) float64 {
	ratio := (math.Sqrt(5) - 1) / 2
	a, b := math.Log(low), math.Log(high)
	for b-a > 1e-11 {
		if c, d := b-ratio*(b-a), a+ratio*(b-a); f(math.Exp(c)) < f(math.Exp(d)) {
			b = d
		} else {
			a = c
		}
	}
	return math.Exp((a + b) / 2)
}

// The cost of the n, p and q that a mean and a sigma need, added to that of the noise under an importance h, is
// smallest at the optimum of the closed form, whose slope over h is -2/(rho+2); so it is with the ATP for the vesicle
// cycle, as with trafficking, and for calcium.
func TestReleaseOfAMechanismGivesItsOptimum(t *testing.T) {
	type price struct {
		name string
		rho  Power
		held Parameter
		of   func(Release) float64
	}
	var prices []price
	for _, m := range Mechanisms() {
		prices = append(prices, price{m.String(), m.Rho(), m.Held(), m.Cost})
	}
	prices = append(prices,
		price{"ATP for calcium", 1. / 2, N, func(r Release) float64 { return r.Energy(0.3).Calcium / ATPCalcium }},
		price{"ATP for the vesicle cycle", 2, P, func(r Release) float64 { return r.Energy(0.3).Cycle / ATPCycle }})
	for _, x := range prices {
		const mean, c = 0.7, 1e-3
		var logH, logVariance []float64
		for _, h := range []float64{0.01, 0.1, 1, 10, 100, 1e4} {
			implied := func(sigma float64) float64 {
				r, err := FromMoments(mean, sigma, x.held, x.held.Typical())
				if err != nil {
					t.Fatal(err)
				}
				return x.of(r)
			}
			sigma := least(1e-5, 1e3, func(s float64) float64 { return h*s*s/2 + c*implied(s) })
			// The cost is A sigma^-rho with the A that the mean and the held parameter give.
			want := OptimalSigma(c*implied(1), x.rho, h)
			if !near(sigma, want, 1e-6) {
				t.Errorf("%s, h %g: optimum %.8g, closed form %.8g", x.name, h, sigma, want)
			}
			logH, logVariance = append(logH, math.Log(h)), append(logVariance, 2*math.Log(sigma))
		}
		for i := range len(logH) - 1 {
			slope := (logVariance[i+1] - logVariance[i]) / (logH[i+1] - logH[i])
			if want := OptimalSlopes(x.rho).Hessian; !near(slope, want, 1e-6) {
				t.Errorf("%s: slope %.8g, want %.8g", x.name, slope, want)
			}
		}
	}
}

// The reference synapse has the prices of the budget: 1.64e5 ATP for a vesicle.
func TestEnergyOfTheReferenceSynapse(t *testing.T) {
	r := Release{N: 1, P: TypicalP, Q: 0.02}
	e := r.Energy(0.02)
	want := Energy{Calcium: 3000, Cycle: 205, Transmitter: 2750, Postsynaptic: 35000}
	if !near(e.Calcium, want.Calcium, 1e-12) || !near(e.Cycle, want.Cycle, 1e-12) ||
		!near(e.Transmitter, want.Transmitter, 1e-12) || !near(e.Postsynaptic, want.Postsynaptic, 1e-12) {
		t.Errorf("energy %+v, want %+v", e, want)
	}
	if total := e.Total() / TypicalP; math.Abs(total-1.64e5) > 500 {
		t.Errorf("%g ATP for a vesicle, want the 1.64e5 of the paper", total)
	}
	if e := (Release{}).Energy(1); e != (Energy{}) {
		t.Errorf("no release costs %+v", e)
	}
	if e := (Release{N: 4, P: 1, Q: 1}).Energy(1); !math.IsInf(e.Calcium, 1) {
		t.Errorf("the calcium of certain release costs %g", e.Calcium)
	}
}

// What a spike costs behind the terminal depends on the mean alone, and in units of the quantum.
func TestReliabilityCostsNothingPostsynaptically(t *testing.T) {
	for _, sigma := range []float64{0.01, 0.1, 1, 10} {
		for _, held := range []Parameter{N, P} {
			r, err := FromMoments(0.5, sigma, held, held.Typical())
			if err != nil {
				t.Fatal(err)
			}
			if e := r.Energy(0.25); !near(e.Postsynaptic, 2*140000, 1e-12) || !near(e.Transmitter, 22000, 1e-12) {
				t.Errorf("sigma %g, %v held: %+v", sigma, held, e)
			}
		}
	}
}

// The package documentation has every constant with its value, and nothing is without a source.
func TestEnergyConstantsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range EnergyConstants() {
		line := fmt.Sprintf("%-17s %8g ", c.Name, c.Value)
		if !strings.Contains(string(doc), line) {
			t.Errorf("doc.go has no line %q", line)
		}
		if c.Unit == "" || c.Meaning == "" || c.Source == "" {
			t.Errorf("%+v is not described", c)
		}
	}
}
