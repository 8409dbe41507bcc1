package analysis

import (
	"context"
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/stat"

	"quantal/results/draw"
	"quantal/synapse"
)

// RegressionPosterior is the posterior of the network of Appendix 4, exp(-NLL - lambda sum |w|), by Hamiltonian chains.
// Its weights have as many equal modes as the hidden units have orders, so that only predictions can be compared, and
// the quality of the chains is that of their predictions, and of the squares of these around the mean, over the figure.
type RegressionPosterior struct {
	ChainQuality
	Predictions
}

// regressionOutput is the network's output for x. The weights are in the order of network.weights: input and bias of
// each hidden unit, then those of the output.
func regressionOutput(w []float64, x float64) float64 {
	out := w[3*regressionHidden]
	for j := range regressionHidden {
		out += w[2*regressionHidden+j] * max(0, w[2*j]*x+w[2*j+1])
	}
	return out
}

// regressionPotential is the negative log likelihood of examples and the magnitude cost of the weights, up to a
// constant.
func regressionPotential(x, y []float64) potential {
	return func(w, g []float64) float64 {
		sum := 0.
		for i, v := range w {
			sum += regressionLambda * math.Abs(v)
			g[i] = math.Copysign(regressionLambda, v)
		}
		v, gv := w[2*regressionHidden:], g[2*regressionHidden:]
		var h [regressionHidden]float64
		for a, x := range x {
			e := v[regressionHidden] - y[a]
			for j := range h {
				h[j] = max(0, w[2*j]*x+w[2*j+1])
				e += v[j] * h[j]
			}
			sum += e * e / (2 * regressionNoise)
			slope := e / regressionNoise
			gv[regressionHidden] += slope
			for j, h := range h {
				if h > 0 {
					gv[j] += slope * h
					g[2*j] += slope * v[j] * x
					g[2*j+1] += slope * v[j]
				}
			}
		}
		return sum
	}
}

// samplePosterior runs the chains from independent starts like that of training.
func (r *Regression) samplePosterior(ctx context.Context, plan ChainPlan) error {
	var starts [][]float64
	for c := range plan.Chains {
		start := uniforms(3*regressionHidden+1, noise(r.Seed, forChains), c)
		for i, u := range start {
			start[i] = 2*u - 1
		}
		starts = append(starts, start)
	}
	chains, quality, err := plan.run(ctx, regressionPotential(r.X, r.Y), starts, r.Seed)
	if err != nil {
		return err
	}
	grid := regressionGrid()
	var all [][]float64
	over := make([][][]float64, len(grid)) // grid x chains x draws
	for _, draws := range chains {
		for k := range over {
			over[k] = append(over[k], nil)
		}
		for _, w := range draws {
			f := make([]float64, len(grid))
			for k, x := range grid {
				f[k] = regressionOutput(w, x)
				at := &over[k][len(over[k])-1]
				*at = append(*at, f[k])
			}
			all = append(all, f)
		}
	}
	p := predictionsOf(all)
	var quantities [][][]float64
	for k := 0; k < len(grid); k += 5 {
		var squares [][]float64
		for _, chain := range over[k] {
			squares = append(squares, nil)
			for _, f := range chain {
				squares[len(squares)-1] = append(squares[len(squares)-1], (f-p.mean[k])*(f-p.mean[k]))
			}
		}
		quantities = append(quantities, over[k], squares)
	}
	quality.judge(quantities...)
	r.Posterior = RegressionPosterior{quality, p}
	return nil
}

// spreadPanel draws the standard deviation of the predictions over x, of the posterior and what approximates it.
func (r *Regression) spreadPanel() draw.Panel {
	grid := regressionGrid()
	p := draw.Panel{Letter: "C", Title: fmt.Sprintf("width, power laws with s = %g", regressionScales()[1]),
		X: draw.Axis{Label: "x", Min: grid[0], Max: grid[len(grid)-1]}, Y: draw.Axis{Label: "sd of f(x)", Log: true},
		Layers: []draw.Layer{draw.Curve{Label: "posterior", X: grid, Y: r.Posterior.sd, Color: draw.Ink},
			draw.Curve{Label: "variational Bayes", X: grid, Y: r.Networks[0].sd, Color: draw.Blue, Dashed: true}}}
	for i := range exponents() {
		n := r.Networks[1+len(exponents())+i] // of the second scale
		p.Layers = append(p.Layers, draw.Curve{Label: "ρ = " + rhoName(n.Rho), X: grid, Y: n.sd, Color: exponentColor(i),
			Thin: true})
	}
	return p
}

// Widths are standard deviations of the weights of a linear-Gaussian model, whose posterior is known exactly.
type Widths struct {
	Exact  []float64     `json:"exact"` // marginal
	Chains []float64     `json:"chains"`
	Known  ChainQuality  `json:"quality"`
	S      float64       `json:"s"` // of the power laws
	Fits   []WidthsOfFit `json:"fits"`
}

