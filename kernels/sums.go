package kernels

import "math"

// Sums holds what a network adds up under the rule Accumulate since its state was loaded. With g_b the gradient of the
// negative log-likelihood of example b with respect to the weights, and g the sum of the g_b over a minibatch, these
// are the terms of the empirical Fisher information (Malkin et al. 2024, Eq. 34 and 35). They are sums, not means, and
// leave out the costs.
//
// The gradients of a minibatch are computed in float32 and added up in float64: the sums are within 1e-6 of each
// layer's largest entry, for minibatches of up to some thousand examples. Where a network has learnt all but a handful
// of examples, which then make up the whole gradient, the rounding of their outputs shows in the squares at w = mu:
// 2e-6 to 4e-6.
type Sums struct {
	Minibatches int // added up
	Examples    int // in them

	// Of every synapse, in the layout of mu; the pads are zero.
	Gradient      []float64 // sum over minibatches of g
	Magnitude     []float64 // of |g|
	Square        []float64 // of g^2
	ExampleSquare []float64 // sum over examples of g_b^2

	Inputs []InputSums // of every layer
}

// InputSums are sums over examples of the activations that a layer reads, in the layout of a row of mu: the bias, in
// column In, has the constant 1 as its activation, so both of its sums are the number of examples.
type InputSums struct {
	Magnitude []float64 // of |x|
	Square    []float64 // of x^2
}

// NewSums returns sums of zero.
func NewSums(l Layout) *Sums {
	slots := l.Slots()
	s := &Sums{
		Gradient: make([]float64, slots), Magnitude: make([]float64, slots), Square: make([]float64, slots),
		ExampleSquare: make([]float64, slots),
	}
	for _, layer := range l.Layers {
		s.Inputs = append(s.Inputs, InputSums{make([]float64, layer.Stride()), make([]float64, layer.Stride())})
	}
	return s
}

// Fields lists the sums of the synapses, and then those of the inputs: the magnitudes of every layer, and the squares.
func (s *Sums) Fields() [][]float64 {
	fields := [][]float64{s.Gradient, s.Magnitude, s.Square, s.ExampleSquare}
	for _, in := range s.Inputs {
		fields = append(fields, in.Magnitude)
	}
	for _, in := range s.Inputs {
		fields = append(fields, in.Square)
	}
	return fields
}

// CopyFrom overwrites s with t, which must have the same shape.
func (s *Sums) CopyFrom(t *Sums) {
	s.Minibatches, s.Examples = t.Minibatches, t.Examples
	from := t.Fields()
	for i, field := range s.Fields() {
		copy(field, from[i])
	}
}

// SumRow holds the sums of a row, and of the rows after it.
type SumRow struct {
	Gradient, Magnitude, Square, ExampleSquare []float64
}

// Row returns the sums from a slot on.
func (s *Sums) Row(slot int) SumRow {
	return SumRow{s.Gradient, s.Magnitude, s.Square, s.ExampleSquare}.From(slot)
}

// From returns the sums that start the given number of slots further.
func (r SumRow) From(slot int) SumRow {
	return SumRow{r.Gradient[slot:], r.Magnitude[slot:], r.Square[slot:], r.ExampleSquare[slot:]}
}

// AddGradient adds a minibatch to the sums of a row: its dW, and the sum over its examples of their squared gradients.
// It reports whether both were finite.
//
// For a linear layer, example b has the gradient dy[b][r] x[b][k], so that the sum of the squares is the WeightGradient
// of the squared dy and the squared x.
func AddGradient[T Float](row SumRow, dw, squares []T) bool {
	n := len(dw)
	squares = squares[:n]
	gradient, magnitude, square, exampleSquare := row.Gradient[:n], row.Magnitude[:n], row.Square[:n],
		row.ExampleSquare[:n]
	var check T
	for k, v := range dw {
		g := float64(v)
		gradient[k] += g
		magnitude[k] += math.Abs(g)
		square[k] += float64(g * g)
		exampleSquare[k] += float64(squares[k])
		check += (v - v) + (squares[k] - squares[k]) // NaN unless both are finite
	}
	return check == 0
}

// AddInputs adds the columns of a minibatch to the sums of a layer's inputs, given x and its squares, whose rows are
// stride apart.
func AddInputs[T Float](sums InputSums, x, squares []T, batch, stride int) {
	n := len(sums.Magnitude)
	square := sums.Square[:n]
	for b := range batch {
		xb, xb2 := x[b*stride:][:n], squares[b*stride:][:n]
		for k := range sums.Magnitude {
			sums.Magnitude[k] += math.Abs(float64(xb[k]))
			square[k] += float64(xb2[k])
		}
	}
}

// Squares computes dst = x^2.
func Squares[T Float](dst, x []T) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = v * v
	}
}
