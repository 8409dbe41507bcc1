package draw

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Layer is something drawn on axes: a Curve, Points, a Level, an Area, a Density or a Heat.
type Layer interface {
	draw(p *plot.Plot, x, y Axis) (keyEntry, error)
}

// Curve is a line through points.
type Curve struct {
	Label     string // in the key, unless empty
	X, Y      []float64
	Low, High []float64 // an interval around each y, drawn as a band and cut off at the ends of the axis; NaN for none
	Color     Color
	Pale      float64 // from 0, the full colour, to 1, white
	Dashed    bool
	Thin      bool // for references
	Wider     int  // by so many widths, to be seen around another at the same place
	Mark      Mark // at each point; none if 0
	Small     bool // marks, for many
}

// Points are marks.
type Points struct {
	Label string
	X, Y  []float64
	Color Color
	Pale  float64 // from 0, the full colour, to 1, white
	Small bool    // and translucent, for many
	Mark  Mark    // a Dot if 0
}

// Level is a reference line across the panel.
type Level struct {
	Label string
	Y     float64 // NaN for none
}

// Area is a filled polygon with the given corners.
type Area struct {
	Label   string
	X, Y    []float64
	Color   Color
	Hatched bool // by lines instead of a tint
}

// Mark is the shape of a point.
type Mark int

// The marks, filled and open.
const (
	Dot Mark = iota + 1
	Square
	Triangle
	Plus
	OpenDot
	OpenSquare
	OpenTriangle
	Cross
)

// glyph is a mark in a colour; open ones are larger, for they are lighter.
func (m Mark) glyph(c Curve, radius vg.Length) draw.GlyphStyle {
	if m >= OpenDot {
		radius *= 1.25
	}
	shapes := []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.PlusGlyph{},
		draw.RingGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{}}
	return draw.GlyphStyle{Color: pale(c.Color.rgba(), c.Pale), Radius: radius, Shape: shapes[m-Dot]}
}

// Band is the area between two curves over x.
func Band(label string, x, low, high []float64, c Color) Area {
	a := Area{Label: label, X: slices.Clone(x), Y: slices.Clone(low), Color: c}
	for i := range slices.Backward(x) {
		a.X, a.Y = append(a.X, x[i]), append(a.Y, high[i])
	}
	return a
}

// Box is the area of a rectangle.
func Box(label string, left, right, bottom, top float64, c Color, hatched bool) Area {
	return Area{Label: label, X: []float64{left, right, right, left}, Y: []float64{bottom, bottom, top, top}, Color: c,
		Hatched: hatched}
}

// place returns the points that both axes have a place for.
func place(xs, ys []float64, x, y Axis) (plotter.XYs, error) {
	if len(xs) != len(ys) {
		return nil, fmt.Errorf("draw: panel: %d values of x, %d of y", len(xs), len(ys))
	}
	var points plotter.XYs
	for i := range xs {
		if at := (plotter.XY{X: x.Place(xs[i]), Y: y.Place(ys[i])}); !math.IsNaN(at.X + at.Y) {
			points = append(points, at)
		}
	}
	return points, nil
}

func (c Curve) draw(p *plot.Plot, x, y Axis) (keyEntry, error) {
	points, err := place(c.X, c.Y, x, y)
	if err != nil || len(points) == 0 {
		return keyEntry{}, err
	}
	entry := keyEntry{label: c.Label}
	bands, err := c.bands(x, y)
	if err != nil {
		return keyEntry{}, err
	}
	for _, b := range bands {
		p.Add(b)
		entry.fill, entry.around = b.color, true
	}
	line, marks, err := plotter.NewLinePoints(points)
	if err != nil {
		return keyEntry{}, err
	}
	width := vg.Length(curveWidth)
	if c.Thin {
		width = hairline
	}
	width += curveWidth * vg.Length(c.Wider)
	line.LineStyle = solid(pale(c.Color.rgba(), c.Pale), width)
	if c.Dashed {
		line.LineStyle = dashed(line.Color, width)
	}
	if p.Add(line); len(points) > 1 {
		entry.line = line.LineStyle
	}
	if c.Mark > 0 {
		marks.GlyphStyle = c.Mark.glyph(c, markSize)
		if c.Small {
			marks.Radius *= 0.75
		}
		entry.mark = marks.GlyphStyle
		p.Add(marks)
	}
	return entry, nil
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
	scatter.GlyphStyle = max(d.Mark, Dot).glyph(Curve{Color: d.Color, Pale: d.Pale}, markSize)
	entry := keyEntry{label: d.Label, mark: scatter.GlyphStyle}
	if d.Small {
		faint := pale(d.Color.rgba(), d.Pale)
		faint.A = 0x80
		scatter.Color, scatter.Radius = faint, scatter.Radius/2
	}
	p.Add(scatter)
	return entry, nil
}

func (l Level) draw(p *plot.Plot, _, y Axis) (keyEntry, error) {
	at := y.Place(l.Y)
	if math.IsNaN(at) {
		return keyEntry{}, nil
	}
	line := plotter.NewFunction(func(float64) float64 { return at })
	line.LineStyle = dashed(Ink.rgba(), hairline)
	p.Add(line)
	p.Y.Min, p.Y.Max = min(p.Y.Min, at), max(p.Y.Max, at)
	return keyEntry{label: l.Label, line: line.LineStyle}, nil
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
	polygon.Color, polygon.LineStyle.Width = translucent(a.Color.rgba()), 0
	entry := keyEntry{label: a.Label, fill: polygon.Color}
	p.Add(polygon)
	if a.Hatched {
		entry.line = solid(a.Color.rgba(), hairline)
		polygon.LineStyle = entry.line
		p.Add(hatch{corners, entry.line})
	}
	return entry, nil
}
