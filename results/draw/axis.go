package draw

import (
	"math"

	"gonum.org/v1/plot"
)

// Scale says how an axis shows a quantity.
type Scale struct {
	Label string
	Log   bool // to base 10
	// Where the axis ends at the latest, whatever the data; 0, 0 for no limit.
	Least, Most float64
}

// Limited reports whether the axis ends somewhere, whatever the data.
func (s Scale) Limited() bool { return s.Least < s.Most }

// Within is a range cut off at the limits of the axis.
func (s Scale) Within(r Span) Span {
	if s.Limited() {
		return Span{max(r.Low, s.Least), min(r.High, s.Most)}
	}
	return r
}

// Place is where a value stands on the axis, in the plot's own coordinates; NaN if it cannot be shown there.
func (s Scale) Place(x float64) float64 {
	if s.Log {
		x = math.Log10(x) // NaN below 0
	}
	if !finite(x) {
		return math.NaN()
	}
	return x
}

// LeastDecades is the least range of a logarithmic axis: two of 1, 2, 5, 10 are always seen.
const LeastDecades = 0.8

// Span is the range of an axis, empty at first.
type Span struct{ Low, High float64 }

// NoSpan is a range that is still empty.
func NoSpan() Span { return Span{math.Inf(1), math.Inf(-1)} }

// Include widens the range to a place, unless that is NaN.
func (r *Span) Include(x float64) {
	if !math.IsNaN(x) {
		r.Low, r.High = min(r.Low, x), max(r.High, x)
	}
}

// Clamp is the place within the range that is closest to x.
func (r Span) Clamp(x float64) float64 { return min(max(x, r.Low), r.High) }

// Widened is a range around data with room at both ends, on the axis of a quantity.
func (s Scale) Widened(r Span) Span {
	const room = 0.06
	a := plot.Axis{Min: r.Low, Max: r.High}
	Widen(&a, room, 1e-6)
	if more := (LeastDecades - (a.Max - a.Min)) / 2; s.Log && more > 0 {
		a.Min, a.Max = a.Min-more, a.Max+more
	}
	r = Span{a.Min, a.Max}
	if s.Limited() {
		more := room / 2 * (s.Most - s.Least) // so that a mark at the limit is whole
		r = Span{max(r.Low, s.Least-more), min(r.High, s.Most+more)}
	}
	return r
}

// Set gives an axis its range and ticks. room is how many labels fit.
func (s Scale) Set(a *plot.Axis, r Span, room int) {
	a.Min, a.Max = r.Low, r.High
	if s.Log {
		a.Tick.Marker = DecadeTicks{Room: room}
	}
}

// Beside hides the labels of an axis whose neighbour has the same.
func Beside(a *plot.Axis) {
	a.Label.Text = ""
	a.Tick.Marker = unlabelled{a.Tick.Marker}
}

// Widen gives an axis a range around its data: a fraction of it on both sides. A single value gets a tenth of itself,
// or the least span given.
func Widen(a *plot.Axis, fraction, least float64) {
	if a.Min > a.Max {
		a.Min, a.Max = 0, 1 // no data
	}
	middle, span := (a.Min+a.Max)/2, a.Max-a.Min
	if span <= 1e-9*math.Abs(middle) { // equal but for rounding
		span = math.Max(least, 0.1*math.Abs(middle))
	}
	a.Min = middle - span*(0.5+fraction)
	a.Max = middle + span*(0.5+fraction)
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
