package kernels

import "math"

// Activation is the function a layer's output passes through.
type Activation int

// The activations.
const (
	Linear Activation = iota
	ReLU              // max(0, y)
	Tanh
)

var activationNames = [...]string{"linear", "relu", "tanh"}

func (a Activation) String() string { return name(activationNames[:], "Activation", int(a)) }

// MarshalText writes the name.
func (a Activation) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads a name.
func (a *Activation) UnmarshalText(text []byte) error {
	i, err := named(activationNames[:], "activation", text)
	*a = Activation(i)
	return err
}

// Apply replaces y by a(y). A NaN stays one: a rectifier that hid it would hide a diverged network.
func Apply[T Float](a Activation, y []T) {
	switch a {
	case ReLU:
		for i, v := range y {
			if v < 0 {
				y[i] = 0
			}
		}
	case Tanh:
		for i, v := range y {
			y[i] = T(math.Tanh(float64(v)))
		}
	}
}

// ApplyGradient replaces dy, the gradient with respect to a(y), by the gradient with respect to y, given a(y).
func ApplyGradient[T Float](a Activation, dy, y []T) {
	y = y[:len(dy)]
	switch a {
	case ReLU:
		for i, v := range y {
			if !(v > 0) {
				dy[i] = 0
			}
		}
	case Tanh:
		for i, v := range y {
			dy[i] *= 1 - v*v
		}
	}
}
