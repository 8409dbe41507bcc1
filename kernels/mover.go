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
	// RateAt is the learning rate at a step, counted from 0, as a multiple of the network's.
	RateAt(step int) float64
	// scheduled is the rule with another schedule.
	scheduled(s Schedule) Mover
	// rows is the portable kernel, in both arithmetics.
	rows() (rowMove[float32], rowMove[float64])
	// operations is the number of additions and multiplications that move a parameter.
	operations() float64
}

// MaxMoments is the largest number of moments of a parameter.
const MaxMoments = 2

// Movers lists the rules that train, with their usual constants. The first is the paper's.
func Movers() []Mover { return []Mover{DefaultAdam(), SGD{}, DefaultMomentum(), DefaultRMSprop()} }

// Scheduled returns a rule whose learning rates follow a schedule. Without one they are constant.
func Scheduled(m Mover, s Schedule) Mover { return m.scheduled(s) }

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

// trains has what all rules that train share.
type trains struct{ Schedule Schedule }

// Check reports whether the learning rate has a value at every step.
func (t trains) Check() error { return t.Schedule.Check() }

// RateAt is that of the schedule.
func (t trains) RateAt(step int) float64 { return t.Schedule.RateAt(step) }

// with adds the schedule, if there is one, to the text of a rule.
func (t trains) with(rule string) string {
	if t.Schedule.Shape == Constant {
		return rule
	}
	return fmt.Sprintf("%s, %v", rule, t.Schedule)
}

// Draws is from the stream of training.
func (trains) Draws() (Stream, bool) { return StreamTrain, true }

// Layer is an Update, or an UpdateSynapses where synapses have parameters of their own.
func (trains) Layer(g Gradient) Instruction {
	if g.Parameters != nil {
		return UpdateSynapses{g}
	}
	return Update{g}
}

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
	Rate                       T // learning rate, as scheduled, / Correction
	Decay                      T // learning rate, as scheduled, times the weight decay
	Beta1, Gain1, Beta2, Gain2 T
	Root, Epsilon              T
	row                        rowMove[T]
}

// rowMove moves parameters, given their gradients, and reports whether gradients, parameters and moments are then
// finite.
type rowMove[T Float] func(u *Move[T], p Param[T], gradient []T) bool

// NewMove returns the numbers of a step, counted from 0, for a network.
func NewMove[T Float](m Mover, n Member, step int) Move[T] {
	c, rate := m.Constants(step), n.LearningRate*m.RateAt(step)
	u := Move[T]{
		Rate: T(rate / c.Correction), Decay: T(rate * n.WeightDecay), Beta1: T(c.Beta1), Gain1: T(c.Gain1), Beta2: T(c.Beta2),
		Gain2: T(c.Gain2), Root: T(c.Root), Epsilon: T(c.Epsilon),
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

// NewLayerMoves sets the numbers of a step, counted from 0, for each layer of a network.
func NewLayerMoves[T Float](moves []Move[T], m Mover, n Member, step int) {
	for l := range moves {
		if l > 0 && n.Layers == nil {
			moves[l] = moves[0]
		} else {
			moves[l] = NewMove[T](m, n.Layer(l), step)
		}
	}
}

// decay takes the weight decay off parameters, apart from any rule's step (Loshchilov and Hutter 2019, as AdamW in
// PyTorch): theta <- theta - lr decay theta.
func (u *Move[T]) decay(theta []T) {
	if u.Decay == 0 {
		return
	}
	for k, v := range theta {
		theta[k] = v - T(u.Decay*v)
	}
}

// Row moves parameters down their gradients and reports whether gradients, parameters and moments are finite.
func (u *Move[T]) Row(p Param[T], gradient []T) bool { return u.row(u, p, gradient) }

// Param is a run of parameters with their moments, all of one length. Moments that the rule does not have are nil.
type Param[T Float] struct {
	Values  []T
	Moments [MaxMoments][]T
}

// moments are those that the rule has.
func (p Param[T]) moments() [][]T {
	n := 0
	for n < MaxMoments && p.Moments[n] != nil {
		n++
	}
	return p.Moments[:n]
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
	return a.with(fmt.Sprintf("Adam(%g, %g, %g)", a.Beta1, a.Beta2, a.Epsilon))
}

func (a Adam) scheduled(s Schedule) Mover { a.Schedule = s; return a }

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
		first := T(c.Beta1*m[k]) + T(c.Gain1*g)
		second := T(c.Beta2*v[k]) + T(c.Gain2*(g*g))
		moved := theta[k] - c.Rate*first/(T(sqrt(second)*c.Root)+c.Epsilon)
		m[k], v[k], theta[k] = first, second, moved
		check += (moved - moved) + (second - second) // NaN unless both are finite, and g with the second
	}
	return check == 0
}

// SGD is stochastic gradient descent: theta <- theta - lr g.
type SGD struct{ trains }

// Name is sgd.
func (SGD) Name() string { return "sgd" }

func (r SGD) String() string { return r.with("SGD") }

func (r SGD) scheduled(s Schedule) Mover { r.Schedule = s; return r }

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
		theta[k] -= T(u.Rate * g)
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

func (r Momentum) String() string { return r.with(fmt.Sprintf("momentum(%g)", r.Factor)) }

func (r Momentum) scheduled(s Schedule) Mover { r.Schedule = s; return r }

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
		v[k] = T(u.Beta1*v[k]) + g
		theta[k] -= T(u.Rate * v[k])
		check += (theta[k] - theta[k]) + (v[k] - v[k]) // g with v
	}
	return check == 0
}

// RMSprop divides the gradient by a running root of its mean square (Tieleman and Hinton 2012), in PyTorch's
// convention: Epsilon is added to the root, and the mean square begins at zero without a correction:
//
//	v <- Alpha v + (1 - Alpha) g^2
//	theta <- theta - lr g / (sqrt(v) + Epsilon)
//
// The first steps are therefore lr / sqrt(1 - Alpha), ten times the learning rate.
type RMSprop struct {
	trains
	Alpha, Epsilon float64
}

// DefaultRMSprop has the constants of PyTorch.
func DefaultRMSprop() RMSprop { return RMSprop{Alpha: 0.99, Epsilon: 1e-8} }

// Name is rmsprop.
func (RMSprop) Name() string { return "rmsprop" }

func (r RMSprop) String() string { return r.with(fmt.Sprintf("RMSprop(%g, %g)", r.Alpha, r.Epsilon)) }

func (r RMSprop) scheduled(s Schedule) Mover { r.Schedule = s; return r }

// Moments is the mean square.
func (RMSprop) Moments() []string { return []string{"v"} }

// Constants has Alpha as Beta2.
func (r RMSprop) Constants(int) Constants {
	return Constants{Correction: 1, Beta2: r.Alpha, Gain2: 1 - r.Alpha, Epsilon: r.Epsilon}
}

func (RMSprop) operations() float64 { return 9 } // the mean square (4), the quotient with its root (4), the subtraction

func (RMSprop) rows() (rowMove[float32], rowMove[float64]) {
	return rmspropRow[float32], rmspropRow[float64]
}

func rmspropRow[T Float](u *Move[T], p Param[T], gradient []T) bool {
	n := len(gradient)
	theta, v := p.Values[:n], p.Moments[0][:n]
	c := *u // in registers: no store into a slice can change it
	var check T
	for k, g := range gradient {
		square := T(c.Beta2*v[k]) + T(c.Gain2*(g*g))
		moved := theta[k] - c.Rate*g/(sqrt(square)+c.Epsilon)
		v[k], theta[k] = square, moved
		check += (moved - moved) + (square - square) // g with the square
	}
	return check == 0
}
