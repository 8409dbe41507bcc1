package analysis

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"quantal/results/draw"
	"quantal/synapse"
)

// PosteriorComparison compares optimised noise with the Bayesian posterior of two correlated weights (Fig. 7).
type PosteriorComparison struct {
	SD          [2]float64 `json:"posterior_sd"`          // marginal
	Correlation float64    `json:"posterior_correlation"` //
	Conditional [2]float64 `json:"conditional_sd"`        // of each weight given the other, 1/sqrt(H_ii)
	Scales      []float64  `json:"s"`                     // of the rows, c = s^rho/rho
	Cells       []NoiseAt  `json:"cells"`                 // rows of Scales, columns of exponents
	// OverRho are the slopes of sigma^2 over 1/H_ii for each exponent, measured on the curves; below one for all except
	// the entropic.
	OverRho []PosteriorSlope `json:"slopes"`
}

// NoiseAt is the optimum for a scale and an exponent.
type NoiseAt struct {
	Rho   synapse.Power `json:"rho"`
	S     float64       `json:"s"`
	C     float64       `json:"c"`
	Sigma [2]float64    `json:"sigma"`
}

// PosteriorSlope is a slope on log axes.
type PosteriorSlope struct {
	Rho       synapse.Power `json:"rho"`
	Measured  float64       `json:"measured"`
	Predicted float64       `json:"predicted"` // 2/(rho+2), Eq. 68c
}

// middleScale is the s of Fig. 7b, whose caption sets c = 10^(-2 rho)/rho.
const middleScale = 1e-2

// DefaultPosterior is the example in the figure, of a size that suits the scales.
func DefaultPosterior() (*PosteriorComparison, error) {
	return ComparePosterior([2]float64{0.03, 0.01}, 0.7)
}

// ComparePosterior takes a Gaussian posterior of two weights by its marginal standard deviations and their correlation.
// Its precision is the Hessian, and each synapse's importance is a diagonal entry of it. The scales are those of the
// caption: c = 0.112, 0.2 and 0.356 for rho = 1/2.
func ComparePosterior(sd [2]float64, correlation float64) (*PosteriorComparison, error) {
	if !(sd[0] > 0 && sd[1] > 0) || !(math.Abs(correlation) < 1) {
		return nil,
			fmt.Errorf("analysis: posterior: standard deviations %v and correlation %g: want positive ones and one within "+
				"-1 to 1", sd, correlation)
	}
	covariance := mat.NewSymDense(2, []float64{sd[0] * sd[0], correlation * sd[0] * sd[1], 0, sd[1] * sd[1]})
	var chol mat.Cholesky
	var precision mat.SymDense
	if !chol.Factorize(covariance) {
		return nil, errors.New("analysis: posterior: its covariance is not positive")
	}
	if err := chol.InverseTo(&precision); err != nil {
		return nil, fmt.Errorf("analysis: posterior: %w", err)
	}
	p := &PosteriorComparison{
		SD: sd, Correlation: correlation,
		Conditional: [2]float64{1 / math.Sqrt(precision.At(0, 0)), 1 / math.Sqrt(precision.At(1, 1))},
		Scales:      []float64{middleScale / math.Sqrt(10), middleScale, middleScale * math.Sqrt(10)},
	}
	for _, s := range p.Scales {
		for _, rho := range exponents() {
			at := NoiseAt{Rho: rho, S: s, C: synapse.Multiplier(s, rho)}
			for i := range at.Sigma {
				at.Sigma[i] = synapse.OptimalSigma(at.C, rho, precision.At(i, i))
			}
			p.Cells = append(p.Cells, at)
		}
	}
	for _, rho := range append(exponents(), synapse.Entropic) {
		x, y := optimalOverPosterior(synapse.Multiplier(middleScale, rho), rho)
		slope, err := FitSlope(x, y, Bootstrap{})
		if err != nil {
			return nil, err
		}
		p.OverRho = append(p.OverRho, PosteriorSlope{Rho: rho, Measured: slope.Value,
			Predicted: synapse.OptimalSlopes(rho).Posterior})
	}
	return p, nil
}

// optimalOverPosterior is the optimal variance over posterior variances 1/H_ii.
func optimalOverPosterior(c float64, rho synapse.Power) (posterior, optimal []float64) {
	posterior = floats.LogSpan(make([]float64, 50), 1e-6, 1e-2)
	for _, v := range posterior {
		sigma := synapse.OptimalSigma(c, rho, 1/v)
		optimal = append(optimal, sigma*sigma)
	}
	return posterior, optimal
}

