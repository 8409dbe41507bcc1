package spiking

import (
	"errors"
	"fmt"
	"math"
)

// Model describes a network: populations of neurons and projections between them. Times are in ms, rates in Hz,
// potentials in mV, or in any other unit if all of them are.
type Model struct {
	Step        float64 // length of a step, ms
	Seed        uint64  // of the Poisson drive and of the intrinsic dynamics
	Populations []Population
	Projections []Projection
}

// Population is some neurons of one kind, or sources of spikes that have no potential: exactly one of Neuron, Imposed
// and Rate is set, or none, for sources without spikes.
type Population struct {
	Name    string
	Size    int
	Neuron  *Neuron
	Imposed []Spike // of sources, in the order of their steps
	Rate    float64 // of sources that fire as independent Poisson processes, Hz, at most once in a step
	Drives  []Poisson
}

// Spike is a spike of a neuron in a step.
type Spike struct{ Step, Neuron int }

// Neuron is a leaky integrate-and-fire neuron. With currents its potential V follows
//
//	Tau dV/dt = Rest - V + Input + sum_r x_r,   Receptors[r].Tau dx_r/dt = -x_r
//
// and with conductances, which are in units of the leak,
//
//	Tau dV/dt = Rest - V + Input + sum_r x_r (Receptors[r].Reversal - V)
//
// where a spike through receptor r adds the weight of its contact to x_r, or, if the receptor's Tau is 0, to V itself.
// If V reaches Threshold it is set to Reset, and stays there in the steps that begin less than Refractory later.
type Neuron struct {
	Tau, Rest, Threshold, Reset float64
	Refractory                  float64
	Input                       float64 // constant; Network.Input has that of each neuron
	Conductances                bool
	Receptors                   []Receptor
	Escape                      *Escape // if not nil, how it fires, in place of Threshold, Reset and what V does then
}

// Receptor is a kind of synapse of a neuron.
type Receptor struct {
	Name     string
	Tau      float64 // 0 for a jump of V
	Reversal float64 // of a conductance
}

// Poisson drives each neuron of a population by a process of its own.
type Poisson struct {
	Receptor int
	Rate     float64 // Hz
	Weight   float64
}

// Projection is all contacts from one population to another, or to itself. A spike in step n changes x_r at the end of
// step n+Delay, after that step's spikes are found and before their neurons are reset. The delay is axonal: plasticity
// sees the spike of the presynaptic neuron when it arrives, and that of the postsynaptic one at once.
type Projection struct {
	Name     string
	From, To int // populations
	Receptor int // of the neurons in To
	Delay    int // steps, 1 or more
	Contacts Contacts
	Weight   float64   // of all contacts,
	Weights  []float64 // or of each, in the order of Contacts

	Plasticity *Plasticity // these need Weights
	Intrinsic  *Intrinsic
	Scaling    *Scaling

	Sampling *Sampling // has weights of its own, and none of the others
}

// Check reports the first thing that cannot be simulated.
func (m *Model) Check() error {
	if !(m.Step > 0) || math.IsInf(m.Step, 0) {
		return fmt.Errorf("spiking: step %g: want a time above 0", m.Step)
	}
	if len(m.Populations) == 0 || len(m.Populations) > math.MaxUint16 || len(m.Projections) > math.MaxUint16 {
		return fmt.Errorf("spiking: %d populations and %d projections: want 1 to %d populations, and as many projections",
			len(m.Populations), len(m.Projections), math.MaxUint16)
	}
	for i := range m.Populations {
		if err := m.Populations[i].check(m.Step); err != nil {
			return fmt.Errorf("spiking: population %d %s: %w", i, m.Populations[i].Name, err)
		}
	}
	for i := range m.Projections {
		if err := m.Projections[i].check(m); err != nil {
			return fmt.Errorf("spiking: projection %d %s: %w", i, m.Projections[i].Name, err)
		}
	}
	return nil
}

func finite(v ...float64) bool {
	for _, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}

