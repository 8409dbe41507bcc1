package sampling

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"quantal/dynamics"
	"quantal/results/draw"
)

// regressionFigures draws the figures of the regressions.
func (e *experiment) regressionFigures(r *regressions) ([]draw.Illustration, error) {
	var all []draw.Illustration
	for _, draw := range []func(*regressions) (*draw.Illustration, error){e.posteriorFigure, e.stepsFigure,
		e.logisticFigure} {
		i, err := draw(r)
		if err != nil {
			return nil, err
		}
		if i != nil {
			all = append(all, *i)
		}
	}
	return all, nil
}

// title names the problem of a panel.
func (o *outcome) title() string { return fmt.Sprintf("%d parameters", o.Dimension) }

// describe says how an outcome was obtained.
func (o *outcome) describe() string {
	text := fmt.Sprintf("%s, %d examples: %d chains, step %.3g (%.3g over the largest eigenvalue of the Hessian), "+
		"temperature %g, %d vectors taken, "+
		"at least %.0f effective samples in every direction", o.name, o.Problem.Examples, o.plan.Chains, o.Langevin.Step,
		o.share, o.Temperature,
		o.sample.Vectors, o.sample.Effective())
	if o.Metropolis {
		text += fmt.Sprintf(", %.0f %% of the steps accepted", 100*o.sample.Accepted)
	}
	return text
}

// ellipse is the curve of the points at a number of standard deviations of a Gaussian law of two parameters.
func ellipse(mean []float64, covariance mat.Symmetric, deviations float64) (x, y []float64) {
	var factors mat.Cholesky
	factors.Factorize(covariance)
	var l mat.TriDense
	factors.LTo(&l)
	for i := range 201 {
		s, c := math.Sincos(2 * math.Pi * float64(i) / 200)
		x = append(x, mean[0]+deviations*l.At(0, 0)*c)
		y = append(y, mean[1]+deviations*(l.At(1, 0)*c+l.At(1, 1)*s))
	}
	return x, y
}

// Points drawn of a cloud, and entries of a matrix.
const (
	cloud   = 1500
	entries = 1500
)

// cloudOf returns some of the vectors kept.
func cloudOf(kept [][]float64) (x, y []float64) {
	for _, v := range kept[max(0, len(kept)-cloud):] {
		x, y = append(x, v[0]), append(y, v[1])
	}
	return x, y
}

func parameterAxis(k int) draw.Axis {
	return draw.Axis{Label: fmt.Sprintf("Parameter %d", k+1)}
}

// matrixEntries pairs entries of two symmetric matrices, those on the diagonal and some of the others.
func matrixEntries(a, b mat.Symmetric) (diagonalA, diagonalB, otherA, otherB []float64) {
	d := a.SymmetricDim()
	every := max(1, d*(d-1)/2/entries)
	k := 0
	for i := range d {
		diagonalA, diagonalB = append(diagonalA, a.At(i, i)), append(diagonalB, b.At(i, i))
		for j := i + 1; j < d; j++ {
			if k++; k%every == 0 {
				otherA, otherB = append(otherA, a.At(i, j)), append(otherB, b.At(i, j))
			}
		}
	}
	return
}

// covariancePanel draws the entries of a measured covariance over those of another.
func covariancePanel(s *dynamics.Sheet, title string, x draw.Axis, exact, measured mat.Symmetric) {
	s.Panel(title, x, draw.Axis{Label: "Covariance, measured"})
	diagonalX, diagonalY, otherX, otherY := matrixEntries(exact, measured)
	s.Points(fromChains, draw.Points{Label: "variances", X: diagonalX, Y: diagonalY, Color: draw.Green, Small: true})
	s.Points(fromChains, draw.Points{Label: "covariances", X: otherX, Y: otherY, Color: draw.Blue, Small: true})
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range append(diagonalX, otherX...) {
		low, high = min(low, v), max(high, v)
	}
	s.Curve("equality", draw.Curve{Label: "equal", X: []float64{low, high}, Y: []float64{low, high}, Color: draw.Ink,
		Thin: true})
}

