package analysis

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"quantal/internal/memory"
	"quantal/results/draw"
	"quantal/synapse"
)

// ReleaseMoments are the moments of the postsynaptic potential.
type ReleaseMoments struct {
	Mean     float64 `json:"mean"`
	Variance float64 `json:"variance"`
	SD       float64 `json:"sd"`
	CV       float64 `json:"cv"`
	Failure  float64 `json:"failure"` // probability, or fraction, of no release
}

// ReliabilityCost is the cost of reliability for one mechanism, at a release.
type ReliabilityCost struct {
	Mechanism string        `json:"mechanism"`
	Formula   string        `json:"formula"`
	Drives    string        `json:"drives"` // the parameter that sets the reliability; q compensates
	Rho       synapse.Power `json:"rho"`    // the exponent that the paper derives
	Cost      float64       `json:"cost"`   // of this release; in arbitrary units
	Slope     Slope         `json:"slope"`  // of ln cost over ln sigma at this mean; -rho where the law holds
	// Exponents are -d ln cost / d ln sigma at this release when one parameter is held and the other two change, keeping
	// the mean.
	Exponents struct {
		N float64 `json:"n_held"`
		P float64 `json:"p_held"`
		Q float64 `json:"q_held"`
	} `json:"exponents"`
}

// ReleaseAnalysis is a release with draws and costs (Fig. 1).
type ReleaseAnalysis struct {
	Release   synapse.Release   `json:"release"`
	Binomial  ReleaseMoments    `json:"binomial"`
	Simulated ReleaseMoments    `json:"simulated"`
	Draws     int               `json:"draws"`
	Seed      uint64            `json:"seed"`
	Costs     []ReliabilityCost `json:"costs"`
	// Equation18 is the exponent of the trafficking cost when p drives it: 2 (1-p), near 2 only for small p.
	Equation18 []LocalExponent `json:"equation_18"`

	curves     []costCurve
	throughP   costCurve
	potentials []float64
}

// LocalExponent is an exponent at a release probability.
type LocalExponent struct {
	P        float64 `json:"p"`
	Exponent float64 `json:"exponent"`
}

// costCurve is a cost over sigma at fixed mean.
type costCurve struct{ sigma, cost []float64 }

// AnalyseRelease draws from a release, whose n must be whole, and computes the costs of its reliability. Along the
// curves sigma goes from a tenth of the release's to ten times it, as long as a vesicle is left.
func AnalyseRelease(r synapse.Release, draws int, seed uint64) (*ReleaseAnalysis, error) {
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("analysis: %w", err)
	}
	if r.P == 1 {
		return nil,
			fmt.Errorf("analysis: p 1: want a probability below 1; without variance reliability has no price")
	}
	if draws < 2 {
		return nil, fmt.Errorf("analysis: %d draws: want 2 or more", draws)
	}
	if err := r.CheckDraws(draws); err != nil {
		return nil, err
	}
	if err := memory.Check(fmt.Sprintf("the simulation of %d spikes", draws), 8*float64(draws)); err != nil {
		return nil, err
	}
	a := &ReleaseAnalysis{Release: r, Draws: draws, Seed: seed, potentials: make([]float64, draws)}
	a.Binomial = ReleaseMoments{r.Mean(), r.Variance(), r.SD(), r.CV(), r.Failure()}
	if err := r.Sample(a.potentials, seed); err != nil {
		return nil, err
	}
	mean, sd := stat.MeanStdDev(a.potentials, nil)
	a.Simulated = ReleaseMoments{mean, sd * sd, sd, sd / mean, 0}
	for _, v := range a.potentials {
		if v == 0 {
			a.Simulated.Failure += 1 / float64(draws)
		}
	}
	for _, m := range synapse.Mechanisms() {
		c := ReliabilityCost{Mechanism: m.String(), Formula: m.Formula(), Drives: m.Drives().String(), Rho: m.Rho(),
			Cost: m.Cost(r)}
		t := synapse.Tradeoff{Mechanism: m, From: r, Drives: m.Drives(), Compensates: synapse.Q}
		curve := newCostCurve(t)
		var err error
		if c.Slope, err = FitSlope(curve.sigma, curve.cost, Bootstrap{}); err != nil {
			return nil, err
		}
		c.Exponents.N = exponent(m, r, synapse.P, synapse.Q)
		c.Exponents.P = exponent(m, r, synapse.N, synapse.Q)
		c.Exponents.Q = exponent(m, r, synapse.P, synapse.N)
		a.Costs, a.curves = append(a.Costs, c), append(a.curves, curve)
	}
	a.throughP = newCostCurve(synapse.Tradeoff{Mechanism: synapse.Trafficking, From: r, Drives: synapse.P,
		Compensates: synapse.Q})
	for _, p := range []float64{0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9} {
		e := exponent(synapse.Trafficking, synapse.Release{N: r.N, P: p, Q: r.Q}, synapse.P, synapse.Q)
		a.Equation18 = append(a.Equation18, LocalExponent{p, e})
	}
	return a, nil
}

