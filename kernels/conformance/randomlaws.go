package conformance

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"quantal/graph"
	"quantal/kernels"
)

// LawsVariable names the environment variable with a number of random laws for all machines, in place of their own.
const LawsVariable = "QUANTAL_RANDOM_LAWS"

// randomLaw is a formula of any shape. Nothing keeps roots, logarithms and quotients within their domains.
func randomLaw(r *rand.Rand, depth int) string {
	if depth == 0 || r.IntN(8) == 0 {
		if r.IntN(4) == 0 {
			return []string{"0", "1", "2", "0.5", "0.25", "(-1)", "3.7", "1e6", "(-1/3)", "40"}[r.IntN(10)]
		}
		return []string{"mu", "mu", "sigma", "sigma", "c", "k", "n", "lambda"}[r.IntN(8)]
	}
	o := kernels.Ops()[r.IntN(len(kernels.Ops()))]
	args := make([]string, o.Arity())
	for i := range args {
		args[i] = randomLaw(r, depth-1)
	}
	if name := o.String(); name[0] >= 'a' {
		return name + "(" + strings.Join(args, ", ") + ")"
	} else if o.Arity() == 1 {
		return "(" + name + args[0] + ")"
	}
	return "(" + strings.Join(args, " "+o.String()+" ") + ")"
}

// lawDesign is a network whose inputs are 0, so that nothing but the law moves the weights of its first layer.
var lawDesign = Design{Sizes: []int{18, 3, 2}, Activation: kernels.Linear, Batch: 1, Examples: 1, Members: 3}

// randomLaws: whatever the formula, it is read or refused with a place, compiles or is refused with what is wrong, and
// every machine takes a step along the slopes that it has in float64; where these are no numbers, the network diverges
// in the step and the layer.
func randomLaws(t *testing.T, machines []Machine) {
	count := func(m Machine) int {
		if v, err := strconv.Atoi(os.Getenv(LawsVariable)); err == nil {
			return v
		}
		n := 10000
		if m.Laws > 0 {
			n = m.Laws
		}
		if testing.Short() {
			n /= 10
		}
		return n
	}
	largest := 0
	for _, m := range machines {
		largest = max(largest, count(m))
	}
	base := lawDesign.Network(t)
	for i := range base.Data.Bytes {
		base.Data.Bytes[i] = 0
	}
	base.Data.Shift = 0
	seen := map[string]int{}
	for i := range largest {
		r := rand.New(rand.NewPCG(uint64(i), 14))
		text := "price = " + randomLaw(r, 1+r.IntN(5))
		n, err := lawNetwork(base, r, text)
		var unread *graph.LawError
		switch {
		case errors.As(err, &unread):
			seen["refused"]++
			if unread.Problem == "" {
				t.Errorf("law %d, %s: refused without a reason", i, text)
			}
			continue
		case err != nil && strings.Contains(err.Error(), "the gradient has NaN"):
			seen["no gradient"]++
			continue
		case err != nil:
			t.Fatalf("law %d, %s: %v", i, text, err)
		}
		want := n.steps(r)
		for _, w := range want {
			seen[w.kind()]++
		}
		for _, m := range machines {
			if i < count(m) {
				if err := n.follows(m, want); err != nil {
					t.Errorf("%s: law %d, %s: %v", m.Name, i, text, err)
				}
			}
		}
	}
	t.Logf("%d laws, %d networks each: %v", largest, len(base.Members), seen)
	for _, kind := range []string{"refused", "moved", "diverged"} {
		if seen[kind] < largest/50 {
			t.Errorf("%d laws of %d %s: too few to say anything", seen[kind], largest, kind)
		}
	}
}

// lawNetwork is the network with a law, under the plainest rule, and with random numbers and states.
func lawNetwork(base *Network, r *rand.Rand, text string) (*Network, error) {
	l, err := graph.ParseLaw(text)
	if err != nil {
		return nil, err
	}
	n := *base
	n.Costs = []graph.Law{l}
	if n.Program, err = graph.CompileSpec(n.Spec, kernels.SGD{}); err != nil {
		return nil, err
	}
	pick := func(from ...float64) float64 { return from[r.IntN(len(from))] }
	n.Members, n.Start = nil, nil
	for i := range base.Members {
		n.Members = append(n.Members, kernels.Member{Seed: uint64(i), LearningRate: 1, C: pick(1, 0.3, 2, -1.5, 0),
			Lambda: pick(0.1, 1, -2, 0), Numbers: map[string]float64{"k": pick(0.25, 2, -0.7, 0, 1), "n": pick(3, 0.5, -2)}})
		s := kernels.NewState(n.Program.Layout, 0)
		for j := range s.Mu {
			s.Mu[j] = float32(pick(0, 1, -1, 2*r.Float64()-1, 4*r.Float64()-2))
		}
		for j := range s.Phi {
			s.Phi[j] = float32(kernels.SoftplusInverse(math.Exp(math.Log(1e-3) + r.Float64()*math.Log(3e3))))
		}
		n.Start = append(n.Start, s)
	}
	return &n, nil
}

// slope is a slope in float64, and by how much it is uncertain in float32.
type slope struct{ value, spread float64 }

// lawStep is what the law does to a network in a step.
type lawStep struct {
	mu, phi  []slope // of the weights of the first layer, in the order of slots
	diverged int     // the layer that certainly has a slope that is no number, or -1
	wild     bool    // some slope may be no number in float32
}

func (s lawStep) kind() string {
	switch {
	case s.diverged >= 0:
		return "diverged"
	case s.wild:
		return "wild"
	}
	return "moved"
}

