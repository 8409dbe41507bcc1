package cpu_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/kernels"
	"quantal/kernels/conformance"
	"quantal/kernels/cpu"
)

// Weights are the means themselves, which must not move before the gradient has been propagated through them, for any
// order of the operations in the graph. Here they do move, and that is noticed.
func TestLangevinMovesAfterEveryBackward(t *testing.T) {
	n := conformance.Design{
		Sizes: []int{20, 16, 12, 9, 5}, Activation: kernels.ReLU, Batch: 10, Rho: 2, Examples: 100,
	}.Network(t).Fluctuating(t, kernels.Langevin{})
	want := n.After(0, 2, "")
	excess := func(m conformance.Machine) float64 {
		vm := n.Open(t, m.Open)
		conformance.Run(t, vm, 0, 2)
		worst, _ := n.Excess(t, vm, want)
		return worst
	}
	for at, instruction := range n.Program.Instructions {
		if _, ok := instruction.(kernels.Fluctuate); ok && slices.ContainsFunc(n.Program.Instructions[at:], isBackward) {
			t.Errorf("%v comes before the last Backward:\n%v", instruction, n.Program)
		}
	}
	for _, m := range machines() {
		if e := excess(m); !(e <= 1) {
			t.Errorf("%s: means deviate by %.2g of the tolerance", m.Name, e)
		}
	}
	var moves, others []kernels.Instruction
	for _, instruction := range n.Program.Instructions {
		if _, ok := instruction.(kernels.Fluctuate); ok {
			moves = append(moves, instruction)
		} else {
			others = append(others, instruction)
		}
	}
	if len(moves) != 4 {
		t.Errorf("%d layers of 4 move", len(moves))
	}
	at := slices.IndexFunc(others, isBackward)
	n.Program.Instructions = slices.Concat(others[:at], moves[:1], others[at:], moves[1:])
	for _, m := range machines() {
		if e := excess(m); e < 100 {
			t.Errorf("%s: means that move before a Backward go unnoticed: %.2g", m.Name, e)
		}
	}
}

func isBackward(i kernels.Instruction) bool {
	_, ok := i.(kernels.Backward)
	return ok
}

// At temperature 0 the portable kernels do plain gradient descent, written out here in float32, to the last bit.
func TestLangevinAtZeroTemperatureIsGradientDescent(t *testing.T) {
	n := conformance.Design{
		Sizes: []int{33, 17, 9, 5}, Activation: kernels.ReLU, Batch: 20, Rho: 2, Examples: 150,
	}.Network(t).Fluctuating(t, kernels.Langevin{})
	member := &n.Members[0]
	member.Temperature = 0
	const count = 30
	vm := n.Open(t, machine("portable").Open)
	conformance.Run(t, vm, 0, count)
	got := conformance.StateOf(t, vm, 0).Mu

	layout, batch, data := n.Program.Layout, n.Batch, n.Data
	mu := slices.Clone(n.Start[0].Mu)
	fraction := float64(batch) / float64(data.N)
	rate, slope := float32(member.LearningRate/fraction), float32(member.Lambda*fraction)
	perEpoch, order := data.N/batch, make([]int32, data.N)
	for step := range count {
		a := make([][]float32, len(n.Sizes)) // of the layers, the constant 1 after each
		for i, width := range n.Sizes {
			a[i] = make([]float32, batch*kernels.Stride(width))
			for b := range batch {
				a[i][b*kernels.Stride(width)+width] = 1
			}
		}
		data.Order(order, member.Seed, step/perEpoch)
		examples := order[step%perEpoch*batch:][:batch]
		for b, e := range examples {
			for k, v := range data.Bytes[int(e)*data.Width:][:data.Width] {
				a[0][b*kernels.Stride(data.Width)+k] = float32(v)*data.Scale + data.Shift
			}
		}
		product := func(l int) kernels.Product[float32] {
			layer := layout.Layers[l]
			return kernels.Product[float32]{Layer: layer, Batch: batch, W: mu[layout.Offset(l):][:layer.Slots()]}
		}
		last := len(layout.Layers) - 1
		for l, layer := range layout.Layers {
			product(l).Forward(a[l+1], a[l])
			for b := range batch {
				if y := a[l+1][b*kernels.Stride(layer.Out):][:layer.Out]; l < last {
					kernels.Apply(kernels.ReLU, y, nil)
				}
			}
		}
		dy := make([]float32, len(a[last+1]))
		outputs := layout.Layers[last].Out
		for b, e := range examples {
			at := b * kernels.Stride(outputs)
			kernels.CrossEntropy(dy[at:][:outputs], a[last+1][at:][:outputs], int(data.Labels[e]))
		}
		next := slices.Clone(mu)
		for l := last; l >= 0; l-- {
			layer, p := layout.Layers[l], product(l)
			dw := make([]float32, layer.Columns())
			for r := range layer.Out {
				p.WeightGradient(dw, dy, a[l], r)
				for k, g := range dw {
					w := &next[layout.Slot(l, r, k)]
					*w -= rate * (g + slope*kernels.Sign(*w))
				}
			}
			dx := make([]float32, len(a[l]))
			p.BackwardInput(dx, dy)
			for b := range batch {
				kernels.ApplyGradient(kernels.ReLU, dx[b*layer.Stride():][:layer.In], a[l][b*layer.Stride():][:layer.In])
			}
			dy = dx
		}
		mu = next
	}
	if !slices.Equal(mu, got) {
		t.Error("gradient descent gives other bits")
	}
	if slices.Equal(n.Start[0].Mu, got) {
		t.Error("nothing moved")
	}
}

