package analysis

import (
	"fmt"
	"math"
	"strings"

	"quantal/results/draw"
	"quantal/synapse"
)

// TwoWeights is the quadratic performance cost 1/2 (h_1 w_1^2 + h_2 w_2^2) of an important and an unimportant synapse,
// with noise of two kinds and the same reliability cost: one sigma for both, or the optimum of each (Fig. 4).
type TwoWeights struct {
	Hessian       [2]float64    `json:"hessian"`
	Rho           synapse.Power `json:"rho"`
	C             float64       `json:"c"`
	Heterogeneous PairNoise     `json:"heterogeneous"`
	Homogeneous   PairNoise     `json:"homogeneous"`
	Draws         int           `json:"draws"`
	Seed          uint64        `json:"seed"`
	// PerformanceRatios are homogeneous over heterogeneous performance cost, for each of the paper's exponents, by name.
	PerformanceRatios map[string]float64 `json:"performance_ratios"`
}

// PairNoise is the noise of two synapses and its cost.
type PairNoise struct {
	Sigma       [2]float64 `json:"sigma"`
	Performance float64    `json:"performance"` // expected: 1/2 sum h_i sigma_i^2
	Sampled     float64    `json:"sampled"`     // mean over the draws
	Reliability float64    `json:"reliability"` // c sum sigma_i^-rho
}

// DefaultTwoWeights is the example in the figure: the important synapse has 25 times the curvature of the other.
func DefaultTwoWeights(seed uint64) (*TwoWeights, error) {
	return NewTwoWeights([2]float64{25, 1}, 1, 2./3, 400, seed)
}

// NewTwoWeights solves the two synapses for an exponent above 0 and draws their weights.
func NewTwoWeights(hessian [2]float64, c float64, rho synapse.Power, draws int, seed uint64) (*TwoWeights, error) {
	if !(hessian[0] > 0 && hessian[1] > 0 && c > 0 && rho > 0) || draws < 1 {
		return nil, fmt.Errorf("analysis: two weights: curvatures %v, c %g, rho %g, %d draws: want numbers above 0",
			hessian, c, rho, draws)
	}
	t := &TwoWeights{Hessian: hessian, Rho: rho, C: c, Draws: draws, Seed: seed, PerformanceRatios: map[string]float64{}}
	t.Heterogeneous, t.Homogeneous = solveTwo(hessian, c, rho)
	t.Heterogeneous.Sampled, t.Homogeneous.Sampled = t.sampled(t.Heterogeneous), t.sampled(t.Homogeneous)
	for _, r := range exponents() {
		apart, same := solveTwo(hessian, c, r)
		t.PerformanceRatios[rhoName(r)] = same.Performance / apart.Performance
	}
	return t, nil
}

func solveTwo(h [2]float64, c float64, rho synapse.Power) (apart, same PairNoise) {
	for i := range h {
		apart.Sigma[i] = synapse.OptimalSigma(c, rho, h[i])
	}
	shared := TightestScale(apart.Sigma[:], rho) // s^-rho = mean sigma^-rho: the same reliability cost
	same.Sigma = [2]float64{shared, shared}
	for _, n := range []*PairNoise{&apart, &same} {
		for i, sigma := range n.Sigma {
			n.Performance += h[i] * sigma * sigma / 2
			n.Reliability += c * rho.Cost(sigma)
		}
	}
	return apart, same
}

// draw returns draws of both weights.
func (t *TwoWeights) draw(n PairNoise) (w [2][]float64) {
	for d := range t.Draws {
		for i, xi := range normals(2, noise(t.Seed, forClouds), d) {
			w[i] = append(w[i], n.Sigma[i]*xi)
		}
	}
	return w
}

func (t *TwoWeights) sampled(n PairNoise) float64 {
	w, sum := t.draw(n), 0.0
	for i, h := range t.Hessian {
		for _, v := range w[i] {
			sum += h * v * v / 2
		}
	}
	return sum / float64(t.Draws)
}

