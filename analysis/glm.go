package analysis

import (
	"context"
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/floats"

	"quantal/kernels"
	"quantal/results/draw"
	"quantal/synapse"
)

// exponents are those of the four mechanisms, in the order of the paper's columns.
func exponents() []synapse.Power {
	var all []synapse.Power
	for _, m := range synapse.Mechanisms() {
		all = append(all, m.Rho())
	}
	return all
}

// exponentColor is the colour of the i-th exponent in panels that show several.
func exponentColor(i int) draw.Color {
	return [...]draw.Color{draw.Green, draw.Orange, draw.Red, draw.Purple}[i]
}

// rhoName is an exponent in the form for figures.
func rhoName(rho synapse.Power) string {
	for _, name := range []struct {
		rho  synapse.Power
		name string
	}{{synapse.Entropic, "0"}, {1. / 2, "1/2"}, {2. / 3, "2/3"}, {4. / 3, "4/3"}} {
		if rho == name.rho {
			return name.name
		}
	}
	return fmt.Sprintf("%.3g", rho)
}

// TrainedGLM compares the closed form of Appendix 2 with training.
type TrainedGLM struct {
	Seed     uint64          `json:"seed"`
	Scale    float64         `json:"s"` // of the reliability cost, c = s^rho/rho
	Examples int             `json:"examples"`
	Stages   []Stage         `json:"stages"`
	Models   []GLMComparison `json:"models"`
	// MeanSquares are sum_a x_ai^2, the input rates of Eq. 32, the bias last.
	MeanSquares []float64 `json:"sum_x2"`
}

// GLMComparison is one exponent.
type GLMComparison struct {
	Rho     synapse.Power `json:"rho"`
	C       float64       `json:"c"`
	Solved  Weights       `json:"solved"`
	Trained Weights       `json:"trained"`
	// Slope is that of the trained sigma^2 over sum x^2; the closed form's is Predicted.
	Slope     Slope   `json:"slope"`
	Predicted float64 `json:"predicted"`
	// WorstSigma is the largest relative error of a trained sigma; WorstMu that of a mean, in units of the posterior's
	// standard deviation of that weight given the others.
	WorstSigma float64 `json:"worst_sigma"`
	WorstMu    float64 `json:"worst_mu"`
}

