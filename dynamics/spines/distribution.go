package spines

import (
	"math"
	"slices"
	"sort"
)

// Distribution says how spine sizes are distributed: the share of all spines, or of all sites, in each of len(Mass)
// cells.
type Distribution struct {
	Edges []float64 // of the cells, µm³; len(Mass) + 1
	Mass  []float64
}

// Total is the share that has a size: 1 without turnover.
func (d Distribution) Total() float64 {
	sum := 0.0
	for _, m := range d.Mass {
		sum += m
	}
	return sum
}

// Centre is the middle of a cell.
func (d Distribution) Centre(i int) float64 { return (d.Edges[i] + d.Edges[i+1]) / 2 }

// Centres are the middles of all cells.
func (d Distribution) Centres() []float64 {
	w := make([]float64, len(d.Mass))
	for i := range w {
		w[i] = d.Centre(i)
	}
	return w
}

// Density is the mean probability density f in each cell, per µm³, of those that have a size.
func (d Distribution) Density() []float64 {
	total := d.Total()
	f := make([]float64, len(d.Mass))
	for i, m := range d.Mass {
		f[i] = m / total / (d.Edges[i+1] - d.Edges[i])
	}
	return f
}

// histogram is the distribution of a sample over the cells with the given edges; zeros are empty sites. Sizes beyond
// the outer edges are not counted.
func histogram(sample []float32, edges []float64) Distribution {
	d := Distribution{edges, make([]float64, len(edges)-1)}
	counts := make([]int, len(d.Mass))
	for _, w := range sample {
		x := float64(w)
		if w == 0 || x < edges[0] {
			continue
		}
		if i := max(1, sort.SearchFloat64s(edges, x)); i < len(edges) {
			counts[i-1]++
		}
	}
	for i, n := range counts {
		d.Mass[i] = float64(n) / float64(len(sample))
	}
	return d
}

// coarse joins neighbouring cells, so that about n are left.
func (d Distribution) coarse(n int) Distribution {
	together := max(1, len(d.Mass)/n)
	c := Distribution{Edges: []float64{d.Edges[0]}}
	for from := 0; from < len(d.Mass); from += together {
		to := min(from+together, len(d.Mass))
		mass := 0.0
		for _, m := range d.Mass[from:to] {
			mass += m
		}
		c.Mass, c.Edges = append(c.Mass, mass), append(c.Edges, d.Edges[to])
	}
	return c
}

// uniform is the uniform distribution between two sizes, over the cells with the given edges.
func uniform(edges []float64, from, to float64) Distribution {
	d := Distribution{edges, make([]float64, len(edges)-1)}
	for i := range d.Mass {
		d.Mass[i] = max(0, min(to, edges[i+1])-max(from, edges[i])) / (to - from)
	}
	return d
}

// expect is the mean of g over the spines.
func (d Distribution) expect(g func(w float64) float64) float64 {
	sum := 0.0
	for i, m := range d.Mass {
		sum += m * g(d.Centre(i))
	}
	return sum / d.Total()
}

// cumulative returns, at each edge, the share of the spines below it.
func (d Distribution) cumulative() []float64 {
	c := make([]float64, len(d.Edges))
	for i, m := range d.Mass {
		c[i+1] = c[i] + m
	}
	for i := range c {
		c[i] /= c[len(c)-1]
	}
	return c
}

// Quantile returns the size below which a share p of the spines is.
func (d Distribution) Quantile(p float64) float64 { return d.quantile(d.cumulative(), p) }

// Draw turns uniforms between 0 and 1 into sizes that are distributed so.
func (d Distribution) Draw(u []float32) {
	c := d.cumulative()
	for i, p := range u {
		u[i] = float32(d.quantile(c, float64(p)))
	}
}

// quantile is Quantile, from the cumulative distribution.
func (d Distribution) quantile(c []float64, p float64) float64 {
	i := min(max(sort.SearchFloat64s(c, p), 1), len(c)-1)
	if c[i] == c[i-1] {
		return d.Edges[i]
	}
	return d.Edges[i-1] + (d.Edges[i]-d.Edges[i-1])*(p-c[i-1])/(c[i]-c[i-1])
}

// Distance is the L1 distance of two distributions over the same cells: the sum of |difference| of their masses.
func (d Distribution) Distance(e Distribution) float64 {
	sum := 0.0
	for i := range d.Mass {
		sum += math.Abs(d.Mass[i] - e.Mass[i])
	}
	return sum
}

