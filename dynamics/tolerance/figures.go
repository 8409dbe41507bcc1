package tolerance

import (
	"fmt"
	"math"
	"strings"

	"quantal/dynamics"
	"quantal/results/draw"
	"quantal/results/tables"
	"quantal/train"
)

const (
	tested     = "test set"
	linearised = "linearised"

	accuracyLabel = "Test accuracy (%)"
	panelHeight   = 62
)

func percent(list []float64) []float64 {
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = 100 * v
	}
	return out
}

// column takes a figure of each row.
func column(list []Row, figure func(Row) float64) []float64 {
	var values []float64
	for _, r := range list {
		values = append(values, figure(r))
	}
	return values
}

func amountOf(r Row) float64   { return r.Amount }
func accuracyOf(r Row) float64 { return r.Accuracy }
func lossOf(r Row) float64     { return r.Loss }

// accuracy draws the accuracy over the amount.
func accuracy(s *dynamics.Sheet, list []Row, c draw.Curve) {
	c.X, c.Y = column(list, amountOf), percent(column(list, accuracyOf))
	s.Banded(tested, c, percent(column(list, func(r Row) float64 { return r.AccuracyCI95 })))
}

// loss draws the loss over the amount.
func loss(s *dynamics.Sheet, list []Row, c draw.Curve) {
	c.X, c.Y = column(list, amountOf), column(list, lossOf)
	s.Banded(tested, c, column(list, func(r Row) float64 { return r.LossCI95 }))
}

// figures draws all figures.
func (e *experiment) figures() ([]draw.Illustration, error) {
	var makers []func() (*draw.Illustration, error)
	for _, p := range e.Perturbations {
		makers = append(makers, func() (*draw.Illustration, error) { return e.subsetsFigure(p) })
	}
	return dynamics.Draw(append(makers, e.contactsFigure, e.sharedFigure, e.profilesFigure)...)
}

// protocol describes the network and the tests.
func (e *experiment) protocol() string {
	if e.several != "" {
		return e.several
	}
	c := e.network.Config
	return fmt.Sprintf("Network %s: %s, hidden layers %s, noise %s, rho %s, c %g, test accuracy %.2f %% at mu; means "+
		"and bands of 95 %% over %d draws, "+
		"all %d test examples; seed %d, %s kernels.", e.network.ID, e.network.Set.Name,
		strings.Trim(strings.ReplaceAll(fmt.Sprint(c.Hidden), " ", ", "), "[]"),
		c.Noise, c.Rho, c.C, 100*e.trials[0].Accuracy, e.Draws, e.network.Set.Test.N(), e.Seed, e.session.Device.Kernels)
}

// described is the title of a perturbation, the label of the axis of its amount, and its definition.
func described(perturbation string) (title, axis, definition string) {
	switch perturbation {
	case relative:
		return "Synapses fluctuate in proportion to their strength", "Amplitude of relative fluctuations",
			"w = mu + amplitude |mu| xi"
	case additive:
		return "All synapses of a layer fluctuate equally", "Amplitude (rms μ of the layer)",
			"w = mu + amplitude m xi, with m the root mean square of mu in the layer"
	case rewiredNeuron:
		return "Synapses are rewired within a neuron", "Share that is rewired (%)",
			"the synapses that are hit exchange their strengths with others of the same neuron"
	case rewiredLayer:
		return "Synapses are rewired within a layer", "Share that is rewired (%)",
			"the synapses that are hit exchange their strengths with others of the same layer"
	}
	return "Synapses are deleted", "Share that is deleted (%)", "the synapses that are hit are set to 0"
}

// subsetsFigure is accuracy over the amount of a perturbation, for all subsets.
func (e *experiment) subsetsFigure(perturbation string) (*draw.Illustration, error) {
	title, axis, definition := described(perturbation)
	shares := perturbation != relative && perturbation != additive
	s := &dynamics.Sheet{}
	curve := func(subset string, c draw.Curve) {
		list := append([]Row{e.trials[0].Row}, e.rowsOf(perturbation, subset)...)
		if shares {
			for i := range list {
				list[i].Amount *= 100
			}
		}
		accuracy(s, list, c)
	}
	panel := func(title string) {
		s.Panel(title, draw.Axis{Label: axis, Max: map[bool]float64{false: e.Amplitudes[len(e.Amplitudes)-1],
			true: 100 * e.Hit[len(e.Hit)-1]}[shares]},
			draw.Axis{Label: accuracyLabel, Max: 100})
		curve("all", draw.Curve{Label: "all synapses", Color: draw.Ink})
	}
	part := fmt.Sprintf("%g %%", 100*e.Share)
	for _, by := range e.importance() {
		panel("by " + by.title)
		curve("random", draw.Curve{Label: "random " + part, Color: draw.Grey, Dashed: true})
		curve(by.name+"-most", draw.Curve{Label: "most important " + part, Color: draw.Red})
		curve(by.name+"-least", draw.Curve{Label: "least important " + part, Color: draw.Blue})
	}
	panel("by sign")
	curve("random-as-positive", draw.Curve{Label: "random, as many as positive", Color: draw.Orange, Pale: 0.3,
		Dashed: true})
	curve("random-as-negative", draw.Curve{Label: "random, as many as negative", Color: draw.Purple, Pale: 0.3,
		Dashed: true})
	curve("positive", draw.Curve{Label: "positive", Color: draw.Orange})
	curve("negative", draw.Curve{Label: "negative", Color: draw.Purple})
	hit := ""
	if shares {
		hit = " Hit is a share of the subset, drawn at random."
	}
	return s.Illustration(2, panelHeight, draw.Illustration{
		Name: perturbation, Title: title,
		Caption: fmt.Sprintf("%s; subsets of each layer, importance by the empirical Fisher information (diagonal, at "+
			"mu), by |mu|, and by |mu|/sigma; biases "+
			"do not change.%s Dashed: equally many synapses of each layer drawn at random. ",
			strings.ToUpper(definition[:1])+definition[1:], hit) + e.protocol(),
	})
}

