package analysis

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"quantal/results/draw"
	"quantal/train"
)

// scattered is the largest number of points that are drawn one by one; more are drawn as a density.
const scattered = 1500

// bins are those of a density along each axis.
const bins = 40

// binLabel explains the shades of a density.
const binLabel = "synapses in a bin (logarithmic)"

// sheet is a figure of patterns: blocks of panels with signatures as rows and networks as columns.
type sheet struct {
	name, title string
	lead        string // the caption's first sentence
	blocks      []sheetBlock
	signatures  []Signature
	experiments bool // draw the slopes of the experiments
}

// sheetBlock shows one layer of some networks.
type sheetBlock struct {
	heading  string // before the mechanism in the titles
	layer    int    // from 0
	networks []*Pattern
}

// draw assembles a sheet.
func (p *Patterns) draw(s sheet) (draw.Illustration, error) {
	const rowHeight = 44 // millimetres
	var blocks []draw.Block
	var shown []shownSlope
	letters := 0
	for _, b := range s.blocks {
		block := draw.Block{Height: 8 + rowHeight*float64(len(s.signatures))}
		for i, which := range s.signatures {
			var row []draw.Panel
			low, high := varianceRange(b.networks, b.layer, which)
			for j, n := range b.networks {
				panel := n.panel(b.layer, which, s.experiments)
				panel.Y.Min, panel.Y.Max = low, high
				if j == 0 {
					panel.Letter, panel.Y.Label = draw.Letter(letters), "Variance σ²"
					letters++
				}
				if i == 0 {
					panel.Title = strings.TrimPrefix(b.heading+", ", ", ") + n.columnTitle() + ", " + panel.Title
				}
				row = append(row, panel)
				shown = append(shown, shownSlope{n, b.layer, which})
			}
			block.Rows = append(block.Rows, row)
		}
		blocks = append(blocks, block)
	}
	figure, err := draw.NewFigure(blocks...)
	lines, rows := p.told(shown)
	return draw.Illustration{
		Name: s.name, Title: s.title, Figure: figure, Numbers: map[string]any{"epochs": p.Epochs,
			"bootstrap_seed": p.Bootstrap.Seed, "slopes": rows},
		Caption: s.lead + " " + p.caption(s) + "\n" + lines,
	}, err
}

// shownSlope is one that a panel shows.
type shownSlope struct {
	network *Pattern
	layer   int
	which   Signature
}

// told are the slopes of panels as lines of text, and as rows: those of the networks, then those over several.
func (p *Patterns) told(shown []shownSlope) (lines string, rows []SignatureSlope) {
	var texts []string
	var means []SignatureSlope
	families := p.families()
	for _, s := range shown {
		row := s.network.Slope(s.layer, s.which)
		text := row.line()
		if family := families[s.network]; len(family) > 1 {
			mean := meanSlope(family, s.layer*len(AllSignatures())+int(s.which))
			if means = append(means, mean); mean.Networks > 1 {
				text += fmt.Sprintf("; over %d networks: %s", mean.Networks, mean.numbers())
			}
		}
		rows, texts = append(rows, row), append(texts, text)
	}
	return strings.Join(texts, "\n"), append(rows, means...)
}

// columnTitle is a short name of what synapses pay.
func (p *Pattern) columnTitle() string {
	const most = 40
	switch c := p.Config; {
	case len(c.Costs) > 0:
		text := []rune(c.DescribeCosts())
		if len(text) > most {
			text = append(text[:most], '…')
		}
		return string(text)
	case c.Rho.Entropic():
		return "entropic"
	default:
		return "ρ = " + rhoName(c.Rho.Value())
	}
}

// varianceRange is the range of sigma^2 in a layer of networks, with room around it. Without hidden layers, where
// points are compared with the analytic line, it includes that line for the Hessian.
func varianceRange(networks []*Pattern, layer int, which Signature) (low, high float64) {
	const room = 1.3
	low, high = math.Inf(1), 0
	for _, n := range networks {
		x, v := placed(n.Layers[layer].Of(which), n.Layers[layer].Variance)
		if len(n.Layers) == 1 && which == Hessian && len(x) > 0 {
			v = append(v, n.at(layer).optimalCurve(n.Layers[layer], slices.Min(x), slices.Max(x)).Y...)
		}
		for _, v := range v {
			low, high = min(low, v), max(high, v)
		}
	}
	if low > high { // no point anywhere
		return 0, 0
	}
	return low / room, high * room
}

