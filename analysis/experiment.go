package analysis

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"quantal/internal/measured"
	"quantal/results/draw"
	"quantal/synapse"
)

// The slopes that the caption of Fig. 6 states.
const (
	publishedPlasticitySlope = 1.47
	publishedRateSlope       = -0.71
)

// Connections are measurements of connections in visual cortex (Ko et al. 2013), one value each per connection.
type Connections struct {
	Mean, Variance []float64 // of the EPSP: mV, mV^2
	Rate           []float64 // of the presynaptic cell, in arbitrary units, deconvolved from calcium
}

// ReadConnections reads the file of Ko et al. as Malkin et al. publish it: CSV with the columns mean, var and
// foopsi_mean, all numbers positive. An error is a measured.Error.
func ReadConnections(path string) (Connections, error) {
	var c Connections
	t, err := measured.Read(path)
	if err != nil {
		return c, err
	}
	if c.Mean, err = t.Column("mean", 0, math.Inf(1)); err != nil {
		return c, err
	}
	if c.Variance, err = t.Column("var", 0, math.Inf(1)); err != nil {
		return c, err
	}
	c.Rate, err = t.Column("foopsi_mean", 0, math.Inf(1))
	return c, err
}

// Normalised is variance over mean of each connection's EPSP, mV.
func (c Connections) Normalised() []float64 {
	out := make([]float64, len(c.Mean))
	for i := range out {
		out[i] = c.Variance[i] / c.Mean[i]
	}
	return out
}

// Plasticity is the effect of a plasticity protocol on connections (Sjöström et al. 2001, 2003), as quantal parameters
// that Costa et al. (2017) fitted. The number of vesicles was fixed in the fits and is not in the files: it is 1 here,
// and cancels in all results up to a constant factor.
type Plasticity struct {
	Name          string // of the file, without its extension
	Before, After []synapse.Release
}

// ReadPlasticity reads a file of Costa et al.'s parameters as Malkin et al. publish it: CSV with the columns Pr
// (before), Pr (after), q (mV, before) and q (mV, after). An error is a measured.Error.
func ReadPlasticity(path string) (Plasticity, error) {
	p := Plasticity{Name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))}
	t, err := measured.Read(path)
	if err != nil {
		return p, err
	}
	for _, side := range []struct {
		name     string
		releases *[]synapse.Release
	}{{"before", &p.Before}, {"after", &p.After}} {
		probability, err := t.Column(fmt.Sprintf("Pr (%s)", side.name), 0, 1)
		if err != nil {
			return p, err
		}
		size, err := t.Column(fmt.Sprintf("q (mV, %s)", side.name), 0, math.Inf(1))
		if err != nil {
			return p, err
		}
		for i := range probability {
			*side.releases = append(*side.releases, synapse.Release{N: 1, P: probability[i], Q: size[i]})
		}
	}
	return p, nil
}

// variabilities are the readings of "normalised EPSP variability".
var variabilities = []struct {
	name string
	of   func(synapse.Release) float64
}{
	{"variance/mean", func(r synapse.Release) float64 { return r.Variance() / r.Mean() }}, // as in the other panel
	{"CV^2", func(r synapse.Release) float64 { return r.CV() * r.CV() }},
	{"CV", synapse.Release.CV},
}

// occasions are the times at which the variability is measured.
var occasions = []struct {
	name string
	of   func(before, after float64) float64
}{
	{"before", func(before, _ float64) float64 { return before }},
	{"after", func(_, after float64) float64 { return after }},
	{"before and after", func(before, after float64) float64 { return (before + after) / 2 }},
}

// changes are the readings of the change in weight; both are columns of the files.
var changes = []struct {
	name string
	of   func(before, after float64) float64
}{
	{"|dw|/w", func(before, after float64) float64 { return math.Abs(after-before) / before }},
	{"|dw|", func(before, after float64) float64 { return math.Abs(after - before) }},
}

// PlasticitySlope is the slope of one definition of the axes.
type PlasticitySlope struct {
	Connections string `json:"connections"` // which files
	Variability string `json:"variability"` // variance/mean, CV^2 or CV
	When        string `json:"when"`        // before, after, or the mean of before and after
	Change      string `json:"change"`      // |dw|/w, the "absolute percentage change", or |dw|
	Over        string `json:"over"`        // the quantity on the x axis of the fit: variability, or change
	Slope
}

// Axes are the definition's values on the axes.
func (s PlasticitySlope) Axes() (y, x string) {
	y, x = s.Change, s.Variability+" "+s.When
	if s.Over == "change" {
		y, x = x, y
	}
	return y, x
}

// String names the definition.
func (s PlasticitySlope) String() string {
	y, x := s.Axes()
	return fmt.Sprintf("%s over %s, %s", y, x, s.Connections)
}

