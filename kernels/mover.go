package kernels

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Mover is a Rule that trains: it says how a parameter follows the gradient of the objective. This package has all that
// a machine can run.
type Mover interface {
	Rule
	// Moments names the numbers that each parameter carries from step to step, at most MaxMoments, by their names in
	// files.
	Moments() []string
	// Constants are the numbers of a step, counted from 0.
	Constants(step int) Constants
	// rows is the portable kernel, in both arithmetics.
	rows() (rowMove[float32], rowMove[float64])
	// operations is the number of additions and multiplications that move a parameter.
	operations() float64
}

// MaxMoments is the largest number of moments of a parameter.
const MaxMoments = 2

// Movers lists the rules that train, with their usual constants. The first is the paper's.
func Movers() []Mover { return []Mover{DefaultAdam(), SGD{}, DefaultMomentum()} }

// MoverNames lists the names that ParseMover reads.
func MoverNames() []string {
	var names []string
	for _, m := range Movers() {
		names = append(names, m.Name())
	}
	return names
}

// ParseMover finds a rule that trains by its name.
func ParseMover(name string) (Mover, error) {
	i := slices.Index(MoverNames(), name)
	if i < 0 {
		return nil, fmt.Errorf("rule %q: want one of %s", name, strings.Join(MoverNames(), ", "))
	}
	return Movers()[i], nil
}

// Moments names the moments that a rule keeps of each parameter: none unless it trains.
func Moments(r Rule) []string {
	if m, ok := r.(Mover); ok {
		return m.Moments()
	}
	return nil
}

// trains has the methods that all rules that train share.
type trains struct{}

// Draws is from the stream of training.
func (trains) Draws() (Stream, bool) { return StreamTrain, true }

// Layer is an Update.
func (trains) Layer(g Gradient) Instruction { return Update{g} }

// Shared is an UpdateShared.
func (trains) Shared(l Law) Instruction { return UpdateShared{l} }

// Constants are the numbers of a Mover at one step, the same for all networks. A rule sets those in its formula.
type Constants struct {
	Correction                 float64 // divides the learning rate; 1 unless the rule says otherwise
	Beta1, Gain1, Beta2, Gain2 float64 // of the first and of the second moment: the fraction kept, and the fraction added
	Root, Epsilon              float64
}

// Move holds the numbers of a Mover at one step of one network.
type Move[T Float] struct {
	Rate                       T // learning rate / Correction
	Beta1, Gain1, Beta2, Gain2 T
	Root, Epsilon              T
	row                        rowMove[T]
}

// rowMove moves parameters, given their gradients, and reports whether gradients, parameters and moments are then
// finite.
type rowMove[T Float] func(u *Move[T], p Param[T], gradient []T) bool

// NewMove returns the numbers of a step, counted from 0, for a learning rate.
func NewMove[T Float](m Mover, rate float64, step int) Move[T] {
	c := m.Constants(step)
	u := Move[T]{
		Rate: T(rate / c.Correction), Beta1: T(c.Beta1), Gain1: T(c.Gain1), Beta2: T(c.Beta2), Gain2: T(c.Gain2),
		Root: T(c.Root), Epsilon: T(c.Epsilon),
	}
	var row any
	if row32, row64 := m.rows(); single[T]() {
		row = row32
	} else {
		row = row64
	}
	u.row, _ = row.(rowMove[T])
	return u
}

// Row moves parameters down their gradients and reports whether gradients, parameters and moments are finite.
func (u *Move[T]) Row(p Param[T], gradient []T) bool { return u.row(u, p, gradient) }

// Param is a run of parameters with their moments, all of one length. Moments that the rule does not have are nil.
type Param[T Float] struct {
	Values  []T
	Moments [MaxMoments][]T
}

// Slice is n parameters, starting at the given one.
func (p Param[T]) Slice(from, n int) Param[T] {
	s := Param[T]{Values: p.Values[from:][:n]}
	for i, m := range p.Moments {
		if m != nil {
			s.Moments[i] = m[from:][:n]
		}
	}
	return s
}

// Adam is the update rule of Kingma and Ba (2015), with their notation:
//
//	m <- Beta1 m + (1 - Beta1) g,   v <- Beta2 v + (1 - Beta2) g^2
//	theta <- theta - lr m/(1 - Beta1^t) / (sqrt(v/(1 - Beta2^t)) + Epsilon)
type Adam struct {
	trains
	Beta1, Beta2, Epsilon float64
}

