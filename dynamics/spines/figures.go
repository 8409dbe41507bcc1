package spines

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"quantal/dynamics"
	"quantal/results/draw"
)

// look is how a condition is drawn: in the colours of ISD Fig. 2C if it is shown there.
func look(i int, name string) draw.Color {
	switch name {
	case "control":
		return draw.Orange
	case "silenced":
		return draw.Blue
	case "fmr1":
		return draw.Green
	case "additive", "network":
		return draw.Grey
	case "assembly":
		return draw.Purple
	}
	others := []draw.Color{draw.Red, draw.Sky, draw.Ink}
	return others[i%len(others)]
}

// title is the name of a condition in a key.
func title(name string) string {
	switch name {
	case "fmr1":
		return "Fmr1 KO"
	case "network":
		return "without assemblies"
	case "assembly":
		return "with assemblies"
	case "additive":
		return "additive noise"
	}
	return name
}

// drawnCells is the approximate number of points of a drawn density.
const drawnCells = 400

const sizeLabel = "Spine size w (µm³)"

// curveOf is a curve in the colour of a condition.
func (c *course) curve(i int, x, y []float64) draw.Curve {
	return draw.Curve{Label: title(c.Name), X: x, Y: y, Color: look(i, c.Name)}
}

// figures draws all figures.
func (e *experiment) figures() ([]draw.Illustration, error) {
	return dynamics.Draw(e.tracesFigure, e.conditionsFigure, e.semilogFigure, e.noiseFigure, e.relaxationFigure,
		e.turnoverFigure)
}

// with returns the courses of a figure.
func (e *experiment) with(bounds string, keep func(name string) bool) []*course {
	return slices.DeleteFunc(slices.Clone(e.courses), func(c *course) bool { return c.Kind != bounds || !keep(c.Name) })
}

func anyName(string) bool { return true }

// ofFig3 are the conditions after ISD Fig. 3.
func ofFig3(name string) bool { return name == "network" || name == "assembly" }

// protocol says how the simulations were made.
func (e *experiment) protocol() string {
	return fmt.Sprintf("%d spines (sites, with turnover), %g days in steps of %g, seed %d, %s kernels; densities in "+
		"%d cells.",
		e.Spines, e.Days, e.Step, e.Seed, e.kernels, e.Cells)
}

// days writes a number of days.
func days(n float64) string {
	if math.Abs(n-1) < 0.005 {
		return "a day"
	}
	return fmt.Sprintf("%.3g days", n)
}

// laws writes the coefficients of conditions.
func laws(courses []*course) string {
	var texts []string
	for _, c := range courses {
		text := fmt.Sprintf("%s: mu = %v, sigma = %v", title(c.Name), c.Mu, c.Sigma)
		if c.Table != nil {
			text = fmt.Sprintf("%s: a table of %d sizes", title(c.Name), len(c.Table))
		}
		if c.Strong != nil {
			text += fmt.Sprintf(", and the drift that multiplies the density by 1 + %g exp(-ln(w/%g)^2/(2 %g^2))", c.Strong.Gain,
				c.Strong.Size, c.Strong.Width)
		}
		texts = append(texts, text+fmt.Sprintf(", from %g to %g µm³", c.Low, c.High))
	}
	return strings.Join(texts, "; ") + "."
}

// scaled multiplies y by f(x).
func scaled(x, y []float64, f func(x float64) float64) []float64 {
	z := slices.Clone(y)
	for i := range z {
		z[i] *= f(x[i])
	}
	return z
}

func one(float64) float64      { return 1 }
func itself(x float64) float64 { return x }

// density draws f, or w f, of courses: curves for the closed form, dots for the simulation.
func density(s *dynamics.Sheet, courses []*course, factor func(w float64) float64) {
	for i, c := range courses {
		d := c.Stationary.coarse(drawnCells)
		w := d.Centres()
		s.Curve(fromClosedForm, c.curve(i, w, scaled(w, d.Density(), factor)))
	}
	for i, c := range courses {
		d := c.Snapshots[len(c.Snapshots)-1].Simulated
		w := d.Centres()
		s.Points(fromSimulation, draw.Points{X: w, Y: scaled(w, d.Density(), factor), Color: look(i, c.Name)})
	}
}

