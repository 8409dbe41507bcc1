package analysis

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/graph"
	"quantal/synapse"
)

func analysedLaw(t *testing.T, text string, numbers map[string]float64) *LawAnalysis {
	t.Helper()
	l, err := graph.ParseLaw(text)
	if err != nil {
		t.Fatal(err)
	}
	a, err := AnalyseLaw(l, numbers)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAnalyseLaw(t *testing.T) {
	a := analysedLaw(t, "price = c * sigma^-rho", map[string]float64{"rho": 2})
	if a.Name != "price" || a.Formula != "c*sigma^-rho" || a.SlopeMu != "0" || a.OfMu() || !a.OfSigma() ||
		!slices.Equal(a.Assumed, []string{"c"}) || len(a.Singular) > 0 {
		t.Errorf("got %+v", a)
	}
	for _, p := range a.Table {
		if want := math.Pow(p.Sigma, -2); math.Abs(p.Value/want-1) > 1e-12 || p.SlopeMu != 0 ||
			math.Abs(p.SlopeSigma/(-2*want/p.Sigma)-1) > 1e-12 || math.Abs(p.Rho-2) > 1e-6 {
			t.Errorf("got %+v", p)
		}
	}
	for _, p := range analysedLaw(t, "5 - c*log(sigma)", nil).Table {
		if math.Abs(p.Rho) > 1e-6 {
			t.Errorf("the exponent of the entropic law is %g, want 0", p.Rho)
		}
	}
	l, err := graph.ParseLaw("c*sigma")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := AnalyseLaw(l, map[string]float64{"k": 1}); err == nil ||
		!strings.Contains(err.Error(), "has no number k: want one of c") {
		t.Errorf("got %v", err)
	}
}

// Where laws are not finite or jump is found wherever it is, and nothing else is: not what is only steep.
func TestSingularPlaces(t *testing.T) {
	for text, want := range map[string][]string{
		"c*sigma^-20":                nil,
		"tanh(1e6*mu)":               nil,
		"mu^2/(mu^2 + sigma^2)":      nil,
		"exp(-mu^2)*log(sigma)":      nil,
		"1 - cost*tanh(sigma)/sigma": nil,
		"abs(mu)":                    {"the slope along mu jumps or has no bound at mu = 0"},
		"(mu^2/sigma^2)^(1/4)":       {"the slope along mu jumps or has no bound at mu = 0"},
		"max(sigma, 0.123)":          {"the slope along sigma jumps or has no bound at sigma = 0.123"},
		"mu < 0.7071 ? sigma : 2": {"the value jumps or has no bound at mu = 0.7071",
			"the slope along sigma jumps or has no bound at mu = 0.7071"},
		"mu/abs(mu - 2)": {"the value is not finite at mu = 2", "the slope along mu is not finite at mu = 2"},
		"1/(sigma - 0.5)": {"the value jumps or has no bound at sigma = 0.5",
			"the slope along sigma jumps or has no bound at sigma = 0.5"},
		"log(mu)": {"the value is not finite at mu from -3 to 0",
			"the slope along mu is not finite at mu from -3 to 0"},
		"sign(mu - sigma) + 0*sigma": {"the value jumps or has no bound at mu = 1e-06 (where sigma = 1e-06), mu = 0.001",
			"the value jumps or has no bound at sigma = 0.1 (where mu = 0.1)"},
		"sqrt(sigma - 1)": {"the value is not finite at sigma from 1e-06 to 0.9",
			"the slope along sigma is not finite at sigma from 1e-06 to 0.9"},
	} {
		var got []string
		for _, s := range analysedLaw(t, text, nil).Singular {
			got = append(got, s.String())
		}
		if !slices.EqualFunc(got, want, strings.HasPrefix) {
			t.Errorf("%s: got %v", text, cmp.Diff(want, got))
		}
	}
	for _, named := range synapse.Laws() {
		kink := strings.Contains(named.Name, "calcium_mean") || named.Name == "mechanisms_mean" || named.Name == "l1"
		if s := analysedLaw(t, named.Text(), map[string]float64{}).Singular; (len(s) == 1) != kink || len(s) > 1 {
			t.Errorf("%s: got %v", named.Name, s)
		}
	}
}

func TestLawFigures(t *testing.T) {
	for _, text := range []string{"c*sigma^-rho", "abs(mu)", "mu^2/sigma^2", "-log(sigma)", "log(mu)*sigma",
		"sqrt(-1 - mu^2) + sigma", strings.Repeat("mu + ", 60) + "sigma"} {
		f, err := analysedLaw(t, text, nil).Figure()
		if text == "sqrt(-1 - mu^2) + sigma" {
			if err == nil {
				t.Errorf("%s: drawn, though it has no value anywhere", text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if html, err := f.HTML(); err != nil || strings.Contains(string(html), "NaN") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