// allFiles is the name of all connections together.
const allFiles = "all connections"

// PlasticitySlopes fits every definition: first for all files together and then for each alone. The first is the one
// that the paper's words and its other panel suggest: |dw|/w over variance/mean before the protocol.
func PlasticitySlopes(files []Plasticity, b Bootstrap) ([]PlasticitySlope, error) {
	sets := []Plasticity{{Name: allFiles}}
	for _, f := range files {
		sets[0].Before, sets[0].After = append(sets[0].Before, f.Before...), append(sets[0].After, f.After...)
	}
	if len(files) > 1 {
		sets = append(sets, files...)
	}
	var out []PlasticitySlope
	for _, over := range []string{"variability", "change"} {
		for _, change := range changes {
			for _, v := range variabilities {
				for _, when := range occasions {
					for _, set := range sets {
						s := PlasticitySlope{Connections: set.Name, Variability: v.name, When: when.name, Change: change.name, Over: over}
						var x, y []float64
						for i, before := range set.Before {
							after := set.After[i]
							x = append(x, when.of(v.of(before), v.of(after)))
							y = append(y, change.of(before.Mean(), after.Mean()))
						}
						if over == "change" {
							x, y = y, x
						}
						var err error
						if s.Slope, err = FitSlope(x, y, b); err != nil {
							return nil, fmt.Errorf("%v: %w", s, err)
						}
						out = append(out, s)
					}
				}
			}
		}
	}
	return out, nil
}

// Experiment compares two experiments with the paper's predictions (Fig. 6). An experiment that was not given is nil.
type Experiment struct {
	Rate       *RateExperiment       `json:"rate,omitempty"`
	Plasticity *PlasticityExperiment `json:"plasticity,omitempty"`

	connections Connections
	files       []Plasticity
	bootstrap   Bootstrap
}

// RateExperiment is variance/mean over the presynaptic firing rate.
type RateExperiment struct {
	Slope
	Published float64 `json:"published"`
}

// PlasticityExperiment is the change of the weight over its variability, under every definition.
type PlasticityExperiment struct {
	Published   float64           `json:"published"`
	Definitions []PlasticitySlope `json:"definitions"`
	Nearest     []PlasticitySlope `json:"nearest"` // the three nearest to the published slope
	Verdict     string            `json:"verdict"`
}

// NewExperiment computes the slopes of Fig. 6. Connections may be nil and files empty, but not both.
func NewExperiment(connections *Connections, files []Plasticity, b Bootstrap) (*Experiment, error) {
	if connections == nil && len(files) == 0 {
		return nil, fmt.Errorf("analysis: experiment: there are no measurements")
	}
	e := &Experiment{files: files, bootstrap: b}
	if connections != nil {
		e.connections = *connections
		s, err := FitSlope(connections.Rate, connections.Normalised(), b)
		if err != nil {
			return nil, err
		}
		e.Rate = &RateExperiment{Slope: s, Published: publishedRateSlope}
	}
	if len(files) > 0 {
		slopes, err := PlasticitySlopes(files, b)
		if err != nil {
			return nil, err
		}
		e.Plasticity = newPlasticityExperiment(slopes)
	}
	return e, nil
}

func newPlasticityExperiment(slopes []PlasticitySlope) *PlasticityExperiment {
	const published = publishedPlasticitySlope
	p := &PlasticityExperiment{Published: published, Definitions: slopes}
	distance := func(s PlasticitySlope) float64 { return math.Abs(s.Slope.Value - published) }
	nearest := slices.Clone(slopes)
	slices.SortStableFunc(nearest, func(a, b PlasticitySlope) int { return cmp.Compare(distance(a), distance(b)) })
	p.Nearest = nearest[:min(3, len(nearest))]
	exact := 0
	for _, s := range slopes {
		if distance(s) < 0.005 { // as printed
			exact++
		}
	}
	first, best := slopes[0], p.Nearest[0]
	count := fmt.Sprintf("%d of %d definitions round to it.", exact, len(slopes))
	if exact == 0 {
		count = fmt.Sprintf("None of %d definitions gives it.", len(slopes))
	}
	p.Verdict = fmt.Sprintf("The published slope is %.2f. "+
		"The definition that the paper's words suggest, %v, gives %v (r = %.2f, %d "+
		"connections). %s "+
		"The nearest is %v: %v (r = %.2f, %d connections).", published, first, first.Slope, first.Correlation, first.Points,
		count, best, best.Slope, best.Correlation, best.Points)
	return p
}

