package analysis

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"quantal/kernels"
	"quantal/results/draw"
	"quantal/synapse"
)

// The task of Appendix 4: its function, and the variance of the noise on its targets.
func cubic(x float64) float64 { return x*x*x + 2*x*x }

const (
	regressionNoise  = 0.05 * 0.05
	regressionHidden = 20
)

// Choices that the paper does not state.
const (
	regressionLambda = 1 // of the magnitude cost, a Laplace prior of scale 1
	regressionPoints = 24
	regressionDraws  = 500 // for the bands
)

// The examples are in two intervals, so that there is a gap to bridge and two sides for extrapolation.
func regressionIntervals() [2][2]float64 { return [2][2]float64{{-2, -1.3}, {-0.2, 0.6}} }

// regressionScales are s of the rows, c = s^rho/rho.
func regressionScales() []float64 { return []float64{0.001, 0.03, 1} }

// Regression compares variational Bayes and power laws with the posterior on a curve to be learned (Appendix 4).
type Regression struct {
	Seed          uint64    `json:"seed"`
	Lambda        float64   `json:"lambda"`
	NoiseVariance float64   `json:"noise_variance"`
	Stages        []Stage   `json:"stages"`
	X             []float64 `json:"x"`
	Y             []float64 `json:"y"`
	// variational Bayes first, then rows of scales, columns of exponents
	Networks []RegressionNetwork `json:"networks"`
	// the posterior itself, which both approximate
	Posterior RegressionPosterior `json:"posterior"`
	// evidence and bounds of linear-Gaussian models with 1 to 3 weights
	Models []Bounds `json:"models"`
	Widths Widths   `json:"widths"`
}

// RegressionNetwork is one trained network.
type RegressionNetwork struct {
	Rho synapse.Power `json:"rho"` // 0 for variational Bayes
	S   float64       `json:"s"`   // null for variational Bayes
	C   float64       `json:"c"`

	Predictions

	MedianSigma float64 `json:"median_sigma"`
	// LargestSigma is that of a synapse without importance, such as one of a rectifier that is never active: only the
	// length of training bounds it, because the magnitude cost with |mu| does not depend on sigma.
	LargestSigma float64 `json:"largest_sigma"`
	// The magnitude cost with |mu|, as in training and in Eq. 43, and with E|w|, as for a Laplace prior.
	MagnitudeAbsMu float64 `json:"magnitude_abs_mu"`
	MagnitudeAbsW  float64 `json:"magnitude_abs_w"`
	// Gaps are the mean over synapses of C_BI - C_VI for this network's sigmas.
	Gaps []Gap `json:"gaps"`

	weights Weights
}

// Predictions summarise the predictive distribution. Error is the root mean squared distance of its mean from the true
// function, and Spread its mean standard deviation, where there are examples; Beyond is the spread up to half a unit
// outside them, on both sides.
type Predictions struct {
	Error  float64 `json:"error"`
	Spread float64 `json:"spread"`
	Beyond float64 `json:"spread_beyond"`

	mean, sd []float64 // over regressionGrid
}

// Gap is the mean gap of the bound for an exponent and a scale, in nats per synapse.
type Gap struct {
	Rho synapse.Power `json:"rho"`
	S   float64       `json:"s"`
	Gap float64       `json:"gap"`
	// Least is the smallest gap, at the scale Tightest.
	Least    float64 `json:"least"`
	Tightest float64 `json:"tightest_s"`
}