// ranking is a measure of importance.
type ranking struct{ name, title string }

func (e *experiment) importance() []ranking {
	list := []ranking{{"fisher", "Fisher information"}, {"magnitude", "|μ|"}}
	if e.sigma != nil {
		list = append(list, ranking{"snr", "|μ|/σ"})
	}
	return list
}

// shade is how pale the i-th of n curves is: the last is not.
func shade(i, n int) float64 {
	if n < 2 {
		return 0
	}
	return 0.75 * (1 - float64(i)/float64(n-1))
}

// contactsFigure shows the benefit of several contacts per connection.
func (e *experiment) contactsFigure() (*draw.Illustration, error) {
	if len(e.contacts) == 0 {
		return nil, nil
	}
	s := &dynamics.Sheet{}
	s.Panel("", draw.Axis{Label: "Contacts per connection", Log: true},
		draw.Axis{Label: "Variance of the logits", Log: true})
	colors := []draw.Color{draw.Green, draw.Orange, draw.Purple, draw.Sky, draw.Red}
	var notes []string
	for i, amplitude := range e.ContactAmplitudes {
		var n, variance, linear []float64
		worst := 0.0
		for _, v := range e.contacts {
			if v.Amplitude == amplitude {
				n, variance, linear = append(n, float64(v.Contacts)), append(variance, v.Variance), append(linear, v.Linearised)
				worst = math.Max(worst, math.Abs(v.Law-1))
			}
		}
		color := colors[i%len(colors)]
		law := draw.Curve{X: n, Y: linear, Color: draw.Ink, Dashed: true}
		if i == 0 {
			law.Label = "linearised network, 1/n"
		}
		s.Curve(linearised, law)
		s.Points(tested, draw.Points{Label: fmt.Sprintf("amplitude %g", amplitude), X: n, Y: variance, Color: color})
		notes = append(notes, fmt.Sprintf("amplitude %g: n times the variance is within %.1f %% of that with one contact",
			amplitude, 100*worst))
	}
	s.Panel("", draw.Axis{Label: "Amplitude of a contact's fluctuations"}, draw.Axis{Label: accuracyLabel, Max: 100})
	for i, n := range e.Contacts {
		list := append([]Row{e.trials[0].Row}, e.rowsOf(contacts, contactsName(n))...)
		accuracy(s, list, draw.Curve{Label: contactsName(n), Color: draw.Blue, Pale: shade(i, len(e.Contacts))})
	}
	return s.Illustration(2, 72, draw.Illustration{
		Name: contacts, Title: "Several contacts per connection average their fluctuations out",
		Caption: fmt.Sprintf("A connection of strength mu is n contacts of mean mu/n, each with a relative fluctuation "+
			"of its own: its variance is amplitude^2 mu^2/n. "+
			"A: variance of the network's outputs, mean over %d test examples and the outputs, over %d draws; dashed: that "+
			"of the linearised network, "+
			"amplitude^2/n sum mu^2 (dy/dw)^2. B: accuracy. %s. ", e.Probes, e.ContactDraws, strings.Join(notes, "; ")) +
			e.protocol(),
	})
}

