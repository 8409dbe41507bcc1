package synapse

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Release is the quantal model of a connection.
type Release struct {
	N float64 `json:"n"` // docked vesicles; need not be whole, except for Sample
	P float64 `json:"p"` // probability that a vesicle is released by a spike
	Q float64 `json:"q"` // quantal size: what a released vesicle adds to the potential, in mV or any other unit
}

// Check reports a parameter out of range: p must be above 0 and at most 1, n and q above 0.
func (r Release) Check() error {
	for _, x := range []Parameter{P, N, Q} {
		if err := x.check(r.Value(x)); err != nil {
			return err
		}
	}
	return nil
}

// Mean is the mean of the potential, n p q, in the unit of q.
func (r Release) Mean() float64 { return r.N * r.P * r.Q }

// Variance is the variance of the potential, n p (1-p) q^2.
func (r Release) Variance() float64 { return r.N * r.P * (1 - r.P) * r.Q * r.Q }

// SD is the standard deviation of the potential, the sigma of a synapse.
func (r Release) SD() float64 { return math.Sqrt(r.Variance()) }

// CV is the coefficient of variation SD/Mean = sqrt((1-p)/(n p)), in which q cancels.
func (r Release) CV() float64 { return r.SD() / r.Mean() }

// Failure is the probability that no vesicle is released, (1-p)^n.
func (r Release) Failure() float64 { return math.Pow(1-r.P, r.N) }

// Probability is the binomial probability that k of the n vesicles, a whole number, are released.
func (r Release) Probability(k int) float64 {
	if r.P == 1 { // the formula has logarithms of 1-p
		if float64(k) == r.N {
			return 1
		}
		return 0
	}
	return distuv.Binomial{N: r.N, P: r.P}.Prob(float64(k))
}

// Parameter is one of the three quantal parameters.
type Parameter int

// The parameters.
const (
	N Parameter = iota // number of vesicles
	P                  // release probability
	Q                  // quantal size
)

func (x Parameter) String() string {
	if names := [...]string{"n", "p", "q"}; x >= 0 && int(x) < len(names) {
		return names[x]
	}
	return fmt.Sprintf("Parameter(%d)", int(x))
}

func (x Parameter) check(value float64) error {
	what := [...]string{"a number of vesicles above 0", "a probability above 0 and at most 1", "a quantal size above 0"}
	if value > 0 && !math.IsInf(value, 0) && (x != P || value <= 1) {
		return nil
	}
	return fmt.Errorf("%v %g: want %s", x, value, what[x])
}

// Value is the parameter's value in r.
func (r Release) Value(x Parameter) float64 {
	switch x {
	case N:
		return r.N
	case P:
		return r.P
	}
	return r.Q
}

// With returns r with one parameter changed.
func (r Release) With(x Parameter, value float64) Release {
	switch x {
	case N:
		r.N = value
	case P:
		r.P = value
	case Q:
		r.Q = value
	}
	return r
}

// FromMoments returns the release that has the given mean and standard deviation and the given value of the parameter
// that is held; the other two follow:
//
//	n held:  p = 1 / (1 + n k^2),    q = mean / (n p)    with k = sd/mean
//	p held:  n = (1-p) / (p k^2),    q = mean / (n p)
//	q held:  p = 1 - sd^2/(mean q),  n = mean / (p q)
//
// It fails if there is none: with q held, sd^2 must stay below mean q; with p held at 1 there is no variance.
func FromMoments(mean, sd float64, held Parameter, value float64) (Release, error) {
	if !(mean > 0) || !(sd >= 0) || math.IsInf(mean, 0) || math.IsInf(sd, 0) {
		return Release{}, fmt.Errorf("synapse: mean %g, sd %g: want a mean above 0 and an sd of 0 or more", mean, sd)
	}
	if err := held.check(value); err != nil {
		return Release{}, fmt.Errorf("synapse: %w", err)
	}
	k := sd / mean
	r := Release{}.With(held, value)
	switch held {
	case N:
		r.P = 1 / (1 + r.N*k*k)
		r.Q = mean / (r.N * r.P)
	case P:
		r.N = (1 - r.P) / (r.P * k * k)
		r.Q = mean / (r.N * r.P)
	case Q:
		r.P = 1 - sd*sd/(mean*r.Q)
		r.N = mean / (r.P * r.Q)
	}
	if err := r.Check(); err != nil {
		return Release{}, fmt.Errorf("synapse: no release with mean %g, sd %g and %v = %g: %w", mean, sd, held, value, err)
	}
	return r, nil
}
