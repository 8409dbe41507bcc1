package tables

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"

	"quantal/results/draw"
	"quantal/results/store"
)

// sheet is what a figure of a grid shows, in the coordinates of its plots.
type sheet struct {
	titles   []string // of the columns
	rows     []sheetRow
	seeds    draw.Span // fewest and most behind a dot
	diverged int       // networks left out
	hidden   int       // networks that finished, but have no place on an axis of the sheet
	entropic bool      // the cost of a column is another function of sigma
}

// sheetRow is panels with the same axes.
type sheetRow struct {
	relation
	panels [][]trace // of each column
	level  float64   // accuracy of the networks without noise, or NaN
}

// trace is the networks of one noise in a panel.
type trace struct {
	noise     string
	segments  [][]dot     // in the order of c, cut where a network diverged or has no place
	published plotter.XYs // marks
}

// dot is a mean over seeds, with its interval along y, which is NaN for a single seed.
type dot struct{ x, y, low, high float64 }

// newSheet collects what a figure shows. Of the published values those count that are of a rho and a noise of ours.
func newSheet(v variant, rows []relation, title func(rho float64) string, published []Published) sheet {
	s := sheet{seeds: draw.NoSpan()}
	hidden := map[store.Settings]int{}
	for j, r := range rows {
		row := sheetRow{relation: r, level: math.NaN()}
		if r.y.Label == testAccuracy().Label {
			row.level = r.y.Place(v.withoutNoise())
		}
		for _, c := range v.columns() {
			reference := slices.DeleteFunc(slices.Clone(published), func(p Published) bool {
				return !slices.ContainsFunc(c.groups, func(g Group) bool { return p.hasRho(g.RhoValue) && p.Noise == g.Noise })
			})
			row.panels = append(row.panels, r.traces(c.groups, reference, hidden))
			if j > 0 {
				continue
			}
			s.titles = append(s.titles, title(c.rho))
			s.entropic = s.entropic || c.rho == 0
			for _, g := range c.groups {
				s.diverged += len(g.Diverged)
				if n := len(g.Done); n > 0 {
					s.seeds.Include(float64(n))
				}
			}
		}
		s.rows = append(s.rows, row)
	}
	for _, n := range hidden {
		s.hidden += n
	}
	return s
}

// traces collects what a panel shows, and notes in hidden how many networks of a group are not to be seen.
func (r relation) traces(groups []Group, published []Published, hidden map[store.Settings]int) []trace {
	var list []trace
	for _, noise := range store.NoiseNames() {
		t := trace{noise: noise}
		cut := true
		for _, g := range groups {
			if g.Noise != noise {
				continue
			}
			x, y := r.x.ours(g), r.y.ours(g)
			d := dot{r.x.Place(x.Mean), r.y.Place(y.Mean), r.y.Place(y.Mean - y.HalfWidth), r.y.Place(y.Mean + y.HalfWidth)}
			if math.IsNaN(d.x) || math.IsNaN(d.y) {
				if len(g.Done) > 0 {
					hidden[g.Settings] = len(g.Done)
				}
				cut = true
				continue
			}
			if math.IsNaN(d.low) && !math.IsNaN(d.high) {
				d.low = math.Inf(-1) // zero or less, which a logarithmic axis does not reach
			}
			if cut {
				t.segments, cut = append(t.segments, nil), false
			}
			last := len(t.segments) - 1
			t.segments[last] = append(t.segments[last], d)
		}
		for _, p := range published {
			m := plotter.XY{X: r.x.Place(r.x.published(p)), Y: r.y.Place(r.y.published(p))}
			if p.Noise == noise && !math.IsNaN(m.X+m.Y) {
				t.published = append(t.published, m)
			}
		}
		if len(t.segments)+len(t.published) > 0 {
			list = append(list, t)
		}
	}
	return list
}