// sharedFigure shows the accuracy if all connections have one strength.
func (e *experiment) sharedFigure() (*draw.Illustration, error) {
	s := &dynamics.Sheet{}
	weight := draw.Axis{Label: "Shared weight", Log: true}
	for k, add := range []func(*dynamics.Sheet, []Row, draw.Curve){accuracy, loss} {
		s.Panel("", weight, []draw.Axis{{Label: accuracyLabel, Max: 100}, {Label: "Test loss (nats)", Log: true}}[k])
		for i, kept := range e.Kept {
			c := draw.Curve{Color: draw.Grey, Pale: shade(i, len(e.Kept)), Dashed: true}
			if i == len(e.Kept)-1 {
				c.Label = "shuffled"
			}
			add(s, e.rowsOf(sharedWeight, wiringName(shuffledWiring, kept)), c)
		}
		for i, kept := range e.Kept {
			c := draw.Curve{Label: fmt.Sprintf("%g %% of synapses kept", 100*kept), Color: draw.Green,
				Pale: shade(i, len(e.Kept))}
			add(s, e.rowsOf(sharedWeight, wiringName(ownWiring, kept)), c)
		}
	}
	var notes []string
	for _, kept := range e.Kept {
		b := e.shared(ownWiring, kept)
		notes = append(notes, fmt.Sprintf("%g %% kept: mean accuracy over weights %.1f %%, with %g, the best on the other "+
			"half of the examples, %.1f %%", 100*kept, 100*b.Mean, b.Strength, 100*b.Accuracy))
	}
	return s.Illustration(2, 72, draw.Illustration{
		Name: sharedWeight, Title: "One weight for all connections (after Gaier and Ha 2019)",
		Caption: "The share of each layer's synapses with the largest |mu| is kept, with its signs and one strength for " +
			"all; biases do not change. Dashed: the same " +
			"signs on other inputs of each neuron, at random. A: accuracy. B: loss. Without biases the strength would " +
			"scale the outputs and not change the " + "accuracy, because neurons are rectified linear units. " +
			strings.Join(notes, "; ") + ". " + e.protocol(),
	})
}

// profilesFigure compares profiles of sigma of one cost.
func (e *experiment) profilesFigure() (*draw.Illustration, error) {
	if e.sigma == nil {
		return nil, nil
	}
	s := &dynamics.Sheet{}
	factor := draw.Axis{Label: "All σ multiplied by", Log: true}
	looks := []struct {
		name string
		c    draw.Curve
	}{
		{homogeneous, draw.Curve{Label: "homogeneous, of equal cost", Color: draw.Grey}},
		{shuffled, draw.Curve{Label: "shuffled within layers", Color: draw.Orange}},
		{heterogeneous, draw.Curve{Label: "heterogeneous, as trained", Color: draw.Green}},
	}
	for k, add := range []func(*dynamics.Sheet, []Row, draw.Curve){accuracy, loss} {
		s.Panel("", factor, []draw.Axis{{Label: accuracyLabel, Max: 100}, {Label: "Test loss (nats)", Log: true}}[k])
		for _, look := range looks {
			add(s, e.rowsOf(profile, look.name), look.c)
		}
	}
	scale := ""
	if e.several == "" {
		scale = fmt.Sprintf(", %.4g, with the cost sum sigma^-rho = %.4g at factor 1", e.homogeneousSigma(),
			e.reliabilityCost(func(slot int) float64 { return e.sigma[slot] }))
	}
	return s.Illustration(2, 72, draw.Illustration{
		Name: profile, Title: "Noise of equal reliability cost: which synapses pay for it matters",
		Caption: fmt.Sprintf("w = mu + factor sigma xi, for all synapses and biases. Green: sigma as trained. Grey: one "+
			"sigma for all of the same cost%s. Orange: the trained sigma, those of each layer on other synapses, at random. At "+
			"each factor all three have the same cost. A: accuracy. B: loss. ", scale) + e.protocol(),
	})
}

// together draws the accuracy over the amount of perturbations, as means over several networks.
func together(c Config, all []Findings) ([]draw.Illustration, error) {
	first := all[0].Summary
	e := &experiment{Config: c}
	if first.Profiles != nil {
		e.sigma = []float64{} // there is one for each synapse
	}
	at := 0.
	for i, row := range all[0].Table {
		over := func(figure func(Row) float64) (mean, half float64) {
			var values []float64
			for _, f := range all {
				values = append(values, figure(f.Table[i]))
			}
			interval := tables.NewInterval(values)
			return interval.Mean, interval.HalfWidth
		}
		row.Accuracy, row.AccuracyCI95 = over(accuracyOf)
		row.Loss, row.LossCI95 = over(lossOf)
		if i == 0 {
			at, row.AccuracyCI95, row.LossCI95 = row.Accuracy, math.NaN(), math.NaN()
		}
		e.trials = append(e.trials, &trial{Row: row})
	}
	n := c.Training
	e.several = fmt.Sprintf("%d networks: %s, hidden layers %s, noise %s, rho %s, c %g, mean test accuracy %.2f %% at "+
		"mu; means over networks of means over %d draws, bands: 95 %% intervals over networks (t distribution), all %d "+
		"test examples; %s kernels.", len(all), first.Data, train.FormatHidden(n.Hidden), n.Noise, n.Rho, n.C, 100*at,
		c.Draws, first.Test, first.Kernels)
	var makers []func() (*draw.Illustration, error)
	for _, p := range c.Perturbations {
		makers = append(makers, func() (*draw.Illustration, error) { return e.subsetsFigure(p) })
	}
	return dynamics.Draw(append(makers, e.profilesFigure)...)
}