// Illustration draws Fig. 7.
func (p *PosteriorComparison) Illustration() (draw.Illustration, error) {
	const shown = 2 // standard deviations, of all ellipses
	reach := 0.0
	for _, at := range p.Cells {
		reach = max(reach, 1.1*shown*at.Sigma[0], 1.1*shown*at.Sigma[1])
	}
	reach = max(reach, 1.1*shown*p.SD[0], 1.1*shown*p.SD[1])
	columns := len(exponents())
	var rows [][]draw.Panel
	for i := range p.Scales {
		var row []draw.Panel
		for j := range columns {
			at := p.Cells[i*columns+j]
			panel := draw.Panel{
				X: draw.Axis{Min: -reach, Max: reach}, Y: draw.Axis{Min: -reach, Max: reach},
				Note: fmt.Sprintf("c = %s", short(at.C)),
			}
			if i == 0 {
				panel.Title = "ρ = " + rhoName(at.Rho)
			}
			if i == 0 && j == 0 {
				panel.Letter = "A"
			}
			if i == len(p.Scales)-1 {
				panel.X.Label = "w₁"
			}
			if j == 0 {
				panel.Y.Label = "w₂"
			}
			r := p.Correlation
			x, y := ellipse(shown*p.SD[0], shown*r*p.SD[1], shown*p.SD[1]*math.Sqrt(1-r*r))
			u, v := ellipse(shown*at.Sigma[0], 0, shown*at.Sigma[1])
			panel.Layers = []draw.Layer{
				draw.Curve{Label: "posterior", X: x, Y: y, Color: draw.Grey, Dashed: true},
				draw.Curve{Label: "optimised noise", X: u, Y: v, Color: draw.Green},
			}
			row = append(row, panel)
		}
		rows = append(rows, row)
	}
	figure, err := draw.NewFigure(
		draw.Block{Rows: rows, Height: 130, Square: true},
		draw.Block{Rows: [][]draw.Panel{{p.overRho(), p.overC()}}, Height: 80, Square: true, OwnKeys: true})
	return draw.Illustration{
		Name: "fig7", Title: "Optimised noise and the Bayesian posterior (EES Fig. 7)",
		Figure: figure, Caption: p.caption(), Numbers: p,
	}, err
}

func posteriorAxes(letter string) draw.Panel {
	ends := []float64{1e-6, 1e-2}
	identity := draw.Curve{Label: "identity", X: ends, Y: ends, Color: draw.Grey, Dashed: true, Thin: true}
	return draw.Panel{
		Letter: letter, Layers: []draw.Layer{identity},
		X: draw.Axis{Label: "Posterior variance 1/H", Log: true, Min: 1e-6, Max: 1e-2},
		Y: draw.Axis{Label: "Optimised variance σ²", Log: true, Min: 1e-6, Max: 1e-2},
	}
}

func (p *PosteriorComparison) overRho() draw.Panel {
	panel := posteriorAxes("B")
	for i, rho := range exponents() {
		x, y := optimalOverPosterior(synapse.Multiplier(middleScale, rho), rho)
		panel.Layers = append(panel.Layers, draw.Curve{Label: "ρ = " + rhoName(rho), X: x, Y: y, Color: exponentColor(i)})
	}
	return panel
}

func (p *PosteriorComparison) overC() draw.Panel {
	const rho = 1. / 2 // as in the caption
	panel := posteriorAxes("C")
	for i, s := range p.Scales {
		c := synapse.Multiplier(s, rho)
		x, y := optimalOverPosterior(c, rho)
		line := draw.Curve{Label: fmt.Sprintf("c = %.3f", c), X: x, Y: y, Color: draw.Blue, Pale: 0.35 * float64(i)}
		panel.Layers = append(panel.Layers, line)
	}
	return panel
}

// short writes a number in few characters.
func short(x float64) string {
	if x >= 0.001 {
		return fmt.Sprintf("%.3g", x)
	}
	m, e := x, 0
	for m < 1 {
		m *= 10
		e--
	}
	return fmt.Sprintf("%.2g×10^{%s}", m, minus(fmt.Sprint(e)))
}

func (p *PosteriorComparison) caption() string {
	var slopes []string
	for _, s := range p.OverRho {
		slopes = append(slopes, fmt.Sprintf("%.3f for rho = %s (2/(rho+2) = %.3f)", s.Measured, rhoName(s.Rho), s.Predicted))
	}
	return fmt.Sprintf("A: posterior of two weights (dashed) and noise optimised for its Hessian (Eq. 66), as "+
		"ellipses of two standard deviations on equal axes; columns are exponents, "+
		"rows scales s = %.4g, %.4g and %.4g with c = s^rho/rho. The posterior has standard deviations %g and %g, "+
		"correlation %g, "+
		"and %.4g and %.4g of each "+
		"weight given the other; independent noise can follow only those. "+
		"B: optimised variance over posterior variance 1/H_ii for each exponent, c = 10^(-2 rho)/rho. C: the same for "+
		"rho = 1/2 and "+
		"c = %.3f, %.3f, %.3f. "+
		"Nothing is random here.\nSlopes on logarithmic axes: %s: below one for every power law, so that optimised "+
		"noise is less "+
		"heterogeneous than the posterior.",
		p.Scales[0], p.Scales[1], p.Scales[2], p.SD[0], p.SD[1], p.Correlation, p.Conditional[0], p.Conditional[1],
		synapse.Multiplier(p.Scales[0], 0.5), synapse.Multiplier(p.Scales[1], 0.5), synapse.Multiplier(p.Scales[2], 0.5),
		strings.Join(slopes, ", "))
}