// WidthsOfFit are the optimum for an exponent, 0 for variational Bayes.
type WidthsOfFit struct {
	Rho   synapse.Power `json:"rho"`
	Sigma []float64     `json:"sigma"`
}

// potential is the negative log likelihood up to a constant.
func (l Linear) potential() potential {
	return func(w, g []float64) float64 {
		clear(g)
		sum := 0.
		for a, v := range l.V {
			e := -v
			for i, w := range w {
				e += w * l.input(a, i)
			}
			sum += e * e / (2 * l.NoiseVariance)
			for i := range g {
				g[i] += e * l.input(a, i) / l.NoiseVariance
			}
		}
		return sum
	}
}

// compareWidths solves the largest of the models of boundedModels, under a flat prior.
func compareWidths(ctx context.Context, seed uint64) (Widths, error) {
	l := boundedModel(seed, 2)
	out := Widths{S: boundedScale}
	_, factor, err := l.Posterior()
	if err != nil {
		return out, err
	}
	n := l.Weights()
	plan := ChainPlan{Chains: 4, Warmup: 500, Draws: 5000, Leapfrog: 10}
	var starts [][]float64
	for c := range plan.Chains {
		starts = append(starts, normals(n, noise(seed, forChains), c))
	}
	draws, quality, err := plan.run(ctx, l.potential(), starts, seed)
	if err != nil {
		return out, err
	}
	quantities := make([][][]float64, 2*n) // each weight, and its square, on which the width depends
	for i := range n {
		variance := 0.
		for j := range n {
			variance += factor.At(i, j) * factor.At(i, j)
		}
		out.Exact = append(out.Exact, math.Sqrt(variance))
		var all []float64
		for _, chain := range draws {
			var values, squares []float64
			for _, w := range chain {
				values, squares = append(values, w[i]), append(squares, w[i]*w[i])
			}
			quantities[2*i], quantities[2*i+1] = append(quantities[2*i], values), append(quantities[2*i+1], squares)
			all = append(all, values...)
		}
		out.Chains = append(out.Chains, stat.StdDev(all, nil))
	}
	quality.judge(quantities...)
	out.Known = quality
	for _, rho := range append([]synapse.Power{synapse.Entropic}, exponents()...) {
		w, err := l.Solve(synapse.Multiplier(out.S, rho), rho)
		if err != nil {
			return out, err
		}
		out.Fits = append(out.Fits, WidthsOfFit{rho, w.Sigma})
	}
	return out, nil
}

// panel draws the widths of each weight.
func (w Widths) panel() draw.Panel {
	n := float64(len(w.Exact))
	p := draw.Panel{Letter: "G", Title: "weights of a linear model",
		X: draw.Axis{Min: -0.5, Max: n - 0.5}, Y: draw.Axis{Label: "Standard deviation", Log: true}}
	var at []float64
	for i := range w.Exact {
		at = append(at, float64(i))
		name := "w" + string(rune('₁'+i))
		if i == len(w.Exact)-1 {
			name = "bias"
		}
		p.X.Names = append(p.X.Names, draw.Name{At: float64(i), Text: name})
	}
	beside := func(by float64) (x []float64) {
		for _, v := range at {
			x = append(x, v+by)
		}
		return x
	}
	p.Layers = []draw.Layer{
		draw.Points{Label: "posterior", X: beside(-0.3), Y: w.Exact, Color: draw.Ink, Mark: draw.OpenSquare},
		draw.Points{Label: "chains", X: beside(-0.3), Y: w.Chains, Color: draw.Ink, Mark: draw.Plus},
	}
	for i, f := range w.Fits {
		dots := draw.Points{Label: "variational Bayes", X: beside(-0.15), Y: f.Sigma, Color: draw.Blue, Mark: draw.Triangle}
		if i > 0 {
			dots.Label, dots.X = "ρ = "+rhoName(f.Rho), beside(-0.15+0.12*float64(i))
			dots.Color, dots.Mark = exponentColor(i-1), draw.Dot
		}
		p.Layers = append(p.Layers, dots)
	}
	return p
}

// text says how wide the approximations are against the posterior.
func (w Widths) text() string {
	var parts []string
	for _, f := range w.Fits {
		low, high := math.Inf(1), 0.
		for i, sigma := range f.Sigma {
			low, high = min(low, sigma/w.Exact[i]), max(high, sigma/w.Exact[i])
		}
		name := "variational Bayes"
		if !f.Rho.Entropic() {
			name = "rho " + rhoName(f.Rho)
		}
		parts = append(parts, fmt.Sprintf("%s %.2f to %.2f", name, low, high))
	}
	return strings.Join(parts, ", ")
}
