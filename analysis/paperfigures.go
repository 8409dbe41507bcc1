package analysis

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"quantal/results/draw"
	"quantal/synapse"
	"quantal/train"
)

// PaperScale is the s in c = s^rho/rho of the networks of Fig. 5 (EES Methods).
const PaperScale = 0.001

// ErrNoNetworks says that there are no networks from which a figure of the paper could be drawn.
var ErrNoNetworks = errors.New("no finished network with a sigma per synapse and what the figure shows")

// PaperFactors are the multiples of c in Appendix 6.
func PaperFactors() []float64 { return []float64{0.1, 1, 10} }

// PaperFactor is a network's c as a multiple of that of Fig. 5; ok is false unless that is one of PaperFactors.
func PaperFactor(c train.Config) (factor float64, ok bool) {
	if c.Rho.Entropic() || len(c.Costs) > 0 {
		return 0, false
	}
	ratio := c.C / synapse.Multiplier(PaperScale, c.Rho.Value())
	for _, f := range PaperFactors() {
		if math.Abs(ratio/f-1) < 1e-4 { // c may have been written with few digits
			return f, true
		}
	}
	return 0, false
}

// chosen are the networks with the given number of layers and multiple of the paper's c, for each exponent the one with
// the lowest seed.
func (p *Patterns) chosen(factor float64, layers func(n int) bool) []*Pattern {
	var list []*Pattern
	for _, n := range p.Networks {
		if f, ok := PaperFactor(n.Config); ok && f == factor && layers(len(n.Layers)) {
			list = append(list, n)
		}
	}
	slices.SortStableFunc(list, func(a, b *Pattern) int {
		return cmp.Or(cmp.Compare(a.Config.Rho.Value(), b.Config.Rho.Value()), cmp.Compare(a.Config.Seed, b.Config.Seed))
	})
	return slices.CompactFunc(list, func(a, b *Pattern) bool { return a.Config.Rho.Value() == b.Config.Rho.Value() })
}

func deep(n int) bool    { return n >= 3 }
func shallow(n int) bool { return n == 1 }

var figure5Signatures = []Signature{Hessian, LearningRate, InputRate}

// Figure5 draws the synapses between the hidden layers (Fig. 5).
func (p *Patterns) Figure5() (draw.Illustration, error) {
	networks := p.chosen(1, deep)
	if len(networks) == 0 {
		return draw.Illustration{}, ErrNoNetworks
	}
	return p.draw(sheet{
		name: "fig5", title: "Synaptic variability and signatures of importance, between the hidden layers (EES Fig. 5)",
		lead:   "Variance of the weights between the hidden layers; columns are mechanisms, c = s^rho/rho with s = 0.001.",
		blocks: []sheetBlock{{layer: 1, networks: networks}}, signatures: figure5Signatures,
	})
}

// Appendix6Layers draws the first and the last layer (Appendix 6, Fig. 1).
func (p *Patterns) Appendix6Layers() (draw.Illustration, error) {
	networks := p.chosen(1, deep)
	if len(networks) == 0 {
		return draw.Illustration{}, ErrNoNetworks
	}
	last := len(networks[0].Layers)
	return p.draw(sheet{
		name: "appendix6-fig1", title: "The same in the other layers (EES Appendix 6, Fig. 1)",
		lead: fmt.Sprintf("Variance of the weights of the networks of Fig. 5. A-C: from the input to the first hidden "+
			"layer; "+
			"D-F: from the last hidden layer, to the output (layer %d).", last),
		blocks: []sheetBlock{{heading: "layer 1", layer: 0, networks: networks},
			{heading: fmt.Sprintf("layer %d", last), layer: last - 1, networks: networks}},
		signatures: figure5Signatures,
	})
}

// Appendix6Costs draws the synapses between the hidden layers for a tenth and ten times the reliability cost (Appendix
// 6, Fig. 2).
func (p *Patterns) Appendix6Costs() (draw.Illustration, error) {
	low, high := p.chosen(PaperFactors()[0], deep), p.chosen(PaperFactors()[2], deep)
	if len(low) == 0 || len(high) == 0 {
		return draw.Illustration{}, ErrNoNetworks
	}
	return p.draw(sheet{
		name: "appendix6-fig2", title: "The same for other costs of reliability (EES Appendix 6, Fig. 2)",
		lead: "Variance of the weights between the hidden layers, with a tenth (A-C) and ten times (D-F) the c of " +
			"Fig. 5.",
		blocks:     []sheetBlock{{heading: "c/10", layer: 1, networks: low}, {heading: "10 c", layer: 1, networks: high}},
		signatures: figure5Signatures,
	})
}

// Appendix5 draws networks without hidden layers with the analytic predictions and the experiments (Appendix 5, Fig.
// 1).
func (p *Patterns) Appendix5() (draw.Illustration, error) {
	networks := p.chosen(1, shallow)
	if len(networks) == 0 {
		return draw.Illustration{}, ErrNoNetworks
	}
	lead := "Where the points are below the analytic optimum with a flatter slope, sigma has not converged to it: Adam " +
		"moves phi by at most the learning rate per step, and less where the gradient is mostly noise."
	if !slices.ContainsFunc(networks, func(n *Pattern) bool { return n.Converged() == "" }) {
		lead = "After training, sigma was taken to its optimum with the means held (quantal converge)."
	}
	return p.draw(sheet{
		name: "appendix5", title: "A network without hidden layers and the analytic predictions (EES Appendix 5, Fig. 1)",
		lead:       "Variance of the weights of networks without hidden layers, c = s^rho/rho with s = 0.001. " + lead,
		blocks:     []sheetBlock{{layer: 0, networks: networks}},
		signatures: []Signature{Hessian, LearningRate, InputSquare}, experiments: true,
	})
}