// TrainRegression trains a network with one hidden layer of 20 rectifiers for the entropic cost and for each power law
// and scale, all from one start and with the same noise; quick trains a quarter as long.
func TrainRegression(ctx context.Context, seed uint64, quick bool) (*Regression, error) {
	r := &Regression{
		Seed: seed, Lambda: regressionLambda, NoiseVariance: regressionNoise,
		Stages: []Stage{{16000, 1e-2}, {16000, 3e-3}, {16000, 1e-3}, {8000, 1e-4}},
	}
	plan := ChainPlan{Chains: 8, Warmup: 1000, Draws: 1000, Leapfrog: 600}
	if quick {
		plan.Chains, plan.Warmup, plan.Draws = 4, 400, 300
		for i := range r.Stages {
			r.Stages[i].Steps /= 4
		}
	}
	u, e := uniforms(regressionPoints, noise(seed, forInputs), 0), normals(regressionPoints, noise(seed, forTargets), 0)
	var inputs [][]float64
	for i := range u {
		interval := regressionIntervals()[i%2]
		x := interval[0] + u[i]*(interval[1]-interval[0])
		inputs = append(inputs, []float64{x})
		r.X, r.Y = append(r.X, x), append(r.Y, cubic(x)+math.Sqrt(regressionNoise)*e[i])
	}
	n, err := newNetwork([]int{regressionHidden}, kernels.ReLU, true, inputs, r.Y)
	if err != nil {
		return nil, err
	}
	r.Networks = []RegressionNetwork{{Rho: 0, S: math.NaN(), C: 1}}
	for _, s := range regressionScales() {
		for _, rho := range exponents() {
			r.Networks = append(r.Networks, RegressionNetwork{Rho: rho, S: s, C: synapse.Multiplier(s, rho)})
		}
	}
	var members []kernels.Member
	for _, m := range r.Networks {
		members = append(members, kernels.Member{
			Seed: seed, C: m.C, Rho: float64(m.Rho), Lambda: regressionLambda, NoiseVariance: regressionNoise,
		})
	}
	const spread, sigma = 1, 0.003
	states, err := n.train(ctx, members, n.start(seed, spread, sigma), r.Stages)
	if err != nil {
		return nil, err
	}
	for i := range r.Networks {
		r.Networks[i].measure(n, states[i], seed)
	}
	if err := r.samplePosterior(ctx, plan); err != nil {
		return nil, err
	}
	if r.Models, err = boundedModels(seed); err != nil {
		return nil, err
	}
	r.Widths, err = compareWidths(ctx, seed)
	return r, err
}

// regressionGrid are the x of the bands.
func regressionGrid() []float64 { return floats.Span(make([]float64, 201), -2.6, 1.2) }

// predictionsOf summarises predictions over regressionGrid: draws x grid.
func predictionsOf(predictions [][]float64) (p Predictions) {
	intervals := regressionIntervals()
	const outside = 0.5
	var inside, beyond, wrong []float64
	at := make([]float64, len(predictions))
	for k, x := range regressionGrid() {
		for d := range predictions {
			at[d] = predictions[d][k]
		}
		mean, sd := stat.MeanStdDev(at, nil)
		p.mean, p.sd = append(p.mean, mean), append(p.sd, sd)
		switch {
		case x >= intervals[0][0] && x <= intervals[0][1], x >= intervals[1][0] && x <= intervals[1][1]:
			inside, wrong = append(inside, sd), append(wrong, mean-cubic(x))
		case x < intervals[0][0] && x >= intervals[0][0]-outside, x > intervals[1][1] && x <= intervals[1][1]+outside:
			beyond = append(beyond, sd)
		}
	}
	p.Spread, p.Beyond = stat.Mean(inside, nil), stat.Mean(beyond, nil)
	p.Error = floats.Norm(wrong, 2) / math.Sqrt(float64(len(wrong)))
	return p
}

// measure fills in the predictions of a trained network and the cost of its noise.
func (m *RegressionNetwork) measure(n *network, s *kernels.State, seed uint64) {
	m.Predictions = predictionsOf(n.predict(s, regressionGrid(), regressionDraws, seed))
	w := n.weights(s)
	m.weights = w
	sorted := slices.Sorted(slices.Values(w.Sigma))
	m.MedianSigma = stat.Quantile(0.5, stat.Empirical, sorted, nil)
	m.LargestSigma = sorted[len(sorted)-1]
	for i, mu := range w.Mu {
		m.MagnitudeAbsMu += regressionLambda * math.Abs(mu)
		m.MagnitudeAbsW += regressionLambda * FoldedMean(mu, w.Sigma[i])
	}
	for _, s := range regressionScales() {
		for _, rho := range exponents() {
			g := Gap{Rho: rho, S: s, Gap: MeanGap(w.Sigma, s, rho), Tightest: TightestScale(w.Sigma, rho)}
			g.Least = MeanGap(w.Sigma, g.Tightest, rho)
			m.Gaps = append(m.Gaps, g)
		}
	}
}

// boundedScale is the s of the linear-Gaussian models.
const boundedScale = 0.1

// boundedModel is one of them, with a bias besides the inputs.
func boundedModel(seed uint64, inputs int) Linear {
	const examples, noiseVariance = 12, 0.25
	return newGLM(seed, []float64{1, 3}[:inputs], examples, noiseVariance)
}

// boundedModels are linear-Gaussian models of one to three weights with their evidence, for each exponent.
func boundedModels(seed uint64) ([]Bounds, error) {
	var out []Bounds
	for inputs := range 3 {
		for _, rho := range exponents() {
			b, err := boundedModel(seed, inputs).Bounds(boundedScale, rho, regressionLambda)
			if err != nil {
				return nil, err
			}
			out = append(out, b)
		}
	}
	return out, nil
}

