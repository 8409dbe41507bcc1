//go:build amd64 || arm64

package cpu

import (
	"math"

	"quantal/kernels"
)

// assembly holds the generated kernels of one set.
type assembly struct {
	gather             func(x *float32, bytes *byte, n int, scale, shift float32)
	rho0, rhoHalf      sampler
	rho1, rho2, anyRho sampler
	variances          [5]varianceKernel // in the order of samplers
	perturb            func(y, slope, v, xi *float32, n int, floor float32)
	sampleSlopes       func(w, slope, sigma, inverse, derivative, mu, phi *float32, keys *[20]uint32, block uint32, stride,
		rows int)
	sigmas       func(sigma, inverse, derivative, phi *float32, n int)
	sampleShared func(w, xi, mu *float32, keys *[20]uint32, block uint32, stride, rows int, sigma float32)
	redraw       func(w, mu, sigma *float32, keys *[20]uint32, block uint32, stride, rows int)
	forward      func(y, x, w *float32, yStride, stride, rows, batch int, floor float32)
	backward     func(dx, x, dy, w *float32, dyStride, stride, rows, batch int, threshold float32)
	curves       map[kernels.Activation]curve
	movers       map[string]movers // by the name of the rule
	formDW       func(dw, x, dy, price, rule *float32, stride, dyStride, rows, batch int) uint32
	moves        map[string]func(values, first, second, gradient, rule *float32, n int) uint32
	sum          func(gradient, magnitude, square, exampleSquare *float64, x, dy, xSquares, dySquares *float32,
		stride, dyStride, rows, batch int) uint32
	claim     func(dx, x, y, dy *float32, n, outputs, skip int, threshold float32)
	squares   func(dst, x *float32, n int)
	sumInputs func(magnitude, square *float64, squares, x *float32, stride, columns, batch int)

	operations       operations
	uniforms         func(u *float32, keys *[20]uint32, block uint32, n int)
	advanceLine      func(w *float32, keys *[20]uint32, block uint32, n int, law *float32)
	advanceTable     func(w *float32, keys *[20]uint32, block uint32, n int, law, cells *float32)
	advanceSitesLine func(w *float32, born *uint32, u *float32, keys *[20]uint32, block uint32, n int, step uint32,
		law *float32) (births, losses int)
	advanceSitesTable func(w *float32, born *uint32, u *float32, keys *[20]uint32, block uint32, n int, step uint32, law,
		cells *float32) (births, losses int)

	// These are nil for neon, which has uniforms only.
	arrivals func(x *float32, bits *uint64, rows *uint32, bytes, n int, weight float32)
	currents func(drift, x *float32, n int, gain, decay float32)
	leak     func(v, jump, left, input, drift *float32, fired *uint64, n int, approach, theta float32)
	steps    func(x, u, thresholds *float32, n, m int, weight float32)
}

// curve holds the kernels of an activation, on n numbers: what Apply does, and ApplyGradient.
type curve struct {
	apply, gradient func(y, slope *float32, n int)
}

// movers holds the kernels of a rule that trains. Those of priced read a part of the slopes of the costs over the
// means, the others do not.
type movers struct{ plain, priced mover }

// mover: moments that the rule does not have are nil.
type mover struct {
	update func(mu, muM, muV, phi, phiM, phiV, slope, cost, x, dy, price, rule *float32, stride, dyStride, rows,
		batch int) uint32
	updatePerExample func(mu, muM, muV, phi, phiM, phiV, slope, cost, x, dy, xSquares, dv, price, rule *float32, stride,
		dyStride, rows, batch int) uint32
	updateShared func(mu, muM, muV, xi, sums, x, dy, price, rule *float32, stride, dyStride, rows, batch int) uint32
	updateMeans  func(mu, muM, muV, x, dy, price, rule *float32, stride, dyStride, rows, batch int) uint32
}

type varianceKernel func(variance, slope, cost, phi *float32, n int, factor, exponent float32)

