package analysis

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"quantal/kernels"
)

// Slope is a straight line through points on logarithmic axes, ln y = Intercept + Value ln x, by least squares.
type Slope struct {
	Value       float64 `json:"slope"`
	Low         float64 `json:"low"` // bootstrap 95 % interval of the slope
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
// counted. It fails if fewer than three are left or all have the same x.
func FitSlope(x, y []float64, b Bootstrap) (Slope, error) {
	if len(x) != len(y) {
		return Slope{}, fmt.Errorf("analysis: slope: %d values of x, %d of y", len(x), len(y))
	}
	var u, v []float64
	for i := range x {
		if lx, ly := math.Log(x[i]), math.Log(y[i]); finite(lx) && finite(ly) {
			u, v = append(u, lx), append(v, ly)
		}
	}
	if len(u) < 3 {
		return Slope{}, fmt.Errorf("analysis: slope: want 3 points or more with positive x and y, got %d", len(u))
	}
	if slices.Min(u) == slices.Max(u) {
		return Slope{}, fmt.Errorf("analysis: slope: all %d points have the same x", len(u))
	}
	s := Slope{Points: len(u), Dropped: len(x) - len(u), Correlation: stat.Correlation(u, v, nil)}
	s.Intercept, s.Value = stat.LinearRegression(u, v, nil, false)
	s.Low, s.High = b.interval(u, v)
	return s, nil
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
		b.resample(counts, i)
		if _, slope := stat.LinearRegression(u, v, counts, false); finite(slope) { // false if all cases have the same x
			slopes = append(slopes, slope)
		}
	}
	if len(slopes) == 0 {
		return math.NaN(), math.NaN()
	}
	slices.Sort(slopes)
	return stat.Quantile(0.025, stat.LinInterp, slopes, nil), stat.Quantile(0.975, stat.LinInterp, slopes, nil)
}

// resample fills counts with how often each of the cases is in resample number i. Case j of the resample is floor(n
// x/2^32), where x is word j mod 4 of block j/4 of the bootstrap stream with step i; the bias is below n 2^-32.
func (b Bootstrap) resample(counts []float64, i int) {
	clear(counts)
	noise := kernels.Noise{Seed: b.Seed, Stream: kernels.StreamBootstrap, Step: uint32(i)}
	n := len(counts)
	for j := 0; j < n; j += 4 {
		words := noise.Words(uint32(j / 4))
		for _, x := range words[:min(4, n-j)] {
			counts[uint64(x)*uint64(n)>>32]++
		}
	}
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
