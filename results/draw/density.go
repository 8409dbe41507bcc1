package draw

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
)

// Density shows too many points to be told apart: the range of the points is divided into bins, which are darker the
// more points they have, on a logarithmic scale. Those of one label in a block have one scale.
type Density struct {
	Label string
	X, Y  []float64
	Color Color
	Bins  int // along each axis

	most int // points in a bin of the darkest shade; those in the fullest bin if that has more
}

// shades is the number of steps between the bin with one point and the fullest.
const shades = 6

// bin counts the points that the axes can show.
func (d Density) bin(x, y Axis) (*binned, error) {
	if d.Bins < 1 {
		return nil, fmt.Errorf("draw: density: want 1 or more bins, got %d", d.Bins)
	}
	points, err := place(d.X, d.Y, x, y)
	if err != nil || len(points) == 0 {
		return nil, err
	}
	b := bin(points, d.Bins)
	b.most = max(b.most, d.most)
	return b, nil
}

// fullest is the number of points in the fullest bin of all densities of a label.
func (b Block) fullest() (map[string]int, error) {
	most := map[string]int{}
	for _, p := range slices.Concat(b.Rows...) {
		for _, layer := range p.Layers {
			if d, ok := layer.(Density); ok {
				bins, err := d.bin(p.X, p.Y)
				if err != nil {
					return nil, err
				}
				if bins != nil {
					most[d.Label] = max(most[d.Label], bins.most)
				}
			}
		}
	}
	return most, nil
}

func (d Density) draw(p *plot.Plot, x, y Axis) (keyEntry, error) {
	b, err := d.bin(x, y)
	if b == nil {
		return keyEntry{}, err
	}
	c := cells{b.low, b.high, b.n, b.n, func(column, row int) int { return b.shade(b.counts[row*b.n+column]) },
		shadesOf(d.Color.rgba())}
	p.Add(c)
	return keyEntry{label: d.Label, shades: c.colors, low: "1", high: strconv.Itoa(b.most)}, nil
}

// shadesOf goes from a pale tint of a colour to a deep one.
func shadesOf(c color.NRGBA) (list []color.NRGBA) {
	dark := color.NRGBA{R: c.R / 3, G: c.G / 3, B: c.B / 3, A: c.A}
	for i := range shades {
		if t := float64(i) / (shades - 1); t < 0.5 {
			list = append(list, pale(c, 0.75*(1-2*t)))
		} else {
			list = append(list, mix(c, dark, 2*t-1))
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
}

// bin counts points. If all have the same x, or the same y, the bin is a unit wide there.
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