// A call of Run allocates a few small objects, for any number of steps.
func TestStepsDoNotAllocate(t *testing.T) {
	for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
		n := conformance.Design{
			Sizes: []int{30, 20, 18, 4}, Activation: kernels.ReLU, Batch: 5, Sharing: sharing, Rho: 2, Examples: 53,
		}.Network(t)
		for _, n := range []*conformance.Network{
			n, n.Under(t, kernels.Accumulate{}), n.Under(t, kernels.Accumulate{AtMu: true}),
			n.Fluctuating(t, kernels.Langevin{}),
		} {
			for _, m := range machines() {
				vm := n.Open(t, m.Open)
				allocations := func(count int) float64 {
					return testing.AllocsPerRun(20, func() { conformance.Run(t, vm, 0, count) })
				}
				if one, nine := allocations(1), allocations(9); nine > one { // ten steps are an epoch
					t.Errorf("%s, %v, %v: %v allocations for nine steps, %v for one", m.Name, sharing, n.Program.Rule, nine, one)
				}
			}
		}
	}
}

// Every kernel set must draw the same noise and so train nearly the same network.
func TestKernelSetsAgree(t *testing.T) {
	n := conformance.Design{Sizes: []int{60, 40, 10}, Activation: kernels.ReLU, Batch: 20, Rho: 2,
		Examples: 203}.Network(t)
	var reference *kernels.State
	for _, set := range cpu.KernelSets() {
		vm := n.Open(t, machine(set).Open)
		if got := vm.(*cpu.VM).Kernels(); got != set {
			t.Fatalf("the VM runs %s, want %s", got, set)
		}
		conformance.Run(t, vm, 0, 200)
		s := conformance.StateOf(t, vm, 0)
		if reference == nil {
			reference = s
			continue
		}
		for i := range s.Mu {
			// A tenth of a step of 1e-3, after 200 of them.
			if math.Abs(float64(s.Mu[i]-reference.Mu[i])) > 1e-4 || math.Abs(float64(s.Phi[i]-reference.Phi[i])) > 1e-4 {
				t.Fatalf("%s: slot %d has mu %v and phi %v, with %s %v and %v", set, i, s.Mu[i], s.Phi[i], cpu.KernelSets()[0],
					reference.Mu[i], reference.Phi[i])
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	n := conformance.Design{Sizes: []int{12, 4}, Activation: kernels.ReLU, Batch: 6, Rho: 2}.Network(t)
	if _, err := cpu.Open(n.Program, n.Members, n.Data, -1); err == nil {
		t.Error("negative threads: no error")
	}
	t.Setenv(cpu.KernelVariable, "fastest")
	if _, err := cpu.Open(n.Program, n.Members, n.Data, 1); err == nil {
		t.Error("unknown kernels: no error")
	}
}

// Profile trains like Run, and times each instruction.
func TestProfile(t *testing.T) {
	n := conformance.Design{Sizes: []int{40, 30, 4}, Activation: kernels.ReLU, Batch: 5, Rho: 2, Examples: 53}.Network(t)
	m := machine(cpu.KernelSets()[0])
	run, profiled := n.Open(t, m.Open), n.Open(t, m.Open).(*cpu.VM)
	conformance.Run(t, run, 0, 7)
	timings, err := profiled.Profile(context.Background(), 0, 7)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(conformance.StateOf(t, run, 0), conformance.StateOf(t, profiled, 0)); diff != "" {
		t.Error("a profiled step is another step")
	}
	if len(timings) != len(n.Program.Instructions) {
		t.Errorf("%d timings of %d instructions", len(timings), len(n.Program.Instructions))
	}
	if _, err := profiled.Profile(context.Background(), 0, 1000); err == nil {
		t.Error("steps beyond the epoch: no error")
	}
}