// posteriorFigure compares the chains with the posterior of linear regression.
func (e *experiment) posteriorFigure(r *regressions) (*draw.Illustration, error) {
	if len(r.linear) == 0 {
		return nil, nil
	}
	s := &dynamics.Sheet{}
	var notes []string
	for _, o := range r.linear {
		exact := o.modes.Covariance(o.Temperature)
		if o.Dimension == 2 {
			x, y := cloudOf(o.sample.Kept)
			s.Panel(o.title(), parameterAxis(0), parameterAxis(1))
			s.Points(fromChains, draw.Points{Label: "samples", X: x, Y: y, Color: draw.Green, Small: true})
			for _, deviations := range []float64{1, 2, 3} {
				x, y := ellipse(o.mode, exact, deviations)
				s.Curve(fromClosedForm, draw.Curve{Label: "posterior, 1, 2 and 3 s.d.", X: x, Y: y, Color: draw.Ink})
				x, y = ellipse(o.sample.Mean, o.sample.Covariance, deviations)
				s.Curve(fromChains, draw.Curve{Label: "the same of the samples", X: x, Y: y, Color: draw.Orange, Dashed: true})
			}
		} else {
			covariancePanel(s, o.title(), draw.Axis{Label: "Covariance, posterior in closed form"}, exact, o.sample.Covariance)
		}
		notes = append(notes,
			fmt.Sprintf("%s; error of the covariance %.2f %%, of which %.2f %% come from the length of the steps; the "+
				"mean is off by %.3f s.d. at most",
				o.describe(), 100*RelativeError(o.sample.Covariance, exact),
				100*RelativeError(o.modes.StepCovariance(o.Langevin.Step, o.Temperature), exact),
				MeanError(o.sample.Mean, o.mode, exact)))
	}
	o := r.linear[len(r.linear)-1]
	s.Panel(o.title(), draw.Axis{Label: "Direction, from the softest to the stiffest"},
		draw.Axis{Label: "Variance over posterior’s"})
	var number, ratio, expected []float64
	for k, h := range o.modes.Values {
		number = append(number, float64(k+1))
		ratio = append(ratio, along(o.sample.Covariance, o.modes.Directions, k)*h/o.Temperature)
		expected = append(expected, 1/(1-o.Langevin.Step*h/2))
	}
	s.Points(fromChains, draw.Points{Label: "variance along eigenvectors", X: number, Y: ratio, Color: draw.Green})
	s.Curve(fromStepLaw, draw.Curve{Label: "1 / (1 − εh/2)", X: number, Y: expected, Color: draw.Red})
	s.Curve(fromClosedForm, draw.Curve{X: []float64{1, number[len(number)-1]}, Y: []float64{1, 1}, Color: draw.Ink,
		Thin: true})
	e.relaxationPanel(s, o)
	return s.Illustration(2, 66, draw.Illustration{
		Name: "posterior", Title: "Chains sample the posterior of linear regression",
		Caption: "The chains and the posterior Normal(m, T H^-1) in closed form. The last two panels are of " + o.name +
			": the " +
			"variance along the eigenvectors " +
			"of H over that of the posterior, with the effect of finite steps, and the autocorrelation along " +
			"the stiffest and the " +
			"softest, with " +
			"(1 - eps h)^lag. " + strings.Join(notes, ". ") + fmt.Sprintf(". Seed %d.", e.Seed),
	})
}

// relaxationPanel draws the autocorrelation along the first and the last direction.
func (e *experiment) relaxationPanel(s *dynamics.Sheet, o *outcome) {
	last := len(o.modes.Values) - 1
	span := int(3 / (o.Langevin.Step * o.modes.Softest()) / float64(o.plan.Every)) // vectors
	span = max(2, min(span, o.plan.Take/2))
	s.Panel(o.title(), draw.Axis{Label: "Lag (steps)"}, draw.Axis{Label: "Autocorrelation"})
	for _, k := range []int{0, last} {
		var lag, measured, expected []float64
		for i := range span {
			lag = append(lag, float64(i*o.plan.Every))
			measured = append(measured, o.sample.Autocorrelation[k][i])
			expected = append(expected, math.Pow(1-o.Langevin.Step*o.modes.Values[k], lag[i]))
		}
		label, color := "softest direction", draw.Blue
		if k == last {
			label, color = "stiffest direction", draw.Orange
		}
		s.Curve(fromStepLaw, draw.Curve{X: lag, Y: expected, Color: color})
		s.Points(fromChains, draw.Points{Label: label, X: lag, Y: measured, Color: color})
	}
}