// DefaultAdam has the constants of the paper.
func DefaultAdam() Adam { return Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8} }

// Name is adam.
func (Adam) Name() string { return "adam" }

func (a Adam) String() string {
	return fmt.Sprintf("Adam(%g, %g, %g)", a.Beta1, a.Beta2, a.Epsilon)
}

// Moments are m and v.
func (Adam) Moments() []string { return []string{"m", "v"} }

// Constants returns the corrections of the moments, which start at zero.
func (a Adam) Constants(step int) Constants {
	t := float64(step + 1)
	return Constants{
		Correction: 1 - math.Pow(a.Beta1, t), Root: 1 / math.Sqrt(1-math.Pow(a.Beta2, t)), Epsilon: a.Epsilon,
		Beta1: a.Beta1, Gain1: 1 - a.Beta1, Beta2: a.Beta2, Gain2: 1 - a.Beta2,
	}
}

func (Adam) operations() float64 { return 14 } // two moments (3 + 4), the quotient with its root (6), the subtraction

func (Adam) rows() (rowMove[float32], rowMove[float64]) { return adamRow[float32], adamRow[float64] }

func adamRow[T Float](u *Move[T], p Param[T], gradient []T) bool {
	n := len(gradient)
	theta, m, v := p.Values[:n], p.Moments[0][:n], p.Moments[1][:n]
	c := *u // in registers: no store into a slice can change it
	var check T
	for k, g := range gradient {
		first := c.Beta1*m[k] + c.Gain1*g
		second := c.Beta2*v[k] + c.Gain2*(g*g)
		moved := theta[k] - c.Rate*first/(sqrt(second)*c.Root+c.Epsilon)
		m[k], v[k], theta[k] = first, second, moved
		check += (moved - moved) + (second - second) // NaN unless both are finite, and g with the second
	}
	return check == 0
}

// SGD is stochastic gradient descent: theta <- theta - lr g.
type SGD struct{ trains }

// Name is sgd.
func (SGD) Name() string { return "sgd" }

func (SGD) String() string { return "SGD" }

// Moments is empty.
func (SGD) Moments() []string { return nil }

// Constants leaves the learning rate as it is.
func (SGD) Constants(int) Constants { return Constants{Correction: 1} }

func (SGD) operations() float64 { return 2 }

func (SGD) rows() (rowMove[float32], rowMove[float64]) { return sgdRow[float32], sgdRow[float64] }

func sgdRow[T Float](u *Move[T], p Param[T], gradient []T) bool {
	theta := p.Values[:len(gradient)]
	var check T
	for k, g := range gradient {
		theta[k] -= u.Rate * g
		check += (theta[k] - theta[k]) + (g - g)
	}
	return check == 0
}

// Momentum is stochastic gradient descent with momentum, in PyTorch's convention: the learning rate multiplies the
// velocity that moves the parameter, not the gradient that enters it (as in Polyak 1964 and Sutskever et al. 2013):
//
//	v <- Factor v + g
//	theta <- theta - lr v
//
// so that a steady gradient moves the parameter by lr g / (1 - Factor) per step.
type Momentum struct {
	trains
	Factor float64
}

// DefaultMomentum has the usual factor.
func DefaultMomentum() Momentum { return Momentum{Factor: 0.9} }

// Name is momentum.
func (Momentum) Name() string { return "momentum" }

func (r Momentum) String() string { return fmt.Sprintf("momentum(%g)", r.Factor) }

// Moments has the velocity.
func (Momentum) Moments() []string { return []string{"v"} }

// Constants has the factor as Beta1.
func (r Momentum) Constants(int) Constants { return Constants{Correction: 1, Beta1: r.Factor} }

func (Momentum) operations() float64 { return 4 }

func (Momentum) rows() (rowMove[float32], rowMove[float64]) {
	return momentumRow[float32], momentumRow[float64]
}

func momentumRow[T Float](u *Move[T], p Param[T], gradient []T) bool {
	n := len(gradient)
	theta, v := p.Values[:n], p.Moments[0][:n]
	var check T
	for k, g := range gradient {
		v[k] = u.Beta1*v[k] + g
		theta[k] -= u.Rate * v[k]
		check += (theta[k] - theta[k]) + (v[k] - v[k]) // g with v
	}
	return check == 0
}
