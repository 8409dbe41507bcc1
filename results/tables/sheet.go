package tables

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"quantal/results/draw"
	"quantal/results/store"
)

// sheet is what a figure of a grid shows: a row of panels for each relation, a column for each exponent.
type sheet struct {
	draw.Block
	few, many int  // fewest and most seeds behind a dot
	diverged  int  // networks left out
	hidden    int  // networks that finished, but that an axis of the sheet cannot show
	entropic  bool // the cost of a column is another function of sigma
}

// newSheet collects the content of a figure. Published values are used if their rho and noise are among ours.
func newSheet(v variant, rows []relation, title func(store.Settings) string, published []Published) sheet {
	const (
		high    = 44 // millimetres: a row, with its axis
		without = "without noise"
	)
	s := sheet{Block: draw.Block{RowHeight: high, Shared: true, Key: append(store.NoiseNames(), without)},
		few: math.MaxInt}
	for _, noise := range store.NoiseNames() {
		s.Key = append(s.Key, ofPublished(noise))
	}
	hidden := map[store.Settings]int{}
	for j, r := range rows {
		var row []draw.Panel
		level := math.NaN()
		if r.y.Label == testAccuracy(v.groups).Label {
			level = v.withoutNoise()
		}
		for i, c := range v.columns() {
			p := draw.Panel{X: r.x.Axis, Y: r.y.Axis, Layers: []draw.Layer{draw.Level{Label: without, Y: level}}}
			for _, noise := range slices.Backward(store.NoiseNames()) { // the first, heterogeneous, on top
				p.Layers = append(p.Layers, r.layers(c, noise, published, hidden)...)
			}
			p.X.Room, p.Y.Room = 5, 7
			if i == 0 {
				p.Letter = draw.Letter(j)
			}
			if j == 0 {
				p.Title = short(title(c.about))
				s.count(c)
			}
			row = append(row, p)
		}
		s.Rows = append(s.Rows, row)
	}
	for _, n := range hidden {
		s.hidden += n
	}
	return s
}

// short is a title that a column has room for.
func short(title string) string {
	const most = 28
	title = withFractions(title)
	if text := []rune(title); len(text) > most {
		return string(text[:most-1]) + "…"
	}
	return title
}

// count counts the networks of a column.
func (s *sheet) count(c column) {
	s.entropic = s.entropic || c.cost == "" && c.rho.Entropic()
	for _, g := range c.groups {
		s.diverged += len(g.Diverged)
		if n := len(g.Done); n > 0 {
			s.few, s.many = min(s.few, n), max(s.many, n)
		}
	}
}

func ofPublished(noise string) string { return noise + ", published" }

// lookOf is how networks of one noise are drawn: heterogeneous in colour and homogeneous in grey, as in EES, but in
// blue, for the paper's green is a grey to readers who do not see red or green. Marks tell them apart too: ours are
// filled, those of published values open.
func lookOf(noise string) (c draw.Color, ours, published draw.Mark) {
	switch noise {
	case "heterogeneous":
		return draw.Blue, draw.Dot, draw.OpenDot
	case "homogeneous":
		return draw.Grey, draw.Square, draw.OpenSquare
	case "neuron":
		return draw.Red, draw.Triangle, draw.OpenTriangle
	}
	return draw.Purple, draw.Plus, draw.Cross
}

// layers draws the networks of one noise in a column: curves in the order of c, cut where a network diverged or cannot
// be shown and where published values lie between, of which a line would leave the way; and the published values. It
// notes in hidden how many networks of a group are not to be seen.
func (r relation) layers(c column, noise string, published []Published, hidden map[store.Settings]int) []draw.Layer {
	color, ours, open := lookOf(noise)
	var curves []draw.Curve
	reference := draw.Points{Label: ofPublished(noise), Color: color, Mark: open}
	var between []float64 // the c of published values
	if c.cost == "" && slices.ContainsFunc(c.groups, func(g Group) bool { return g.Noise == noise }) {
		for _, p := range published {
			if p.Noise == noise && p.hasRho(float64(c.rho)) {
				reference.X, reference.Y = append(reference.X, r.x.published(p)), append(reference.Y, r.y.published(p))
				between = append(between, p.C)
			}
		}
	}
	cut, last := true, math.NaN() // the c before
	for _, g := range c.groups {
		if g.Noise != noise {
			continue
		}
		cut = cut || slices.ContainsFunc(between, func(c float64) bool {
			return last < c && c < g.C && !sameValue(c, last) && !sameValue(c, g.C)
		})
		last = g.C
		x, y := r.x.ours(g), r.y.ours(g)
		if math.IsNaN(r.x.Place(x.Mean) + r.y.Place(y.Mean)) {
			if len(g.Done) > 0 {
				hidden[g.Settings] = len(g.Done)
			}
			cut = true
			continue
		}
		if cut {
			curves, cut = append(curves, draw.Curve{Label: noise, Color: color, Mark: ours, Small: true}), false
		}
		d := &curves[len(curves)-1]
		d.X, d.Y = append(d.X, x.Mean), append(d.Y, y.Mean)
		d.Low, d.High = append(d.Low, y.Mean-y.HalfWidth), append(d.High, y.Mean+y.HalfWidth)
	}
	var list []draw.Layer
	for _, d := range curves {
		list = append(list, d)
	}
	return append(list, reference)
}

// figure is the sheet as a figure.
func (s sheet) figure(remark string) (*draw.Figure, error) {
	const (
		rest   = 22 // millimetres of the width: margins, and the axis at the left
		each   = 40 // for a column
		single = 63 // for a single one: 85 mm in all, as wide as a journal's column
	)
	figure, err := draw.NewFigure(s.Block)
	if err != nil {
		return nil, err
	}
	figure.Note, figure.Width = s.note(remark), rest+each*float64(len(s.Rows[0]))
	if len(s.Rows[0]) == 1 {
		figure.Width = rest + single
	}
	return figure, nil
}

// note says what a reader must know in addition to the key.
func (s sheet) note(remark string) string {
	var parts []string
	switch {
	case s.many > 1 && s.few == s.many:
		parts = append(parts, fmt.Sprintf("Means over %d seeds, bands: 95 %% intervals.", s.many))
	case s.many > 1:
		parts = append(parts, fmt.Sprintf("Means over %d to %d seeds, bands: 95 %% intervals.", s.few, s.many))
	}
	if s.diverged > 0 {
		parts = append(parts, fmt.Sprintf("%s diverged and %s left out.", count(s.diverged, "network"), isAre(s.diverged)))
	}
	if s.entropic && slices.ContainsFunc(s.Rows,
		func(row []draw.Panel) bool { return row[0].Y.Label == reliabilityCost(nil).Label }) {
		parts = append(parts, "The entropic cost is −Σ ln σ.")
	}
	if slices.ContainsFunc(s.Rows, func(row []draw.Panel) bool { return row[0].Y.Label == mixedCosts }) {
		parts = append(parts, "The cost is Σσ^{−ρ}/ρ, or −Σ ln σ, where ρ is given, else what all synapses pay (nats).")
	}
	if s.hidden > 0 {
		parts = append(parts, fmt.Sprintf("%s without a positive σ or cost cannot be shown on logarithmic axes.",
			count(s.hidden, "network")))
	}
	return strings.Join(append(parts, remark), " ")
}

// count writes "1 network" or "2 networks".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