// panel draws sigma^2 of a layer over a signature, with the fitted line, the analytic one and that of the experiment.
func (p *Pattern) panel(layer int, which Signature, experiments bool) draw.Panel {
	x, y := placed(p.Layers[layer].Of(which), p.Layers[layer].Variance)
	s := p.Slope(layer, which)
	panel := draw.Panel{
		X: draw.Axis{Label: which.label(), Log: true, Room: 4}, Y: draw.Axis{Log: true, Room: 5},
		Title: minus(fmt.Sprintf("slope %.2f", s.Value)),
	}
	if len(x) == 0 || math.IsNaN(s.Value) {
		panel.Title = "no slope"
		panel.Layers = []draw.Layer{draw.Points{X: x, Y: y, Color: draw.Green}}
		return panel
	}
	if len(x) > scattered {
		panel.Layers = append(panel.Layers, draw.Density{Label: binLabel, X: x, Y: y, Color: draw.Green, Bins: bins})
	} else {
		panel.Layers = append(panel.Layers, draw.Points{Label: "synapses", X: x, Y: y, Color: draw.Green, Small: true})
	}
	ends := []float64{slices.Min(x), slices.Max(x)}
	fit, analytic := lines(x, y, s.Value, s.Analytic)
	fit.Label, fit.Color = "fitted", draw.Grey
	analytic.Label, analytic.Color, analytic.Dashed = "analytic (Eq. 67, 68)", draw.Blue, false
	if p.price != nil {
		analytic.Label = "analytic, for the cost"
	}
	if which == Hessian || which == HessianExamples { // the position is also predicted
		curve := p.at(layer).optimalCurve(p.Layers[layer], ends[0], ends[1])
		analytic.X, analytic.Y = curve.X, curve.Y
	}
	panel.Layers = append(panel.Layers, fit)
	if !math.IsNaN(s.Analytic) && len(analytic.X) > 0 {
		panel.Layers = append(panel.Layers, analytic)
	}
	if slope := experimentSlope(which); experiments && slope != 0 {
		_, experiment := lines(x, y, s.Value, slope)
		experiment.Label, experiment.Color = "slope of the experiment (Fig. 6)", draw.Red
		panel.Layers = append(panel.Layers, experiment)
	}
	return panel
}

// placed are the points that logarithmic axes can show.
func placed(xs, ys []float64) (x, y []float64) {
	for i := range xs {
		if finite(math.Log(xs[i])) && finite(math.Log(ys[i])) {
			x, y = append(x, xs[i]), append(y, ys[i])
		}
	}
	return x, y
}

// experimentSlope is the slope that the experiments of Fig. 6 give for a signature, or 0. A firing rate corresponds to
// |x|, so its slope is halved against the square.
func experimentSlope(which Signature) float64 {
	switch which {
	case LearningRate:
		return publishedPlasticitySlope
	case InputRate:
		return publishedRateSlope
	case InputSquare:
		return publishedRateSlope / 2
	}
	return 0
}

// line is a row of the table as text.
func (s SignatureSlope) line() string {
	what := fmt.Sprintf("rho %s, c %.4g", s.Rho, s.C)
	if s.Cost != "" {
		what = s.Cost.Text("cost")
	}
	text := fmt.Sprintf("layer %d, %s, %s: ", s.Layer, what, strings.ReplaceAll(s.Signature.String(), "_", " "))
	if s.Note != "" {
		return text + "no slope: " + s.Note
	}
	text += s.numbers()
	if !math.IsNaN(s.Analytic) {
		text += fmt.Sprintf(", analytic %.3f", s.Analytic)
	}
	if s.Dropped > 0 {
		text += fmt.Sprintf(", %d synapses off the axes", s.Dropped)
	}
	return text
}

// numbers is the slope as text, how close the points are to it, and how close they are to the optimum.
func (s SignatureSlope) numbers() string {
	text := fmt.Sprintf("slope %.3f [%.3f, %.3f], r = %.2f", s.Value, s.Low, s.High, s.Correlation)
	if !math.IsNaN(s.VarianceRatio) {
		optimum := "Eq. 66"
		if s.Cost != "" {
			optimum = "its optimum"
		}
		text += fmt.Sprintf(", median of sigma^2 over %s %.2g", optimum, s.VarianceRatio)
		if s.Networks > 1 {
			text += fmt.Sprintf(" [%.2g, %.2g]", s.VarianceRatioLow, s.VarianceRatioHigh)
		}
	}
	return text
}

