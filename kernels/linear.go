package kernels

// Weights draws the weights of a row: w = mu + sigma xi, one sigma per synapse, from Sigmas.
func Weights[T Float](w, mu, sigma, xi []T) {
	mu, sigma, xi = mu[:len(w)], sigma[:len(w)], xi[:len(w)]
	for k := range w {
		w[k] = mu[k] + T(sigma[k]*xi[k])
	}
}

// Sigmas fills sigma and slope with softplus(phi) and its derivative. A training step needs both twice.
func Sigmas[T Float](sigma, slope, phi []T) {
	sigma, slope = sigma[:len(phi)], slope[:len(phi)]
	for k, v := range phi {
		sigma[k], slope[k] = Softplus(v)
	}
}

// WeightsShared draws the weights of a row whose synapses have one sigma: w = mu + sigma xi.
func WeightsShared[T Float](w, mu []T, sigma T, xi []T) {
	mu, xi = mu[:len(w)], xi[:len(w)]
	for k := range w {
		w[k] = mu[k] + T(sigma*xi[k])
	}
}

// Product is a layer with its weights, applied to a minibatch. Rows of the matrices below are Stride(width) slots
// apart, where width is In for x and dx, Out for y and dy, and In for the rows of w.
type Product[T Float] struct {
	Layer
	Batch int
	W     []T // Out rows: the weights, the bias in column In
}

// Forward computes y[b][r] = sum_k x[b][k] w[r][k] over the Columns of each row; x holds the constant 1 in column In.
func (p Product[T]) Forward(y, x []T) { p.ForwardRows(y, x, 0, p.Out) }

// ForwardRows computes rows first to first+rows only; W starts with the first of them.
func (p Product[T]) ForwardRows(y, x []T, first, rows int) {
	n, stride, yStride := p.Columns(), p.Stride(), Stride(p.Out)
	for r := first; r < first+rows; r++ {
		w := p.W[(r-first)*stride:][:n]
		b := 0
		for ; b+4 <= p.Batch; b += 4 {
			x0, x1, x2, x3 := x[b*stride:][:n], x[(b+1)*stride:][:n], x[(b+2)*stride:][:n], x[(b+3)*stride:][:n]
			y[b*yStride+r], y[(b+1)*yStride+r], y[(b+2)*yStride+r], y[(b+3)*yStride+r] = dot4(w, x0, x1, x2, x3)
		}
		for ; b < p.Batch; b++ {
			y[b*yStride+r] = dot(w, x[b*stride:][:n])
		}
	}
}

// dot4 is four dot products of one row of weights, which keeps the adders of the processor busy.
func dot4[T Float](w, x0, x1, x2, x3 []T) (T, T, T, T) {
	x0, x1, x2, x3 = x0[:len(w)], x1[:len(w)], x2[:len(w)], x3[:len(w)]
	var a0, a1, a2, a3, b0, b1, b2, b3 T
	k := 0
	for ; k+1 < len(w); k += 2 {
		v, u := w[k], w[k+1]
		a0 += T(v * x0[k])
		a1 += T(v * x1[k])
		a2 += T(v * x2[k])
		a3 += T(v * x3[k])
		b0 += T(u * x0[k+1])
		b1 += T(u * x1[k+1])
		b2 += T(u * x2[k+1])
		b3 += T(u * x3[k+1])
	}
	if k < len(w) {
		a0 += T(w[k] * x0[k])
		a1 += T(w[k] * x1[k])
		a2 += T(w[k] * x2[k])
		a3 += T(w[k] * x3[k])
	}
	return a0 + b0, a1 + b1, a2 + b2, a3 + b3
}

// dot adds in the order of dot4, so that an example's result does not depend on its position in the minibatch.
func dot[T Float](w, x []T) T {
	x = x[:len(w)]
	var a, b T
	k := 0
	for ; k+1 < len(w); k += 2 {
		a += T(w[k] * x[k])
		b += T(w[k+1] * x[k+1])
	}
	if k < len(w) {
		a += T(w[k] * x[k])
	}
	return a + b
}

// BackwardInput computes dx[b][k] = sum_r dy[b][r] w[r][k] for k < In: the gradient with respect to the layer's input.
func (p Product[T]) BackwardInput(dx, dy []T) {
	stride, dyStride := p.Stride(), Stride(p.Out)
	for b := range p.Batch {
		d := dx[b*stride : b*stride+p.In]
		clear(d)
		for r, g := range dy[b*dyStride : b*dyStride+p.Out] {
			if g == 0 {
				continue // after a rectifier half of them are
			}
			w := p.W[r*stride:][:len(d)]
			for k := range d {
				d[k] += T(g * w[k])
			}
		}
	}
}

// WeightGradient computes row r of dW: dw[k] = sum_b dy[b][r] x[b][k]; len(dw) is the layer's Columns. W is not read.
func (p Product[T]) WeightGradient(dw, dy, x []T, r int) {
	stride, dyStride := p.Stride(), Stride(p.Out)
	clear(dw)
	b := 0
	for ; b+4 <= p.Batch; b += 4 {
		g0, g1, g2, g3 := dy[b*dyStride+r], dy[(b+1)*dyStride+r], dy[(b+2)*dyStride+r], dy[(b+3)*dyStride+r]
		x0, x1, x2, x3 := x[b*stride:][:len(dw)], x[(b+1)*stride:][:len(dw)], x[(b+2)*stride:][:len(dw)],
			x[(b+3)*stride:][:len(dw)]
		for k := range dw {
			dw[k] += (T(g0*x0[k]) + T(g1*x1[k])) + (T(g2*x2[k]) + T(g3*x3[k]))
		}
	}
	for ; b < p.Batch; b++ {
		g, xb := dy[b*dyStride+r], x[b*stride:][:len(dw)]
		for k := range dw {
			dw[k] += T(g * xb[k])
		}
	}
}
