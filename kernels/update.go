package kernels

import "math"

// Slopes are the slopes of a layer's costs for one network, per minibatch, with B/N in them: of the standard form,
//
//	dcost/dmu = Magnitude sign(mu),   dcost/dsigma = -Reliability sigma^-(Rho+1)
//
// or of any form: then Formula is there, a formula of mu and sigma. Its last output is dcost/dsigma. If there is more
// to dcost/dmu than the part of the standard form, the first of two is the rest. Where synapses have parameters of
// their own it is Law.Slopes with the numbers in it.
type Slopes[T Float] struct {
	Magnitude   T
	Reliability T
	Rho         T
	Formula     *Formula
}

// NewSlopes returns the slopes of a law for a network; fraction is B/N.
func NewSlopes[T Float](l Law, m Member, fraction float64) Slopes[T] {
	if s, ok := l.Standard(); ok {
		u := s.Slopes(m, fraction)
		return Slopes[T]{
			Magnitude: T(u.Magnitude) * T(s.MagnitudeTerms), Reliability: T(u.Reliability) * T(s.ReliabilityTerms),
			Rho: T(u.Rho),
		}
	}
	f := m.Bind(l.Slopes).Bind(map[string]float64{InputFraction: fraction})
	if l.Parameters != nil {
		return Slopes[T]{Formula: &f}
	}
	magnitude, f := f.splitMagnitude()
	return Slopes[T]{Magnitude: T(magnitude), Formula: &f}
}

// NewLayerSlopes returns the slopes of all layers of a program, in their order, times how often their synapses pay.
func NewLayerSlopes[T Float](p *Program, m Member, fraction float64) []Slopes[T] {
	var slopes []Slopes[T]
	for _, g := range p.Gradients() {
		times := float64(p.CostPer.Times(g.Window))
		slopes = append(slopes, NewSlopes[T](g.Law, m.Layer(g.Layer), fraction*times))
	}
	return slopes
}

// TrainingStep holds the numbers of one step of training for one layer of a network: the slopes of its costs, and those
// with which its parameters follow their gradients.
type TrainingStep[T Float] struct {
	Slopes[T]
	Move[T]
}

// Sign is the derivative of |x|, taken as 0 at the kink.
func Sign[T Float](x T) T {
	if y := float64(x); math.Abs(y) > 0 { // no branch on the sign, which no processor foresees
		return T(math.Copysign(1, y))
	}
	return 0
}

// Row holds the parameters of one row, all of length Columns.
type Row[T Float] struct {
	Mu  Param[T]
	Phi Param[T] // one per synapse; unused when sigma is shared
	// Price is dcost/dmu of each synapse but for the part of the standard form; nil if there is no more.
	Price []T
}

// SampleRow draws the weights of a row whose synapses have a phi each, given xi, and derives all that the update needs
// of phi while sigma is available:
//
//	w     = mu + sigma xi
//	slope = dw/dphi = xi dsigma/dphi
//	cost  = -k B/N sigma^-(rho+1) dsigma/dphi, the derivative of the reliability cost
//
// Slope may be xi itself.
func (u Slopes[T]) SampleRow(w, slope, cost, mu, phi, xi []T) {
	n := len(w)
	slope, cost, mu, phi, xi = slope[:n], cost[:n], mu[:n], phi[:n], xi[:n]
	for k := range w {
		sigma, derivative := Softplus(phi[k])
		w[k] = mu[k] + T(sigma*xi[k])
		slope[k] = xi[k] * derivative
		cost[k] = -(u.Reliability * InversePower(sigma, u.Rho)) * derivative
	}
}

// addMagnitude adds the slope of the magnitude cost to the gradients of means.
func (u Slopes[T]) addMagnitude(gradient, mu []T) {
	mu = mu[:len(gradient)]
	for k := range gradient {
		gradient[k] += T(u.Magnitude * Sign(mu[k]))
	}
}

// UpdateRow moves mu and phi of a row whose synapses have a phi each:
//
//	dL/dmu  = dW + lambda B/N sign(mu)
//	dL/dphi = dW slope + cost
//
// with slope and cost from SampleRow, and reports whether everything stayed finite. It leaves the gradients in dw and
// slope.
func (u *TrainingStep[T]) UpdateRow(row Row[T], dw, slope, cost []T) bool {
	n := len(dw)
	slope, cost = slope[:n], cost[:n]
	for k, g := range dw {
		slope[k] = T(g*slope[k]) + cost[k]
	}
	finite := u.Row(row.Phi, slope)
	return u.UpdateMeans(row, dw) && finite
}

// UpdateRowOfExamples is UpdateRow where every example has its own noise: phi follows the dW of the variances, with
// slope and cost from VarianceRow.
func (u *TrainingStep[T]) UpdateRowOfExamples(row Row[T], dw, ofVariance, slope, cost []T) bool {
	n := len(dw)
	ofVariance, slope, cost = ofVariance[:n], slope[:n], cost[:n]
	for k, g := range ofVariance {
		slope[k] = T(g*slope[k]) + cost[k]
	}
	finite := u.Row(row.Phi, slope)
	return u.UpdateMeans(row, dw) && finite
}

// UpdateMeans moves only mu of a row, and reports whether everything stayed finite. It leaves the gradient in dw.
func (u *TrainingStep[T]) UpdateMeans(row Row[T], dw []T) bool {
	u.addMagnitude(dw, row.Mu.Values)
	for k, price := range row.Price {
		dw[k] += price
	}
	u.decay(row.Mu.Values[:len(dw)])
	return u.Row(row.Mu, dw)
}

// SigmaGradient is the gradient of the negative log-likelihood with respect to a sigma that the row's synapses share,
// as far as this row contributes: sum_k dW_k xi_k.
func SigmaGradient[T Float](dw, xi []T) float64 {
	xi = xi[:len(dw)]
	sum := 0.0
	for k, g := range dw {
		sum += float64(float64(g) * float64(xi[k]))
	}
	return sum
}

// SharedGradient is the gradient with respect to a phi shared by the given number of synapses, each of which has a
// cost, given the sum of dW xi:
//
//	dL/dphi = (sum dW xi - synapses k B/N sigma^-(rho+1)) dsigma/dphi
func (u Slopes[T]) SharedGradient(phi T, sum, synapses float64) T {
	sigma, derivative := Softplus(phi)
	return (T(sum) - T(u.Reliability*T(synapses)*InversePower(sigma, u.Rho))) * derivative
}

// LangevinStep holds the numbers of one step of the rule Langevin for one layer of a network. UpdateMeans takes mu of a
// row down the gradient, mu <- mu - Rate (dW + Magnitude sign(mu)), and the noise follows: WeightsShared(mu, mu, Noise,
// xi).
type LangevinStep[T Float] struct {
	TrainingStep[T]   // of plain descent; Rate is eps_t N/B, or 0 without the gradient
	Noise           T // sqrt(2 eps_t T)
}

// NewLangevinStep returns the numbers of the given step, counted from 0; fraction is B/N.
func NewLangevinStep[T Float](l Langevin, m Member, slopes Slopes[T], fraction float64, step int) LangevinStep[T] {
	eps := m.LearningRate * l.Schedule(step)
	rate := eps / fraction
	if m.Uncorrected {
		rate = 0
	}
	return LangevinStep[T]{
		TrainingStep[T]{slopes, NewMove[T](SGD{}, Member{LearningRate: rate}, step)}, T(math.Sqrt(2 * eps * m.Temperature)),
	}
}
