package kernels

// CostPer says how often a synapse that a network uses at several positions pays its costs. The synapses of brains are
// not shared: what a convolution computes would take one for each position.
type CostPer int

// The counts.
const (
	CostPerSynapse  CostPer = iota // once, however often it is used
	CostPerPosition                // at every position of the output of its convolution, padded ones too
)

// CostPers lists them.
func CostPers() []CostPer { return []CostPer{CostPerSynapse, CostPerPosition} }

var costPerNames = [...]string{"synapse", "position"}

func (c CostPer) String() string { return name(costPerNames[:], "CostPer", int(c)) }

// MarshalText writes the name.
func (c CostPer) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a name.
func (c *CostPer) UnmarshalText(text []byte) error {
	i, err := named(costPerNames[:], "cost-per", text)
	*c = CostPer(i)
	return err
}

// Times is how often each synapse of a layer pays that sees its input through a window; nil of a dense one.
func (c CostPer) Times(w *Window) int {
	if c == CostPerPosition && w != nil {
		return w.Output().Positions()
	}
	return 1
}

// Times is how often each synapse of a layer pays.
func (p *Program) Times(layer int) int { return p.CostPer.Times(p.Gradients()[layer].Window) }

// Groups returns the groups of the layout that share a phi, but each with as many synapses as pay what those of its
// layer do.
func (p *Program) Groups() []Group {
	groups := p.Layout.Groups()
	if p.Layout.Sharing != PerNetwork || p.CostPer == CostPerSynapse {
		return groups
	}
	paid := 0
	for l, layer := range p.Layout.Layers {
		paid += p.Times(l) * layer.Synapses()
	}
	groups[0].Synapses = float64(paid) / float64(p.Times(0))
	return groups
}
