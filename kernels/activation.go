package kernels

import (
	"fmt"
	"math"
	"strings"
)

// Activation is the function a layer's output passes through. An activation is defined entirely here: its name, its
// value in Apply and its derivative, as a function of the output a(y) or of what Apply has kept, in ApplyGradient. A
// machine refuses those that it has no code for.
type Activation int

// The activations.
const (
	Linear             Activation = iota
	ReLU                          // max(0, y)
	Tanh                          //
	LeakyReLU                     // y, or LeakySlope y where y is negative (Maas, Hannun and Ng 2013)
	Sigmoid                       // 1 / (1 + e^-y)
	SoftplusActivation            // ln(1 + e^y)
	GELU                          // y Phi(y), Phi of the normal distribution (Hendrycks and Gimpel 2016, Eq. 1)
)

// LeakySlope is how steep LeakyReLU is below 0.
const LeakySlope = 0.01

var activationNames = [...]string{"linear", "relu", "tanh", "leaky-relu", "sigmoid", "softplus", "gelu"}

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

// KeepsSlope reports whether the derivative is not a function of the output, so that Apply keeps it for ApplyGradient:
// two inputs of GELU can have the same output.
func (a Activation) KeepsSlope() bool { return a == GELU }

// Apply replaces y by a(y), and leaves a'(y) in slope if the activation keeps that and slope is not nil. A NaN stays
// NaN: a rectifier that hid it would hide a diverged network. An unknown activation gives NaNs: see Check.
func Apply[T Float](a Activation, y, slope []T) {
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
	case LeakyReLU:
		for i, v := range y {
			if v < 0 {
				y[i] = LeakySlope * v
			}
		}
	case Sigmoid:
		for i, v := range y {
			_, y[i] = Softplus(v)
		}
	case SoftplusActivation:
		for i, v := range y {
			y[i], _ = Softplus(v)
		}
	case GELU:
		for i, v := range y {
			below := float64(math.Erfc(-float64(v)/math.Sqrt2) / 2) // Phi(v)
			if y[i] = T(float64(v) * below); slope != nil {
				slope[i] = T(below + float64(float64(v)*math.Exp(-float64(v)*float64(v)/2)/math.Sqrt(2*math.Pi)))
			}
		}
	default:
		fill(y, T(math.NaN()))
	}
}

// ApplyGradient replaces dy, the gradient with respect to a(y), by the gradient with respect to y, given a(y), or a'(y)
// if the activation keeps its slope.
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
			dy[i] *= 1 - T(v*v)
		}
	case LeakyReLU:
		for i, v := range y {
			if !(v > 0) {
				dy[i] *= LeakySlope
			}
		}
	case Sigmoid:
		for i, v := range y {
			dy[i] *= v * (1 - v)
		}
	case SoftplusActivation:
		for i, v := range y {
			dy[i] *= -expm1(-v)
		}
	case GELU:
		for i, v := range y {
			dy[i] *= v
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