// stepsFigure shows how the law of the chains depends on the length of the steps, on the temperature and on
// minibatches.
func (e *experiment) stepsFigure(r *regressions) (*draw.Illustration, error) {
	if len(r.linear) == 0 || len(r.steps)+len(r.temps)+len(r.batches) == 0 {
		return nil, nil
	}
	s := &dynamics.Sheet{}
	first := r.linear[0]
	s.Panel("", draw.Axis{Label: "Step times eigenvalue, εh"}, draw.Axis{Label: "Variance over posterior’s"})
	var x, y []float64
	for _, o := range append(r.linear[:len(r.linear):len(r.linear)], r.steps...) {
		for k, h := range o.modes.Values {
			x, y = append(x, o.Langevin.Step*h), append(y, along(o.sample.Covariance, o.modes.Directions, k)*h/o.Temperature)
		}
	}
	most := 0.0
	for _, v := range x {
		most = max(most, v)
	}
	var lineX, lineY []float64
	for i := range 201 {
		lineX = append(lineX, most*float64(i)/200)
		lineY = append(lineY, 1/(1-lineX[i]/2))
	}
	s.Curve(fromStepLaw, draw.Curve{Label: "1 / (1 − εh/2)", X: lineX, Y: lineY, Color: draw.Red})
	s.Points(fromChains, draw.Points{Label: "chains, along each eigenvector", X: x, Y: y, Color: draw.Green})

	s.Panel("", draw.Axis{Label: "Temperature T"}, draw.Axis{Label: "Variance over that at T = 1"})
	exact := mat.Trace(first.modes.Covariance(1))
	x, y, top := nil, nil, 0.0
	for _, o := range append([]*outcome{first}, r.temps...) {
		x, y = append(x, o.Temperature), append(y, mat.Trace(o.sample.Covariance)/exact)
		top = max(top, o.Temperature)
	}
	slope := mat.Trace(first.modes.StepCovariance(first.Langevin.Step, 1)) / exact
	s.Curve(fromStepLaw, draw.Curve{Label: "steps of this length, in closed " +
		"form", X: []float64{0, top}, Y: []float64{0, top * slope}, Color: draw.Red})
	s.Points(fromChains, draw.Points{X: x, Y: y, Color: draw.Green})

	var notes []string
	if len(r.batches) > 0 {
		s.Panel("", draw.Axis{Label: "Examples in a minibatch", Log: true}, draw.Axis{Label: "Variance over posterior’s"})
		exact := mat.Trace(first.modes.Covariance(first.Temperature))
		x, y, line := []float64(nil), []float64(nil), []float64(nil)
		for _, o := range r.batches {
			closed, err := o.linear.MinibatchCovariance(o.Langevin.Step, o.Temperature, o.Batch)
			if err != nil {
				return nil, err
			}
			x, y = append(x, float64(o.Batch)), append(y, mat.Trace(o.sample.Covariance)/exact)
			line = append(line, mat.Trace(closed)/exact)
			notes = append(notes, fmt.Sprintf("%d: %.4f (%.4f)", o.Batch, y[len(y)-1], line[len(line)-1]))
		}
		s.Curve("law of minibatches in closed form", draw.Curve{Label: "with minibatches, in closed form", X: x, Y: line,
			Color: draw.Purple})
		s.Points(fromChains, draw.Points{X: x, Y: y, Color: draw.Green})
		s.Curve(fromStepLaw, draw.Curve{Label: "with all examples", X: []float64{x[0], x[len(x)-1]},
			Y: []float64{slope, slope}, Color: draw.Red, Thin: true})
	}
	caption := "A: the variance along each eigenvector of the Hessian, over that of the posterior, for steps from " +
		"short to nearly " +
		"unstable, with that of the stationary law of the " +
		"steps, T / (h (1 - eps h / 2)). B: over the temperature. "
	if notes != nil {
		caption += "C: with the gradient of minibatches drawn with replacement; measured (closed form), by the number " +
			"of examples: " +
			"" + strings.Join(notes, ", ") + ". "
	}
	return s.Illustration(3, 66, draw.Illustration{
		Name: "steps", Title: "Effect of step length, temperature and minibatches on the posterior",
		Caption: caption + "B and C, and A except the other linear problems: " + first.describe() +
			fmt.Sprintf(". Seed %d.", e.Seed),
	})
}