// steps evaluates the slopes of all synapses as they are, and a few times with noise of some digits of float32 in every
// line, which shows how well float32 can know them.
func (n *Network) steps(r *rand.Rand) []lawStep {
	law := n.Program.Gradients()[0].Law
	slopes := law.Slopes
	values := make([]float64, len(slopes.Lines))
	at := func(in []float64, noise float64) (v [2]float64, wild bool) {
		for i, l := range slopes.Lines {
			switch l.Op {
			case kernels.OpInput:
				values[i] = in[l.Args[0]]
			case kernels.OpNumber:
				values[i] = l.Num
			default:
				values[i] = kernels.Operate(l.Op, values[l.Args[0]], values[l.Args[1]], values[l.Args[2]])
			}
			if size := math.Abs(values[i]); size > 1e30 || size < 1e-30 && size != 0 {
				wild = true // or infinite
			}
			if noise != 0 {
				values[i] *= 1 + noise*(2*r.Float64()-1)
			}
		}
		return [2]float64{values[slopes.Outputs[0]], values[slopes.Outputs[1]]}, wild
	}
	layout := n.Program.Layout
	all := make([]lawStep, len(n.Members))
	for m := range all {
		step := &all[m]
		step.diverged = -1
		numbers := map[string]float64{kernels.InputFraction: 1}
		for _, name := range slopes.Inputs {
			if v, ok := n.Members[m].Number(name); ok {
				numbers[name] = v
			}
		}
		bound := kernels.NewSlopes[float64](law, n.Members[m], 1).Formula
		for l := len(layout.Layers) - 1; l >= 0; l-- {
			for row := range layout.Layers[l].Out {
				for k := range layout.Layers[l].In + 1 {
					slot := layout.Slot(l, row, k)
					sigma, along := kernels.Softplus(float64(n.Start[m].Phi[slot]))
					in := make([]float64, len(slopes.Inputs))
					for i, name := range slopes.Inputs {
						switch name {
						case kernels.InputMu:
							in[i] = float64(n.Start[m].Mu[slot])
						case kernels.InputSigma:
							in[i] = sigma
						default:
							in[i] = numbers[name]
						}
					}
					v, wild := at(in, 0)
					v[1] *= along
					s := [2]slope{{value: v[0]}, {value: v[1]}}
					step.wild = step.wild || wild || math.IsNaN(v[0]+v[1])
					// With a number of 0, what it multiplies is no part of the formula any more.
					nan := math.IsNaN(v[0]+v[1]) && bound != nil &&
						slices.ContainsFunc(evalBound(*bound, in, slopes.Inputs), math.IsNaN)
					for range 4 {
						moved, odd := at(in, 3e-7)
						moved[1] *= along
						for i := range s {
							s[i].spread = max(s[i].spread, math.Abs(moved[i]-v[i]))
						}
						step.wild = step.wild || odd || math.IsNaN(moved[0]+moved[1])
						nan = nan && math.IsNaN(moved[0]+moved[1])
					}
					if nan && step.diverged < 0 {
						step.diverged = l
					}
					if l == 0 && k < layout.Layers[0].In {
						step.mu, step.phi = append(step.mu, s[0]), append(step.phi, s[1])
					}
				}
			}
		}
	}
	return all
}

// evalBound evaluates a formula of which some inputs are bound, for all inputs.
func evalBound(f kernels.Formula, in []float64, names []string) []float64 {
	var kept []float64
	for _, name := range f.Inputs {
		kept = append(kept, in[slices.Index(names, name)])
	}
	return kernels.Eval(f, kept...)
}

// follows compares a step on a machine with what the law does.
func (n *Network) follows(m Machine, want []lawStep) error {
	vm, err := m.Open(n.Program, n.Members, n.Data)
	if err != nil {
		return err
	}
	defer vm.Close()
	for i, s := range n.Start {
		if err := vm.Load(i, s); err != nil {
			return err
		}
	}
	progress, err := vm.Run(context.Background(), 0, 1)
	if err != nil {
		return err
	}
	layout := n.Program.Layout
	for i, w := range want {
		d := progress[i].Diverged
		if d != nil && (d.Step != 0 || d.Layer < 0 || d.Layer > 1) {
			return fmt.Errorf("member %d: %v: there is no such place", i, d)
		}
		switch {
		case w.diverged >= 0:
			if d == nil || d.Layer < w.diverged || d.What != "gradient" {
				return fmt.Errorf("member %d: got %v, want a divergence in layer %d", i, d, w.diverged)
			}
			continue
		case w.wild:
			continue
		case d != nil:
			return fmt.Errorf("member %d: %v, though all slopes are numbers", i, d)
		}
		s, err := vm.State(i)
		if err != nil {
			return err
		}
		at := 0
		for row := range layout.Layers[0].Out {
			for k := range layout.Layers[0].In {
				slot := layout.Slot(0, row, k)
				for _, c := range []struct {
					what        string
					before, now float32
					slope       slope
				}{
					{"mu", n.Start[i].Mu[slot], s.Mu[slot], w.mu[at]},
					{"phi", n.Start[i].Phi[slot], s.Phi[slot], w.phi[at]},
				} {
					step := float64(c.before) - float64(c.now)
					allowed := 20*c.slope.spread + 2e-6*(math.Abs(c.slope.value)+math.Abs(float64(c.before)))
					if !(math.Abs(step-c.slope.value) <= allowed) {
						return fmt.Errorf("member %d, synapse %d of row %d, %s %g: a step of %g, want %g within %.2g", i, k, row,
							c.what, c.before, step, c.slope.value, allowed)
					}
				}
				at++
			}
		}
	}
	return nil
}