// TrainGLM makes a regression problem whose ten inputs have rates over two decades, solves it for each exponent, and
// trains it as a network without hidden layers; quick trains a third as long, to half the precision.
func TrainGLM(ctx context.Context, seed uint64, b Bootstrap, quick bool) (*TrainedGLM, error) {
	stages := []Stage{{2000, 3e-2}, {2000, 1e-2}, {4000, 1e-3}, {8000, 1e-4}}
	if quick {
		stages = []Stage{{1000, 3e-2}, {1000, 1e-2}, {2000, 1e-3}, {1500, 1e-4}}
	}
	const inputs, examples, noiseVariance, scale = 10, 100, 0.25, 0.03
	l := newGLM(seed, floats.LogSpan(make([]float64, inputs), 0.1, 10), examples, noiseVariance)
	n, err := newNetwork(nil, kernels.Linear, false, l.X, l.V)
	if err != nil {
		return nil, err
	}
	t := &TrainedGLM{Seed: seed, Scale: scale, Examples: examples, Stages: stages}
	a := l.correlation()
	for i := range l.Weights() {
		t.MeanSquares = append(t.MeanSquares, a.At(i, i))
	}
	var members []kernels.Member
	for _, rho := range append(exponents(), synapse.Entropic) {
		c := synapse.Multiplier(scale, rho)
		members = append(members, kernels.Member{Seed: seed, C: c, Rho: float64(rho), NoiseVariance: noiseVariance})
		g := GLMComparison{Rho: rho, C: c, Predicted: synapse.OptimalSlopes(rho).Input}
		if g.Solved, err = l.Solve(c, rho); err != nil {
			return nil, err
		}
		t.Models = append(t.Models, g)
	}
	states, err := n.train(ctx, members, n.start(seed, 0, scale), stages)
	if err != nil {
		return nil, err
	}
	for i := range t.Models {
		if err := t.Models[i].compare(n.weights(states[i]), t.MeanSquares, noiseVariance, b); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// newGLM draws inputs x = rate |xi|, as rates are positive, so that all are correlated, and targets from weights of a
// size that gives each input the same influence.
func newGLM(seed uint64, rates []float64, examples int, noiseVariance float64) Linear {
	l, inputs := Linear{NoiseVariance: noiseVariance}, len(rates)
	truth := normals(inputs+1, noise(seed, forTargets), 0)
	e := normals(examples, noise(seed, forTargets), 1)
	for a := range examples {
		x := normals(inputs, noise(seed, forInputs), a)
		v := truth[inputs] + math.Sqrt(noiseVariance)*e[a]
		for i := range x {
			v += truth[i] * math.Abs(x[i])
			x[i] = rates[i] * math.Abs(x[i])
		}
		l.X, l.V = append(l.X, x), append(l.V, v)
	}
	return l
}

func (g *GLMComparison) compare(trained Weights, sums []float64, noiseVariance float64, b Bootstrap) error {
	g.Trained = trained
	variances := make([]float64, len(sums))
	for i, sigma := range trained.Sigma {
		variances[i] = sigma * sigma
		g.WorstSigma = max(g.WorstSigma, math.Abs(sigma/g.Solved.Sigma[i]-1))
		g.WorstMu = max(g.WorstMu, math.Abs(trained.Mu[i]-g.Solved.Mu[i])*math.Sqrt(sums[i]/noiseVariance))
	}
	var err error
	g.Slope, err = FitSlope(sums, variances, b)
	return err
}

// Illustration draws the trained variances over the inputs, with the closed form.
func (t *TrainedGLM) Illustration() (draw.Illustration, error) {
	var panels []draw.Panel
	var lines []string
	for i, g := range t.Models {
		p := draw.Panel{
			Title: fmt.Sprintf("ρ = %s", rhoName(g.Rho)),
			X:     draw.Axis{Label: "Input Σx²", Log: true}, Y: draw.Axis{Log: true, Min: 1e-5, Max: 1},
		}
		if g.Rho.Entropic() {
			p.Title = "entropic"
		}
		if i == 0 {
			p.Y.Label = "Variance of the weight σ²"
		}
		solved := draw.Curve{Label: "closed form (Eq. 32)", Color: draw.Blue, X: []float64{}, Y: []float64{}}
		dots := draw.Points{Label: "trained", Color: draw.Green}
		for j, sum := range t.MeanSquares {
			dots.X, dots.Y = append(dots.X, sum), append(dots.Y, g.Trained.Sigma[j]*g.Trained.Sigma[j])
		}
		low, high := extremes(t.MeanSquares)
		for _, k := range []int{low, high} {
			solved.X, solved.Y = append(solved.X, t.MeanSquares[k]), append(solved.Y, g.Solved.Sigma[k]*g.Solved.Sigma[k])
		}
		p.Layers = []draw.Layer{solved, dots}
		panels = append(panels, p)
		lines = append(lines,
			fmt.Sprintf("rho %s, c = %.3g: slope %v, closed form %.3f; worst error of sigma %.1f %%, of mu %.2f "+
				"posterior sd",
				rhoName(g.Rho), g.C, g.Slope, g.Predicted, 100*g.WorstSigma, g.WorstMu))
	}
	panels[0].Letter = "A"
	figure, err := draw.NewFigure(draw.Block{Rows: [][]draw.Panel{panels}, Height: 60})
	return draw.Illustration{
		Name: "appendix2", Title: "A generalised linear model, solved and trained (EES Appendix 2)", Figure: figure,
		Numbers: t,
		Caption: fmt.Sprintf("Variance of each weight of a linear model with Gaussian noise over the sum of its squared "+
			"inputs: "+
			"trained (dots) as a network "+
			"without hidden layers, and from the closed form (lines). %d examples of ten inputs with rates from 0.1 to 10 "+
			"and a "+
			"bias; noise variance 0.25; "+
			"s = %g, c = s^rho/rho, 1 for entropic; no magnitude cost; all examples at every step; %s; seed %d.\n%s.",
			t.Examples, t.Scale, stagesText(t.Stages), t.Seed, strings.Join(lines, ".\n")),
	}, err
}

func stagesText(stages []Stage) string {
	var parts []string
	for _, s := range stages {
		parts = append(parts, fmt.Sprintf("%d steps at %g", s.Steps, s.Rate))
	}
	return "Adam, " + strings.Join(parts, ", ")
}

// extremes are the positions of the smallest and the largest value.
func extremes(v []float64) (low, high int) {
	for i := range v {
		if v[i] < v[low] {
			low = i
		}
		if v[i] > v[high] {
			high = i
		}
	}
	return low, high
}
