package kernels

import "math"

// AdamStep holds the numbers of one update: those of Adam at one step, and the slopes of the two costs for one network.
type AdamStep[T Float] struct {
	Beta1, Gain1, Beta2, Gain2 T // Gain is 1 - Beta
	Rate                       T // learning rate / (1 - Beta1^t)
	Root                       T // 1 / sqrt(1 - Beta2^t)
	Epsilon                    T
	Magnitude                  T // slope of the magnitude cost: lambda B/N
	Reliability                T // k B/N, see ReliabilitySlope
	Rho                        T
}

// NewAdamStep returns the numbers of the update at the given step, counted from 0; fraction is B/N.
func NewAdamStep[T Float](a Adam, m Member, fraction float64, step int) AdamStep[T] {
	t := float64(step + 1)
	return AdamStep[T]{
		Beta1: T(a.Beta1), Gain1: T(1 - a.Beta1), Beta2: T(a.Beta2), Gain2: T(1 - a.Beta2),
		Rate:        T(m.LearningRate / (1 - math.Pow(a.Beta1, t))),
		Root:        T(1 / math.Sqrt(1-math.Pow(a.Beta2, t))),
		Epsilon:     T(a.Epsilon),
		Magnitude:   T(m.Lambda * fraction),
		Reliability: T(ReliabilitySlope(m.C, m.Rho) * fraction),
		Rho:         T(m.Rho),
	}
}

// Times returns the numbers with the costs counted the given number of times.
func (u AdamStep[T]) Times(magnitude, reliability int) AdamStep[T] {
	u.Magnitude *= T(magnitude)
	u.Reliability *= T(reliability)
	return u
}

// move updates the moments m and v with gradient g and returns how far the parameter goes down.
func (u *AdamStep[T]) move(m, v *T, g T) T {
	*m = u.Beta1**m + u.Gain1*g
	*v = u.Beta2**v + u.Gain2*(g*g)
	return u.Rate * *m / (sqrt(*v)*u.Root + u.Epsilon)
}

// Sign is the derivative of |x|, taken as 0 at the kink.
func Sign[T Float](x T) T {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// Row holds the parameters of one row and their moments, all of length Columns.
type Row[T Float] struct {
	Mu, MuM, MuV    []T
	Phi, PhiM, PhiV []T // one per synapse; unused when sigma is shared
}

// SampleRow draws the weights of a row whose synapses have a phi each, given xi, and derives all that the update will need of
// phi while sigma is at hand:
//
//	w     = mu + sigma xi
//	slope = dw/dphi = xi dsigma/dphi
//	cost  = -k B/N sigma^-(rho+1) dsigma/dphi, the derivative of the reliability cost
//
// Slope may be xi itself.
func (u AdamStep[T]) SampleRow(w, slope, cost, mu, phi, xi []T) {
	n := len(w)
	slope, cost, mu, phi, xi = slope[:n], cost[:n], mu[:n], phi[:n], xi[:n]
	for k := range w {
		sigma, derivative := Softplus(phi[k])
		w[k] = mu[k] + sigma*xi[k]
		slope[k] = xi[k] * derivative
		cost[k] = -(u.Reliability * InversePower(sigma, u.Rho)) * derivative
	}
}

// UpdateRow moves mu and phi of a row whose synapses have a phi each:
//
//	dL/dmu  = dW + lambda B/N sign(mu)
//	dL/dphi = dW slope + cost
//
// with slope and cost from SampleRow, and reports whether everything stayed finite.
func (u AdamStep[T]) UpdateRow(row Row[T], dw, slope, cost []T) bool {
	n := len(dw)
	mu, muM, muV := row.Mu[:n], row.MuM[:n], row.MuV[:n]
	phi, phiM, phiV := row.Phi[:n], row.PhiM[:n], row.PhiV[:n]
	slope, cost = slope[:n], cost[:n]
	var check T
	for k, g := range dw {
		mu[k] -= u.move(&muM[k], &muV[k], g+u.Magnitude*Sign(mu[k]))
		phi[k] -= u.move(&phiM[k], &phiV[k], g*slope[k]+cost[k])
		check += (muV[k] - muV[k]) + (phiV[k] - phiV[k]) // NaN unless both are finite
	}
	return check == 0
}

// UpdateMeans moves mu of a row only, and reports whether everything stayed finite.
func (u AdamStep[T]) UpdateMeans(row Row[T], dw []T) bool {
	n := len(dw)
	mu, muM, muV := row.Mu[:n], row.MuM[:n], row.MuV[:n]
	var check T
	for k, g := range dw {
		mu[k] -= u.move(&muM[k], &muV[k], g+u.Magnitude*Sign(mu[k]))
		check += muV[k] - muV[k]
	}
	return check == 0
}

// SigmaGradient is the gradient of the negative log-likelihood with respect to a sigma that the row's synapses share, as
// far as this row contributes: sum_k dW_k xi_k.
func SigmaGradient[T Float](dw, xi []T) float64 {
	xi = xi[:len(dw)]
	sum := 0.0
	for k, g := range dw {
		sum += float64(g) * float64(xi[k])
	}
	return sum
}

// UpdateShared moves one phi shared by the given number of synapses, each of which pays:
//
//	dL/dphi = (sum dW xi - synapses k B/N sigma^-(rho+1)) dsigma/dphi
//
// and reports whether everything stayed finite.
func (u AdamStep[T]) UpdateShared(phi, m, v *T, gradient float64, synapses int) bool {
	sigma, derivative := Softplus(*phi)
	g := (T(gradient) - u.Reliability*T(synapses)*InversePower(sigma, u.Rho)) * derivative
	*phi -= u.move(m, v, g)
	return *v-*v == 0
}

// LangevinStep holds the numbers of one step of the rule Langevin for one network.
type LangevinStep[T Float] struct {
	Rate      T // eps_t N/B; 0 without the gradient
	Magnitude T // slope of the magnitude cost: lambda B/N
	Noise     T // sqrt(2 eps_t T)
}

// NewLangevinStep returns the numbers of the given step, counted from 0; fraction is B/N.
func NewLangevinStep[T Float](l Langevin, m Member, fraction float64, step int) LangevinStep[T] {
	eps := m.LearningRate * l.Schedule(step)
	s := LangevinStep[T]{
		Rate: T(eps / fraction), Magnitude: T(m.Lambda * fraction), Noise: T(math.Sqrt(2 * eps * m.Temperature)),
	}
	if m.Uncorrected {
		s.Rate = 0
	}
	return s
}

// Times returns the numbers with the magnitude cost counted the given number of times.
func (u LangevinStep[T]) Times(magnitude int) LangevinStep[T] {
	u.Magnitude *= T(magnitude)
	return u
}

// Descend moves mu of a row down the gradient, mu <- mu - Rate (dW + Magnitude sign(mu)), and reports whether that was finite.
// The noise follows: WeightsShared(mu, mu, Noise, xi).
func (u LangevinStep[T]) Descend(mu, dw []T) bool {
	mu = mu[:len(dw)]
	var check T
	for k, g := range dw {
		g += u.Magnitude * Sign(mu[k])
		mu[k] -= u.Rate * g
		check += g - g // NaN unless it is finite
	}
	return check == 0
}
