package synapse

import (
	"fmt"
	"math"
)

// Mechanism is a biophysical reason why reliability costs energy.
type Mechanism int

// The mechanisms, by rising exponent.
const (
	Calcium     Mechanism = iota // pumping out the calcium that triggers release
	Membrane                     // making and maintaining the vesicles' membrane
	Actin                        // the filaments that hold the vesicles
	Trafficking                  // moving vesicles to the release sites
)

// Mechanisms lists them all.
func Mechanisms() []Mechanism { return []Mechanism{Calcium, Membrane, Actin, Trafficking} }

func (m Mechanism) String() string {
	if names := [...]string{"calcium", "membrane", "actin", "trafficking"}; m >= 0 && int(m) < len(names) {
		return names[m]
	}
	return fmt.Sprintf("Mechanism(%d)", int(m))
}

// Rho is the exponent of the mechanism's reliability cost (Malkin et al. 2024, Appendix 1).
func (m Mechanism) Rho() Power {
	switch m {
	case Calcium:
		return 1. / 2
	case Membrane:
		return 2. / 3
	case Actin:
		return 4. / 3
	}
	return 2
}

// Drives is the parameter that sets reliability and cost in the derivation of Rho, where q compensates.
func (m Mechanism) Drives() Parameter {
	if m == Calcium {
		return P
	}
	return N
}

// Formula is the cost in the parameters.
func (m Mechanism) Formula() string {
	return [...]string{"(p/(1-p))^(1/4)", "n q^(2/3)", "n q^(1/3)", "n p"}[m]
}

// Cost is the cost of a release, up to a factor that the paper does not give (Eq. 12, 14, 16, 17). The cost of calcium
// for certain release, p = 1, is infinite.
func (m Mechanism) Cost(r Release) float64 {
	switch m {
	case Calcium: // release needs the binding of four ions (Heidelberger et al. 1994; Sakaba and Neher 2001)
		return math.Sqrt(math.Sqrt(r.P / (1 - r.P)))
	case Membrane:
		return r.N * math.Pow(r.Q, 2./3)
	case Actin:
		return r.N * math.Cbrt(r.Q)
	}
	return r.N * r.P
}

// held is the parameter that neither drives nor compensates.
func held(drives, compensates Parameter) (Parameter, error) {
	if drives == compensates {
		return 0, fmt.Errorf("synapse: %v cannot both drive and compensate", drives)
	}
	return N + P + Q - drives - compensates, nil
}

// Tradeoff is a cost as a function of sigma at fixed mean: one parameter drives, another compensates.
type Tradeoff struct {
	Mechanism           Mechanism
	From                Release // gives the mean and the held parameter
	Drives, Compensates Parameter
}

// At returns the release with the given standard deviation on the tradeoff's curve, and its cost. The release does not
// depend on which of the two parameters drives.
func (t Tradeoff) At(sd float64) (Release, float64, error) {
	h, err := held(t.Drives, t.Compensates)
	if err != nil {
		return Release{}, 0, err
	}
	r, err := FromMoments(t.From.Mean(), sd, h, t.From.Value(h))
	return r, t.Mechanism.Cost(r), err
}

// Exponent is the exponent rho of the power law that touches the curve at the given standard deviation, -d ln cost / d
// ln sd, by central difference on the curve itself. It fails at the ends of the curve.
func (t Tradeoff) Exponent(sd float64) (float64, error) {
	const step = 1e-4 // in ln sd; the error is of order step^2
	_, below, err := t.At(sd * math.Exp(-step))
	if err != nil {
		return 0, err
	}
	_, above, err := t.At(sd * math.Exp(step))
	if err != nil {
		return 0, err
	}
	return -(math.Log(above) - math.Log(below)) / (2 * step), nil
}