// caption describes the content of any sheet, and its networks.
func (p *Patterns) caption(s sheet) string {
	first := s.blocks[0].networks[0].Config
	what := "Rows: the Hessian, as the empirical Fisher information in units of the summed objective, (N/B) times " +
		"the mean squared gradient of a minibatch; " +
		"the learning rate, eta over the mean size of that gradient; and the input, the mean of |x| or x^2 of the " +
		"presynaptic unit."
	if len(s.signatures) < 3 {
		what = ""
	}
	lines := "Grey: least squares on logarithmic axes. Blue: the optimum under a quadratic cost (Eq. 66), or its " +
		"slope through the mean of the logarithms."
	if slices.ContainsFunc(s.blocks[0].networks, func(n *Pattern) bool { return n.price != nil }) {
		lines = "Grey: least squares on logarithmic axes. Blue: the optimum under a quadratic cost, the solution of " +
			"-cost'(sigma)/sigma = H, where it is a minimum, for synapses of the median |mu| if the cost depends on mu; or a " +
			"line with the median slope d ln sigma^2 / d ln H, as Eq. 67 and 68 convert it, through the mean of the logarithms."
	}
	lines = fmt.Sprintf("Green: synapses; where there are more than %d, their number in each of %d by %d bins over the "+
		"range of the panel, in the shades of the bar, which panels under one key share. ", scattered, bins, bins) + lines
	if s.experiments {
		lines += fmt.Sprintf(" Red: the slopes of the experiments, %.2f for plasticity and %.2f for the firing rate, "+
			"half of it over its square.",
			publishedPlasticitySlope, publishedRateSlope)
	}
	text := fmt.Sprintf("%s %s\nData %s; hidden %s; seed %d; %d epochs at learning rate %g, minibatches of %d, "+
		"lambda %g; signatures over %d more epochs with frozen parameters. Biases are left out. Intervals are 95 %%. Those "+
		"of one network are over %d resamples of its presynaptic and, independently of them, its postsynaptic units "+
		"(pigeonhole bootstrap, conservative), and do not say how another network would differ.",
		what, lines, filepath.Base(first.Data), train.FormatHidden(first.Hidden), first.Seed, first.Epochs,
		first.LearningRate, first.Batch, first.Lambda, p.Epochs, p.Bootstrap.Resamples)
	if len(p.families()[s.blocks[0].networks[0]]) > 1 {
		text += " Those over networks, which differ only in the seed, are Student's t of their mean."
	}
	return strings.TrimSpace(text)
}

// Illustrations draws all networks: a figure for each layer with the exponents as columns, or for a single exponent one
// figure with the layers as rows. Networks that differ in more than rho, c and seed are in separate figures; so are
// several values of c, the lowest of each exponent first. Of several seeds the lowest is drawn.
func (p *Patterns) Illustrations() ([]draw.Illustration, error) {
	var list []draw.Illustration
	groups := p.groups()
	for g, group := range groups {
		for level, networks := range group {
			suffix, lead := "", ""
			if len(groups) > 1 {
				suffix = fmt.Sprintf("-network%d", g+1)
			}
			if len(group) > 1 {
				suffix += fmt.Sprintf("-c%d", level+1)
				lead = fmt.Sprintf(" Value %d of %d of c, the smallest first.", level+1, len(group))
			}
			if len(networks) == 1 {
				i, err := p.single("signatures"+suffix, networks[0], lead)
				if err != nil {
					return nil, err
				}
				list = append(list, i)
				continue
			}
			for layer := range networks[0].Layers {
				i, err := p.draw(sheet{
					name: fmt.Sprintf("layer%d%s", layer+1, suffix), title: fmt.Sprintf("Synaptic variability in layer %d", layer+1),
					lead: fmt.Sprintf("Variance of the weights of layer %d over signatures of their importance; columns "+
						"are mechanisms.%s", layer+1, lead),
					blocks:     []sheetBlock{{layer: layer, networks: networks}},
					signatures: []Signature{Hessian, LearningRate, p.inputSignature(networks[0])},
				})
				if err != nil {
					return nil, err
				}
				list = append(list, i)
			}
		}
	}
	return list, nil
}

// inputSignature is the measure of the input that the paper shows: the rate, or for a network without hidden layers,
// about which there is a prediction, the mean square.
func (p *Patterns) inputSignature(n *Pattern) Signature {
	if len(n.Layers) == 1 {
		return InputSquare
	}
	return InputRate
}

