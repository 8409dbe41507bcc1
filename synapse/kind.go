package synapse

import (
	"fmt"
	"math"
	"slices"

	"quantal/kernels"
)

// Kind is what a synapse learns: its mean and a parameter of its standard deviation, or quantities from which both
// follow.
type Kind struct {
	Name      string
	Links     []Link // none: mu, and phi with sigma = softplus(phi)
	Mu, Sigma string // formulas of the quantities
	Source    string
	// Start has the parameters of a synapse that begins with a mean.
	Start func(mu float64, s Start) []float64
}

// Link makes a quantity of a parameter, which may be any real number.
type Link struct {
	Quantity, Parameter string
	Function            string // softplus or sigmoid; empty if the quantity is the parameter
}

// Start is how quantal synapses begin: all with one n and p, and a q that makes the mean.
type Start struct{ N, P float64 }

// Kinds lists the kinds of synapses. The first is the paper's.
func Kinds() []Kind {
	return []Kind{
		{Name: "gaussian", Source: "EES Methods, Eq. 20"},
		{
			Name:   "quantal",
			Links:  []Link{{"n", "n_raw", "softplus"}, {"p", "p_raw", "sigmoid"}, {"q", "q", ""}},
			Mu:     "n*p*q",
			Sigma:  "sqrt(n*p*(1 - p))*abs(q)",
			Source: "EES Eq. 8, 9",
			Start: func(mu float64, s Start) []float64 {
				return []float64{kernels.SoftplusInverse(s.N), math.Log(s.P / (1 - s.P)), mu / (s.N * s.P)}
			},
		},
	}
}

// KindNames lists their names.
func KindNames() []string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, k.Name)
	}
	return names
}

// NamedKind returns the kind of a name.
func NamedKind(name string) (Kind, error) {
	i := slices.Index(KindNames(), name)
	if i < 0 {
		return Kind{}, fmt.Errorf("synapse: kind %q: want one of %v", name, KindNames())
	}
	return Kinds()[i], nil
}

// KindOf returns the kind that learns the given parameters; none stands for mu and phi.
func KindOf(parameters []string) (Kind, error) {
	for _, k := range Kinds() {
		if slices.Equal(k.Parameters(), parameters) {
			return k, nil
		}
	}
	return Kind{}, fmt.Errorf("synapse: no kind learns %v", parameters)
}

// Parameters names the parameters; nil for mu and phi.
func (k Kind) Parameters() []string {
	var names []string
	for _, l := range k.Links {
		names = append(names, l.Parameter)
	}
	return names
}

// Formula is the link as package graph reads it.
func (l Link) Formula() string {
	if l.Function == "" {
		return l.Quantity + " = " + l.Parameter
	}
	return fmt.Sprintf("%s = %s(%s)", l.Quantity, l.Function, l.Parameter)
}

// Of is the quantity for a parameter.
func (l Link) Of(x float64) float64 {
	value, slope := kernels.Softplus(x)
	switch l.Function {
	case "softplus":
		return value
	case "sigmoid":
		return slope
	}
	return x
}
