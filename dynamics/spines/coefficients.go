package spines

import "math"

// Coefficients are the drift mu(w) and the noise sigma(w) of a law at len(Mu) equally spaced sizes from Low to High,
// and linear in between. Sigma is positive.
type Coefficients struct {
	Low, High float64
	Mu, Sigma []float64
}

// edge is the size of value i.
func (c Coefficients) edge(i int) float64 {
	x := float64(i) / float64(len(c.Mu)-1)
	return c.Low*(1-x) + c.High*x
}

// at returns mu, sigma and the derivative of sigma.
func (c Coefficients) at(w float64) (mu, sigma, slope float64) {
	cells := len(c.Mu) - 1
	x := (w - c.Low) / (c.High - c.Low) * float64(cells)
	i := min(max(int(x), 0), cells-1)
	x -= float64(i)
	slope = (c.Sigma[i+1] - c.Sigma[i]) * float64(cells) / (c.High - c.Low)
	return c.Mu[i] + x*(c.Mu[i+1]-c.Mu[i]), c.Sigma[i] + x*(c.Sigma[i+1]-c.Sigma[i]), slope
}

// Grid divides the sizes into n cells and returns their n+1 edges. The cells are equally wide in y = int dw / sigma(w),
// the coordinate in which the noise is the same everywhere (J. Lamperti 1964): fine where spines are small and
// fluctuate little, coarse where they are large.
func (c Coefficients) Grid(n int) []float64 {
	width := (c.High - c.Low) / float64(len(c.Mu)-1)
	length := func(i int) float64 { // of cell i in y: ln(sigma2/sigma1) / sigma', written so that sigma' may be 0
		d := (c.Sigma[i+1] - c.Sigma[i]) / c.Sigma[i]
		if math.Abs(d) < 1e-9 {
			return width / c.Sigma[i] * (1 - d/2)
		}
		return width / c.Sigma[i] * math.Log1p(d) / d
	}
	total := 0.0
	for i := range len(c.Mu) - 1 {
		total += length(i)
	}
	edges := make([]float64, n+1)
	edges[0], edges[n] = c.Low, c.High
	cell, before := 0, 0.0
	for j := 1; j < n; j++ {
		y := total * float64(j) / float64(n)
		for cell < len(c.Mu)-2 && before+length(cell) < y {
			before += length(cell)
			cell++
		}
		// sigma grows as exp(sigma' y) within a cell.
		slope := (c.Sigma[cell+1] - c.Sigma[cell]) / width
		dy := y - before
		step := c.Sigma[cell] * dy
		if s := slope * dy; math.Abs(s) > 1e-9 {
			step *= math.Expm1(s) / s
		}
		edges[j] = c.edge(cell) + step
	}
	return edges
}