// Illustration draws Fig. 4.
func (t *TwoWeights) Illustration() (draw.Illustration, error) {
	reach := 3 * max(t.Heterogeneous.Sigma[0], t.Heterogeneous.Sigma[1])
	highest := t.Hessian[0] * reach * reach / 8
	var parabolas []draw.Panel
	for i, h := range t.Hessian {
		p := draw.Panel{
			Letter: draw.Letter(i), Title: [...]string{"important synapse", "unimportant synapse"}[i],
			X: draw.Axis{Label: fmt.Sprintf("w%s", [...]string{"₁", "₂"}[i]), Min: -reach, Max: reach},
			Y: draw.Axis{Label: "Performance cost", Min: 0, Max: highest},
		}
		curve := draw.Curve{Label: "performance cost", Color: draw.Purple}
		for k := range 201 {
			w := reach * (float64(k)/100 - 1)
			curve.X, curve.Y = append(curve.X, w), append(curve.Y, h*w*w/2)
		}
		p.Layers = []draw.Layer{curve}
		parabolas = append(parabolas, p)
	}
	var clouds []draw.Panel
	for i, n := range []PairNoise{t.Homogeneous, t.Heterogeneous} {
		w := t.draw(n)
		p := draw.Panel{
			Title: [...]string{"homogeneous", "heterogeneous"}[i],
			X:     draw.Axis{Label: "w₁", Min: -reach, Max: reach}, Y: draw.Axis{Label: "w₂", Min: -reach, Max: reach},
		}
		if i == 0 {
			p.Letter = "C"
		}
		for _, level := range []float64{0.02, 0.08, 0.18, 0.32, 0.5} {
			x, y := t.contour(level * highest)
			p.Layers = append(p.Layers, draw.Curve{X: x, Y: y, Color: draw.Purple, Thin: true})
		}
		color := [...]draw.Color{draw.Grey, draw.Green}[i]
		p.Layers = append(p.Layers, draw.Points{X: w[0], Y: w[1], Color: color, Small: true})
		clouds = append(clouds, p)
	}
	figure, err := draw.NewFigure(
		draw.Block{Rows: [][]draw.Panel{parabolas}, Height: 52},
		draw.Block{Rows: [][]draw.Panel{append(clouds, t.bars())}, Height: 64})
	return draw.Illustration{
		Name: "fig4", Title: "Noise on synapses of different importance (EES Fig. 4)", Figure: figure, Caption: t.caption(),
		Numbers: t,
	}, err
}

// contour are the weights of one performance cost.
func (t *TwoWeights) contour(cost float64) (x, y []float64) {
	return ellipse(math.Sqrt(2*cost/t.Hessian[0]), 0, math.Sqrt(2*cost/t.Hessian[1]))
}

// bars stack the costs of both kinds of noise.
func (t *TwoWeights) bars() draw.Panel {
	p := draw.Panel{
		Letter: "D", Y: draw.Axis{Label: "Expected cost"},
		X: draw.Axis{Max: 2, Names: []draw.Name{{At: 0.5, Text: "homogeneous"}, {At: 1.5, Text: "heterogeneous"}}},
	}
	for i, n := range []PairNoise{t.Homogeneous, t.Heterogeneous} {
		left, right := float64(i)+0.2, float64(i)+0.8
		color := [...]draw.Color{draw.Grey, draw.Green}[i]
		reliability, performance := "", ""
		if i == 0 {
			reliability, performance = "reliability cost", "performance cost"
		}
		p.Layers = append(p.Layers,
			draw.Box(reliability, left, right, 0, n.Reliability, color, true),
			draw.Box(performance, left, right, n.Reliability, n.Reliability+n.Performance, draw.Purple, false))
	}
	p.Y.Max = 1.08 * (t.Homogeneous.Performance + t.Homogeneous.Reliability)
	return p
}

func (t *TwoWeights) caption() string {
	describe := func(n PairNoise) string {
		return fmt.Sprintf("sigma %.3g and %.3g, performance cost %.3g (%.3g over the %d weights drawn), reliability "+
			"cost %.3g",
			n.Sigma[0], n.Sigma[1], n.Performance, n.Sampled, t.Draws, n.Reliability)
	}
	var ratios []string
	for _, rho := range exponents() {
		ratios = append(ratios, fmt.Sprintf("%.2f for rho = %s", t.PerformanceRatios[rhoName(rho)], rhoName(rho)))
	}
	return fmt.Sprintf("A, B: a quadratic performance cost, h w^2/2, with curvature h = %g for the important synapse "+
		"and %g for the "+
		"unimportant one. "+
		"C: its contours, with weights drawn from noise of one sigma (grey) and of each synapse's optimum (green; Eq. "+
		"66), seed %d. "+
		"D: the expected costs. The sigma in common is such that both pay the same reliability cost, c sum sigma^-rho "+
		"with c = %.3g "+
		"and rho = %s.\n"+
		"Heterogeneous: %s.\nHomogeneous: %s.\nPerformance cost of homogeneous over heterogeneous noise: %s.",
		t.Hessian[0], t.Hessian[1], t.Seed, t.C, rhoName(t.Rho), describe(t.Heterogeneous), describe(t.Homogeneous),
		strings.Join(ratios, ", "))
}

// ellipse returns the points z with z = L u, |u| = 1, for a lower triangular L = [[a, 0], [b, d]]: one standard
// deviation of a Gaussian with that factor of its covariance.
func ellipse(a, b, d float64) (x, y []float64) {
	const points = 120
	for k := range points + 1 {
		s, c := math.Sincos(2 * math.Pi * float64(k) / points)
		x, y = append(x, a*c), append(y, b*c+d*s)
	}
	return x, y
}
