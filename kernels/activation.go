package kernels

import (
	"fmt"
	"math"
	"strings"
)

// Activation is the function a layer's output passes through. An activation is defined entirely here: its name, its
// value in Apply and its derivative, as a function of the output a(y), in ApplyGradient. A machine refuses those that
// it has no code for.
type Activation int

// The activations.
const (
	Linear Activation = iota
	ReLU              // max(0, y)
	Tanh
)

var activationNames = [...]string{"linear", "relu", "tanh"}

func (a Activation) String() string { return name(activationNames[:], "Activation", int(a)) }

// Activations lists them all.
func Activations() []Activation {
	var all []Activation
	for i := range activationNames {
		all = append(all, Activation(i))
	}
	return all
}

// Check reports a number that is not an activation's.
func (a Activation) Check() error {
	if a < 0 || int(a) >= len(activationNames) {
		return fmt.Errorf("kernels: %v is not an activation: want one of %s", a, strings.Join(activationNames[:], ", "))
	}
	return nil
}

// MarshalText writes the name.
func (a Activation) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads a name.
func (a *Activation) UnmarshalText(text []byte) error {
	i, err := named(activationNames[:], "activation", text)
	*a = Activation(i)
	return err
}

// Apply replaces y by a(y). A NaN stays NaN: a rectifier that hid it would hide a diverged network. An unknown
// activation gives NaNs: see Check.
func Apply[T Float](a Activation, y []T) {
	switch a {
	case Linear:
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
	default:
		fill(y, T(math.NaN()))
	}
}

// ApplyGradient replaces dy, the gradient with respect to a(y), by the gradient with respect to y, given a(y).
func ApplyGradient[T Float](a Activation, dy, y []T) {
	y = y[:len(dy)]
	switch a {
	case Linear:
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
	default:
		fill(dy, T(math.NaN()))
	}
}

func fill[T Float](s []T, v T) {
	for i := range s {
		s[i] = v
	}
}
