package results

import (
	"math"

	"gonum.org/v1/plot"
)

// scale says how an axis shows a quantity.
type scale struct {
	label string
	log   bool // to base 10
	// Where the axis ends at the latest, whatever the data; 0, 0 for no limit.
	least, most float64
}

func (s scale) limited() bool { return s.least < s.most }

// within is a range cut off at the limits of the axis.
func (s scale) within(r span) span {
	if s.limited() {
		return span{max(r.low, s.least), min(r.high, s.most)}
	}
	return r
}

// place is where a value stands on the axis, in the plot's own coordinates; NaN if it cannot be shown there.
func (s scale) place(x float64) float64 {
	if s.log {
		x = math.Log10(x) // NaN below 0
	}
	if !finite(x) {
		return math.NaN()
	}
	return x
}

// leastDecades is the least range of a logarithmic axis: two of 1, 2, 5, 10 are always seen.
const leastDecades = 0.8

// span is the range of an axis, empty at first.
type span struct{ low, high float64 }

func noSpan() span { return span{math.Inf(1), math.Inf(-1)} }

// include widens the range to a place, unless that is NaN.
func (r *span) include(x float64) {
	if !math.IsNaN(x) {
		r.low, r.high = min(r.low, x), max(r.high, x)
	}
}

// clamp is the place within the range that is closest to x.
func (r span) clamp(x float64) float64 { return min(max(x, r.low), r.high) }

// widened is a range around data with room at both ends, on the axis of a quantity.
func (s scale) widened(r span) span {
	const room = 0.06
	a := plot.Axis{Min: r.low, Max: r.high}
	widen(&a, room, 1e-6)
	if more := (leastDecades - (a.Max - a.Min)) / 2; s.log && more > 0 {
		a.Min, a.Max = a.Min-more, a.Max+more
	}
	r = span{a.Min, a.Max}
	if s.limited() {
		more := room / 2 * (s.most - s.least) // so that a mark at the limit is whole
		r = span{max(r.low, s.least-more), min(r.high, s.most+more)}
	}
	return r
}

// set gives an axis its range and ticks. room is how many labels fit.
func (s scale) set(a *plot.Axis, r span, room int) {
	a.Min, a.Max = r.low, r.high
	if s.log {
		a.Tick.Marker = decadeTicks{room: room}
	}
}

// beside hides the labels of an axis whose neighbour has the same.
func beside(a *plot.Axis) {
	a.Label.Text = ""
	a.Tick.Marker = unlabelled{a.Tick.Marker}
}