// single draws one network with its layers as rows.
func (p *Patterns) single(name string, n *Pattern, lead string) (draw.Illustration, error) {
	signatures := []Signature{Hessian, LearningRate, p.inputSignature(n)}
	block := draw.Block{Height: 10 + 55*float64(len(n.Layers))}
	var shown []shownSlope
	for layer := range n.Layers {
		var row []draw.Panel
		for i, which := range signatures {
			panel := n.panel(layer, which, false)
			low, high := varianceRange([]*Pattern{n}, layer, which)
			panel.Y.Min, panel.Y.Max = low, high
			if i == 0 {
				panel.Letter, panel.Y.Label = draw.Letter(layer), fmt.Sprintf("Layer %d: variance σ²", layer+1)
			}
			row = append(row, panel)
			shown = append(shown, shownSlope{n, layer, which})
		}
		block.Rows = append(block.Rows, row)
	}
	figure, err := draw.NewFigure(block)
	s := sheet{blocks: []sheetBlock{{networks: []*Pattern{n}}}, signatures: signatures}
	title := "Synaptic variability, " + n.Config.DescribeCosts()
	lines, rows := p.told(shown)
	return draw.Illustration{
		Name: name, Title: title, Figure: figure, Numbers: map[string]any{"epochs": p.Epochs,
			"bootstrap_seed": p.Bootstrap.Seed, "slopes": append(slices.Clone(n.Slopes), rows[len(shown):]...)},
		Caption: "Variance of the weights of each layer over signatures of their importance." + lead + " " +
			strings.Replace(p.caption(s), "Rows:", "Columns:", 1) + "\n" + lines,
	}, err
}

// Importance draws the first network's variances over the Hessian, the importance of a synapse, with the layers side by
// side: the paper's point in one picture.
func (p *Patterns) Importance() (draw.Illustration, error) {
	n := p.Networks[0]
	block := draw.Block{Height: 62, Rows: make([][]draw.Panel, 1)}
	var shown []shownSlope
	for layer, l := range n.Layers {
		panel := n.panel(layer, Hessian, false)
		panel.Letter, panel.Title = draw.Letter(layer), fmt.Sprintf("Layer %d (%d → %d)", layer+1, l.Inputs, l.Outputs)
		panel.Y.Min, panel.Y.Max = varianceRange([]*Pattern{n}, layer, Hessian)
		if layer == 0 {
			panel.Y.Label = "Variance σ²"
		}
		block.Rows[0] = append(block.Rows[0], panel)
		shown = append(shown, shownSlope{n, layer, Hessian})
	}
	figure, err := draw.NewFigure(block)
	lines, rows := p.told(shown)
	s := sheet{blocks: []sheetBlock{{networks: []*Pattern{n}}}, signatures: []Signature{Hessian}}
	return draw.Illustration{
		Name: "importance", Title: "Important synapses are reliable", Figure: figure,
		Numbers: map[string]any{"epochs": p.Epochs, "slopes": append(slices.Clone(n.Slopes), rows[len(shown):]...)},
		Caption: "Variance of the weights of each layer over their importance. " +
			strings.Replace(p.caption(s), "Rows:", "Columns:", 1) + "\n" + lines,
	}, err
}

// compareCosts orders networks by what a synapse pays, the paper's costs first, without the numbers that scale it.
func (p *Pattern) compareCosts(o *Pattern) int {
	a, b := p.Config, o.Config
	return cmp.Or(cmp.Compare(len(a.Costs), len(b.Costs)), cmp.Compare(a.Costs.String(), b.Costs.String()),
		cmp.Compare(a.Rho.Value(), b.Rho.Value()))
}

func (p *Pattern) compareNumbers(o *Pattern) int {
	return cmp.Or(cmp.Compare(p.Config.C, o.Config.C), cmp.Compare(p.Config.Numbers.String(), o.Config.Numbers.String()))
}

// groups sorts the networks into those that belong in one figure: first by all settings except costs, their numbers and
// seed, then by the rank of c and the other numbers for their costs; within a group, by costs.
func (p *Patterns) groups() [][][]*Pattern {
	var order []train.Config
	members := map[int][]*Pattern{}
	for _, n := range p.Networks {
		c := n.Config
		c.Rho, c.C, c.Seed, c.Costs, c.Numbers = train.Exponent{}, 0, 0, nil, nil
		at := slices.IndexFunc(order, func(o train.Config) bool { return fmt.Sprint(o) == fmt.Sprint(c) })
		if at < 0 {
			at = len(order)
			order = append(order, c)
		}
		members[at] = append(members[at], n)
	}
	var list [][][]*Pattern
	for g := range order {
		networks := slices.Clone(members[g])
		slices.SortStableFunc(networks, func(a, b *Pattern) int {
			return cmp.Or(a.compareCosts(b), a.compareNumbers(b), cmp.Compare(a.Config.Seed, b.Config.Seed))
		})
		var levels [][]*Pattern
		level := 0
		for i, n := range networks {
			if i > 0 {
				before := networks[i-1]
				switch {
				case before.compareCosts(n) != 0:
					level = 0
				case before.compareNumbers(n) != 0:
					level++
				default:
					continue // another seed
				}
			}
			for len(levels) <= level {
				levels = append(levels, nil)
			}
			levels[level] = append(levels[level], n)
		}
		list = append(list, levels)
	}
	return list
}