// exponent is the exponent at a release, measured on the curve; NaN at its end.
func exponent(m synapse.Mechanism, r synapse.Release, drives, compensates synapse.Parameter) float64 {
	rho, err := synapse.Tradeoff{Mechanism: m, From: r, Drives: drives, Compensates: compensates}.Exponent(r.SD())
	if err != nil {
		return math.NaN()
	}
	return rho
}

func newCostCurve(t synapse.Tradeoff) costCurve {
	const points, factor = 81, 10
	var c costCurve
	sd := t.From.SD()
	for _, sigma := range floats.LogSpan(make([]float64, points), sd/factor, sd*factor) {
		if r, cost, err := t.At(sigma); err == nil && r.N >= 1 {
			c.sigma, c.cost = append(c.sigma, sigma), append(c.cost, cost)
		}
	}
	return c
}

// Illustration draws Fig. 1, b and c.
func (a *ReleaseAnalysis) Illustration() (draw.Illustration, error) {
	r := a.Release
	higherP, err := synapse.FromMoments(r.Mean(), r.SD()/2, synapse.N, r.N)
	if err != nil {
		return draw.Illustration{}, err
	}
	moreVesicles, err := synapse.FromMoments(r.Mean(), r.SD()/2, synapse.P, r.P)
	if err != nil {
		return draw.Illustration{}, err
	}
	moreVesicles.N = math.Round(moreVesicles.N) // four times the vesicles, up to rounding
	top := r.Mean() + 4*r.SD()
	var histograms []draw.Panel
	for i, example := range []synapse.Release{r, higherP, moreVesicles} {
		p := histogram(example, top)
		p.Letter, p.Title = draw.Letter(i), [...]string{"this synapse", "higher p", "more vesicles"}[i]
		if i == 0 {
			p.Layers = append(p.Layers, a.drawn())
		} else {
			p.Y.Label = ""
		}
		histograms = append(histograms, p)
	}
	var costs []draw.Panel
	for i, c := range a.Costs {
		relative := func(curve costCurve) []float64 {
			return floats.ScaleTo(make([]float64, len(curve.cost)), 1/c.Cost, curve.cost)
		}
		curve := a.curves[i]
		p := draw.Panel{
			Letter: draw.Letter(3 + i), Title: minus(fmt.Sprintf("%s, slope %.3g", c.Mechanism, c.Slope.Value)),
			X: draw.Axis{Label: "PSP standard deviation σ", Log: true}, Y: draw.Axis{Log: true},
			Layers: []draw.Layer{draw.Curve{Label: "at the same mean", X: curve.sigma, Y: relative(curve), Color: draw.Green}},
		}
		if i == 0 {
			p.Y.Label = "Cost over this synapse's"
		}
		if c.Mechanism == synapse.Trafficking.String() {
			p.Layers = append(p.Layers, draw.Curve{
				Label: "trafficking through p (Eq. 18)", X: a.throughP.sigma, Y: relative(a.throughP), Color: draw.Red,
				Dashed: true,
			})
		}
		p.Layers = append(p.Layers, draw.Points{Label: "this synapse", X: []float64{r.SD()}, Y: []float64{1},
			Color: draw.Ink})
		costs = append(costs, p)
	}
	figure, err := draw.NewFigure(
		draw.Block{Rows: [][]draw.Panel{histograms}, Height: 58},
		draw.Block{Rows: [][]draw.Panel{costs}, Height: 58, Shared: true})
	return draw.Illustration{
		Name: "fig1", Title: "Quantal release and the cost of its reliability (EES Fig. 1)",
		Figure: figure, Caption: a.caption(higherP, moreVesicles), Numbers: a,
	}, err
}

