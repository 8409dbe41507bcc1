package graph

import "quantal/kernels"

// perturbed is what a layer whose examples have their own noise computes: see kernels.PerExample.
type perturbed[T kernels.Float] struct {
	Linear
	mean, variance kernels.Product[T] // whose weights are mu, and sigma^2
	x, xSquares    []T
	y, slope       []T // y, and its derivatives with respect to the variances
}

// perturb computes a layer's output; noise is that of the layer's weights.
func perturb[T kernels.Float](l Linear, x, mu, sigma []T, noise kernels.Noise) perturbed[T] {
	n, stride, yStride := l.Columns(), l.Stride(), kernels.Stride(l.Out)
	p := perturbed[T]{
		Linear: l, mean: kernels.Product[T]{Layer: l.Layer, Batch: l.Batch, W: make([]T, l.Slots())},
		x: strided(x, l.Batch, l.In), y: make([]T, l.Batch*yStride), slope: make([]T, l.Batch*yStride),
	}
	p.variance = p.mean
	p.variance.W = make([]T, l.Slots())
	for r := range l.Out {
		copy(p.mean.W[r*stride:], mu[r*n:][:n])
		v, of := p.variance.W[r*stride:][:n], groupOf(l, sigma, r)
		for k := range v {
			s := of[min(k, len(of)-1)]
			v[k] = s * s
		}
	}
	p.xSquares = make([]T, len(p.x))
	kernels.Squares(p.xSquares, p.x)
	p.mean.Forward(p.y, p.x)
	v, xi := make([]T, len(p.y)), make([]T, l.Out+1)
	p.variance.Forward(v, p.xSquares)
	noise = noise.OfExamples()
	for b := range l.Batch {
		kernels.Normals(xi, noise, b)
		from, to := b*yStride, b*yStride+l.Out
		kernels.Perturb(p.y[from:to], p.slope[from:to], v[from:to], xi)
	}
	return p
}

// ofVariance is the gradient with respect to the variances of y, given that with respect to y.
func (p *perturbed[T]) ofVariance(dy []T) []T {
	dv := strided(dy, p.Batch, p.Out)
	for i := range dv {
		dv[i] *= p.slope[i]
	}
	return dv
}

// inputGradient is dx = dy mu + 2 x (dv sigma^2).
func (p *perturbed[T]) inputGradient(dx, dy []T) {
	sum, part := make([]T, len(p.x)), make([]T, len(p.x))
	p.mean.BackwardInput(sum, strided(dy, p.Batch, p.Out))
	p.variance.BackwardInput(part, p.ofVariance(dy))
	for i := range sum {
		sum[i] += T(2 * p.x[i] * part[i])
	}
	dense(dx, sum, p.Batch, p.In)
}

// sigmaGradient is dsigma = 2 sigma dv^T x^2, summed over the synapses that share the sigma.
func (p *perturbed[T]) sigmaGradient(dsigma, dy, sigma []T) {
	dv, row := p.ofVariance(dy), make([]T, p.Columns())
	sums := make([]float64, len(dsigma))
	for r := range p.Out {
		p.variance.WeightGradient(row, dv, p.xSquares, r)
		dst, of := groupOf(p.Linear, sums, r), groupOf(p.Linear, sigma, r)
		for k, v := range row {
			at := min(k, len(of)-1)
			dst[at] += float64(2 * of[at] * v)
		}
	}
	for i, sum := range sums {
		dsigma[i] = T(sum)
	}
}
