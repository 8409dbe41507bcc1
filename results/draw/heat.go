package draw

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Heat is a matrix, its values as shades of a colour, on a logarithmic scale unless it is linear. Rows[0] is at the
// top, and value j of row i covers the place from j to j+1 along x and from i to i+1 along y, counted downwards; the
// panel's axes need a range of the number of columns, and of rows.
type Heat struct {
	Label     string
	Rows      [][]float64
	Low, High float64 // of the palest and of the darkest shade; beyond them it stays the same, and a NaN is left white
	Color     Color
	Linear    bool // from white to the colour, in many shades
}

func (h Heat) draw(p *plot.Plot, x, y Axis) (keyEntry, error) {
	switch {
	case len(h.Rows) == 0 || len(h.Rows[0]) == 0:
		return keyEntry{}, nil
	case x.Log || y.Log:
		return keyEntry{}, errors.New("draw: heat: want linear axes")
	case !(h.Low < h.High):
		return keyEntry{}, fmt.Errorf("draw: heat: shades from %g to %g: want low < high", h.Low, h.High)
	case !h.Linear && h.Low <= 0:
		return keyEntry{}, fmt.Errorf("draw: heat: shades from %g to %g: want 0 < low", h.Low, h.High)
	}
	for _, row := range h.Rows {
		if len(row) != len(h.Rows[0]) {
			return keyEntry{}, fmt.Errorf("draw: heat: a row of %d values under one of %d", len(row), len(h.Rows[0]))
		}
	}
	c := cells{high: plotter.XY{X: float64(len(h.Rows[0])), Y: float64(len(h.Rows))}, columns: len(h.Rows[0]),
		rows: len(h.Rows), colors: h.colors()}
	c.shade = func(column, row int) int { return h.shade(h.Rows[len(h.Rows)-1-row][column], len(c.colors)) }
	p.Add(c)
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	return keyEntry{label: h.Label, shades: c.colors, low: number(h.Low), high: number(h.High)}, nil
}

func (h Heat) colors() (list []color.NRGBA) {
	if !h.Linear {
		return shadesOf(h.Color.rgba())
	}
	const many = 64
	for i := range many {
		list = append(list, pale(h.Color.rgba(), 1-float64(i)/(many-1)))
	}
	return list
}

// shade is the index of a value's shade among n; -1 for none.
func (h Heat) shade(v float64, n int) int {
	if math.IsNaN(v) {
		return -1
	}
	v = min(max(v, h.Low), h.High)
	x := (v - h.Low) / (h.High - h.Low)
	if !h.Linear {
		x = math.Log(v/h.Low) / math.Log(h.High/h.Low)
	}
	return min(int(float64(n)*x), n-1)
}

// cells is a grid of shades between two corners.
type cells struct {
	low, high     plotter.XY
	columns, rows int
	shade         func(column, row int) int // counted from the lower left; -1 for none
	colors        []color.NRGBA
}

// DataRange is the range that the axes must show.
func (g cells) DataRange() (xmin, xmax, ymin, ymax float64) {
	return g.low.X, g.high.X, g.low.Y, g.high.Y
}

// Plot fills the cells; neighbours of one shade in a row are one rectangle. Each is a little larger than its cells, to
// close the gaps that viewers leave between areas.
func (g cells) Plot(c draw.Canvas, p *plot.Plot) {
	const more = 0.1 // points
	toX, toY := p.Transforms(&c)
	at := func(column, row int) vg.Point {
		return vg.Point{
			X: toX(g.low.X + float64(column)*(g.high.X-g.low.X)/float64(g.columns)),
			Y: toY(g.low.Y + float64(row)*(g.high.Y-g.low.Y)/float64(g.rows)),
		}
	}
	for row := range g.rows {
		for from := 0; from < g.columns; {
			shade, to := g.shade(from, row), from+1
			for to < g.columns && g.shade(to, row) == shade {
				to++
			}
			if shade >= 0 {
				low, high := at(from, row), at(to, row+1)
				low.X, low.Y, high.X, high.Y = low.X-more, low.Y-more, high.X+more, high.Y+more
				c.FillPolygon(g.colors[shade], c.ClipPolygonXY([]vg.Point{low, {X: high.X, Y: low.Y}, high, {X: low.X, Y: high.Y}}))
			}
			from = to
		}
	}
}