type sampler func(w, slope, cost, mu, phi *float32, keys *[20]uint32, pads *[16]uint32, block uint32, stride, rows int,
	factor, exponent float32)

// set wraps the kernels in Go's bounds: slices in, pointers out.
func (a assembly) set(name string) *kernelSet {
	updates := map[string]func(u *updating, s *scratch, first, rows int) bool{}
	for rule, m := range a.movers {
		updates[rule] = func(u *updating, s *scratch, first, rows int) bool { return u.run(&m, s, first, rows) == 0 }
	}
	moves := map[string]func(u *updating, p kernels.Param[float32], gradient []float32) bool{}
	for rule, move := range a.moves {
		moves[rule] = func(u *updating, p kernels.Param[float32], gradient []float32) bool {
			n := len(gradient)
			values, first, second := pointers(p, 0, n)
			return move(values, first, second, &gradient[0], &u.numbers[0], n) == 0
		}
	}
	return &kernelSet{
		name: name,
		gather: func(x []float32, bytes []byte, scale, shift float32) {
			n := len(bytes) &^ 15
			if n > 0 {
				x = x[:len(bytes)]
				a.gather(&x[0], &bytes[0], n, scale, shift)
			}
			portable.gather(x[n:], bytes[n:], scale, shift)
		},
		sample: func(d *drawing, w []float32, first, rows int) {
			from, to := d.slots(first, rows)
			w, slope, cost := w[:to-from], d.slope[from:to], d.cost[from:to]
			mu, phi := d.mu[from:to], d.phi[from:to]
			a.sampler(d.costs.Rho)(&w[0], &slope[0], &cost[0], &mu[0], &phi[0], &d.keys, &padMasks[d.Stride()-d.Columns()],
				d.block(first),
				d.Stride(), rows, -d.costs.Reliability, -(d.costs.Rho + 1))
		},
		variances: func(d *drawing, v []float32, first, rows int) {
			from, to := d.slots(first, rows)
			v, slope, cost, phi := v[:to-from], d.slope[from:to], d.cost[from:to], d.phi[from:to]
			a.varianceKernel(d.costs.Rho)(&v[0], &slope[0], &cost[0], &phi[0], to-from, -d.costs.Reliability,
				-(d.costs.Rho + 1))
		},
		perturb: func(y, slope, v, xi []float32, floor float32) {
			slope, v, xi = slope[:len(y)], v[:len(y)], xi[:len(y)]
			a.perturb(&y[0], &slope[0], &v[0], &xi[0], len(y), floor)
		},
		sampleSlopes: func(d *drawing, s *pricingScratch, w []float32, first, rows int) {
			from, to := d.slots(first, rows)
			w, slope, mu, phi := w[:to-from], d.slope[from:to], d.mu[from:to], d.phi[from:to]
			a.sampleSlopes(&w[0], &slope[0], &s.rows[sigmaRow][:to-from][0], &s.rows[inverseRow][:to-from][0],
				&s.rows[derivativeRow][:to-from][0], &mu[0], &phi[0], &d.keys, d.block(first), d.Stride(), rows)
		},
		sampleShared: func(d *drawing, w []float32, first, rows int, sigma float32) {
			from, to := d.slots(first, rows)
			w, xi, mu := w[:to-from], d.slope[from:to], d.mu[from:to]
			a.sampleShared(&w[0], &xi[0], &mu[0], &d.keys, d.block(first), d.Stride(), rows, sigma)
		},
		redraw: func(d *drawing, w []float32, first, rows int) {
			from, to := d.slots(first, rows)
			w, mu, sigma := w[:to-from], d.mu[from:to], d.sigma[from:to]
			a.redraw(&w[0], &mu[0], &sigma[0], &d.keys, d.block(first), d.Stride(), rows)
		},
		forward: func(p *product, y, x, w []float32, first, rows int) {
			yStride := kernels.Stride(p.Out)
			x, y, w = x[:p.batch*p.Stride()], y[first:(p.batch-1)*yStride+first+rows], w[:rows*p.Stride()]
			a.forward(&y[0], &x[0], &w[0], yStride, p.Stride(), rows, p.batch, p.floor())
		},
		backward: func(p *product, dx, x, dy, w []float32, first, n int) {
			stride, dyStride := p.Stride(), kernels.Stride(p.Out)
			dx, x = dx[first*stride:(first+n)*stride], x[first*stride:(first+n)*stride]
			dy, w = dy[first*dyStride:(first+n)*dyStride], w[:p.Slots()]
			a.backward(&dx[0], &x[0], &dy[0], &w[0], dyStride, stride, p.Out, n, p.floor())
		},
		activate: func(act kernels.Activation, y, slope []float32) {
			c, ok := a.curves[act]
			if !ok {
				kernels.Apply(act, y, slope)
				return
			}
			if slope == nil {
				slope = y // not touched
			}
			slope = slope[:len(y)]
			c.apply(&y[0], &slope[0], len(y))
		},
		gradient: func(act kernels.Activation, dy, y []float32) {
			if c, ok := a.curves[act]; ok {
				y = y[:len(dy)]
				c.gradient(&dy[0], &y[0], len(dy))
				return
			}
			kernels.ApplyGradient(act, dy, y)
		},
		update: updates, move: moves,
		formDW: func(u *updating, dw []float32, first, rows int) {
			stride, dyStride := u.Stride(), kernels.Stride(u.Out)
			x, dy, dw := u.x[:u.batch*stride], u.dy[first:(u.batch-1)*dyStride+first+rows], dw[:rows*stride]
			a.formDW(&dw[0], &x[0], &dy[0], nil, &u.numbers[0], stride, dyStride, rows, u.batch)
		},
		claim: func(dx, x, y, dy []float32, n, outputs, step int, threshold float32) {
			y, dy = y[:n*outputs], dy[:n*outputs]
			dx, x = dx[:(outputs-1)*step+n], x[:(outputs-1)*step+n]
			a.claim(&dx[0], &x[0], &y[0], &dy[0], n, outputs, step-n, threshold)
		},
		squares: func(dst, x []float32) {
			dst = dst[:len(x)]
			a.squares(&dst[0], &x[0], len(x))
		},
		sumInputs: func(u *summing, first, n int) {
			last := (u.batch - 1) * u.Stride()
			x, squares := u.x[first:last+first+n], u.xSquares[first:last+first+n]
			magnitude, square := u.inputs.Magnitude[first:first+n], u.inputs.Square[first:first+n]
			a.sumInputs(&magnitude[0], &square[0], &squares[0], &x[0], u.Stride(), n, u.batch)
		},
		sum: func(u *summing, _ *scratch, first, rows int) bool {
			stride, dyStride := u.Stride(), kernels.Stride(u.Out)
			from, to, last := first*stride, (first+rows)*stride, (u.batch-1)*dyStride
			x, xSquares := u.x[:u.batch*stride], u.xSquares[:u.batch*stride]
			dy, dySquares := u.dy[first:last+first+rows], u.dySquares[first:last+first+rows]
			gradient, magnitude := u.sums.Gradient[from:to], u.sums.Magnitude[from:to]
			square, exampleSquare := u.sums.Square[from:to], u.sums.ExampleSquare[from:to]
			return a.sum(&gradient[0], &magnitude[0], &square[0], &exampleSquare[0], &x[0], &dy[0], &xSquares[0], &dySquares[0],
				stride, dyStride, rows, u.batch) == 0
		},
		operations: a.operations,
		sigmas: func(sigma, inverse, derivative, phi []float32) {
			sigma, inverse, derivative = sigma[:len(phi)], inverse[:len(phi)], derivative[:len(phi)]
			a.sigmas(&sigma[0], &inverse[0], &derivative[0], &phi[0], len(phi))
		},
		advance:      a.advanceNumbers,
		advanceSites: a.advanceNumbersOnSites,
		spikes:       a.spikes(),
	}
}