// KolmogorovSmirnov is the largest distance between the distribution function of a sample and that of d; zeros in the
// sample are empty sites and are ignored.
func (d Distribution) KolmogorovSmirnov(sample []float32) float64 {
	return d.kolmogorovSmirnov(sorted(sample))
}

// sorted returns the sizes in a sample in ascending order, without the empty sites.
func sorted(sample []float32) []float32 {
	s := slices.DeleteFunc(slices.Clone(sample), func(w float32) bool { return w == 0 })
	slices.Sort(s)
	return s
}

func (d Distribution) kolmogorovSmirnov(ascending []float32) float64 {
	c := d.cumulative()
	n, worst, i := float64(len(ascending)), 0.0, 0
	for k, w := range ascending {
		for i < len(d.Mass)-1 && d.Edges[i+1] <= float64(w) {
			i++
		}
		x := (float64(w) - d.Edges[i]) / (d.Edges[i+1] - d.Edges[i])
		f := c[i] + min(max(x, 0), 1)*(c[i+1]-c[i])
		worst = max(worst, f-float64(k)/n, float64(k+1)/n-f)
	}
	return worst
}

// Statistics describe sizes.
type Statistics struct {
	Mean     float64 `json:"mean"`   // µm³
	SD       float64 `json:"sd"`     // µm³
	Median   float64 `json:"median"` // µm³
	Skewness float64 `json:"skewness"`
	// TailExponent is the alpha of the power law w^-alpha, between the 90 % quantile and the upper bound, that has the
	// same mean of ln w. Large if the tail falls faster than a power law.
	TailExponent float64 `json:"tail_exponent"`
}

// tailFrom is the share of the spines below the tail.
const tailFrom = 0.9

// Statistics are those of the distribution.
func (d Distribution) Statistics() Statistics {
	s := Statistics{Mean: d.expect(func(w float64) float64 { return w }), Median: d.Quantile(0.5)}
	variance := d.expect(func(w float64) float64 { return (w - s.Mean) * (w - s.Mean) })
	third := d.expect(func(w float64) float64 { return math.Pow(w-s.Mean, 3) })
	s.SD = math.Sqrt(variance)
	s.Skewness = third / (variance * s.SD)
	from := d.Quantile(tailFrom)
	logs, mass := 0.0, 0.0
	for i, m := range d.Mass {
		if low, high := max(d.Edges[i], from), d.Edges[i+1]; low < high {
			m *= (high - low) / (high - d.Edges[i])
			logs += m * math.Log((low+high)/2/from)
			mass += m
		}
	}
	s.TailExponent = tailExponent(logs/mass, math.Log(d.Edges[len(d.Mass)]/from))
	return s
}

// sampleStatistics are those of sizes, one or more, in ascending order up to an upper bound.
func sampleStatistics(ascending []float32, high float64) Statistics {
	n := float64(len(ascending))
	var s Statistics
	for _, w := range ascending {
		s.Mean += float64(w) / n
	}
	variance, third := 0.0, 0.0
	for _, w := range ascending {
		x := float64(w) - s.Mean
		variance += x * x / n
		third += x * x * x / n
	}
	s.SD = math.Sqrt(variance)
	s.Skewness = third / (variance * s.SD)
	s.Median = float64(ascending[len(ascending)/2])
	tail := ascending[int(tailFrom*n):]
	from, logs := float64(tail[0]), 0.0
	for _, w := range tail {
		logs += math.Log(float64(w)/from) / float64(len(tail))
	}
	s.TailExponent = tailExponent(logs, math.Log(high/from))
	return s
}

// tailExponent returns the alpha for which x = ln(w/from) has the given mean when w has density w^-alpha up to x = end:
// the maximum-likelihood estimate for a power law that is cut off (I. B. Aban, M. M. Meerschaert, A. K. Panorska, J.
// Am. Stat. Assoc. 101, 270, 2006). With k = alpha - 1 the mean is 1/k - end/(exp(k end) - 1), which falls with k.
func tailExponent(mean, end float64) float64 {
	if !(mean > 0) || !(mean < end) {
		return math.NaN()
	}
	of := func(k float64) float64 {
		z := k * end
		if math.Abs(z) < 1e-4 {
			return end * (0.5 - z/12)
		}
		return 1/k - end/math.Expm1(z)
	}
	low, high := -1.0, 1.0
	for of(low) < mean {
		low *= 2
	}
	for of(high) > mean {
		high *= 2
	}
	for range 200 {
		if k := (low + high) / 2; of(k) > mean {
			low = k
		} else {
			high = k
		}
	}
	return 1 + (low+high)/2
}