// histogram is the distribution of the potential, with its mean and standard deviation.
func histogram(r synapse.Release, top float64) draw.Panel {
	p := draw.Panel{
		X: draw.Axis{Label: "Postsynaptic potential (same unit as q)", Max: top}, Y: draw.Axis{Label: "Probability"},
		Note: fmt.Sprintf("n = %.3g, p = %.2g\nμ = %.3g, σ = %.3g", r.N, r.P, r.Mean(), r.SD()),
	}
	p.X.Min = -0.6 * r.Q
	highest := 0.0
	for k := 0; float64(k) <= r.N; k++ {
		highest = max(highest, r.Probability(k))
		at := float64(k) * r.Q
		p.Layers = append(p.Layers, draw.Box("", at-0.4*r.Q, at+0.4*r.Q, 0, r.Probability(k), draw.Blue, false))
	}
	p.Y.Max = 1.35 * highest // room for the note
	mean, sd := r.Mean(), r.SD()
	level := 1.06 * highest
	p.Layers = append(p.Layers,
		draw.Curve{Label: "mean μ", X: []float64{mean, mean}, Y: []float64{0, level}, Color: draw.Ink},
		draw.Curve{Label: "μ ± σ", X: []float64{mean - sd, mean + sd}, Y: []float64{level, level}, Color: draw.Red})
	return p
}

// drawn are the fractions of the draws.
func (a *ReleaseAnalysis) drawn() draw.Points {
	counts := make([]float64, int(a.Release.N)+1)
	for _, v := range a.potentials {
		counts[int(math.Round(v/a.Release.Q))] += 1 / float64(a.Draws)
	}
	d := draw.Points{Label: "simulated", Color: draw.Orange}
	for k, c := range counts {
		d.X, d.Y = append(d.X, float64(k)*a.Release.Q), append(d.Y, c)
	}
	return d
}

func (a *ReleaseAnalysis) caption(higherP, moreVesicles synapse.Release) string {
	r := a.Release
	var slopes, local []string
	for _, c := range a.Costs {
		slopes = append(slopes,
			fmt.Sprintf("%s %s, slope %.4g (the paper's exponent is %.4g)", c.Mechanism, c.Formula, c.Slope.Value, c.Rho))
	}
	for _, e := range a.Equation18 {
		local = append(local, fmt.Sprintf("%.2f at p = %g", e.Exponent, e.P))
	}
	return fmt.Sprintf("A: probability of the potential of a synapse with n = %g vesicles, release probability p = "+
		"%g and quantal "+
		"size q = %g; "+
		"mean %.4g, standard deviation %.4g; dots are %d draws, seed %d, with mean %.4g and standard deviation %.4g. "+
		"B, C: the same mean with half the standard deviation, by a higher p (%.3g, q %.3g) or more vesicles (%.4g, q "+
		"%.3g).\n"+
		"D to G: cost over sigma at this mean, as a multiple of the cost of the synapse of A (dot), on one range of both "+
		"axes; q compensates; calcium through p, the others through n: %s. "+
		"Dashed: trafficking changed through p instead (Eq. 18), (1-p)/sigma^2, whose local exponent is 2 (1-p): %s.",
		r.N, r.P, r.Q, a.Binomial.Mean, a.Binomial.SD, a.Draws, a.Seed, a.Simulated.Mean, a.Simulated.SD,
		higherP.P, higherP.Q, moreVesicles.N, moreVesicles.Q, strings.Join(slopes, "; "), strings.Join(local, ", "))
}
