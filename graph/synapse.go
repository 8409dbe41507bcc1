package graph

import (
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// Synapse is a kind of synapse with parameters of its own. Each parameter is any real number; a quantity, such as a
// number of vesicles, is a function of one parameter, its link. The mean and the standard deviation of the weight are
// formulas of the quantities, and so are costs.
type Synapse struct {
	Name      string
	Links     []Law // of one variable each, the parameter, under the quantity's name, as in n = softplus(n_raw)
	Mu, Sigma Law   // of the quantities
}

// ParseSynapse reads a kind of synapse from the formulas of mu and sigma, and a link for each quantity, as in
// "n = softplus(n_raw)"; a quantity that is its parameter is written "q = q".
func ParseSynapse(name, mu, sigma string, links ...string) (*Synapse, error) {
	s := &Synapse{Name: name}
	if len(links) == 0 || len(links) > kernels.MaxParameters {
		return nil, fmt.Errorf("graph: synapse %s: want 1 to %d parameters, got %d", name, kernels.MaxParameters, len(links))
	}
	for _, text := range links {
		free, err := ParseTerm(text)
		if err != nil {
			return nil, fmt.Errorf("graph: synapse %s: link %q: %w", name, text, err)
		}
		if len(free.Numbers()) != 1 || free.Name == "" {
			return nil, fmt.Errorf("graph: synapse %s: link %q: want a quantity as a function of one parameter", name, text)
		}
		link, err := ParseLaw(text, free.Numbers()...)
		if err != nil {
			return nil, fmt.Errorf("graph: synapse %s: link %q: %w", name, text, err)
		}
		s.Links = append(s.Links, link)
	}
	for _, f := range []struct {
		law        *Law
		name, text string
	}{{&s.Mu, kernels.InputMu, mu}, {&s.Sigma, kernels.InputSigma, sigma}} {
		var err error
		if *f.law, err = ParseLaw(f.text, s.Quantities()...); err != nil {
			return nil, fmt.Errorf("graph: synapse %s: %s: %w", name, f.name, err)
		}
		if numbers := f.law.Numbers(); len(numbers) > 0 {
			return nil, fmt.Errorf("graph: synapse %s: %s reads %s: want only its quantities, %s", name, f.name,
				strings.Join(numbers, ", "), strings.Join(s.Quantities(), ", "))
		}
	}
	return s, nil
}

// Quantities lists the names of the quantities, in the order of the parameters; nil has none.
func (s *Synapse) Quantities() []string {
	if s == nil {
		return nil
	}
	var names []string
	for _, l := range s.Links {
		names = append(names, l.Name)
	}
	return names
}

// has reports whether a name is that of a quantity; nil has none.
func (s *Synapse) has(name string) bool {
	return slices.Contains(s.Quantities(), name)
}

// names lists those of the parameters; nil for nil, whose are mu and phi.
func (s *Synapse) names() []string {
	if s == nil {
		return nil
	}
	var names []string
	for _, l := range s.Links {
		names = append(names, l.Variables[0])
	}
	return names
}

// Reads reports whether a law reads a quantity of the synapse, so that it is no price of mu and sigma alone; of nil it
// reads none.
func (s *Synapse) Reads(l Law) bool {
	return slices.ContainsFunc(l.Numbers(), s.has)
}

// Numbers are those of a law that are not quantities of the synapse; all for nil.
func (s *Synapse) Numbers(l Law) []string {
	return slices.DeleteFunc(slices.Clone(l.Numbers()), s.has)
}

func (s *Synapse) String() string {
	if s == nil {
		return "gaussian"
	}
	parts := []string{fmt.Sprintf("mu = %s", s.Mu.Text()), fmt.Sprintf("sigma = %s", s.Sigma.Text())}
	for _, l := range s.Links {
		parts = append(parts, l.String())
	}
	return s.Name + ": " + strings.Join(parts, ", ")
}

// MarshalText writes the synapse for people and for the records of checkpoints.
func (s *Synapse) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// apply adds the parameters of layer i to a graph, and what follows from them: the quantities, mu and sigma, by name.
func (s *Synapse) apply(g *gorgonia.ExprGraph, i int, layer kernels.Layer, dt tensor.Dtype) (theta gorgonia.Nodes,
	quantities map[string]*gorgonia.Node, err error) {
	quantities = map[string]*gorgonia.Node{}
	for _, l := range s.Links {
		n := gorgonia.NewMatrix(g, dt, gorgonia.WithShape(layer.Out, layer.Columns()),
			gorgonia.WithName(parameterName(l.Variables[0], i)))
		theta = append(theta, n)
		if quantities[l.Name], err = l.Apply(map[string]*gorgonia.Node{l.Variables[0]: n}); err != nil {
			return nil, nil, err
		}
	}
	mu, err := s.Mu.Apply(quantities)
	if err != nil {
		return nil, nil, err
	}
	sigma, err := s.Sigma.Apply(quantities)
	if err != nil {
		return nil, nil, err
	}
	quantities[kernels.InputMu], quantities[kernels.InputSigma] = mu, sigma
	return theta, quantities, nil
}

// parameterName is the name in the graph of a parameter of layer i.
func parameterName(name string, i int) string { return fmt.Sprintf("%s of layer %d", name, i) }

// parameterOf is the inverse of parameterName.
func parameterOf(n *gorgonia.Node, i int) (string, bool) {
	return strings.CutSuffix(n.Name(), fmt.Sprintf(" of layer %d", i))
}
