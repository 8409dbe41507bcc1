package synapse

import (
	"fmt"
	"math"

	"quantal/internal/nearest"
)

// The constants of Energy, those of Attwell and Laughlin's budget for an excitatory synapse of a rodent. Each is
// described in EnergyConstants.
const (
	ATPCalcium      = 12000.  // per released vesicle, at p = TypicalP
	ATPCycle        = 820.    // per released vesicle
	ATPTransmitter  = 11000.  // per released vesicle of one quantum
	ATPIonotropic   = 137000. // per released vesicle of one quantum
	ATPMetabotropic = 3000.   // per released vesicle of one quantum
	TypicalP        = 0.25    // release probability
	TypicalN        = 4.      // release sites of a connection
	NearCertain     = 0.95    // a release probability above it counts as near 1
)

// Constant is a number that an energy budget rests on.
type Constant struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	Meaning string  `json:"meaning"`
	Source  string  `json:"source"`
	Assumed bool    `json:"assumed"` // the source does not say that it holds here
}

// EnergyConstants lists the constants of Energy with their sources, and what is assumed besides.
func EnergyConstants() []Constant {
	const (
		budget                = "Attwell and Laughlin 2001, J Cereb Blood Flow Metab 21:1133-1145"
		supply                = "Harris, Jolivet and Attwell 2012, Neuron 75:762-777"
		vesicle, quantum, one = "ATP per released vesicle", "ATP per released vesicle of one quantum", "1"
	)
	return []Constant{
		{"calcium", ATPCalcium, vesicle, "pumping out the calcium that entered the terminal, 1.2e4 ions", budget +
			", p. 1136, from Helmchen et al. 1997", false},
		{"vesicle_cycle", ATPCycle, vesicle, "exocytosis, endocytosis and uncoating: 0.5 % of 1.64e5 in all", budget +
			", which gives the share and the sum; that they give the number", true},
		{"transmitter", ATPTransmitter, quantum, "recycling of 4000 molecules of glutamate, 2.67 each", budget, false},
		{"ionotropic", ATPIonotropic, quantum,
			"sodium through non-NMDA (2e5 ions) and NMDA (2.1e5) receptors, 3 ions each", budget + ", p. 1136", false},
		{"metabotropic", ATPMetabotropic, quantum,
			"postsynaptic signals of metabotropic receptors: what the others leave of " +
				"1.64e5 in all, 2 %", budget + ", which gives the share and the sum; that they give the number", true},
		{"p", TypicalP, one, "release probability, usually held; at it calcium has its price", budget, false},
		{"n", TypicalN, "release sites", "held where a mechanism holds n; such connections have p of 0.25 to 0.4", supply +
			", p. 766, from Hardingham et al. 2010 and Branco et al. 2008; that it is typical", true},
		{"near_certain", NearCertain, one, "p above it counts as near 1", "a bound of this program", true},
		{"calcium_exponent", 1. / 4, one, "calcium of a site goes as (p/(1-p))^(1/4), and sites add up",
			"Malkin et al. 2024, Eq. 11, 12; that sites add up", true},
		{"quantum_exponent", 1, one, "transmitter and postsynaptic ATP of a vesicle go as |q| over the quantum",
			"as in Malkin et al. 2024, q is the volume of a vesicle", true},
		{"inhibitory_price", 1, one, "price of an inhibitory synapse over that of an excitatory one, an upper bound: its " +
			"postsynaptic current costs much less (" + supply + ")", "no constant at hand", true},
	}
}

// Energy is ATP molecules by what they are spent on.
type Energy struct {
	Calcium      float64 `json:"calcium"`       // pumping it out of the terminal
	Cycle        float64 `json:"vesicle_cycle"` // release and retrieval of vesicles
	Transmitter  float64 `json:"transmitter"`   // its uptake and loading
	Postsynaptic float64 `json:"postsynaptic"`  // pumping out what the current brought in, and metabotropic signals
}

// Total is the sum.
func (e Energy) Total() float64 { return e.Calcium + e.Cycle + e.Transmitter + e.Postsynaptic }

// Add adds so many times another.
func (e *Energy) Add(times float64, other Energy) {
	e.Calcium += times * other.Calcium
	e.Cycle += times * other.Cycle
	e.Transmitter += times * other.Transmitter
	e.Postsynaptic += times * other.Postsynaptic
}

// Energy is what a presynaptic spike costs at the synapse on average. One quantum is the quantal size, in units of q,
// of the vesicles that EnergyConstants describe:
//
//	calcium        ATPCalcium TypicalP n ((p/(1-p)) / (TypicalP/(1-TypicalP)))^(1/4)
//	vesicle cycle  ATPCycle n p
//	transmitter    ATPTransmitter n p q/quantum
//	postsynaptic   (ATPIonotropic + ATPMetabotropic) n p q/quantum
//
// The last two depend on the mean n p q alone: reliability costs nothing there. Without release, n = 0, nothing costs.
// Certain release, p = 1, has an infinite price.
func (r Release) Energy(quantum float64) Energy {
	if r.N == 0 {
		return Energy{}
	}
	const typical = TypicalP / (1 - TypicalP)
	released := r.N * r.P
	return Energy{
		Calcium:      ATPCalcium * TypicalP * r.N * math.Sqrt(math.Sqrt(r.P/(1-r.P)/typical)),
		Cycle:        ATPCycle * released,
		Transmitter:  ATPTransmitter * released * r.Q / quantum,
		Postsynaptic: (ATPIonotropic + ATPMetabotropic) * released * r.Q / quantum,
	}
}

// Held is the parameter that the derivation of Rho holds, besides the mean.
func (m Mechanism) Held() Parameter { return N + P - m.Drives() }

// Typical is the value at which n or p is held unless told otherwise.
func (x Parameter) Typical() float64 {
	if x == N {
		return TypicalN
	}
	return TypicalP
}

// NamedMechanism returns the mechanism of a name.
func NamedMechanism(name string) (Mechanism, error) {
	var names []string
	for _, m := range Mechanisms() {
		if m.String() == name {
			return m, nil
		}
		names = append(names, m.String())
	}
	return 0, fmt.Errorf("mechanism %q: %s", name, nearest.OneOf(name, names))
}

// MechanismOf returns the mechanism that has an exponent.
func MechanismOf(rho Power) (Mechanism, bool) {
	for _, m := range Mechanisms() {
		if math.Abs(float64(m.Rho()-rho)) < 1e-9*float64(rho) {
			return m, true
		}
	}
	return 0, false
}