// Illustration draws the figure of Appendix 4, with the gap of the bound.
func (r *Regression) Illustration() (draw.Illustration, error) {
	posterior := r.panel(r.Posterior.Predictions, draw.Ink)
	posterior.Letter, posterior.Title = "A", "posterior"
	vb := r.panel(r.Networks[0].Predictions, draw.Blue)
	vb.Letter, vb.Title = "B", "variational Bayes"
	first := []draw.Panel{posterior, vb, r.spreadPanel()}
	first[0].X.Label, first[0].Y.Label, first[1].X.Label = "x", "f(x)", "x"
	columns := len(exponents())
	var rows [][]draw.Panel
	for i := range regressionScales() {
		var row []draw.Panel
		for j := range columns {
			n := r.Networks[1+i*columns+j]
			p := r.panel(n.Predictions, draw.Green)
			p.Title = fmt.Sprintf("ρ = %s, c = %s", rhoName(n.Rho), short(n.C))
			if i == 0 && j == 0 {
				p.Letter = "D"
			}
			if i == len(regressionScales())-1 {
				p.X.Label = "x"
			}
			if j == 0 {
				p.Y.Label = "f(x)"
			}
			row = append(row, p)
		}
		rows = append(rows, row)
	}
	figure, err := draw.NewFigure(
		draw.Block{Rows: [][]draw.Panel{first}, Height: 62},
		draw.Block{Rows: rows, Height: 125},
		draw.Block{Rows: [][]draw.Panel{{r.gapPanel(), r.evidencePanel(), r.Widths.panel()}}, Height: 76, OwnKeys: true})
	return draw.Illustration{
		Name: "appendix4", Title: "Predictions of the posterior, variational Bayes and power laws (EES Appendix 4)",
		Figure: figure, Caption: r.caption(), Numbers: r,
	}, err
}

func (r *Regression) panel(p Predictions, color draw.Color) draw.Panel {
	grid := regressionGrid()
	truth := make([]float64, len(grid))
	for i, x := range grid {
		truth[i] = cubic(x)
	}
	low, high := slices.Clone(p.mean), slices.Clone(p.mean)
	floats.AddScaled(low, -2, p.sd)
	floats.AddScaled(high, 2, p.sd)
	return draw.Panel{
		X: draw.Axis{Min: -2.6, Max: 1.2}, Y: draw.Axis{Min: -2, Max: 3},
		Layers: []draw.Layer{
			draw.Curve{Label: "mean ± 2 sd", X: grid, Y: p.mean, Low: low, High: high, Color: color},
			draw.Curve{Label: "x³ + 2x²", X: grid, Y: truth, Color: draw.Grey, Thin: true},
			draw.Points{Label: "examples", X: r.X, Y: r.Y, Color: draw.Ink, Small: true},
		},
	}
}

// gapPanel draws the gap of the bound over s for the noise that variational Bayes finds.
func (r *Regression) gapPanel() draw.Panel {
	sigmas := r.Networks[0].weights.Sigma
	p := draw.Panel{
		Letter: "E", Title: "bound for the noise of B",
		X: draw.Axis{Label: "Scale s", Log: true}, Y: draw.Axis{Label: "Gap (nats per synapse)", Log: true, Min: 0.3,
			Max: 300},
	}
	scales := floats.LogSpan(make([]float64, 61), 1e-3, 10)
	for i, rho := range exponents() {
		c := draw.Curve{Label: "ρ = " + rhoName(rho), Color: exponentColor(i)}
		for _, s := range scales {
			c.X, c.Y = append(c.X, s), append(c.Y, MeanGap(sigmas, s, rho))
		}
		p.Layers = append(p.Layers, c)
	}
	return p
}

// evidencePanel draws how far the bounds of the linear-Gaussian models are below the evidence.
func (r *Regression) evidencePanel() draw.Panel {
	p := draw.Panel{
		Letter: "F", Title: "linear-Gaussian models",
		X: draw.Axis{Label: "Exponent ρ", Min: 0.3, Max: 2.2}, Y: draw.Axis{Label: "Below log P(y|x) (nats)", Log: true},
	}
	elbos, bounds := map[int]*draw.Curve{}, map[int]*draw.Curve{}
	for _, b := range r.Models {
		n := len(b.Mu)
		if elbos[n] == nil {
			color := [...]draw.Color{draw.Blue, draw.Sky, draw.Ink}[n-1]
			elbos[n] = &draw.Curve{Color: color, Dashed: true}
			bounds[n] = &draw.Curve{Label: fmt.Sprintf("%d weights", n), Color: color}
			if n == 1 {
				elbos[n].Label, bounds[n].Label = "ELBO", "bound, 1 weight"
			}
		}
		elbos[n].X, elbos[n].Y = append(elbos[n].X, float64(b.Rho)), append(elbos[n].Y, b.LogEvidence-b.ELBO)
		bounds[n].X, bounds[n].Y = append(bounds[n].X, float64(b.Rho)), append(bounds[n].Y, b.LogEvidence-b.Bound)
	}
	for n := 1; n <= len(elbos); n++ {
		p.Layers = append(p.Layers, *elbos[n], *bounds[n])
	}
	return p
}

