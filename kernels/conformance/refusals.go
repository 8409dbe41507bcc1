package conformance

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/kernels"
)

type (
	unknownRule        struct{ kernels.SGD }
	unknownInstruction struct{ kernels.Instruction }
)

func (unknownRule) Name() string          { return "climb" }
func (unknownRule) String() string        { return "hill climbing" }
func (unknownInstruction) String() string { return "b1 = pool(b0)" }

// refusals: a machine refuses, by name, what it cannot run.
func refusals(t *testing.T, m Machine) {
	n := small.Network(t)
	summed, fluctuating := n.Under(t, kernels.Accumulate{}), n.Fluctuating(t, kernels.Langevin{})
	// Of a convolution a weight has a gradient at every position, whose squares are not those of an example's.
	picture := Pictures(t)[0].Network(t).Under(t, kernels.Accumulate{})
	if _, err := m.Open(picture.Program, picture.Members, picture.Data); err == nil ||
		!strings.Contains(err.Error(), "no kernel for the sums of gradients of a convolution") {
		t.Errorf("sums of a convolution: %v", err)
	}
	few, wide, labels := *n.Data, *n.Data, *n.Data
	few.N, few.Bytes, few.Labels = 3, few.Bytes[:90], few.Labels[:3]
	wide.Width = 29
	labels.Labels = append([]byte{9}, labels.Labels[1:]...)
	for name, data := range map[string]*kernels.Data{"batch beyond data": &few, "wrong width": &wide,
		"label out of range": &labels} {
		if _, err := m.Open(n.Program, n.Members, data); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := m.Open(n.Program, nil, n.Data); err == nil {
		t.Error("no members: no error")
	}
	other := kernels.NewState(n.Program.Layout, 1)
	if err := n.Open(t, m.Open).Load(0, other); err == nil || !strings.Contains(err.Error(), "1 moments") {
		t.Errorf("a state of a rule with one moment for Adam: got %v", err)
	}
	for _, c := range []struct {
		name    string
		network *Network
		change  func(p *kernels.Program)
		want    string
	}{
		{"no rule", summed, func(p *kernels.Program) { p.Rule = nil }, "no kernel for its rule <nil>"},
		{"an unknown rule", n, func(p *kernels.Program) { p.Rule = unknownRule{} }, "no kernel for its rule hill climbing"},
		{"an unknown instruction", n, func(p *kernels.Program) {
			p.Instructions = append(p.Instructions, unknownInstruction{kernels.Gather{}})
		}, "no kernel for the instruction b1 = pool(b0)"},
		{"an unknown activation, forward", n, each(func(i *kernels.Forward) { i.Activation = 9 }),
			"no kernel for the activation Activation(9)"},
		{"an unknown activation, backward", n, each(func(i *kernels.Backward) { i.Activation = 9 }),
			"no kernel for the activation Activation(9)"},
		{"an unknown activation of the output", n, each(func(i *kernels.Loss) { i.Activation = 9 }),
			"no kernel for the activation Activation(9)"},
		{"an unknown likelihood of the loss", n, each(func(i *kernels.Loss) { i.Likelihood = 9 }),
			"no kernel for the likelihood Likelihood(9)"},
		{"an unknown likelihood", n, func(p *kernels.Program) { p.Likelihood = 9 },
			"no kernel for the likelihood Likelihood(9)"},
		{"costs of an unknown kind", n, func(p *kernels.Program) { p.CostPer = 9 },
			"no kernel for the costs per CostPer(9), only for"},
		{"an unknown sharing", n, func(p *kernels.Program) { p.Layout.Sharing = 9 }, "no kernel for the sharing Sharing(9)"},
		{"an unknown operation in a cost", n, each(func(i *kernels.Update) { i.Law = unknownLaw() }),
			"no kernel for the operation Op(99) in the costs strange"},
		{"a cost of a number that is not there", n, each(func(i *kernels.Update) { i.Law = namelessLaw() }),
			"no number for q in the cost strange q*abs(mu)"},
		{"weights never drawn", n, func(p *kernels.Program) { p.Instructions = p.Instructions[2:] },
			"comes before its weights are drawn"},
		{"updates that are sums", summed, func(p *kernels.Program) { p.Rule = kernels.DefaultAdam() },
			"though its rule is Adam"},
		{"weights drawn, but rule at mu", summed, func(p *kernels.Program) { p.Rule = kernels.Accumulate{AtMu: true} },
			"though its rule is accumulate at mu"},
		{"a layer without its dW", summed,
			func(p *kernels.Program) { p.Instructions = p.Instructions[:len(p.Instructions)-1] },
			"dW is formed 1 times for 2 layers"},
		{"steps that are updates", fluctuating, func(p *kernels.Program) { p.Rule = kernels.Accumulate{AtMu: true} },
			"though its rule is accumulate at mu"},
		{"a schedule without a delay", fluctuating, func(p *kernels.Program) { p.Rule = kernels.Langevin{Decay: 0.5} },
			"delay 0"},
	} {
		p := *c.network.Program
		p.Instructions = slices.Clone(p.Instructions)
		c.change(&p)
		if _, err := m.Open(&p, n.Members, n.Data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}

	infinite := slices.Clone(n.Members)
	infinite[2].Rho = math.Inf(1)
	if _, err := m.Open(n.Program, infinite, n.Data); err == nil ||
		!strings.Contains(err.Error(), "member 2: rho is +Inf in the cost reliability c*sigma^-rho") {
		t.Errorf("an infinite exponent: %v", err)
	}

	shared := Design{Sizes: []int{5, 4, 3}, Sharing: kernels.PerNetwork, Batch: 2, Rho: 2}.Network(t).layered()
	first := shared.Members[0].Layers[0]
	for want, layers := range map[string][]kernels.LayerNumbers{
		"member 0: numbers for 1 layers: the network has 2":                      {first},
		"member 0: the learning rate differs by layer, and all layers share one": {first, {LearningRate: 7}},
		"member 0: c differs by layer, and all layers share one sigma":           {first, {LearningRate: first.LearningRate}},
	} {
		shared.Members[0].Layers = layers
		if _, err := m.Open(shared.Program, shared.Members, shared.Data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("numbers by layer: got %v, want %q", err, want)
		}
	}

	vm := n.Open(t, m.Open)
	if err := vm.Load(0, kernels.NewState(kernels.Layout{}, 0)); err == nil {
		t.Error("a state of another shape: no error")
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := vm.Run(canceled, 0, 1); err == nil {
		t.Error("a canceled context: no error")
	}
	for _, steps := range [][2]int{{-1, 1}, {0, -1}, {1 << 32, 1}} {
		if _, err := vm.Run(context.Background(), steps[0], steps[1]); err == nil {
			t.Errorf("%d steps from %d on: no error", steps[1], steps[0])
		}
	}
	for _, draws := range []int{-1, kernels.MaxDraws(n.Data.N) + 1} {
		if _, err := vm.Evaluate(context.Background(), n.Data, 0, draws); err == nil {
			t.Errorf("an evaluation with %d draws: no error", draws)
		}
	}
	start, err := n.Start[0].For(n.Program.Layout, n.Program.Rule)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(start, StateOf(t, vm, 0)); diff != "" {
		t.Error("a Run that was refused changed the state")
	}
	if _, err := vm.Sums(0); err == nil || !strings.Contains(err.Error(), "Adam") {
		t.Errorf("sums of a network in training: %v", err)
	}
	if _, err := fluctuating.Open(t, m.Open).Sums(0); err == nil || !strings.Contains(err.Error(), "Langevin") {
		t.Errorf("sums of a network that fluctuates: %v", err)
	}

	blind := *summed
	blind.Data = nil
	vm = blind.Open(t, m.Open)
	if _, err := vm.Run(context.Background(), 0, 1); err == nil {
		t.Error("training without data: no error")
	}
	ScoresOf(t, vm, n.Data, 0, 0)
	if s := SumsOf(t, vm, 0); !Same(s, kernels.NewSums(n.Program.Layout)) {
		t.Error("sums without training data are not empty")
	}
}

// each changes all instructions of a type.
func each[I any](change func(i *I)) func(p *kernels.Program) {
	return func(p *kernels.Program) {
		for at, instruction := range p.Instructions {
			if i, ok := instruction.(I); ok {
				change(&i)
				p.Instructions[at] = any(i).(kernels.Instruction)
			}
		}
	}
}

// unknownLaw has an operation that nobody knows.
func unknownLaw() kernels.Law {
	f := kernels.Formula{Inputs: []string{kernels.InputMu, kernels.InputSigma}, Lines: []kernels.Line{
		{Op: kernels.OpInput}, {Op: 99}}, Outputs: []int{1}}
	slopes := f
	slopes.Outputs = []int{1, 1}
	return kernels.Law{Costs: []kernels.Cost{{Name: "strange", Formula: f}}, Slopes: slopes}
}

// namelessLaw is of the standard form, with a number that members do not have.
func namelessLaw() kernels.Law {
	b := kernels.NewFormula(kernels.InputMu, "q")
	f := b.Formula(b.Do(kernels.OpMul, b.Input(1), b.Do(kernels.OpAbs, b.Input(0))))
	return kernels.Law{Costs: []kernels.Cost{{Name: "strange", Formula: f}}}
}
