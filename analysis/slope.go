package analysis

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"quantal/kernels"
)

// Slope is a straight line through points on logarithmic axes, ln y = Intercept + Value ln x, by least squares.
type Slope struct {
	Value       float64 `json:"slope"`
	Low         float64 `json:"low"` // 95 % interval of the slope
	High        float64 `json:"high"`
	Intercept   float64 `json:"intercept"`   // natural logarithm
	Correlation float64 `json:"correlation"` // of the logarithms
	Points      int     `json:"points"`
	Dropped     int     `json:"dropped"` // points that logarithmic axes cannot show: zero, negative or not finite
}

// Bootstrap says how intervals are drawn: cases are resampled with replacement (Efron and Tibshirani 1993), and the
// interval is that between the 2.5 and the 97.5 percent quantile of the slopes.
type Bootstrap struct {
	Seed      uint64
	Resamples int // 0 leaves the interval NaN
}

// DefaultBootstrap is the one that the commands use.
func DefaultBootstrap() Bootstrap { return Bootstrap{Seed: 1, Resamples: 2000} }

// FitSlope fits a line to ln y over ln x. Points with an x or y that is not positive and finite are dropped and
// counted. It fails if fewer than three are left or all have the same x. The interval takes the points for independent
// of each other.
func FitSlope(x, y []float64, b Bootstrap) (Slope, error) {
	s, u, v, _, err := fitLine(x, y)
	if err == nil {
		s.Low, s.High = b.interval(u, v)
	}
	return s, err
}

// FitLayerSlope is FitSlope for the synapses of a layer, [outputs][inputs], which are not independent of each other:
// those of a unit share its activity and its gradient. The interval is from the pigeonhole bootstrap (Owen 2007, The
// Annals of Applied Statistics 1:386). A resample draws postsynaptic units and, independently of them, presynaptic
// ones, each with replacement, and counts a synapse as often as its two units come together. It is conservative: what
// varies from synapse to synapse counts about three times in the variance, so that without effects of units the
// interval is sqrt(3) times as wide as need be. With few units on a side it is too narrow: with ten, 93 % cover the
// slope.
func FitLayerSlope(x, y []float64, inputs int, b Bootstrap) (Slope, error) {
	s, u, v, at, err := fitLine(x, y)
	if err == nil {
		s.Low, s.High = b.crossed(u, v, at, inputs)
	}
	return s, err
}

// fitLine is a slope without its interval, and the logarithms of the points with their places in the lists.
func fitLine(x, y []float64) (s Slope, u, v []float64, at []int, err error) {
	if len(x) != len(y) {
		return s, nil, nil, nil, fmt.Errorf("analysis: slope: %d values of x, %d of y", len(x), len(y))
	}
	for i := range x {
		if lx, ly := math.Log(x[i]), math.Log(y[i]); finite(lx) && finite(ly) {
			u, v, at = append(u, lx), append(v, ly), append(at, i)
		}
	}
	if len(u) < 3 {
		return s, nil, nil, nil,
			fmt.Errorf("analysis: slope: want 3 points or more with positive x and y, got %d", len(u))
	}
	if slices.Min(u) == slices.Max(u) {
		return s, nil, nil, nil, fmt.Errorf("analysis: slope: all %d points have the same x", len(u))
	}
	s = Slope{Points: len(u), Dropped: len(x) - len(u), Correlation: stat.Correlation(u, v, nil)}
	s.Intercept, s.Value = stat.LinearRegression(u, v, nil, false)
	return s, u, v, at, nil
}

// At is the line's y at an x.
func (s Slope) At(x float64) float64 { return math.Exp(s.Intercept + s.Value*math.Log(x)) }

// String is the slope with its interval, in the form for figures.
func (s Slope) String() string {
	return minus(fmt.Sprintf("%.2f [%.2f, %.2f]", s.Value, s.Low, s.High))
}