// spans is the range of a row's data along both axes. An interval counts where the axis has limits; elsewhere a wide
// one would leave no room for the rest, and is cut off.
func (r sheetRow) spans() (x, y draw.Span) {
	x, y = draw.NoSpan(), draw.NoSpan()
	y.Include(r.level)
	limit := r.y.Within(draw.Span{Low: math.Inf(-1), High: math.Inf(1)})
	for _, panel := range r.panels {
		for _, t := range panel {
			for _, d := range slices.Concat(t.segments...) {
				x.Include(d.x)
				y.Include(d.y)
				if r.y.Limited() && d.hasInterval() {
					y.Include(limit.Clamp(d.low))
					y.Include(limit.Clamp(d.high))
				}
			}
			for _, m := range t.published {
				x.Include(m.X)
				y.Include(m.Y)
			}
		}
	}
	return r.x.Widened(x), r.y.Widened(y)
}

func (d dot) hasInterval() bool { return !math.IsNaN(d.high) }

// draw draws the sheet: a row of panels for each relation, a column for each exponent.
func (s sheet) draw(remark string) (*draw.Figure, error) {
	const (
		rest    = 22 * vg.Millimeter // of the width: margins, and the axis at the left
		each    = 40 * vg.Millimeter // for a column
		single  = 63 * vg.Millimeter // for the only one: 85 mm in all, as wide as a journal's column
		high    = 44 * vg.Millimeter // a row, with its axis
		labelsX = 5                  // that fit
		labelsY = 7
	)
	style := draw.NewStyle()
	width := rest + each*vg.Length(len(s.titles))
	if len(s.titles) == 1 {
		width = rest + single
	}
	b := draw.PlotBlock{Key: s.key()}
	for j, r := range s.rows {
		x, y := r.spans()
		var row []draw.PlotPanel
		for i, traces := range r.panels {
			p := style.Axes(r.x.Label, r.y.Label)
			if err := r.fill(p, traces, x, y); err != nil {
				return nil, err
			}
			r.x.Set(&p.X, x, labelsX)
			r.y.Set(&p.Y, y, labelsY)
			out := draw.PlotPanel{Plot: p}
			if i == 0 {
				out.Letter = draw.Letter(j)
			} else {
				draw.Beside(&p.Y)
			}
			if j == 0 {
				out.Title = s.titles[i]
			}
			row = append(row, out)
		}
		b.Rows = append(b.Rows, row)
	}
	b.Height = style.HeightOf(b, high, width)
	return draw.Stack(style, width, s.note(remark), b), nil
}

// fill draws a panel's data into its plot.
func (r sheetRow) fill(p *plot.Plot, traces []trace, x, y draw.Span) error {
	if !math.IsNaN(r.level) {
		level, err := plotter.NewLine(plotter.XYs{{X: x.Low, Y: r.level}, {X: x.High, Y: r.level}})
		if err != nil {
			return err
		}
		level.LineStyle = levelLine()
		p.Add(level)
	}
	for _, t := range slices.Backward(traces) { // the first, heterogeneous, on top
		if err := t.add(p, r.y.Within(y)); err != nil {
			return err
		}
	}
	return nil
}

func levelLine() vgdraw.LineStyle { return draw.Dashed(draw.Ink.NRGBA(), draw.Hairline) }

// look is how networks of one noise are drawn: heterogeneous in colour and homogeneous in grey, as in EES, but in blue,
// for the paper's green is a grey to readers who do not see red or green. Shapes tell them apart too.
type look struct {
	color       color.NRGBA
	solid, open vgdraw.GlyphDrawer // marks of ours, and of published values
}

func lookOf(noise string) look {
	switch noise {
	case "heterogeneous":
		return look{draw.Palette(0), vgdraw.CircleGlyph{}, vgdraw.RingGlyph{}}
	case "homogeneous":
		return look{color.NRGBA{R: 0x77, G: 0x77, B: 0x77, A: 0xff}, vgdraw.BoxGlyph{}, vgdraw.SquareGlyph{}}
	case "neuron":
		return look{draw.Palette(1), vgdraw.PyramidGlyph{}, vgdraw.TriangleGlyph{}}
	}
	return look{draw.Palette(3), vgdraw.PlusGlyph{}, vgdraw.CrossGlyph{}}
}

func (l look) mark(shape vgdraw.GlyphDrawer, radius vg.Length) vgdraw.GlyphStyle {
	return vgdraw.GlyphStyle{Color: l.color, Shape: shape, Radius: radius}
}