func (p *Population) check(step float64) error {
	n := p.Neuron
	switch {
	case p.Size < 1 || p.Size > math.MaxInt32:
		return fmt.Errorf("size %d: want 1 or more", p.Size)
	case n != nil && (p.Imposed != nil || p.Rate != 0):
		return errors.New("neurons with a potential have neither imposed spikes nor a rate")
	case p.Imposed != nil && p.Rate != 0:
		return errors.New("want imposed spikes or a rate, not both")
	case !(p.Rate >= 0) || p.Rate*step/1000 > 1:
		return fmt.Errorf("rate %g Hz: want at most a spike in a step", p.Rate)
	case n == nil && len(p.Drives) > 0:
		return errors.New("sources cannot be driven")
	}
	for i, s := range p.Imposed {
		if s.Neuron < 0 || s.Neuron >= p.Size || s.Step < 0 || i > 0 && s.Step < p.Imposed[i-1].Step {
			return fmt.Errorf("imposed spike %d, of neuron %d in step %d: want a neuron below %d, in the order of the steps",
				i, s.Neuron, s.Step, p.Size)
		}
	}
	if n == nil {
		return nil
	}
	switch {
	case !finite(n.Tau, n.Rest, n.Threshold, n.Reset, n.Refractory, n.Input) || n.Tau <= 0:
		return fmt.Errorf("neuron %+v: want numbers, with tau above 0", *n)
	case n.Escape == nil && n.Reset >= n.Threshold:
		return fmt.Errorf("reset %g: want less than the threshold, %g", n.Reset, n.Threshold)
	case n.Refractory < 0 || n.Refractory/step > math.MaxUint16:
		return fmt.Errorf("refractory %g ms: want 0 to %d steps", n.Refractory, math.MaxUint16)
	}
	if err := n.Escape.check(); err != nil {
		return err
	}
	for i, r := range n.Receptors {
		if !finite(r.Tau, r.Reversal) || r.Tau < 0 || n.Conductances && r.Tau == 0 {
			return fmt.Errorf("receptor %d %s: want a time constant of 0 or more, and of a conductance above 0", i, r.Name)
		}
	}
	for i, d := range p.Drives {
		if d.Receptor < 0 || d.Receptor >= len(n.Receptors) || !finite(d.Weight) || !(d.Rate >= 0) ||
			d.Rate*step/1000 > mostArrivals {
			return fmt.Errorf("drive %d: want one of %d receptors, and at most %g spikes in a step", i, len(n.Receptors),
				mostArrivals)
		}
	}
	return nil
}

func (p *Projection) check(m *Model) error {
	if p.From < 0 || p.From >= len(m.Populations) || p.To < 0 || p.To >= len(m.Populations) {
		return fmt.Errorf("from %d to %d: want populations below %d", p.From, p.To, len(m.Populations))
	}
	from, to := &m.Populations[p.From], &m.Populations[p.To]
	switch {
	case to.Neuron == nil:
		return fmt.Errorf("to %s: sources have no synapses", to.Name)
	case p.Receptor < 0 || p.Receptor >= len(to.Neuron.Receptors):
		return fmt.Errorf("receptor %d: want one of %d", p.Receptor, len(to.Neuron.Receptors))
	case p.Delay < 1 || p.Delay > 1<<20:
		return fmt.Errorf("delay %d: want 1 to %d steps", p.Delay, 1<<20)
	case p.Weights != nil && len(p.Weights) != p.Contacts.Len():
		return fmt.Errorf("%d weights for %d contacts", len(p.Weights), p.Contacts.Len())
	case p.Weights != nil && p.Weight != 0:
		return errors.New("want one weight for all contacts or one for each, not both")
	case !finite(p.Weight) || !finite(p.Weights...):
		return errors.New("a weight is not a number")
	case p.Sampling != nil && (p.Weights != nil || p.Weight != 0 || p.Plasticity != nil || p.Intrinsic != nil ||
		p.Scaling != nil):
		return errors.New("sampling has weights of its own, which nothing else changes")
	case p.Weights == nil && (p.Plasticity != nil || p.Intrinsic != nil || p.Scaling != nil):
		return errors.New("changing weights need one for each contact")
	}
	if err := p.Contacts.check(from.Size, to.Size); err != nil {
		return err
	}
	return errors.Join(p.Plasticity.check(), p.Intrinsic.check(), p.Scaling.check(),
		p.Sampling.check(p.Contacts.Len(), to.Neuron))
}
