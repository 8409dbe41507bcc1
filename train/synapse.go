package train

import (
	"fmt"
	"strings"

	"quantal/graph"
	"quantal/kernels"
	"quantal/synapse"
)

// gaussian is the name of the synapses that learn mu and sigma.
const gaussian = "gaussian"

// kind is what synapses learn, for the graph; nil for mu and sigma, and for a name that Check refuses.
func (c Config) kind() *graph.Synapse {
	k, err := synapse.NamedKind(c.Synapse)
	if err != nil || len(k.Links) == 0 {
		return nil
	}
	var links []string
	for _, l := range k.Links {
		links = append(links, l.Formula())
	}
	s, err := graph.ParseSynapse(k.Name, k.Mu, k.Sigma, links...)
	if err != nil {
		panic(err) // a constant of package synapse
	}
	return s
}

func (c *Config) checkSynapse() error {
	switch k := c.kind(); {
	case k == nil && c.Synapse == gaussian:
		return nil
	case k == nil:
		return fmt.Errorf("synapse %q: want one of %s", c.Synapse, strings.Join(synapse.KindNames(), ", "))
	case c.sharing() != kernels.PerSynapse:
		return fmt.Errorf("synapse %s: each synapse learns its own %s: want noise heterogeneous, got %s", c.Synapse,
			strings.Join(k.Quantities(), ", "), c.Noise)
	case c.WeightDecay != 0:
		return fmt.Errorf("synapse %s: weight-decay is one of mu, which follows from %s: want 0, got %g", c.Synapse,
			strings.Join(k.Quantities(), ", "), c.WeightDecay)
	}
	return nil
}

// checkStart reports a start of quantal synapses that is given to others.
func (c *Config) checkStart(name string, value, usual float64) error {
	if c.Synapse == gaussian && value != usual {
		return fmt.Errorf("%s %g: only quantal synapses start with it: want --synapse quantal, too", name, value)
	}
	return nil
}

// learnsMu reports an error in what only networks of gaussian synapses can do.
func (s *Session) learnsMu(what string) error {
	if c := s.Networks[0]; c.kind() != nil {
		return fmt.Errorf("train: %s: synapse %s: it moves mu or sigma, which follow from what these synapses learn: "+
			"want networks of %s synapses", what, c.Synapse, gaussian)
	}
	return nil
}
