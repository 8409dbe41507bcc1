package kernels

import (
	"fmt"
	"math"
)

// Shape is the course that a learning rate takes over a run.
type Shape int

// The shapes.
const (
	Constant Shape = iota
	// Cosine falls from 1 to 0 as half a cosine: (1 + cos(pi step/steps)) / 2 (Loshchilov and Hutter 2017, without
	// restarts).
	Cosine
	// Staircase is 1, a tenth from half of the steps on, and a hundredth from three quarters on (as in He et al. 2016,
	// whose 64,000 steps fall at 32,000 and 48,000).
	Staircase
)

var shapeNames = [...]string{"constant", "cosine", "step"}

func (s Shape) String() string { return name(shapeNames[:], "Shape", int(s)) }

// Shapes lists them all.
func Shapes() []Shape { return []Shape{Constant, Cosine, Staircase} }

// MarshalText writes the name.
func (s Shape) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *Shape) UnmarshalText(text []byte) error {
	i, err := named(shapeNames[:], "learning rate schedule", text)
	*s = Shape(i)
	return err
}

// Schedule is how the learning rates of a run change in its course. It is a function of the step and of how many steps
// the run has, so that a run of more steps has other rates from the start.
type Schedule struct {
	Shape Shape
	Steps int // of the whole run; without meaning for a constant rate
}

func (s Schedule) String() string {
	if s.Shape == Constant {
		return s.Shape.String()
	}
	return fmt.Sprintf("%v over %d steps", s.Shape, s.Steps)
}

// Check reports what is not a schedule.
func (s Schedule) Check() error {
	if s.Shape < 0 || int(s.Shape) >= len(shapeNames) {
		return fmt.Errorf("kernels: no schedule %v of the learning rate", s.Shape)
	}
	if s.Shape != Constant && s.Steps < 1 {
		return fmt.Errorf("kernels: a %v schedule over %d steps: want 1 or more", s.Shape, s.Steps)
	}
	return nil
}

// RateAt is what a learning rate is multiplied by at a step, counted from 0.
func (s Schedule) RateAt(step int) float64 {
	switch s.Shape {
	case Cosine:
		return (1 + math.Cos(math.Pi*float64(min(step, s.Steps))/float64(s.Steps))) / 2
	case Staircase:
		switch {
		case step >= (3*s.Steps+3)/4:
			return 0.01
		case step >= (s.Steps+1)/2:
			return 0.1
		}
	}
	return 1
}