// conditionsFigure is ISD Fig. 2C: drift and noise of the conditions, and the resulting distributions.
func (e *experiment) conditionsFigure() (*draw.Illustration, error) {
	courses := e.with(Reflecting, func(name string) bool { return !ofFig3(name) && name != "additive" })
	if len(courses) == 0 {
		return nil, nil
	}
	s := &dynamics.Sheet{}
	high := courses[0].High
	size := draw.Axis{Label: sizeLabel}
	for k, label := range []string{"Drift μ (µm³ day^{−1})", "Noise σ (µm³ day^{−1/2})"} {
		s.Panel("", size, draw.Axis{Label: label})
		for i, c := range courses {
			var w, y []float64
			for j := range 201 {
				w = append(w, c.Low+(c.High-c.Low)*float64(j)/200)
				mu, sigma, _ := c.K.at(w[j])
				y = append(y, []float64{mu, sigma}[k])
			}
			line := c.curve(i, w, y)
			if k == 0 {
				line.Label = "" // the key shows those of B
			}
			// otherwise it would hide the other
			line.Dashed = k == 0 && slices.ContainsFunc(courses[:i], func(other *course) bool { return other.Mu == c.Mu })
			s.Curve("condition", line)
		}
		if k == 0 {
			s.Curve("condition", draw.Curve{X: []float64{0, high}, Y: []float64{0, 0}, Color: draw.Grey, Thin: true})
		}
	}
	s.Panel("", draw.Axis{Label: sizeLabel, Min: 0, Max: 0.5 * high}, draw.Axis{Label: "Density f (µm^{−3})"})
	density(s, courses, one)
	s.FromZero()
	s.Panel("", draw.Axis{Label: sizeLabel, Min: 0, Max: high}, draw.Axis{Label: "Density f (µm^{−3})", Log: true})
	density(s, courses, one)
	return s.Illustration(2, 62, draw.Illustration{
		Name: "fig2c", Title: "Spine sizes under three conditions (ISD Fig. 2C)",
		Caption: "A, B: drift and noise. C, D: the stationary density with reflecting bounds, on a linear and on a " +
			"logarithmic axis; curves in " +
			"closed form, dots simulated. The shapes of drift and noise are illustrations. " + laws(courses) + " " +
			e.protocol(),
	})
}

// semilogFigure is ISD Fig. 3: f and w f.
func (e *experiment) semilogFigure() (*draw.Illustration, error) {
	courses := e.with(Reflecting, ofFig3)
	name := "Multistability in a semi-logarithmic plot (ISD Fig. 3)"
	if len(courses) == 0 {
		courses = e.with(Reflecting, func(name string) bool { return name != "additive" })
		name = "Spine sizes in a semi-logarithmic plot (as ISD Fig. 3)"
	}
	if len(courses) == 0 {
		return nil, nil
	}
	s := &dynamics.Sheet{}
	low, high := courses[0].Low, courses[0].High
	for _, c := range courses {
		low, high = min(low, c.Low), max(high, c.High)
	}
	s.Panel("", draw.Axis{Label: sizeLabel, Min: 0, Max: high}, draw.Axis{Label: "Density f (µm^{−3})"})
	density(s, courses, one)
	s.FromZero()
	s.Panel("", draw.Axis{Label: sizeLabel, Log: true, Min: low, Max: high}, draw.Axis{Label: "Density w f of ln w"})
	density(s, courses, itself)
	s.FromZero()
	return s.Illustration(2, 72, draw.Illustration{
		Name: "fig3", Title: name,
		Caption: "A: density of the size. B: density of its logarithm, w f(w), which shows the effect of strong synapses " +
			"on the distribution. " +
			"Curves in closed form, dots simulated, reflecting bounds. The drift that stands for assemblies is an " +
			"illustration. " +
			laws(courses) + " " + e.protocol(),
	})
}

// noiseFigure compares multiplicative with additive noise under one drift.
func (e *experiment) noiseFigure() (*draw.Illustration, error) {
	courses := e.with(Reflecting, func(name string) bool { return name == "control" || name == "additive" })
	if len(courses) != 2 {
		return nil, nil
	}
	s := &dynamics.Sheet{}
	high := courses[0].High
	s.Panel("", draw.Axis{Label: sizeLabel, Min: 0, Max: 0.5 * high}, draw.Axis{Label: "Density f (µm^{−3})"})
	density(s, courses, one)
	s.FromZero()
	s.Panel("", draw.Axis{Label: sizeLabel, Log: true, Min: 0.05, Max: high},
		draw.Axis{Label: "Share of spines above w", Log: true, Min: 1e-5, Max: 1.5})
	for i, c := range courses {
		above := func(d Distribution) []float64 {
			share := d.cumulative()
			for i := range share {
				share[i] = 1 - share[i]
			}
			return share
		}
		d := c.Stationary.coarse(drawnCells)
		s.Curve(fromClosedForm, c.curve(i, d.Edges, above(d)))
		d = c.Snapshots[len(c.Snapshots)-1].Simulated
		s.Points(fromSimulation, draw.Points{X: d.Edges, Y: above(d), Color: look(i, c.Name)})
	}
	var notes []string
	for _, c := range courses {
		notes = append(notes, fmt.Sprintf("%s: skewness %.2f, tail exponent %.1f", title(c.Name),
			c.Outcome.Simulation.Skewness, c.Outcome.Simulation.TailExponent))
	}
	return s.Illustration(2, 72, draw.Illustration{
		Name:  "noise",
		Title: "Noise proportional to the size makes the skewed, heavy tail (ISD, after Yasumatsu et al. 2008)",
		Caption: "A: stationary density under the control's drift, with its noise and with the same noise for all " +
			"sizes. B: the share of spines " +
			"larger than w: a power law is straight. Curves in closed form, dots simulated. Simulated: " +
			strings.Join(notes, "; ") + ". " +
			laws(courses) + " " + e.protocol(),
	})
}

