package kernels

import (
	"context"
	"fmt"
	"iter"
)

// Networks is what every VM does alike: it holds the networks of a VM on the host, and checks what is asked of them. A
// VM embeds it, and has methods of its own for what is on a device.
type Networks struct {
	Program *Program
	Members []Member
	Train   *Data         // nil for a VM that only evaluates
	States  []*State      // of each member
	Totals  []*Sums       // of each member; nil unless the rule is Accumulate
	Stopped []*Divergence // of each member, nil while it is finite

	machine string
}

// Open checks that the machine can run a Program for the members, and train them on the data, and then that this fits
// into it, and returns one state per member, all zero. Train is nil for a VM that only evaluates.
func (c Capabilities) Open(p *Program, members []Member, train *Data, fits func() error) (Networks, error) {
	if err := c.Check(p, members, train); err != nil {
		return Networks{}, err
	}
	if err := fits(); err != nil {
		return Networks{}, err
	}
	n := Networks{
		Program: p, Members: members, Train: train, Stopped: make([]*Divergence, len(members)), machine: c.Machine,
	}
	_, sums := p.Rule.(Accumulate)
	for range members {
		n.States = append(n.States, NewState(p.Layout, len(Moments(p.Rule))))
		if sums {
			n.Totals = append(n.Totals, NewSums(p.Layout))
		}
	}
	return n, nil
}

// State returns a copy of a network's state on the host. The error is always nil.
func (n *Networks) State(member int) (*State, error) {
	return n.States[member].For(n.Program.Layout, n.Program.Rule)
}

// Parameters returns a network's state on the host without moments. The error is always nil.
func (n *Networks) Parameters(member int) (*State, error) { return n.States[member].Bare(), nil }

// Load sets a network's state, and starts its sums anew.
func (n *Networks) Load(member int, s *State) error {
	start, err := s.For(n.Program.Layout, n.Program.Rule)
	if err != nil {
		return err
	}
	n.States[member].CopyFrom(start) // where it is: other memory is a few percent slower or faster
	n.Stopped[member] = nil
	if n.Totals != nil {
		n.Totals[member] = NewSums(n.Program.Layout)
	}
	return nil
}

// Sums returns a copy of a network's sums on the host. It is an error if there are none: the rule is not Accumulate, or
// the network has diverged.
func (n *Networks) Sums(member int) (*Sums, error) {
	if n.Totals == nil {
		return nil, fmt.Errorf("%s: Sums: the program's rule is %v: want kernels.Accumulate", n.machine, n.Program.Rule)
	}
	if d := n.Stopped[member]; d != nil {
		return nil, fmt.Errorf("%s: Sums: member %d: %v", n.machine, member, d)
	}
	s := NewSums(n.Program.Layout)
	s.CopyFrom(n.Totals[member])
	return s, nil
}

// Summed counts minibatches that have entered a network's sums, if it has any.
func (n *Networks) Summed(member, minibatches int) {
	if n.Totals != nil {
		n.Totals[member].Minibatches += minibatches
		n.Totals[member].Examples += minibatches * n.Program.Batch
	}
}

// StepsPerEpoch is the number of minibatches in the training data; a last partial one is dropped.
func (n *Networks) StepsPerEpoch() int { return n.Train.N / n.Program.Batch }

// Fraction is B/N, the part of the training data that a minibatch is; 1 without training data.
func (n *Networks) Fraction() float64 {
	if n.Train == nil {
		return 1
	}
	return float64(n.Program.Batch) / float64(n.Train.N)
}

// Steps is a VM's Run: it checks what is asked for, and has train add the losses of the steps to the progress of each
// member.
func (n *Networks) Steps(ctx context.Context, first, count int,
	train func(progress []Progress) error) ([]Progress, error) {
	if n.Train == nil {
		return nil, fmt.Errorf("%s: Run: this VM was opened without training data", n.machine)
	}
	if first < 0 || count < 0 || int64(first)+int64(count) > 1<<32 {
		return nil, fmt.Errorf("%s: Run: steps %d to %d: want them within 0 to 2^32", n.machine, first, first+count)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	progress := make([]Progress, len(n.Members))
	for m := range progress {
		progress[m].Losses = make([]float64, 0, min(count, 1<<16)) // so that a usual call does not allocate in a step
	}
	if err := train(progress); err != nil {
		return nil, err
	}
	for m := range progress {
		progress[m].Diverged = n.Stopped[m]
	}
	return progress, nil
}

// Stretches yields the steps [first, end) of a run in pieces of at most the given length, each within one epoch.
func (n *Networks) Stretches(first, count, most int) iter.Seq2[int, int] {
	return func(yield func(first, end int) bool) {
		perEpoch := n.StepsPerEpoch()
		for end := first + count; first < end; {
			stop := min(end, (first/perEpoch+1)*perEpoch, first+most)
			if !yield(first, stop) {
				return
			}
			first = stop
		}
	}
}

// CheckEvaluation reports whether the networks can be tested on data, with K draws of the weights.
func (n *Networks) CheckEvaluation(ctx context.Context, data *Data, draws int) error {
	if err := data.Check(n.Program); err != nil {
		return err
	}
	if most := MaxDraws(data.N); draws < 0 || draws > most {
		return fmt.Errorf("%s: Evaluate: %d draws for each group of %d of the %d examples: want 0 to %d", n.machine, draws,
			EvaluationGroup, data.N, most)
	}
	return ctx.Err()
}