func (r *Regression) caption() string {
	describe := func(n RegressionNetwork) string {
		name := fmt.Sprintf("rho %s, s = %g, c = %.3g", rhoName(n.Rho), n.S, n.C)
		if n.Rho.Entropic() {
			name = "variational Bayes"
		}
		return fmt.Sprintf("%s: error %.3f, spread %.3f and %.3f beyond; sigma %.3g in the median, %.3g at most; "+
			"magnitude cost "+
			"%.1f with |mu|, %.1f with E|w|",
			name, n.Error, n.Spread, n.Beyond, n.MedianSigma, n.LargestSigma, n.MagnitudeAbsMu, n.MagnitudeAbsW)
	}
	var lines []string
	for _, n := range r.Networks {
		lines = append(lines, describe(n))
	}
	p := r.Posterior
	lines = slices.Insert(lines, 0,
		fmt.Sprintf("posterior: error %.3f, spread %.3f and %.3f beyond", p.Error, p.Spread, p.Beyond))
	var gaps []string
	for _, g := range r.Networks[0].Gaps[:len(exponents())] {
		gaps = append(gaps, fmt.Sprintf("%.3g at s = %.3g for rho = %s", g.Least, g.Tightest, rhoName(g.Rho)))
	}
	return fmt.Sprintf("Predictive distributions (lines: mean; bands: two standard deviations, in B and D over %d draws "+
		"of the weights) of a network with one hidden layer of %d rectifiers, for %d examples (dots) of x^3 + 2x^2 (grey) "+
		"with noise of variance 0.05^2, within %g to %g and %g to %g. A: the posterior exp(-NLL - lambda sum |w|), by "+
		"Hamiltonian Monte Carlo: %v, both of the worst among the predictions and their squared distances from the mean; "+
		"the spread beyond the examples has heavy tails, and is the least certain. "+
		"B: variational Bayes, the entropic cost with c = 1. C: standard deviation of the predictions of A, of B (dashed), "+
		"and of the second row of D. D: power laws, columns are exponents, rows scales s = %g, %g, %g with c = s^rho/rho. "+
		"E: gap of the bound, mean of C_BI - C_VI over the synapses of B, against s; least %s. "+
		"F: how far the ELBO (dashed) and the bound (lines) are below the evidence in linear-Gaussian models. "+
		"G: standard deviation of each weight of the one with three weights under a flat prior: marginal posterior in "+
		"closed form (squares) and by chains (crosses: %v), variational Bayes and power laws with s = %g; "+
		"over the posterior's: "+
		"%s. Variational Bayes has the width of each weight given the others, 1/sqrt(H_ii).\n"+
		"lambda = %g on |mu|; initial means within +-1, sigma 0.003; all examples at every step; %s; seed %d. "+
		"A synapse of a rectifier that is never active has no importance: its sigma grows for as long as training "+
		"lasts.\n%s.\n%s",
		regressionDraws, regressionHidden, len(r.X),
		regressionIntervals()[0][0], regressionIntervals()[0][1], regressionIntervals()[1][0], regressionIntervals()[1][1],
		r.Posterior.ChainQuality, regressionScales()[0], regressionScales()[1], regressionScales()[2],
		strings.Join(gaps, ", "), r.Widths.Known, r.Widths.S, r.Widths.text(),
		r.Lambda, stagesText(r.Stages), r.Seed, strings.Join(lines, ".\n"), r.modelsText())
}

// modelsText says how far apart evidence and bounds are.
func (r *Regression) modelsText() string {
	var elbo, bound, abs []float64
	above := 0
	for _, b := range r.Models {
		elbo, bound, abs = append(elbo, b.LogEvidence-b.ELBO), append(bound, b.ELBO-b.Bound), append(abs, b.WithAbsMu-b.Bound)
		if b.WithAbsMu > b.ELBO {
			above++
		}
	}
	return fmt.Sprintf("In %d linear-Gaussian models of one to three weights, log P(y|x) by quadrature is %.3g to "+
		"%.3g nats above "+
		"the ELBO, and the ELBO %.3g to %.3g above the bound; "+
		"|mu| for E|w| raises the bound by %.3g to %.3g, above the ELBO in %d of them.",
		len(r.Models), slices.Min(elbo), slices.Max(elbo), slices.Min(bound), slices.Max(bound), slices.Min(abs),
		slices.Max(abs), above)
}
