package kernels

import (
	"fmt"
	"slices"
	"strings"
)

// Member is one network of a run: the scalar inputs of the graph.
type Member struct {
	Seed          uint64
	C             float64            // multiplier of the reliability cost, c in formulas
	Rho           float64            // exponent of the reliability cost, rho
	Lambda        float64            // multiplier of the magnitude cost, lambda
	Numbers       map[string]float64 // the other numbers that formulas of costs name
	LearningRate  float64
	WeightDecay   float64 // of mu, decoupled from the gradients: mu <- mu - LearningRate WeightDecay mu, beside the rule
	NoiseVariance float64 // of the Gaussian likelihood
	// Layers replaces, layer by layer, the numbers above that LayerNumbers has; nil if no layer has its own.
	Layers []LayerNumbers

	// Of the rule Langevin only.
	Temperature float64
	Uncorrected bool // only noise, without the gradient: the control
}

// LayerNumbers are the numbers of a Member in which its layers may differ.
type LayerNumbers struct {
	C, Rho, Lambda, LearningRate float64
	Numbers                      map[string]float64
}

// Layer is the member as a layer sees it: with the numbers of that layer.
func (m Member) Layer(l int) Member {
	if m.Layers != nil {
		n := m.Layers[l]
		m.C, m.Rho, m.Lambda, m.LearningRate, m.Numbers, m.Layers = n.C, n.Rho, n.Lambda, n.LearningRate, n.Numbers, nil
	}
	return m
}

// WithRate is the member with one learning rate for all layers.
func (m Member) WithRate(rate float64) Member {
	m.LearningRate, m.Layers = rate, slices.Clone(m.Layers)
	for l := range m.Layers {
		m.Layers[l].LearningRate = rate
	}
	return m
}

// check reports whether a member has the numbers that a program needs: those of its costs in every layer and, where all
// layers share one sigma, the same for what moves it.
func (m Member) check(p *Program) error {
	if m.Layers != nil && len(m.Layers) != len(p.Layout.Layers) {
		return fmt.Errorf("numbers for %d layers: the network has %d", len(m.Layers), len(p.Layout.Layers))
	}
	if names := p.Layout.Parameters; names != nil && m.WeightDecay != 0 {
		return fmt.Errorf("the weight decay is one of mu, and synapses learn %s", strings.Join(names, ", "))
	}
	for _, g := range p.Gradients() {
		if err := m.Layer(g.Layer).CheckNumbers(g.Law); err != nil {
			return err
		}
	}
	if _, moves := p.Rule.(Mover); m.Layers == nil || p.Layout.Sharing != PerNetwork || !moves {
		return nil
	}
	if name := m.differs(p.Gradients()[0].Law); name != "" {
		return fmt.Errorf("%s differs by layer, and all layers share one sigma: want one number", name)
	}
	return nil
}

// differs names a number that differs by layer although it moves a sigma that all layers share under a law; empty if
// there is none.
func (m Member) differs(l Law) string {
	first := m.Layer(0)
	for i := range m.Layers {
		other := m.Layer(i)
		if other.LearningRate != first.LearningRate {
			return "the learning rate"
		}
		for _, name := range l.SigmaNumbers() {
			a, _ := first.Number(name)
			if b, _ := other.Number(name); a != b {
				return name
			}
		}
	}
	return ""
}