// sampler returns the kernel for an exponent of the reliability cost.
func (a *assembly) sampler(rho float32) sampler {
	return [...]sampler{a.rho0, a.rhoHalf, a.rho1, a.rho2, a.anyRho}[powerLaw(rho)]
}

func (a *assembly) varianceKernel(rho float32) varianceKernel { return a.variances[powerLaw(rho)] }

// powerLaw numbers the exponents of the reliability cost that have kernels of their own.
func powerLaw(rho float32) int {
	switch rho {
	case 0:
		return 0
	case 0.5:
		return 1
	case 1:
		return 2
	case 2:
		return 3
	}
	return 4
}

// padMasks[n] keeps the last 16 slots of a row except n pads.
var padMasks = func() (masks [16][16]uint32) {
	for n := range masks {
		for i := range 16 - n {
			masks[n][i] = math.MaxUint32
		}
	}
	return masks
}()

func (d *drawing) block(row int) uint32 { return kernels.FirstBlock(row, d.Stride()) }

// run calls the update kernel for the sharing and returns what it reports.
func (u *updating) run(of *movers, s *scratch, first, rows int) (bad uint32) {
	stride, dyStride := u.Stride(), kernels.Stride(u.Out)
	from, to := first*stride, (first+rows)*stride
	x, dy := u.x[:u.batch*stride], u.dy[first:(u.batch-1)*dyStride+first+rows]
	mu, muM, muV := pointers(u.row.Mu, from, to)
	rule, m, price := &u.numbers[0], &of.plain, (*float32)(nil)
	if prices := u.prices(s, first, rows); prices != nil {
		m, price = &of.priced, &prices[0]
	}
	sharing := u.sharing
	if sharing != kernels.PerSynapse && u.dv != nil {
		sharing = kernels.NoNoise // the gradients of sigma are formed elsewhere
	}
	switch sharing {
	case kernels.PerSynapse:
		phi, phiM, phiV := pointers(u.row.Phi, from, to)
		slope, cost := u.slope[from:to], u.cost[from:to]
		if u.dv != nil {
			xSquares, dv := u.xSquares[:len(x)], u.dv[first:][:len(dy)]
			return m.updatePerExample(mu, muM, muV, phi, phiM, phiV, &slope[0], &cost[0], &x[0], &dy[0], &xSquares[0], &dv[0],
				price, rule, stride, dyStride, rows, u.batch)
		}
		return m.update(mu, muM, muV, phi, phiM, phiV, &slope[0], &cost[0], &x[0], &dy[0], price, rule, stride, dyStride,
			rows, u.batch)
	case kernels.NoNoise:
		return m.updateMeans(mu, muM, muV, &x[0], &dy[0], price, rule, stride, dyStride, rows, u.batch)
	}
	lanes := s.cleared(rows)
	bad = m.updateShared(mu, muM, muV, &u.slope[from:to][0], &lanes[0], &x[0], &dy[0], price, rule, stride, dyStride, rows,
		u.batch)
	u.addLanes(lanes, first)
	return bad
}

// cleared returns zeros, 16 for each row.
func (s *scratch) cleared(rows int) []float32 {
	lanes := s.lanes[:16*rows]
	clear(lanes)
	return lanes
}

// addLanes sums the 16 numbers of each row.
func (u *updating) addLanes(lanes []float32, first int) {
	for r := range len(lanes) / 16 {
		l := (*[16]float32)(lanes[16*r:])
		u.sums[first+r] += (sum4(l[0:]) + sum4(l[4:])) + (sum4(l[8:]) + sum4(l[12:]))
	}
}

// pointers point to the first of some parameters and of their moments; nil for moments that the rule does not have.
func pointers(p kernels.Param[float32], from, to int) (values, first, second *float32) {
	at := func(s []float32) *float32 {
		if s == nil {
			return nil
		}
		return &s[from:to][0]
	}
	return at(p.Values), at(p.Moments[0]), at(p.Moments[1])
}

// sum4 adds four numbers in float64.
func sum4(l []float32) float64 {
	return (float64(l[0]) + float64(l[1])) + (float64(l[2]) + float64(l[3]))
}