// logisticFigure compares the chains with quadrature, Metropolis and the Laplace approximation.
func (e *experiment) logisticFigure(r *regressions) (*draw.Illustration, error) {
	if len(r.logistic) == 0 {
		return nil, nil
	}
	s := &dynamics.Sheet{}
	var notes []string
	for i, o := range r.logistic {
		m, laplace := r.metropolis[i], o.modes.Covariance(o.Temperature)
		notes = append(notes, o.describe(), m.describe())
		if d := r.densities[i]; d != nil {
			e.logisticPanels(s, o, d)
			continue
		}
		covariancePanel(s, o.title(), draw.Axis{Label: "Covariance, chains with Metropolis"}, m.sample.Covariance,
			o.sample.Covariance)
		s.Panel(o.title(), draw.Axis{Label: "Mean, chains with Metropolis"}, draw.Axis{Label: "Mean"})
		s.Curve("equality", draw.Curve{Label: "equal", X: m.sample.Mean, Y: m.sample.Mean, Color: draw.Ink, Thin: true})
		s.Points(fromLaplace, draw.Points{Label: "Laplace approximation, mode", X: m.sample.Mean, Y: o.mode,
			Color: draw.Purple})
		s.Points(fromChains, draw.Points{Label: "Langevin, mean", X: m.sample.Mean, Y: o.sample.Mean, Color: draw.Green})
		notes = append(notes,
			fmt.Sprintf("covariance of Langevin %.2f %%, of the Laplace approximation %.1f %% from that with Metropolis",
				100*RelativeError(o.sample.Covariance, m.sample.Covariance), 100*RelativeError(laplace, m.sample.Covariance)))
	}
	return s.Illustration(2, 66, draw.Illustration{
		Name: "logistic", Title: "Chains sample the posterior of logistic regression",
		Caption: "Two parameters: the posterior by quadrature on a grid (lines of equal density that hold 39, 86 and 99 " +
			"%, those within 1, " +
			"2 and 3 s.d. of a Gaussian law), and the " +
			"marginal density of the first parameter, with the Laplace approximation, which is a Gaussian law at the mode. " +
			"More parameters: " +
			"the chains with the Metropolis step, which " +
			"makes them exact, instead of quadrature. " + strings.Join(notes, ". ") + fmt.Sprintf(". Seed %d.", e.Seed),
	})
}

// logisticPanels draws two parameters.
func (e *experiment) logisticPanels(s *dynamics.Sheet, o *outcome, d *Density) {
	s.Panel(o.title(), parameterAxis(0), parameterAxis(1))
	x, y := cloudOf(o.sample.Kept)
	s.Points(fromChains, draw.Points{Label: "samples", X: x, Y: y, Color: draw.Green, Small: true})
	for _, deviations := range []float64{1, 2, 3} {
		x, y := d.contour(1 - math.Exp(-deviations*deviations/2))
		s.Curve(fromQuadrature, draw.Curve{Label: "posterior by quadrature", X: x, Y: y, Color: draw.Ink})
		x, y = ellipse(o.mode, o.modes.Covariance(o.Temperature), deviations)
		s.Curve(fromLaplace, draw.Curve{Label: "Laplace approximation", X: x, Y: y, Color: draw.Purple, Dashed: true})
	}
	s.Panel(o.title(), parameterAxis(0), draw.Axis{Label: "Marginal density"})
	marginal, mean, deviation := d.marginal(), o.mode[0], math.Sqrt(o.modes.Covariance(o.Temperature).At(0, 0))
	var laplace []float64
	for _, v := range d.X {
		z := (v - mean) / deviation
		laplace = append(laplace, math.Exp(-z*z/2)/(deviation*math.Sqrt(2*math.Pi)))
	}
	s.Curve(fromQuadrature, draw.Curve{Label: "posterior by quadrature", X: d.X, Y: marginal, Color: draw.Ink})
	s.Curve(fromLaplace, draw.Curve{Label: "Laplace approximation", X: d.X, Y: laplace, Color: draw.Purple, Dashed: true})
	low, high := visible(d.X, marginal)
	centres, density := histogram(o.sample.Kept, 0, low, high, 40)
	s.Points(fromChains, draw.Points{Label: "samples", X: centres, Y: density, Color: draw.Green})
	s.Last().X.Min, s.Last().X.Max = low, high
}

// visible is the range of x where a density is more than a thousandth of its peak.
func visible(x, density []float64) (low, high float64) {
	const least = 1e-3
	peak := slices.Max(density)
	seen := func(v float64) bool { return v > least*peak }
	first := slices.IndexFunc(density, seen)
	last := first
	for i, v := range density {
		if seen(v) {
			last = i
		}
	}
	return x[first], x[last]
}

// histogram is the density of parameter k in cells between two bounds.
func histogram(vectors [][]float64, k int, low, high float64, cells int) (centres, density []float64) {
	width := (high - low) / float64(cells)
	centres, density = make([]float64, cells), make([]float64, cells)
	for i := range centres {
		centres[i] = low + (float64(i)+0.5)*width
	}
	for _, v := range vectors {
		if i := int(math.Floor((v[k] - low) / width)); i >= 0 && i < cells {
			density[i] += 1 / (width * float64(len(vectors)))
		}
	}
	return centres, density
}