func (l look) ours() vgdraw.GlyphStyle      { return l.mark(l.solid, 0.75*draw.MarkSize) }
func (l look) published() vgdraw.GlyphStyle { return l.mark(l.open, 1.25*draw.MarkSize) }

// add draws a trace into a plot, its bands within the given range of y.
func (t trace) add(p *plot.Plot, y draw.Span) error {
	l := lookOf(t.noise)
	for _, segment := range t.segments {
		for _, outline := range bands(segment, y) {
			area, err := plotter.NewPolygon(outline)
			if err != nil {
				return err
			}
			area.Color, area.LineStyle = draw.Translucent(l.color), draw.Solid(draw.Translucent(l.color), 2*draw.CurveWidth)
			if len(outline) > 2 {
				area.LineStyle.Width = 0
			}
			p.Add(area)
		}
		var points plotter.XYs
		for _, d := range segment {
			points = append(points, plotter.XY{X: d.x, Y: d.y})
		}
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		line.LineStyle, marks.GlyphStyle = draw.Solid(l.color, draw.CurveWidth), l.ours()
		p.Add(line, marks)
	}
	if len(t.published) == 0 {
		return nil
	}
	marks, err := plotter.NewScatter(t.published)
	if err != nil {
		return err
	}
	marks.GlyphStyle = l.published()
	p.Add(marks)
	return nil
}

// bands is the outlines of the intervals along a segment, cut off at the ends of the y axis. A dot without an interval
// interrupts them; one that stands alone has a vertical line for a band.
func bands(segment []dot, y draw.Span) []plotter.XYs {
	var list []plotter.XYs
	var low, high plotter.XYs
	end := func() {
		if len(low) > 0 {
			slices.Reverse(low)
			list = append(list, append(high, low...))
		}
		low, high = nil, nil
	}
	for _, d := range segment {
		if !d.hasInterval() {
			end()
			continue
		}
		low, high = append(low, plotter.XY{X: d.x, Y: y.Clamp(d.low)}), append(high, plotter.XY{X: d.x, Y: y.Clamp(d.high)})
	}
	end()
	return list
}

// key explains colours, bands and marks, as far as they are on the sheet.
func (s sheet) key() []draw.KeyEntry {
	var ours, published []draw.KeyEntry
	level := false
	for _, noise := range store.NoiseNames() {
		l := lookOf(noise)
		entry := draw.KeyEntry{Label: noise}
		reference := false
		for _, r := range s.rows {
			level = level || !math.IsNaN(r.level)
			for _, t := range slices.Concat(r.panels...) {
				if t.noise != noise {
					continue
				}
				if len(t.segments) > 0 {
					entry.Line, entry.Mark = draw.Solid(l.color, draw.CurveWidth), l.ours()
				}
				if slices.ContainsFunc(slices.Concat(t.segments...), dot.hasInterval) {
					entry.Fill = draw.Translucent(l.color)
				}
				reference = reference || len(t.published) > 0
			}
		}
		if entry.Mark.Shape != nil {
			ours = append(ours, entry)
		}
		if reference {
			published = append(published, draw.KeyEntry{Label: noise + ", published", Mark: l.published()})
		}
	}
	if level {
		ours = append(ours, draw.KeyEntry{Label: "without noise", Line: levelLine()})
	}
	return append(ours, published...)
}

// note says what a reader has to know besides the key.
func (s sheet) note(remark string) string {
	var parts []string
	switch few, many := s.seeds.Low, s.seeds.High; {
	case many > 1 && few == many:
		parts = append(parts, fmt.Sprintf("Means over %g seeds, bands: 95 %% intervals.", many))
	case many > 1:
		parts = append(parts, fmt.Sprintf("Means over %g to %g seeds, bands: 95 %% intervals.", few, many))
	}
	if s.diverged > 0 {
		parts = append(parts, fmt.Sprintf("%s diverged and %s left out.", count(s.diverged, "network"), isAre(s.diverged)))
	}
	if s.entropic && slices.ContainsFunc(s.rows, func(r sheetRow) bool { return r.y.Label == reliabilityCost().Label }) {
		parts = append(parts, "The entropic cost is −Σ ln σ.")
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
