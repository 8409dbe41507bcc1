package draw

import (
	"errors"
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// NewFigure returns a figure of two columns' width with blocks from top to bottom. A block without anything to draw is
// an error.
func NewFigure(blocks ...Block) (*Figure, error) {
	if len(blocks) == 0 {
		return nil, errors.New("draw: figure: there is nothing to draw")
	}
	style := NewStyle()
	var laid []PlotBlock
	for _, b := range blocks {
		l, err := style.plots(b)
		if err != nil {
			return nil, err
		}
		laid = append(laid, l)
	}
	return Stack(style, TwoColumn, "", laid...), nil
}

// Block is a grid of panels whose data areas line up, under one key. All rows have the same number of panels; one
// without layers leaves its place empty.
type Block struct {
	Rows   [][]Panel
	Height float64 // millimetres
}

// Panel is one set of axes and the layers drawn on them.
type Panel struct {
	Letter string // by which the text refers to it
	Title  string
	X, Y   Axis
	Layers []Layer // later ones over earlier ones
	Note   string  // inside, at the upper right; \n between lines
}

// Axis describes an axis.
type Axis struct {
	Label    string
	Log      bool    // logarithmic; values that are not positive are left out
	Min, Max float64 // the range shown; around the data if both are 0
	Bare     bool    // without numbers, for a schematic axis
	Room     int     // labels that a logarithmic axis has room for; 0 for many
}

// Color is a colour of the style, by its role in the paper's figures if it has one.
type Color int

// The colours.
const (
	Ink    Color = iota
	Grey         // homogeneous noise, posteriors, given values
	Green        // optimised noise
	Blue         // analytic predictions
	Red          // experiments
	Purple       // performance cost
	Sky
	Orange
)

// NRGBA returns the colour.
func (c Color) NRGBA() color.NRGBA {
	switch c {
	case Ink, Grey:
		g := color.NRGBAModel.Convert(map[Color]color.Color{Ink: ink(), Grey: grey()}[c])
		return g.(color.NRGBA)
	}
	return Palette(map[Color]int{Green: 2, Blue: 0, Red: 1, Purple: 3, Sky: 4, Orange: 5}[c])
}

// pale mixes a colour with white.
func pale(c color.NRGBA, white float64) color.NRGBA {
	mix := func(v uint8) uint8 { return uint8(math.Round(float64(v) + white*(255-float64(v)))) }
	return color.NRGBA{R: mix(c.R), G: mix(c.G), B: mix(c.B), A: c.A}
}

// Layer is something drawn on axes: a Curve, Points, a Density, a Heat or an Area.
type Layer interface {
	draw(p *plot.Plot, x, y Axis) (KeyEntry, error)
}

// Curve is a line through points.
type Curve struct {
	Label  string // in the key, unless empty
	X, Y   []float64
	Color  Color
	Pale   float64 // from 0, the full colour, to 1, white
	Dashed bool
	Thin   bool // for references
}

// Points are dots.
type Points struct {
	Label string
	X, Y  []float64
	Color Color
	Pale  float64 // from 0, the full colour, to 1, white
	Small bool    // and translucent, for many
}

// Area is a filled polygon with the given corners.
type Area struct {
	Label   string
	X, Y    []float64
	Color   Color
	Hatched bool // by lines instead of a tint
}

// Band is the area between two curves over x.
func Band(label string, x, low, high []float64, c Color) Area {
	a := Area{Label: label, Color: c}
	for i := range x {
		a.X, a.Y = append(a.X, x[i]), append(a.Y, low[i])
	}
	for i := len(x) - 1; i >= 0; i-- {
		a.X, a.Y = append(a.X, x[i]), append(a.Y, high[i])
	}
	return a
}

// Box is the area of a rectangle.
func Box(label string, left, right, bottom, top float64, c Color, hatched bool) Area {
	return Area{Label: label, X: []float64{left, right, right, left}, Y: []float64{bottom, bottom, top, top}, Color: c,
		Hatched: hatched}
}

// at is the position of values on an axis; ok is false if there is none.
func (a Axis) at(v float64) (position float64, ok bool) {
	if a.Log {
		v = math.Log10(v)
	}
	return v, finite(v)
}

// place returns the points that have a position on both axes.
func place(xs, ys []float64, x, y Axis) (plotter.XYs, error) {
	if len(xs) != len(ys) {
		return nil, fmt.Errorf("draw: panel: %d values of x, %d of y", len(xs), len(ys))
	}
	var points plotter.XYs
	for i := range xs {
		u, okX := x.at(xs[i])
		v, okY := y.at(ys[i])
		if okX && okY {
			points = append(points, plotter.XY{X: u, Y: v})
		}
	}
	return points, nil
}

func (c Curve) draw(p *plot.Plot, x, y Axis) (KeyEntry, error) {
	points, err := place(c.X, c.Y, x, y)
	if err != nil || len(points) == 0 {
		return KeyEntry{}, err
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return KeyEntry{}, err
	}
	width := vg.Length(CurveWidth)
	if c.Thin {
		width = Hairline
	}
	line.LineStyle = Solid(pale(c.Color.NRGBA(), c.Pale), width)
	if c.Dashed {
		line.LineStyle = Dashed(line.Color, width)
	}
	p.Add(line)
	return KeyEntry{Label: c.Label, Line: line.LineStyle}, nil
}

func (d Points) draw(p *plot.Plot, x, y Axis) (KeyEntry, error) {
	points, err := place(d.X, d.Y, x, y)
	if err != nil || len(points) == 0 {
		return KeyEntry{}, err
	}
	scatter, err := plotter.NewScatter(points)
	if err != nil {
		return KeyEntry{}, err
	}
	dot := draw.GlyphStyle{Color: pale(d.Color.NRGBA(), d.Pale), Radius: MarkSize, Shape: draw.CircleGlyph{}}
	if d.Small {
		faint := pale(d.Color.NRGBA(), d.Pale)
		faint.A = 0x80
		dot.Color, dot.Radius = faint, MarkSize/2
	}
	scatter.GlyphStyle = dot
	p.Add(scatter)
	return KeyEntry{Label: d.Label, Mark: draw.GlyphStyle{Color: pale(d.Color.NRGBA(), d.Pale), Radius: MarkSize,
		Shape: draw.CircleGlyph{}}}, nil
}

func (a Area) draw(p *plot.Plot, x, y Axis) (KeyEntry, error) {
	corners, err := place(a.X, a.Y, x, y)
	if err != nil || len(corners) == 0 {
		return KeyEntry{}, err
	}
	polygon, err := plotter.NewPolygon(corners)
	if err != nil {
		return KeyEntry{}, err
	}
	polygon.Color, polygon.LineStyle.Width = Translucent(a.Color.NRGBA()), 0
	entry := KeyEntry{Label: a.Label, Fill: polygon.Color}
	if a.Hatched {
		entry.Line = Solid(a.Color.NRGBA(), Hairline)
		polygon.LineStyle = entry.Line
		p.Add(polygon, hatch{corners, entry.Line})
		return entry, nil
	}
	p.Add(polygon)
	return entry, nil
}

// hatch draws diagonal lines within a convex polygon.
type hatch struct {
	corners plotter.XYs
	line    draw.LineStyle
}

// Plot draws the lines at one distance on the page, whatever the axes.
func (h hatch) Plot(c draw.Canvas, p *plot.Plot) {
	const distance = 4
	toX, toY := p.Transforms(&c)
	corners := make([]vg.Point, len(h.corners))
	low, high := vg.Length(math.Inf(1)), vg.Length(math.Inf(-1))
	for i, v := range h.corners {
		corners[i] = vg.Point{X: toX(v.X), Y: toY(v.Y)}
		low, high = min(low, corners[i].Y-corners[i].X), max(high, corners[i].Y-corners[i].X)
	}
	for d := low + distance/2; d < high; d += distance { // the line y = x + d
		var ends []vg.Point
		for i, a := range corners {
			b := corners[(i+1)%len(corners)]
			u, v := a.Y-a.X-d, b.Y-b.X-d
			if (u < 0) != (v < 0) {
				t := u / (u - v)
				ends = append(ends, vg.Point{X: a.X + t*(b.X-a.X), Y: a.Y + t*(b.Y-a.Y)})
			}
		}
		if len(ends) == 2 {
			c.StrokeLines(h.line, c.ClipLinesXY(ends)...)
		}
	}
}

// plots makes the plots of a block.
func (h Style) plots(b Block) (PlotBlock, error) {
	out := PlotBlock{Height: vg.Length(b.Height) * vg.Millimeter}
	known, drawn := map[string]bool{}, false
	for _, row := range b.Rows {
		if len(row) != len(b.Rows[0]) {
			return PlotBlock{}, fmt.Errorf("draw: figure: a row of %d panels under one of %d", len(row), len(b.Rows[0]))
		}
		var laid []PlotPanel
		for _, p := range row {
			if len(p.Layers) == 0 {
				laid = append(laid, PlotPanel{})
				continue
			}
			drawn = true
			plot, entries, err := h.panel(p)
			if err != nil {
				return PlotBlock{}, err
			}
			for _, e := range entries {
				if e.Label != "" && !known[e.Label] {
					known[e.Label] = true
					out.Key = append(out.Key, e)
				}
			}
			laid = append(laid, PlotPanel{Plot: plot, Letter: p.Letter, Title: p.Title, note: p.Note})
		}
		out.Rows = append(out.Rows, laid)
	}
	if !drawn {
		return PlotBlock{}, errors.New("draw: figure: there is nothing to draw in a block")
	}
	return out, nil
}

// panel makes the plot of a panel, and the entries of its layers in the key.
func (h Style) panel(d Panel) (*plot.Plot, []KeyEntry, error) {
	p := h.Axes(d.X.Label, d.Y.Label)
	var entries []KeyEntry
	for _, layer := range d.Layers {
		e, err := layer.draw(p, d.X, d.Y)
		if err != nil {
			return nil, nil, err
		}
		entries = append(entries, e)
	}
	for _, a := range []struct {
		axis *plot.Axis
		want Axis
	}{{&p.X, d.X}, {&p.Y, d.Y}} {
		if a.want.Log {
			a.axis.Tick.Marker = DecadeTicks{Room: a.want.Room, Plain: true}
		}
		if a.want.Bare {
			a.axis.Tick.Marker = plot.ConstantTicks{}
		}
		if a.want.Min == 0 && a.want.Max == 0 {
			Widen(a.axis, 0.05, 1e-6)
			continue
		}
		low, okLow := a.want.at(a.want.Min)
		high, okHigh := a.want.at(a.want.Max)
		if !okLow || !okHigh || low >= high {
			return nil, nil, fmt.Errorf("draw: panel: an axis from %g to %g", a.want.Min, a.want.Max)
		}
		a.axis.Min, a.axis.Max = low, high
	}
	return p, entries, nil
}
