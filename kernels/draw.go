package kernels

// Draw says which examples share a draw of the noise.
type Draw int

// The draws.
const (
	// PerMinibatch draws one weight per synapse for all examples of a minibatch, or of an evaluation group.
	PerMinibatch Draw = iota
	// PerExample draws anew for every example. The pre-activations of a layer are then independent normals,
	//
	//	y_br = sum_k x_bk mu_rk + sqrt(v_br) xi_br,   v_br = sum_k x_bk^2 sigma_rk^2
	//
	// which is exact in distribution: a neuron reads each of its synapses once per example (local reparameterisation:
	// Kingma, Salimans and Welling 2015). The noise of the weights themselves is never drawn. In a convolution b counts
	// examples and positions: where a filter is at several positions each has noise of its own, as if every position had
	// synapses of its own with the same mu and sigma. One draw of a filter for all positions of an example would correlate
	// these.
	PerExample
)

// Draws lists them.
func Draws() []Draw { return []Draw{PerMinibatch, PerExample} }

var drawNames = [...]string{"minibatch", "example"}

func (d Draw) String() string { return name(drawNames[:], "Draw", int(d)) }

// MarshalText writes the name.
func (d Draw) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a name.
func (d *Draw) UnmarshalText(text []byte) error {
	i, err := named(drawNames[:], "draw", text)
	*d = Draw(i)
	return err
}

// RowDraw draws the weights of a row of a layer in a test, in place of normal ones; noise has the layer's number.
type RowDraw func(w []float32, noise Noise, layer Layer, row int)

// Perturb adds the noise of pre-activations to their means, y += sqrt(v) xi, and sets slope = dy/dv = xi/(2 sqrt(v)).
// Without variance there is no noise, and the slope counts as 0.
func Perturb[T Float](y, slope, v, xi []T) {
	slope, v, xi = slope[:len(y)], v[:len(y)], xi[:len(y)]
	for i := range y {
		slope[i] = 0
		if s := sqrt(v[i]); s != 0 {
			y[i] += T(s * xi[i])
			slope[i] = xi[i] / (2 * s)
		}
	}
}

// VarianceRow derives what a step with noise per example needs of the phis of a row:
//
//	variance = sigma^2
//	slope    = dvariance/dphi = 2 sigma dsigma/dphi
//	cost     = -k B/N sigma^-(rho+1) dsigma/dphi, the derivative of the reliability cost
func (u Slopes[T]) VarianceRow(variance, slope, cost, phi []T) {
	n := len(variance)
	slope, cost, phi = slope[:n], cost[:n], phi[:n]
	for k := range variance {
		sigma, derivative := Softplus(phi[k])
		variance[k] = sigma * sigma
		slope[k] = 2 * sigma * derivative
		cost[k] = -(u.Reliability * InversePower(sigma, u.Rho)) * derivative
	}
}
