package draw

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
)

// Axis describes an axis.
type Axis struct {
	Label       string
	Log         bool    // to base 10; values that are not positive are left out
	Min, Max    float64 // the range shown; around the data if both are 0
	Least, Most float64 // where a range around the data ends at the latest; no limit if both are 0
	Whole       bool    // numbers at integers only, for counts
	Bare        bool    // without numbers, and without a line unless it has a label, for a schematic axis
	Room        int     // labels that a logarithmic axis has room for; 0 for many
	Names       []Name  // in place of numbers
}

// Name is what an axis calls a place.
type Name struct {
	At   float64
	Text string
}

// Place is the position of a value on the axis, in the plot's own coordinates; NaN if it cannot be shown there.
func (a Axis) Place(v float64) float64 {
	if a.Log {
		v = math.Log10(v) // NaN below 0
	}
	if !finite(v) {
		return math.NaN()
	}
	return v
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// limit moves a place on the axis to the nearest one within its limits.
func (a Axis) limit(at float64) float64 {
	if a.Least < a.Most {
		return min(max(at, a.Place(a.Least)), a.Place(a.Most))
	}
	return at
}

// set gives an axis of a plot, which has the range of its data, the range to show, and ticks.
func (a Axis) set(axis *plot.Axis) error {
	switch {
	case a.Bare || len(a.Names) > 0:
		ticks := plot.ConstantTicks{}
		for _, n := range a.Names {
			ticks = append(ticks, plot.Tick{Value: a.Place(n.At), Label: n.Text})
		}
		axis.Tick.Marker = ticks
		if a.Bare && a.Label == "" {
			axis.LineStyle.Width = 0
		}
	case a.Log:
		axis.Tick.Marker = decadeTicks{a.Room}
	default:
		axis.Tick.Marker = niceTicks{a.Whole}
	}
	if a.Min == 0 && a.Max == 0 {
		axis.Min, axis.Max = a.around(axis.Min, axis.Max)
		return nil
	}
	axis.Min, axis.Max = a.Place(a.Min), a.Place(a.Max)
	if !(axis.Min < axis.Max) {
		return fmt.Errorf("draw: panel: an axis from %g to %g", a.Min, a.Max)
	}
	return nil
}

// around is the range to show for data between two places: with room at both ends, but not far beyond the limits.
func (a Axis) around(low, high float64) (from, to float64) {
	const leastDecades = 0.8 // so that two of 1, 2, 5, 10 are always seen
	room := 0.05             // on either side
	if a.Whole {
		room = 0.02
	}
	if low > high {
		low, high = 0, 1 // no data
	}
	middle, span := (low+high)/2, high-low
	if span <= 1e-9*math.Abs(middle) { // equal up to rounding
		span = max(1e-6, 0.1*math.Abs(middle))
		if a.Whole {
			span = max(span, 1)
		}
	}
	span *= 1 + 2*room
	if a.Log {
		span = max(span, leastDecades)
	}
	from, to = middle-span/2, middle+span/2
	if a.Least < a.Most {
		least, most := a.Place(a.Least), a.Place(a.Most)
		more := room / 2 * (most - least) // so that a mark at the limit is whole
		from, to = max(from, least-more), min(to, most+more)
	}
	return from, to
}

// share gives the panels of a row the range of all their data.
func share(row []plotted) {
	x, y := plot.Axis{Min: math.Inf(1), Max: math.Inf(-1)}, plot.Axis{Min: math.Inf(1), Max: math.Inf(-1)}
	for i := range 2 * len(row) { // once to collect, once to set
		p := row[i%len(row)].plot
		if p == nil {
			continue
		}
		x.Min, x.Max, y.Min, y.Max = min(x.Min, p.X.Min), max(x.Max, p.X.Max), min(y.Min, p.Y.Min), max(y.Max, p.Y.Max)
		p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = x.Min, x.Max, y.Min, y.Max
	}
}
