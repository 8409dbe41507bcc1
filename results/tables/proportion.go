package tables

import "gonum.org/v1/gonum/stat/distuv"

// Proportion is the share of repetitions with some result.
type Proportion struct {
	Count, N  int
	Share     float64
	Low, High float64 // the 95 % interval
}

// NewProportion is the share of count among n, at least one, with the exact interval of Clopper and Pearson (1934).
func NewProportion(count, n int) Proportion {
	p := Proportion{Count: count, N: n, Share: float64(count) / float64(n), High: 1}
	const tail = (1 - confidence) / 2
	if count > 0 {
		p.Low = distuv.Beta{Alpha: float64(count), Beta: float64(n - count + 1)}.Quantile(tail)
	}
	if count < n {
		p.High = distuv.Beta{Alpha: float64(count + 1), Beta: float64(n - count)}.Quantile(1 - tail)
	}
	return p
}
