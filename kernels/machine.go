package kernels

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
)

// Capabilities is what a machine can run. A VM that is opened with a Program that needs more refuses it by name.
type Capabilities struct {
	Machine      string        // its name in messages
	Instructions []Instruction // one of each type
	Rules        []Rule        // one of each type
	Activations  []Activation
	Likelihoods  []Likelihood
	Sharings     []Sharing
	Draws        []Draw
	Convolved    []Draw // those that it has for convolutions
	CostPers     []CostPer
	Operations   []Op // in formulas of costs; those of the standard form need none
}

// Check reports whether the machine can run a Program for the members, and train them on the data; train is nil for a
// VM that only evaluates.
func (c Capabilities) Check(p *Program, members []Member, train *Data) error {
	if len(members) == 0 {
		return fmt.Errorf("%s: want at least one member", c.Machine)
	}
	if err := c.knows(p); err != nil {
		return fmt.Errorf("%s: program: %w", c.Machine, err)
	}
	if err := p.check(); err != nil {
		return fmt.Errorf("%s: program: %w", c.Machine, err)
	}
	for i, m := range members {
		if err := m.check(p); err != nil {
			return fmt.Errorf("%s: member %d: %w", c.Machine, i, err)
		}
	}
	if train == nil {
		return nil
	}
	if err := train.Check(p); err != nil {
		return err
	}
	if train.N < p.Batch {
		return fmt.Errorf("%s: a minibatch takes %d examples, there are %d", c.Machine, p.Batch, train.N)
	}
	return nil
}

