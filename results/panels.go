package results

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

// NewFigure returns a figure of two columns' width with blocks from top to bottom. A block without anything to draw is an
// error.
func NewFigure(blocks ...Block) (*Figure, error) {
	if len(blocks) == 0 {
		return nil, errors.New("results: figure: there is nothing to draw")
	}
	style := newHouse()
	var laid []block
	for _, b := range blocks {
		l, err := style.lay(b)
		if err != nil {
			return nil, err
		}
		laid = append(laid, l)
	}
	return newFigure(style, twoColumn, "", laid...), nil
}

// Block is a grid of panels whose data areas line up, under one key. All rows have the same number of panels; one without
// layers leaves its place empty.
type Block struct {
	Rows   [][]Panel
	Height float64 // millimetres
}

// Panel is one set of axes and what is drawn on them.
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

// Color is a colour of the house style, by its role in the paper's figures where it has one.
type Color int

// The colours.
const (
	Ink    Color = iota
	Grey         // homogeneous noise, posteriors, what is given
	Green        // optimised noise
	Blue         // analytic predictions
	Red          // experiments
	Purple       // performance cost
	Sky
	Orange
)

func (c Color) nrgba() color.NRGBA {
	switch c {
	case Ink, Grey:
		g := color.NRGBAModel.Convert(map[Color]color.Color{Ink: ink(), Grey: grey()}[c])
		return g.(color.NRGBA)
	}
	return palette(map[Color]int{Green: 2, Blue: 0, Red: 1, Purple: 3, Sky: 4, Orange: 5}[c])
}

// pale mixes a colour with white.
func pale(c color.NRGBA, white float64) color.NRGBA {
	mix := func(v uint8) uint8 { return uint8(math.Round(float64(v) + white*(255-float64(v)))) }
	return color.NRGBA{R: mix(c.R), G: mix(c.G), B: mix(c.B), A: c.A}
}

// Layer is something drawn on axes: a Curve, Points, a Density, a Heat or an Area.
type Layer interface {
	draw(p *plot.Plot, x, y Axis) (keyEntry, error)
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
	return Area{Label: label, X: []float64{left, right, right, left}, Y: []float64{bottom, bottom, top, top}, Color: c, Hatched: hatched}
}

// at is the position of values on an axis; ok is false where there is none.
func (a Axis) at(v float64) (position float64, ok bool) {
	if a.Log {
		v = math.Log10(v)
	}
	return v, finite(v)
}

// place returns the points that both axes have a position for.
func place(xs, ys []float64, x, y Axis) (plotter.XYs, error) {
	if len(xs) != len(ys) {
		return nil, fmt.Errorf("results: panel: %d values of x, %d of y", len(xs), len(ys))
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

func (c Curve) draw(p *plot.Plot, x, y Axis) (keyEntry, error) {
	points, err := place(c.X, c.Y, x, y)
	if err != nil || len(points) == 0 {
		return keyEntry{}, err
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return keyEntry{}, err
	}
	width := vg.Length(curve)
	if c.Thin {
		width = hairline
	}
	line.LineStyle = solid(pale(c.Color.nrgba(), c.Pale), width)
	if c.Dashed {
		line.LineStyle = dashed(line.Color, width)
	}
	p.Add(line)
	return keyEntry{label: c.Label, line: line.LineStyle}, nil
}

func (d Points) draw(p *plot.Plot, x, y Axis) (keyEntry, error) {
	points, err := place(d.X, d.Y, x, y)
	if err != nil || len(points) == 0 {
		return keyEntry{}, err
	}
	scatter, err := plotter.NewScatter(points)
	if err != nil {
		return keyEntry{}, err
	}
	dot := draw.GlyphStyle{Color: pale(d.Color.nrgba(), d.Pale), Radius: markSize, Shape: draw.CircleGlyph{}}
	if d.Small {
		faint := pale(d.Color.nrgba(), d.Pale)
		faint.A = 0x80
		dot.Color, dot.Radius = faint, markSize/2
	}
	scatter.GlyphStyle = dot
	p.Add(scatter)
	return keyEntry{label: d.Label, mark: draw.GlyphStyle{Color: pale(d.Color.nrgba(), d.Pale), Radius: markSize, Shape: draw.CircleGlyph{}}}, nil
}

func (a Area) draw(p *plot.Plot, x, y Axis) (keyEntry, error) {
	corners, err := place(a.X, a.Y, x, y)
	if err != nil || len(corners) == 0 {
		return keyEntry{}, err
	}
	polygon, err := plotter.NewPolygon(corners)
	if err != nil {
		return keyEntry{}, err
	}
	polygon.Color, polygon.LineStyle.Width = translucent(a.Color.nrgba()), 0
	entry := keyEntry{label: a.Label, fill: polygon.Color}
	if a.Hatched {
		entry.line = solid(a.Color.nrgba(), hairline)
		polygon.LineStyle = entry.line
		p.Add(polygon, hatch{corners, entry.line})
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

// lay makes the plots of a block.
func (h house) lay(b Block) (block, error) {
	out := block{height: vg.Length(b.Height) * vg.Millimeter}
	known, drawn := map[string]bool{}, false
	for _, row := range b.Rows {
		if len(row) != len(b.Rows[0]) {
			return block{}, fmt.Errorf("results: figure: a row of %d panels under one of %d", len(row), len(b.Rows[0]))
		}
		var laid []panel
		for _, p := range row {
			if len(p.Layers) == 0 {
				laid = append(laid, panel{})
				continue
			}
			drawn = true
			plot, entries, err := h.panel(p)
			if err != nil {
				return block{}, err
			}
			for _, e := range entries {
				if e.label != "" && !known[e.label] {
					known[e.label] = true
					out.key = append(out.key, e)
				}
			}
			laid = append(laid, panel{plot: plot, letter: p.Letter, title: p.Title, note: p.Note})
		}
		out.rows = append(out.rows, laid)
	}
	if !drawn {
		return block{}, errors.New("results: figure: there is nothing to draw in a block")
	}
	return out, nil
}

// panel makes the plot of a panel, and the entries of its layers in the key.
func (h house) panel(d Panel) (*plot.Plot, []keyEntry, error) {
	p := h.axes(d.X.Label, d.Y.Label)
	var entries []keyEntry
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
			a.axis.Tick.Marker = decadeTicks{room: a.want.Room, plain: true}
		}
		if a.want.Bare {
			a.axis.Tick.Marker = plot.ConstantTicks{}
		}
		if a.want.Min == 0 && a.want.Max == 0 {
			widen(a.axis, 0.05, 1e-6)
			continue
		}
		low, okLow := a.want.at(a.want.Min)
		high, okHigh := a.want.at(a.want.Max)
		if !okLow || !okHigh || low >= high {
			return nil, nil, fmt.Errorf("results: panel: an axis from %g to %g", a.want.Min, a.want.Max)
		}
		a.axis.Min, a.axis.Max = low, high
	}
	return p, entries, nil
}