// relaxationFigure shows distributions in time.
func (e *experiment) relaxationFigure() (*draw.Illustration, error) {
	courses := e.with(Reflecting, anyName)
	if len(courses) == 0 {
		return nil, nil
	}
	courses = courses[:min(3, len(courses))]
	s := &dynamics.Sheet{}
	for j, c := range courses {
		s.Panel(title(c.Name), draw.Axis{Label: sizeLabel, Min: 0, Max: 0.6 * c.High}, draw.Axis{})
		if j == 0 {
			s.Last().Y.Label = "Density f (µm^{−3})"
		}
		for i, snap := range c.Snapshots {
			pale := 0.75 * (1 - float64(i)/float64(len(c.Snapshots)-1))
			d := snap.Expected.coarse(drawnCells)
			s.Curve(fromFokkerPlanck, draw.Curve{Label: fmt.Sprintf("%.3g days", snap.Day), X: d.Centres(), Y: d.Density(),
				Color: draw.Blue, Pale: pale})
		}
		for i, snap := range c.Snapshots {
			pale := 0.75 * (1 - float64(i)/float64(len(c.Snapshots)-1))
			s.Points(fromSimulation, draw.Points{X: snap.Simulated.Centres(), Y: snap.Simulated.Density(), Color: draw.Blue,
				Pale: pale})
		}
		s.FromZero()
	}
	return s.Illustration(len(courses), 68, draw.Illustration{
		Name: "relaxation", Title: "The distribution of spine sizes in time",
		Caption: fmt.Sprintf("Spines start between %g and %g µm³ and move between reflecting bounds; curves from the "+
			"Fokker-Planck equation, dots simulated. ", e.Start[0], e.Start[1]) +
			laws(courses) + " " + e.protocol(),
	})
}

// turnoverFigure shows births and losses of spines.
func (e *experiment) turnoverFigure() (*draw.Illustration, error) {
	courses := e.with(WithTurnover, func(name string) bool { return name != "additive" && !ofFig3(name) })
	if len(courses) == 0 {
		courses = e.with(WithTurnover, anyName)
	}
	if len(courses) == 0 {
		return nil, nil
	}
	s := &dynamics.Sheet{}
	time := draw.Axis{Label: "Time (days)"}
	s.Panel("", time, draw.Axis{Label: "Spines per site"})
	for i, c := range courses {
		var day, simulated, expected []float64
		for _, n := range c.Counts {
			day, simulated, expected = append(day, n.Day), append(simulated, n.Spines), append(expected, n.ExpectedSpines)
		}
		s.Curve(fromFokkerPlanck, c.curve(i, day, expected))
		s.Points(fromSimulation, draw.Points{X: day, Y: simulated, Color: look(i, c.Name)})
	}
	s.FromZero()
	s.Panel("", time, draw.Axis{Label: "Births, losses (% of sites per day)"})
	for i, c := range courses {
		var day, births, losses, expectedBirths, expectedLosses []float64
		before := count{}
		for _, n := range c.Counts {
			rate := func(now, then float64) float64 { return 100 * (now - then) / (n.Day - before.Day) }
			day = append(day, (n.Day+before.Day)/2)
			births, losses = append(births, rate(n.Births, before.Births)), append(losses, rate(n.Losses, before.Losses))
			expectedBirths = append(expectedBirths, rate(n.ExpectedBirths, before.ExpectedBirths))
			expectedLosses = append(expectedLosses, rate(n.ExpectedLosses, before.ExpectedLosses))
			before = n
		}
		s.Curve(fromFokkerPlanck, draw.Curve{X: day, Y: expectedBirths, Color: look(i, c.Name)})
		s.Curve(fromFokkerPlanck, draw.Curve{X: day, Y: expectedLosses, Color: look(i, c.Name), Dashed: true})
		s.Points(fromSimulation, draw.Points{X: day, Y: births, Color: look(i, c.Name), Small: true})
		s.Points(fromSimulation, draw.Points{X: day, Y: losses, Color: look(i, c.Name), Small: true})
	}
	s.FromZero()
	s.Last().Note = "births: full lines\nlosses: dashed"
	s.Panel("", draw.Axis{Label: "Time later (days)"}, draw.Axis{Label: "Surviving spines (%)", Max: 100})
	for i, c := range courses {
		var later, simulated, expected []float64
		for _, v := range c.Survival {
			later, simulated, expected = append(later, v.Days), append(simulated, 100*v.Simulated),
				append(expected, 100*v.Expected)
		}
		s.Curve(fromFokkerPlanck, c.curve(i, later, expected))
		s.Points(fromSimulation, draw.Points{X: later, Y: simulated, Color: look(i, c.Name)})
	}
	s.Panel("", draw.Axis{Label: sizeLabel, Max: 0.5 * courses[0].High}, draw.Axis{Label: "Density f (µm^{−3})"})
	density(s, courses, one)
	s.FromZero()
	var notes []string
	rates := ""
	for _, c := range courses {
		t := c.Outcome.Turnover
		if c.Births > 0 {
			rates += fmt.Sprintf(" (%s: %g times that)", title(c.Name), c.Births)
		}
		notes = append(notes,
			fmt.Sprintf("%s: %d births - %d losses = %d spines, lifetime %.1f days, %.0f %% gone after %.3g days",
				title(c.Name), t.Births, t.Losses, t.Spines, t.Lifetime, 100*t.Lost, t.LostDays))
	}
	return s.Illustration(2, 62, draw.Illustration{
		Name: "turnover", Title: "Births and losses of spines",
		Caption: fmt.Sprintf("A spine is lost at the lower bound; each empty site gets one at a rate of %g per day%s, of "+
			"a size from %g to %g µm³. All sites are empty "+
			"at first. A: spines per site. B: births (full lines) and losses (dashed). C: how many of the spines that are "+
			"there after %g days are there later. "+
			"D: the stationary density. Curves from the Fokker-Planck equation and, in D, in closed form; dots simulated. "+
			"Simulated: %s. ",
			e.Turnover.Rate, rates, e.Turnover.Smallest, e.Turnover.Largest, e.Days-e.Follow, strings.Join(notes, "; ")) +
			laws(courses) + " " + e.protocol(),
	})
}

