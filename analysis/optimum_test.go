package analysis

import (
	"math"
	"strings"
	"testing"

	"quantal/synapse"
	"quantal/train"
)

// patternOf has one layer whose sigma is at the optimum of exp(-sigma) for its Hessian, under other costs perhaps.
func patternOf(t *testing.T, costs string) *Pattern {
	t.Helper()
	c := train.Config{Noise: "heterogeneous", C: 0.7, Lambda: 0.1}
	if err := c.Set("cost", costs); err != nil {
		t.Fatal(err)
	}
	price, err := c.Price()
	if err != nil {
		t.Fatal(err)
	}
	layer := Signatures{Inputs: 4, Outputs: 50}
	for i := range 200 {
		sigma := math.Exp(-4 + 0.025*float64(i))
		h := 0.7 * math.Exp(-sigma) / sigma
		layer.Mu = append(layer.Mu, 0.2*float64(i%2)-0.1)
		layer.Hessian, layer.Variance = append(layer.Hessian, h), append(layer.Variance, sigma*sigma)
		layer.LearningRate = append(layer.LearningRate, 1/math.Sqrt(h))
	}
	layer.HessianExamples = layer.Hessian
	layer.InputRate, layer.InputSquare = []float64{1, 2, 3, 4}, []float64{1, 2, 3, 4}
	p := &Pattern{Network: train.Network{ID: "a", Config: c}, Layers: []Signatures{layer}, price: price}
	p.fit(Bootstrap{})
	return p
}

// Under costs of another form the line of Fig. 5 is their optimum, and the slope that of the synapses: for c
// exp(-sigma) the local slope is -2/(1+sigma), and the median over synapses that of the middle one.
func TestPatternsOfOtherCosts(t *testing.T) {
	p := patternOf(t, "reliability = c*exp(-sigma); magnitude = lambda*abs(mu)")
	s := p.Slope(0, Hessian)
	middle := math.Exp(-4 + 0.025*99) // of an even number the lower one
	if want := -2 / (1 + middle); math.Abs(s.VarianceRatio-1) > 1e-9 || math.Abs(s.Analytic-want) > 1e-9 {
		t.Errorf("ratio %v and slope %.12g, want 1 and %.12g", s.VarianceRatio, s.Analytic, want)
	}
	if rate := p.Slope(0, LearningRate).Analytic; rate != -2*s.Analytic {
		t.Errorf("slope %v against the learning rate, want %v", rate, -2*s.Analytic)
	}
	if s.Rho != "" || !math.IsNaN(s.RhoValue) || s.C != 0.7 || !strings.Contains(s.line(), "c*exp(-sigma)") {
		t.Errorf("%+v, %s: want no rho, which no cost reads", s, s.line())
	}
	curve := p.optimalCurve(p.Layers[0], 0.7*math.Exp(-2)/2, 0.7*math.Exp(-0.1)/0.1)
	if n := len(curve.Y); n < 3 || math.Abs(curve.Y[0]-4) > 1e-8 || math.Abs(curve.Y[n-1]-0.01) > 1e-10 {
		t.Errorf("curve %v from sigma^2 4 to 0.01", curve.Y)
	}
	// Where no sigma is best there is neither line nor slope.
	none := patternOf(t, "c*sigma^2 + lambda*abs(mu)")
	if s := none.Slope(0, Hessian); !math.IsNaN(s.Analytic) || !math.IsNaN(s.VarianceRatio) {
		t.Errorf("a rising price has an optimum: %+v", s)
	}
	if panel := none.panel(0, Hessian, false); len(panel.Layers) != 2 {
		t.Errorf("%d layers, want synapses and the fit alone", len(panel.Layers))
	}
}

// The paper's costs written as formulas have the optimum of the closed form.
func TestPatternsOfWrittenPowers(t *testing.T) {
	p := patternOf(t, "c*sigma^(-2/3)")
	for _, h := range []float64{0.1, 3, 1e4} {
		variance, slope := p.optimal(0.1, h)
		sigma := synapse.OptimalSigma(0.7, 2./3, h)
		if math.Abs(variance/(sigma*sigma)-1) > 1e-9 || math.Abs(slope+0.75) > 1e-9 {
			t.Errorf("h %g: variance %g with slope %.12g, want %g and -0.75", h, variance, slope, sigma*sigma)
		}
	}
	if s := patternOf(t, "c*mu^2/sigma^2").Slope(0, Hessian); math.Abs(s.Analytic+0.5) > 1e-9 {
		t.Errorf("slope %v with the mean in it, want -1/2", s.Analytic)
	}
}