// knows reports whether there are kernels for all that the program is made of.
func (c Capabilities) knows(p *Program) error {
	if !has(c.Rules, p.Rule) {
		return fmt.Errorf("no kernel for its rule %v, only for %s", p.Rule, types(c.Rules))
	}
	if r, ok := p.Rule.(interface{ Check() error }); ok {
		if err := r.Check(); err != nil {
			return err
		}
	}
	all := []error{known("sharing", c.Sharings, p.Layout.Sharing), known("draw per", c.Draws, p.Draw),
		known("costs per", c.CostPers, p.CostPer), known("likelihood", c.Likelihoods, p.Likelihood)}
	for _, instruction := range p.Instructions {
		if !has(c.Instructions, instruction) {
			return fmt.Errorf("no kernel for the instruction %v, only for %s", instruction, types(c.Instructions))
		}
		if _, ok := instruction.(Convolve); ok && p.Layout.Sharing != NoNoise {
			all = append(all, known("convolution with a draw per", c.Convolved, p.Draw))
		}
		if i, ok := instruction.(Loss); ok {
			all = append(all, known("likelihood", c.Likelihoods, i.Likelihood))
		}
		all = append(all, known("activation", c.Activations, activationOf(instruction)))
		if g, ok := GradientOf(instruction); ok {
			all = append(all, c.prices(g.Law))
		}
	}
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// activationOf is the activation that an instruction applies, or whose gradient it takes.
func activationOf(instruction Instruction) Activation {
	switch i := instruction.(type) {
	case Loss:
		return i.Activation
	case Backward:
		return i.Activation
	case ConvolveBackward:
		return i.Activation
	case PoolBackward:
		return i.Activation
	case JoinBackward:
		return i.Activation
	case Merge:
		return i.Activation
	case FlattenBackward:
		return i.Activation
	}
	_, a, _ := makes(instruction)
	return a
}

// has reports whether a list has a value of a type.
func has[T any](list []T, v T) bool {
	return slices.ContainsFunc(list, func(known T) bool { return reflect.TypeOf(known) == reflect.TypeOf(v) })
}

func types[T any](list []T) string {
	var names []string
	for _, v := range list {
		names = append(names, strings.ToLower(reflect.TypeOf(v).Name()))
	}
	return strings.Join(names, ", ")
}

func known[T comparable](kind string, list []T, v T) error {
	if slices.Contains(list, v) {
		return nil
	}
	return fmt.Errorf("no kernel for the %s %v, only for %s", kind, v, strings.Trim(fmt.Sprint(list), "[]"))
}

// prices reports whether there are kernels for the costs of a law.
func (c Capabilities) prices(l Law) error {
	if _, ok := l.Standard(); ok {
		return nil
	}
	for _, line := range l.Slopes.Lines {
		if line.Op > OpNumber && !slices.Contains(c.Operations, line.Op) {
			names := make([]string, len(l.Costs))
			for i, cost := range l.Costs {
				names[i] = cost.String()
			}
			return fmt.Errorf("no kernel for the operation %v in the costs %s", line.Op, strings.Join(names, ", "))
		}
	}
	return nil
}

// GradientOf returns the operands from which an instruction forms dW.
func GradientOf(instruction Instruction) (g Gradient, ok bool) {
	switch i := instruction.(type) {
	case Update:
		return i.Gradient, true
	case UpdateSynapses:
		return i.Gradient, true
	case SumGradient:
		return i.Gradient, true
	case Fluctuate:
		return i.Gradient, true
	}
	return g, false
}

// check reports whether the instructions are those of the rule.
func (p *Program) check() error {
	_, drawn := p.Rule.Draws()
	if names := strings.Join(p.Layout.Parameters, ", "); names != "" {
		_, moves := p.Rule.(Mover)
		switch {
		case p.Layout.Sharing != PerSynapse:
			return fmt.Errorf("synapses that learn %s share a sigma per %v: want one for each", names, p.Layout.Sharing)
		case len(p.Layout.Parameters) > MaxParameters:
			return fmt.Errorf("synapses learn %s: want at most %d parameters", names, MaxParameters)
		case !moves:
			return fmt.Errorf("synapses learn %s, and its rule %v moves or measures mu", names, p.Rule)
		}
	}
	sampled, moved := map[int]bool{}, map[int]bool{}
	gradients := 0
	for _, instruction := range p.Instructions {
		switch i := instruction.(type) {
		case Sample:
			if !drawn {
				return fmt.Errorf("%v, though its rule is %v", i, p.Rule)
			}
			sampled[i.Layer] = true
		case Convolve:
			if err := i.Window.Check(); err != nil {
				return err
			}
		case Pool:
			if err := i.Window.Check(); err != nil {
				return err
			}
		}
		if i, ok := ForwardOf(instruction); ok && drawn && !sampled[i.Layer] {
			return fmt.Errorf("%v comes before its weights are drawn", instruction)
		}
		if i, ok := BackwardOf(instruction); ok && p.Draw == PerExample && moved[i.Layer] {
			return fmt.Errorf("%v comes after its parameters have moved", instruction)
		}
		if g, ok := GradientOf(instruction); ok {
			moved[g.Layer] = true
			if !reflect.DeepEqual(instruction, p.Rule.Layer(g)) {
				return fmt.Errorf("%v, though its rule is %v", instruction, p.Rule)
			}
			gradients++
		}
	}
	if gradients != len(p.Layout.Layers) {
		return fmt.Errorf("dW is formed %d times for %d layers", gradients, len(p.Layout.Layers))
	}
	return nil
}

// Explain finds the origin of a loss that is not finite: the first layer with a bad sigma, else the first whose output
// is bad. Output returns the activations in a buffer.
func (p *Program) Explain(step int, s *State, output func(b Buffer) ([]float32, error)) (*Divergence, error) {
	for l := range p.Layout.Layers {
		for _, phi := range s.Phi[p.Layout.PhiOffset(l):][:p.Layout.PhiLen(l)] {
			if sigma, _ := Softplus(phi); sigma-sigma != 0 {
				return &Divergence{Step: step, Layer: l, What: "sigma"}, nil
			}
		}
	}
	for _, instruction := range p.Instructions {
		f, ok := ForwardOf(instruction)
		if !ok {
			continue
		}
		values, err := output(f.Dst)
		if err != nil {
			return nil, err
		}
		for _, y := range values {
			if y-y != 0 {
				return &Divergence{Step: step, Layer: f.Layer, What: "loss"}, nil
			}
		}
	}
	return &Divergence{Step: step, Layer: len(p.Layout.Layers) - 1, What: "loss"}, nil
}

// Tally holds the sums that a score averages.
type Tally struct{ Correct, NLL float64 }

// Tallies are those of one network.
type Tallies struct{ Sampled, Mean, Predictive, ExpectedLog Tally }

// Add adds the tallies of other examples.
func (t *Tallies) Add(o Tallies) {
	for _, f := range []struct {
		sum *Tally
		of  Tally
	}{{&t.Sampled, o.Sampled}, {&t.Mean, o.Mean}, {&t.Predictive, o.Predictive}, {&t.ExpectedLog, o.ExpectedLog}} {
		f.sum.Correct += f.of.Correct
		f.sum.NLL += f.of.NLL
	}
}

// Score is the score of n examples.
func (t Tallies) Score(n, draws int, l Likelihood) Score {
	average := func(sum Tally, asked bool) (accuracy, loss float64) {
		accuracy, loss = sum.Correct/float64(n), sum.NLL/float64(n)
		if l == Gaussian || !asked {
			accuracy = math.NaN()
		}
		if !asked {
			loss = math.NaN()
		}
		return accuracy, loss
	}
	var s Score
	s.AccuracySampled, s.LossSampled = average(t.Sampled, true)
	s.AccuracyMean, s.LossMean = average(t.Mean, true)
	s.AccuracyPredictive, s.LossPredictive = average(t.Predictive, draws > 0)
	s.AccuracyExpectedLog, s.LossExpectedLog = average(t.ExpectedLog, draws > 0)
	return s
}