// tracesFigure is ISD Fig. 1B: how single spines fluctuate, and more so the larger they are. Nil if all are lost within
// the time.
func (e *experiment) tracesFigure() (*draw.Illustration, error) {
	t := e.traces
	if len(t.Before) == 0 {
		return nil, nil // none exists for as long as it takes to change
	}
	s := &dynamics.Sheet{}
	s.Panel("", draw.Axis{Label: "Time (days)", Max: t.Days[len(t.Days)-1]}, draw.Axis{Label: sizeLabel})
	colors := []draw.Color{draw.Grey, draw.Sky, draw.Blue, draw.Green, draw.Orange}
	for i, sizes := range t.Sizes {
		s.Curve(fromSimulation, draw.Curve{X: t.Days, Y: sizes, Color: colors[i%len(colors)], Thin: true})
	}
	s.Panel("", draw.Axis{Label: sizeLabel}, draw.Axis{Label: fmt.Sprintf("Change in %s (µm³)", days(t.Interval))})
	s.Points(fromSimulation, draw.Points{Label: "a spine", X: t.Before, Y: t.Change, Color: draw.Grey, Small: true})
	high := slices.Max(t.Before)
	var w, mean, above, below []float64
	for i := range 101 {
		w = append(w, t.of.Low+(high-t.of.Low)*float64(i)/100)
		mu, sigma, _ := t.of.K.at(w[i])
		mean = append(mean, mu*t.Interval)
		above, below = append(above, mu*t.Interval+sigma*math.Sqrt(t.Interval)),
			append(below, mu*t.Interval-sigma*math.Sqrt(t.Interval))
	}
	s.Curve("condition", draw.Curve{Label: "μ Δt", X: w, Y: mean, Color: draw.Red})
	s.Curve("condition", draw.Curve{Label: "μ Δt ± σ √Δt", X: w, Y: above, Color: draw.Red, Dashed: true})
	s.Curve("condition", draw.Curve{X: w, Y: below, Color: draw.Red, Dashed: true})
	return s.Illustration(2, 68, draw.Illustration{
		Name: "fig1b", Title: "Single spines fluctuate, larger ones more (ISD Fig. 1B)",
		Caption: fmt.Sprintf("A: sizes of %d spines of condition %s, lower bound: %s. B: change of %d spines within %s. ",
			len(t.Sizes), title(t.of.Name), t.of.Kind, len(t.Change), days(t.Interval)) + laws([]*course{t.of}) + " " +
			e.protocol(),
	})
}
