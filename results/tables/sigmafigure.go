package tables

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"quantal/kernels"
	"quantal/results/draw"
	"quantal/results/store"
)

// SigmaDistribution draws how sigma is distributed over the weights of each layer, biases not included, on a
// logarithmic axis: a histogram of log10 sigma with area 1 for each layer, or a vertical line if all are equal. A
// dashed line marks the sigma that the network started with, if initial is positive. Values that are zero or not finite
// are left out, and the key says how many. A network without noise, or with no value left, gives an error.
func SigmaDistribution(c *store.Checkpoint, initial float64) (*draw.Figure, error) {
	if c.Layout.Sharing == kernels.NoNoise {
		return nil, errors.New("tables: distribution of sigma: the network has no noise")
	}
	names, values := SigmaLayers(c)
	p, err := LogDistribution("Standard deviation σ of a weight", names, values)
	if err != nil {
		return nil, errors.New("tables: distribution of sigma: every sigma is zero or not finite")
	}
	if initial > 0 {
		p.Layers = append(p.Layers, vertical("initial σ", draw.Curve{Color: draw.Grey, Dashed: true}, initial, p.Y.Max))
	}
	figure, err := draw.NewFigure(draw.Block{Rows: [][]draw.Panel{{p}}, Height: draw.RowHeight, OwnKeys: true})
	if err == nil {
		figure.Width = draw.OneColumn
	}
	return figure, err
}

// LogDistribution draws how several lists of values are distributed, on a logarithmic axis with a label: each as a
// histogram of log10 with area 1, or a vertical line if all are equal. Values that are not above zero or not finite are
// left out, and the key says how many. A list without any has no part in it, and the others look as with it; without
// any value left it returns an error.
func LogDistribution(label string, names []string, values [][]float64) (draw.Panel, error) {
	var layers []distribution
	some := false
	for i, name := range names {
		layers = append(layers, newDistribution(name, values[i]))
		some = some || len(layers[i].logs) > 0
	}
	if !some {
		return draw.Panel{}, fmt.Errorf("tables: distribution of %s: every value is zero or not finite", label)
	}
	p := draw.Panel{X: draw.Axis{Label: label, Log: true}, Y: draw.Axis{Label: "Probability density (per decade)"}}
	for _, l := range layers {
		p.Y.Max = max(p.Y.Max, 1.06*slices.Max(append(l.density, 0)))
	}
	if p.Y.Max == 0 { // only vertical lines, whose height has no meaning
		p.Y = draw.Axis{Max: 1, Bare: true}
	}
	for i, l := range layers {
		p.Layers = append(p.Layers, l.draw(i, layers[i+1:], p.Y.Max)...)
	}
	return p, nil
}

// distribution is that of log10 of values.
type distribution struct {
	name    string
	logs    []float64 // ascending
	density []float64 // per decade, in bins of equal width over the range of logs; none if all are equal
}

// SigmaLayers returns the name and the sigmas of each layer, or of all together if there is one for the network.
func SigmaLayers(c *store.Checkpoint) (names []string, values [][]float64) {
	const few = 4 // the key has room for the sizes of this many
	for i, l := range c.Layout.Layers {
		name := fmt.Sprintf("layer %d", i+1)
		if len(c.Layout.Layers) <= few {
			name += fmt.Sprintf(" (%d → %d)", l.In, l.Out)
		}
		if c.Layout.Sharing == kernels.PerNetwork {
			name = "all layers"
		}
		sigmas := c.Sigmas(i)
		wide := make([]float64, len(sigmas))
		for k, sigma := range sigmas {
			wide[k] = float64(sigma)
		}
		names, values = append(names, name), append(values, wide)
		if c.Layout.Sharing == kernels.PerNetwork {
			break
		}
	}
	return names, values
}

func newDistribution(name string, values []float64) distribution {
	l := distribution{name: name}
	for _, v := range values {
		if x := math.Log10(v); finite(x) {
			l.logs = append(l.logs, x)
		}
	}
	if lost := len(values) - len(l.logs); lost > 0 {
		l.name += fmt.Sprintf(", without %d zero or not finite", lost)
	}
	slices.Sort(l.logs)
	n := len(l.logs)
	if n == 0 || l.logs[0] == l.logs[n-1] {
		return l
	}
	low, width := l.logs[0], l.logs[n-1]-l.logs[0]
	count := bins(l.logs)
	l.density = make([]float64, count)
	for _, x := range l.logs {
		bin := min(int((x-low)/width*float64(count)), count-1)
		l.density[bin] += float64(count) / (width * float64(n))
	}
	return l
}

// bins is the number of histogram bins for ascending values by the rule of Freedman and Diaconis (1981): width 2 IQR
// n^(-1/3), where n counts equal values once, because synapses that share a sigma count once.
func bins(sorted []float64) int {
	const least, most = 4, 150
	n := len(sorted)
	distinct := len(slices.Compact(slices.Clone(sorted)))
	width := 2 * (sorted[3*n/4] - sorted[n/4]) / math.Cbrt(float64(distinct))
	count := (sorted[n-1] - sorted[0]) / width
	if !(count < most) { // also if the width is 0
		return most
	}
	return max(least, int(math.Ceil(count)))
}

// draw draws the layer, which is number i, up to a height; the later ones come after it.
func (l distribution) draw(i int, later []distribution, top float64) []draw.Layer {
	outline := draw.Series(i)
	if len(l.logs) == 0 {
		return nil
	}
	if len(l.density) == 0 {
		// Of lines at the same place the later ones are thinner, so that all are visible.
		for _, other := range later {
			if len(other.density) == 0 && len(other.logs) > 0 && math.Abs(other.logs[0]-l.logs[0]) < 0.01 {
				outline.Wider++
			}
		}
		return []draw.Layer{vertical(l.name, outline, math.Pow(10, l.logs[0]), top)}
	}
	low, width := l.logs[0], (l.logs[len(l.logs)-1]-l.logs[0])/float64(len(l.density))
	outline.Label = l.name
	step := func(edge int, y float64) {
		outline.X, outline.Y = append(outline.X, math.Pow(10, low+float64(edge)*width)), append(outline.Y, y)
	}
	step(0, 0)
	for i, d := range l.density {
		step(i, d)
		step(i+1, d)
	}
	step(len(l.density), 0)
	return []draw.Layer{draw.Area{Label: l.name, X: outline.X, Y: outline.Y, Color: outline.Color}, outline}
}

func vertical(label string, c draw.Curve, x, top float64) draw.Curve {
	c.Label, c.X, c.Y = label, []float64{x, x}, []float64{0, top}
	return c
}