// Illustration draws Fig. 6.
func (e *Experiment) Illustration() (draw.Illustration, error) {
	var panels []draw.Panel
	var caption []string
	letter := func() string { return draw.Letter(len(panels)) }
	if p := e.Plasticity; p != nil {
		s := p.Definitions[0]
		x, y := []float64{}, []float64{}
		panel := draw.Panel{
			Letter: letter(), Title: fmt.Sprintf("slope %v, published %.2f", s.Slope, p.Published),
			X: draw.Axis{Label: "Normalised EPSP variance σ²/μ before (mV)", Log: true},
			Y: draw.Axis{Label: "Absolute change of the weight (%)", Log: true},
		}
		for i, f := range e.files {
			colors := [...]draw.Color{draw.Blue, draw.Orange, draw.Purple}
			dots := draw.Points{Label: strings.ReplaceAll(f.Name, "_", " "), Color: colors[i%len(colors)]}
			for j := range f.Before {
				dots.X = append(dots.X, variabilities[0].of(f.Before[j]))
				dots.Y = append(dots.Y, 100*changes[0].of(f.Before[j].Mean(), f.After[j].Mean()))
			}
			x, y = append(x, dots.X...), append(y, dots.Y...)
			panel.Layers = append(panel.Layers, dots)
		}
		fit, published := lines(x, y, s.Slope.Value, p.Published)
		panel.Layers = append(panel.Layers, fit, published)
		caption = append(caption,
			fmt.Sprintf("%s: change of the weight in a plasticity protocol over the variability of the EPSP "+
				"before it, from %s; "+
				"both lines go through the mean of the logarithms. %s The number of vesicles, which the files lack, cancels in "+
				"the slopes.",
				panel.Letter, e.names(), p.Verdict))
		panels = append(panels, panel)
	}
	if r := e.Rate; r != nil {
		panel := draw.Panel{
			Letter: letter(), Title: minus(fmt.Sprintf("slope %v, published %.2f", r.Slope, r.Published)),
			X: draw.Axis{Label: "Presynaptic firing rate (arbitrary units)", Log: true},
			Y: draw.Axis{Label: "Normalised EPSP variance σ²/μ (mV)", Log: true},
		}
		x, y := e.connections.Rate, e.connections.Normalised()
		fit, published := lines(x, y, r.Slope.Value, r.Published)
		panel.Layers = []draw.Layer{draw.Points{Label: "connections", X: x, Y: y, Color: draw.Blue}, fit, published}
		caption = append(caption,
			fmt.Sprintf("%s: variance over mean of the EPSP over the firing rate of the presynaptic cell, %d "+
				"connections; "+
				"slope %v (r = %.2f), published %.2f.", panel.Letter, r.Points, r.Slope, r.Correlation, r.Published))
		panels = append(panels, panel)
	}
	caption = append(caption,
		fmt.Sprintf("Least squares on logarithmic axes; intervals are 95 %% of %d bootstrap resamples of the "+
			"connections, seed %d.",
			e.bootstrap.Resamples, e.bootstrap.Seed))
	if len(panels) == 1 {
		panels = append(panels, draw.Panel{})
	}
	figure, err := draw.NewFigure(draw.Block{Rows: [][]draw.Panel{panels}, Height: 78, OwnKeys: true})
	return draw.Illustration{
		Name: "fig6", Title: "Variability of synapses in two experiments (EES Fig. 6)", Caption: strings.Join(caption, "\n"),
		Figure: figure, Numbers: e,
	}, err
}

func (e *Experiment) names() string {
	var names []string
	for _, f := range e.files {
		names = append(names, fmt.Sprintf("%s (%d connections)", f.Name, len(f.Before)))
	}
	return strings.Join(names, " and ")
}

// lines are two straight lines on logarithmic axes through the mean of the logarithms of the points: least squares
// passes through it, and another slope is best compared there.
func lines(x, y []float64, fitted, published float64) (fit, other draw.Curve) {
	centre := func(v []float64) float64 {
		sum := 0.0
		for _, v := range v {
			sum += math.Log(v)
		}
		return sum / float64(len(v))
	}
	cx, cy := centre(x), centre(y)
	through := func(slope float64) []float64 {
		return []float64{math.Exp(cy + slope*(math.Log(slices.Min(x))-cx)), math.Exp(cy + slope*(math.Log(slices.Max(x))-cx))}
	}
	ends := []float64{slices.Min(x), slices.Max(x)}
	fit = draw.Curve{Label: "least squares", X: ends, Y: through(fitted), Color: draw.Red}
	other = draw.Curve{Label: "published slope", X: ends, Y: through(published), Color: draw.Grey, Dashed: true}
	return fit, other
}

// minus typesets the sign of numbers.
func minus(s string) string { return strings.ReplaceAll(s, "-", "−") }
