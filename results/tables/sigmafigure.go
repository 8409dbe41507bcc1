package tables

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

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
	layers := sigmaLayers(c)
	low, high, top := math.Inf(1), math.Inf(-1), 0.0
	for _, l := range layers {
		if len(l.logs) > 0 {
			low, high = min(low, l.logs[0]), max(high, l.logs[len(l.logs)-1])
		}
		for _, d := range l.density {
			top = max(top, d)
		}
	}
	if low > high {
		return nil, errors.New("tables: distribution of sigma: every sigma is zero or not finite")
	}
	if initial > 0 {
		low, high = min(low, math.Log10(initial)), max(high, math.Log10(initial))
	}
	style := draw.NewStyle()
	p := style.Axes("Standard deviation σ of a weight", "Probability density (per decade)")
	out := draw.PlotPanel{Plot: p}
	if top == 0 { // only vertical lines, whose height means nothing
		top = 1
		p.Y.Label.Text, p.Y.Tick.Marker, p.Y.LineStyle.Width = "", plot.ConstantTicks{}, 0
	}
	top *= 1.06
	pad := max(0.04*(high-low), (draw.LeastDecades-(high-low))/2)
	p.X.Tick.Marker = draw.DecadeTicks{}
	for i, l := range layers {
		if len(l.logs) == 0 {
			continue
		}
		entry, err := l.add(p, i, layers[i+1:], top)
		if err != nil {
			return nil, err
		}
		out.Key = append(out.Key, entry)
	}
	if initial > 0 {
		line, err := verticalLine(math.Log10(initial), top)
		if err != nil {
			return nil, err
		}
		line.LineStyle = draw.Dashed(draw.Grey.NRGBA(), draw.CurveWidth)
		p.Add(line)
		out.Key = append(out.Key, draw.KeyEntry{Label: "initial σ", Line: line.LineStyle})
	}
	p.X.Min, p.X.Max = low-pad, high+pad
	p.Y.Min, p.Y.Max = 0, top
	return draw.Stack(style, draw.OneColumn, "", draw.PlotBlock{Rows: [][]draw.PlotPanel{{out}}, Height: draw.RowHeight}),
		nil
}

// sigmaLayer is the distribution of log10 sigma in one layer.
type sigmaLayer struct {
	name    string
	logs    []float64 // ascending
	density []float64 // per decade, in bins of equal width over the range of logs; none if all are equal
}

// sigmaLayers returns the distribution of each layer, or of all together if there is one sigma for the network.
func sigmaLayers(c *store.Checkpoint) []sigmaLayer {
	const few = 4 // so many have room for their sizes in the key
	var layers []sigmaLayer
	for i, l := range c.Layout.Layers {
		name := fmt.Sprintf("layer %d", i+1)
		if len(c.Layout.Layers) <= few {
			name += fmt.Sprintf(" (%d → %d)", l.In, l.Out)
		}
		if c.Layout.Sharing == kernels.PerNetwork {
			name = "all layers"
		}
		layers = append(layers, newSigmaLayer(name, c.Sigmas(i)))
		if c.Layout.Sharing == kernels.PerNetwork {
			break
		}
	}
	return layers
}

func newSigmaLayer(name string, sigmas []float32) sigmaLayer {
	l := sigmaLayer{name: name}
	for _, sigma := range sigmas {
		if x := math.Log10(float64(sigma)); finite(x) {
			l.logs = append(l.logs, x)
		}
	}
	if lost := len(sigmas) - len(l.logs); lost > 0 {
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
// n^(-1/3), where n counts equal values once, as those that share a sigma are one.
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

// add draws the layer, which has number i, into a plot of height top, to which later ones will be added.
func (l sigmaLayer) add(p *plot.Plot, i int, later []sigmaLayer, top float64) (draw.KeyEntry, error) {
	if len(l.density) == 0 {
		line, err := verticalLine(l.logs[0], top)
		if err != nil {
			return draw.KeyEntry{}, err
		}
		// Of lines at one place the later are thinner, so that all are seen.
		line.LineStyle = draw.Outlined(i)
		for _, other := range later {
			if len(other.logs) > 0 && len(other.density) == 0 && math.Abs(other.logs[0]-l.logs[0]) < 0.01 {
				line.LineStyle.Width += draw.CurveWidth
			}
		}
		p.Add(line)
		return draw.KeyEntry{Label: l.name, Line: line.LineStyle}, nil
	}
	low, width := l.logs[0], (l.logs[len(l.logs)-1]-l.logs[0])/float64(len(l.density))
	steps := plotter.XYs{{X: low, Y: 0}}
	for i, d := range l.density {
		left := low + float64(i)*width
		steps = append(steps, plotter.XY{X: left, Y: d}, plotter.XY{X: left + width, Y: d})
	}
	steps = append(steps, plotter.XY{X: steps[len(steps)-1].X, Y: 0})
	area, err := plotter.NewPolygon(steps)
	if err != nil {
		return draw.KeyEntry{}, err
	}
	area.Color, area.LineStyle.Width = draw.Translucent(draw.Palette(i)), 0
	outline, err := plotter.NewLine(steps)
	if err != nil {
		return draw.KeyEntry{}, err
	}
	outline.LineStyle = draw.Outlined(i)
	p.Add(area, outline)
	return draw.KeyEntry{Label: l.name, Line: outline.LineStyle, Fill: area.Color}, nil
}

func verticalLine(x, top float64) (*plotter.Line, error) {
	return plotter.NewLine(plotter.XYs{{X: x, Y: 0}, {X: x, Y: top}})
}
