package results

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Density is points too many to be told apart: the panel is cut into square bins, each as dark as points in it are many, on a
// logarithmic scale. The range that is cut is that of the points.
type Density struct {
	Label string
	X, Y  []float64
	Color Color
	Bins  int // along each axis
}

// shades is the number of steps between the bin with one point and the fullest.
const shades = 6

func (d Density) draw(p *plot.Plot, x, y Axis) (keyEntry, error) {
	if d.Bins < 1 {
		return keyEntry{}, fmt.Errorf("results: density: want 1 or more bins, got %d", d.Bins)
	}
	points, err := place(d.X, d.Y, x, y)
	if err != nil || len(points) == 0 {
		return keyEntry{}, err
	}
	bins := bin(points, d.Bins)
	bins.shades = shadesOf(d.Color.nrgba())
	p.Add(bins)
	return keyEntry{label: d.Label, fill: bins.shades[shades/2]}, nil
}

// shadesOf goes from a pale tint of a colour to a deep one.
func shadesOf(c color.NRGBA) (list [shades]color.NRGBA) {
	dark := color.NRGBA{R: c.R / 3, G: c.G / 3, B: c.B / 3, A: c.A}
	for i := range list {
		switch t := float64(i) / (shades - 1); {
		case t < 0.5:
			list[i] = pale(c, 0.75*(1-2*t))
		default:
			mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + (2*t-1)*(float64(b)-float64(a)))) }
			list[i] = color.NRGBA{R: mix(c.R, dark.R), G: mix(c.G, dark.G), B: mix(c.B, dark.B), A: c.A}
		}
	}
	return list
}

// binned is the counts of points in n x n bins between two corners.
type binned struct {
	low, high plotter.XY
	n         int
	counts    []int // [y][x]
	most      int
	shades    [shades]color.NRGBA
}

// bin counts points. Where all have one x, or one y, the bin is a unit wide there.
func bin(points plotter.XYs, n int) *binned {
	b := &binned{n: n, counts: make([]int, n*n)}
	b.low.X, b.high.X, b.low.Y, b.high.Y = plotter.XYRange(points)
	if b.low.X == b.high.X {
		b.low.X, b.high.X = b.low.X-0.5, b.high.X+0.5
	}
	if b.low.Y == b.high.Y {
		b.low.Y, b.high.Y = b.low.Y-0.5, b.high.Y+0.5
	}
	for _, p := range points {
		column := min(n-1, int(float64(n)*(p.X-b.low.X)/(b.high.X-b.low.X)))
		row := min(n-1, int(float64(n)*(p.Y-b.low.Y)/(b.high.Y-b.low.Y)))
		b.counts[row*n+column]++
		b.most = max(b.most, b.counts[row*n+column])
	}
	return b
}

// shade is the index of a count's shade; -1 for none.
func (b *binned) shade(count int) int {
	if count == 0 {
		return -1
	}
	if b.most == 1 {
		return shades / 2
	}
	return min(shades-1, int(shades*math.Log(float64(count))/math.Log(float64(b.most))))
}

// DataRange is what the axes have to show.
func (b *binned) DataRange() (xmin, xmax, ymin, ymax float64) {
	return b.low.X, b.high.X, b.low.Y, b.high.Y
}

// Plot fills the bins; neighbours of one shade in a row are one rectangle. Each is a little larger than its bins, to close the
// gaps that viewers leave between areas.
func (b *binned) Plot(c draw.Canvas, p *plot.Plot) {
	const more = 0.1 // points
	toX, toY := p.Transforms(&c)
	at := func(column, row int) vg.Point {
		return vg.Point{
			X: toX(b.low.X + float64(column)*(b.high.X-b.low.X)/float64(b.n)), Y: toY(b.low.Y + float64(row)*(b.high.Y-b.low.Y)/float64(b.n)),
		}
	}
	for row := range b.n {
		for from := 0; from < b.n; {
			shade, to := b.shade(b.counts[row*b.n+from]), from+1
			for to < b.n && b.shade(b.counts[row*b.n+to]) == shade {
				to++
			}
			if shade >= 0 {
				low, high := at(from, row), at(to, row+1)
				low.X, low.Y, high.X, high.Y = low.X-more, low.Y-more, high.X+more, high.Y+more
				c.FillPolygon(b.shades[shade], c.ClipPolygonXY([]vg.Point{low, {X: high.X, Y: low.Y}, high, {X: low.X, Y: high.Y}}))
			}
			from = to
		}
	}
}
