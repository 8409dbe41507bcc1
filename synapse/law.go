package synapse

import (
	"fmt"
	"strings"

	"quantal/internal/nearest"
)

// Law is a price of a synapse with a name: a formula of the mean mu and the standard deviation sigma of its potential,
// and of numbers that a user sets. Package graph reads the formula.
type Law struct {
	Name    string `json:"name"`
	Formula string `json:"formula"`
	Source  string `json:"source"`           // the equations it comes from; EES is Malkin et al. 2024
	Figure  string `json:"figure,omitempty"` // that shows it
	Meaning string `json:"meaning"`
}

// Laws lists the laws that come with the program. The first are those of the paper, prices of reliability at a fixed
// mean. Those with _mean keep the mean in: with q compensating and one parameter h held,
//
//	calcium, n held      p/(1-p) = mu^2/(n sigma^2),                         (p/(1-p))^(1/4) ~ (mu^2/sigma^2)^(1/4)
//	membrane, p held     n = (1-p)/p mu^2/sigma^2, q = p/(1-p) sigma^2/(p |mu|),   n q^(2/3) ~ |mu|^(4/3) sigma^(-2/3)
//	actin, p held                                                                  n q^(1/3) ~ |mu|^(5/3) sigma^(-4/3)
//	trafficking, p held                                                            n p       ~ mu^2/sigma^2
//	trafficking_p, n held   p = mu^2/(mu^2 + n sigma^2),                           n p = n mu^2/(mu^2 + n sigma^2)
//
// by Eq. 8, 9 and 12-17; what the held parameter contributes, n^(-1/4) for instance, is a part of the multiplier. A
// negative mean is that of a synapse which inhibits, with q negative, and costs as much. A synapse of mean 0 has no
// vesicles and costs nothing. The slope along mu is 0 there: for calcium, whose slope has no bound near 0, by the
// convention on roots of graph.Elementwise, for the others as it is.
func Laws() []Law {
	return []Law{
		{"power", "c*sigma^-rho", "EES Eq. 4, 51", "EES Fig. 2", "any power law; c = s^rho/rho"},
		{"calcium", "c*sigma^(-1/2)", "EES Eq. 11-13", "EES Fig. 1c, I", "pumping calcium out"},
		{"membrane", "c*sigma^(-2/3)", "EES Eq. 14, 15", "EES Fig. 1c, II", "membrane of the vesicles"},
		{"actin", "c*sigma^(-4/3)", "EES Eq. 16", "EES Fig. 1c, III", "filaments that hold the vesicles"},
		{"trafficking", "c*sigma^-2", "EES Eq. 17", "EES Fig. 1c, IV", "bringing vesicles to release sites"},
		{"entropic", "-c*log(sigma)", "EES Eq. 44, 66", "EES Fig. 7", "the limit of rho 0; variational Bayes if c = 1"},
		{"mechanisms", "calcium*sigma^(-1/2) + membrane*sigma^(-2/3) + actin*sigma^(-4/3) + trafficking*sigma^-2",
			"EES Eq. 11-17", "", "the four together, each with its weight"},
		{"calcium_mean", "c*(mu^2/sigma^2)^(1/4)", "EES Eq. 8-12", "", "calcium with the mean, n held"},
		{"membrane_mean", "c*abs(mu)^(4/3)*sigma^(-2/3)", "EES Eq. 8, 9, 14", "", "membrane with the mean, p held"},
		{"actin_mean", "c*abs(mu)^(5/3)*sigma^(-4/3)", "EES Eq. 8, 9, 16", "", "actin with the mean, p held"},
		{"trafficking_mean", "c*mu^2/sigma^2", "EES Eq. 8, 9, 17", "", "trafficking with the mean, p held"},
		{"mechanisms_mean", "calcium*(mu^2/sigma^2)^(1/4) + membrane*abs(mu)^(4/3)*sigma^(-2/3) + " +
			"actin*abs(mu)^(5/3)*sigma^(-4/3) + trafficking*mu^2/sigma^2", "EES Eq. 8-17", "", "the four with the mean"},
		{"trafficking_p", "c*n*mu^2/(mu^2 + n*sigma^2)", "EES Eq. 8, 9, 18", "", "trafficking with the mean, n held"},
		{"l1", "lambda*abs(mu)", "EES Eq. 3", "", "magnitude of the mean; a Laplace prior (EES Eq. 41)"},
		{"quadratic", "lambda*mu^2", "Krogh and Hertz 1991", "", "squared mean, weight decay; a Gaussian prior"},
	}
}

// LawNames lists their names.
func LawNames() []string {
	var names []string
	for _, l := range Laws() {
		names = append(names, l.Name)
	}
	return names
}

// NamedLaw returns the law of a name.
func NamedLaw(name string) (Law, error) {
	for _, l := range Laws() {
		if l.Name == name {
			return l, nil
		}
	}
	return Law{}, fmt.Errorf("synapse: law %q: %s", name, nearest.OneOf(name, LawNames()))
}

// Text is the law with its name before it, as package graph reads it.
func (l Law) Text() string { return l.Name + " = " + l.Formula }

// Mechanism is that of a law which is the price of one mechanism, with the parameter that its derivation holds.
func (l Law) Mechanism() (m Mechanism, held Parameter, ok bool) {
	name, kept, _ := strings.Cut(l.Name, "_")
	m, err := NamedMechanism(name)
	if held = m.Held(); kept == N.String() || kept == P.String() { // it varies through this one
		held = N + P - map[string]Parameter{N.String(): N, P.String(): P}[kept]
	}
	return m, held, err == nil
}
