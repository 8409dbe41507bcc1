package draw

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// band is intervals along y around neighbouring points of a curve.
type band struct {
	x, low, high []float64 // places on the axes; those of low and high may be infinite
	y            Axis
	color        color.NRGBA
}

// bands are the intervals of a curve. A point without one interrupts them.
func (c Curve) bands(x, y Axis) ([]*band, error) {
	if len(c.Low) == 0 && len(c.High) == 0 {
		return nil, nil
	}
	if len(c.Low) != len(c.X) || len(c.High) != len(c.X) {
		return nil, fmt.Errorf("draw: panel: %d values of x, %d and %d ends of intervals", len(c.X), len(c.Low), len(c.High))
	}
	var list []*band
	cut := true
	for i := range c.X {
		at, low, high := x.Place(c.X[i]), y.Place(c.Low[i]), y.Place(c.High[i])
		if y.Log && c.Low[i] <= 0 {
			low = math.Inf(-1) // which the axis does not reach
		}
		if math.IsNaN(at + high + low) {
			cut = true
			continue
		}
		if cut {
			list, cut = append(list, &band{y: y, color: translucent(pale(c.Color.rgba(), c.Pale/2))}), false
		}
		b := list[len(list)-1]
		b.x, b.low, b.high = append(b.x, at), append(b.low, low), append(b.high, high)
	}
	return list, nil
}

// DataRange is what the axes have to show: where they are logarithmic not the intervals, of which a wide one would
// leave no room for the rest.
func (b *band) DataRange() (xmin, xmax, ymin, ymax float64) {
	ymin, ymax = math.Inf(1), math.Inf(-1)
	for i := range b.x {
		if !b.y.Log {
			ymin, ymax = min(ymin, b.y.limit(b.low[i])), max(ymax, b.y.limit(b.high[i]))
		}
	}
	xmin, xmax = plotter.Range(plotter.XValues{XYer: b.outline(0, 0)})
	return xmin, xmax, ymin, ymax
}

// outline is the band's between two places on the axis of y: upwards from the first of the upper ends, and back.
func (b *band) outline(from, to float64) plotter.XYs {
	n := len(b.x)
	list := make(plotter.XYs, 2*n)
	for i, x := range b.x {
		list[i] = plotter.XY{X: x, Y: min(max(b.y.limit(b.high[i]), from), to)}
		list[2*n-1-i] = plotter.XY{X: x, Y: min(max(b.y.limit(b.low[i]), from), to)}
	}
	return list
}

// Plot fills the band; that of a single point is a line.
func (b *band) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	var corners []vg.Point
	for _, at := range b.outline(p.Y.Min, p.Y.Max) {
		corners = append(corners, vg.Point{X: toX(at.X), Y: toY(at.Y)})
	}
	if len(b.x) == 1 {
		c.StrokeLines(solid(b.color, 2*curveWidth), c.ClipLinesXY(corners)...)
		return
	}
	c.FillPolygon(b.color, c.ClipPolygonXY(corners))
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