// interval is the 95 % interval of the slope of v over u.
func (b Bootstrap) interval(u, v []float64) (low, high float64) {
	var slopes []float64
	counts := make([]float64, len(u))
	for i := range b.Resamples {
		b.resample(counts, i, cases)
		_, slope := stat.LinearRegression(u, v, counts, false)
		slopes = append(slopes, slope)
	}
	return quantiles(slopes)
}

// crossed is the 95 % interval of the slope of v over u under resamples of units; at is the place of each point in
// [outputs][inputs]. Units without any point are left out. The slope needs only weighted sums, and with a the counts of
// the outputs and b those of the inputs, the weighted sum of S is a S b.
func (b Bootstrap) crossed(u, v []float64, at []int, inputs int) (low, high float64) {
	if b.Resamples == 0 {
		return math.NaN(), math.NaN()
	}
	rows, columns := map[int]int{}, map[int]int{}
	place := func(of map[int]int, unit int) int {
		if _, known := of[unit]; !known {
			of[unit] = len(of)
		}
		return of[unit]
	}
	for _, i := range at {
		place(rows, i/inputs)
		place(columns, i%inputs)
	}
	const sums = 5
	n, m := len(rows), len(columns)
	terms := mat.NewDense(n, sums*m, nil) // 1, u, v, u^2 and u v side by side, from the means for precision
	meanU, meanV := stat.Mean(u, nil), stat.Mean(v, nil)
	for i, k := range at {
		du, dv := u[i]-meanU, v[i]-meanV
		for q, term := range [sums]float64{1, du, dv, du * du, du * dv} {
			terms.Set(rows[k/inputs], q*m+columns[k%inputs], term)
		}
	}
	const together = 64 // resamples, so that the product stays small
	outer, inner := mat.NewDense(together, n, nil), make([]float64, m)
	var product mat.Dense
	var slopes []float64
	for i := range b.Resamples {
		if i%together == 0 {
			for j := range together {
				b.resample(outer.RawRowView(j), i+j, outputUnits)
			}
			product.Mul(outer, terms)
		}
		b.resample(inner, i, inputUnits)
		var sum [sums]float64
		for q := range sum {
			sum[q] = floats.Dot(inner, product.RawRowView(i % together)[q*m:(q+1)*m])
		}
		w, x, y, xx, xy := sum[0], sum[1], sum[2], sum[3], sum[4]
		const rounding = 1e-12
		if spread := w*xx - x*x; spread > rounding*w*xx {
			slopes = append(slopes, (w*xy-x*y)/spread)
		}
	}
	return quantiles(slopes)
}

// quantiles are the bounds of the middle 95 % of slopes; some are not finite, where all cases of a resample have the
// same x.
func quantiles(slopes []float64) (low, high float64) {
	slopes = slices.DeleteFunc(slopes, func(s float64) bool { return !finite(s) })
	if len(slopes) == 0 {
		return math.NaN(), math.NaN()
	}
	slices.Sort(slopes)
	return stat.Quantile(0.025, stat.LinInterp, slopes, nil), stat.Quantile(0.975, stat.LinInterp, slopes, nil)
}

// What is resampled: points, or units of a layer. It is kernels.Noise.Layer.
const (
	cases uint16 = iota
	outputUnits
	inputUnits
)

// resample fills counts with how often each of the cases is in resample number i. Case j of the resample is floor(n
// x/2^32), where x is word j mod 4 of block j/4 of the bootstrap stream with step i; the bias is below n 2^-32.
func (b Bootstrap) resample(counts []float64, i int, of uint16) {
	clear(counts)
	noise := kernels.Noise{Seed: b.Seed, Stream: kernels.StreamBootstrap, Layer: of, Step: uint32(i)}
	n := len(counts)
	for j := 0; j < n; j += 4 {
		words := noise.Words(uint32(j / 4))
		for _, x := range words[:min(4, n-j)] {
			counts[uint64(x)*uint64(n)>>32]++
		}
	}
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
