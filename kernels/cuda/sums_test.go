package cuda

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/graph"
	"quantal/kernels"
)

var accumulations = []kernels.Accumulate{{}, {AtMu: true}}

// under is the same network with a program for another rule.
func (n network) under(t testing.TB, rule kernels.Rule) network {
	t.Helper()
	var err error
	if n.program, err = graph.CompileSpec(n.spec, rule); err != nil {
		t.Fatal(err)
	}
	return n
}

func sumsOf(t testing.TB, vm kernels.VM, member int) *kernels.Sums {
	t.Helper()
	s, err := vm.Sums(member)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// same reports whether two sums have the same bits.
func same(a, b *kernels.Sums) bool {
	return a.Minibatches == b.Minibatches && a.Examples == b.Examples && slices.EqualFunc(totals(a), totals(b), slices.Equal)
}

// sumExcess is by how much the sums of all members exceed a tolerance relative to the largest entry of a layer: 1 at the limit.
func (n network) sumExcess(t testing.TB, got, want kernels.VM, tolerance float64) (worst float64, where string) {
	t.Helper()
	for m := range n.members {
		a, b := sumsOf(t, got, m), sumsOf(t, want, m)
		if a.Minibatches != b.Minibatches || a.Examples != b.Examples {
			return math.Inf(1), fmt.Sprintf("member %d: %d examples in %d minibatches, want %d in %d", m, a.Examples, a.Minibatches, b.Examples, b.Minibatches)
		}
		compare := func(what string, got, want []float64) {
			scale, e := 0.0, 0.0
			for i, w := range want {
				scale = max(scale, math.Abs(w))
				d := math.Abs(got[i] - w)
				if math.IsNaN(d) {
					d = math.Inf(1)
				}
				e = max(e, d)
			}
			if e /= scale; e/tolerance > worst {
				worst, where = e/tolerance, fmt.Sprintf("member %d: sum of %s deviates by %.2g of its largest entry", m, what, e)
			}
		}
		layout := n.program.Layout
		for l, layer := range layout.Layers {
			for i, name := range totalNames {
				from, to := layout.Offset(l), layout.Offset(l)+layer.Slots()
				compare(fmt.Sprintf("%s of layer %d", name, l), totals(a)[i][from:to], totals(b)[i][from:to])
			}
			compare(fmt.Sprintf("|x| of layer %d", l), a.Inputs[l].Magnitude, b.Inputs[l].Magnitude)
			compare(fmt.Sprintf("x^2 of layer %d", l), a.Inputs[l].Square, b.Inputs[l].Square)
		}
	}
	return worst, where
}

// What the sums of a few minibatches may deviate from the CPU's, which are within 1e-6 of float64 themselves once there are more:
// relative to the largest entry of a layer. Single examples of few dominate these.
const sumTolerance = 3e-6

func TestSumsAgainstCPU(t *testing.T) {
	for i, d := range designs() {
		if testing.Short() && i%5 != 0 {
			continue
		}
		t.Run(d.String(), func(t *testing.T) {
			n := d.network(t).under(t, accumulations[i/2%2])
			got, want := n.open(t, nil), n.cpu(t)
			if i%2 == 1 {
				single(t, got)
			}
			gotProgress, wantProgress := run(t, got, 0, 10), run(t, want, 0, 10)
			for m := range n.members {
				if e := math.Abs(gotProgress[m].NLL()-wantProgress[m].NLL()) / math.Abs(wantProgress[m].NLL()); e > 1e-5 {
					t.Errorf("member %d: negative log-likelihood %v, want %v", m, gotProgress[m].NLL(), wantProgress[m].NLL())
				}
				if diff := cmp.Diff(n.start[m], stateOf(t, got, m)); diff != "" {
					t.Errorf("member %d: the parameters are not frozen (-want +got)\n%s", m, diff)
				}
			}
			worst, where := n.sumExcess(t, got, want, sumTolerance)
			t.Log(where)
			if worst > 1 {
				t.Error(where)
			}
		})
	}
}

// A network's sums must not depend on the networks beside it, on the batches that memory forces, on how its steps are cut into
// calls, on looking at them in between, on graphs, or on the middle kernel.
func TestSumsDoNotDependOnCompany(t *testing.T) {
	for i, sharing := range []kernels.Sharing{kernels.PerSynapse, kernels.PerNetwork} {
		d := small
		d.sharing = sharing
		n := d.network(t).under(t, accumulations[i])
		const at, steps = 3, graphSteps + 6
		alone := n
		alone.members, alone.start = n.members[at:at+1], n.start[at:at+1]
		want := alone.open(t, nil)
		run(t, want, 0, steps)
		operations := n.open(t, nil)
		single(t, operations)
		batches, err := open(Interpreted(Memory(n.program, n.members[:2], n.data)+256), n.program, n.members, n.data, nil)
		if err != nil {
			t.Fatal(err)
		}
		if batches.size != 2 {
			t.Errorf("memory for two members: batches of %d", batches.size)
		}
		n.load(t, batches)
		for name, vm := range map[string]*VM{"in company": n.open(t, nil), "in batches": batches, "by single operations": operations} {
			for _, cut := range [][2]int{{0, 1}, {1, 3}, {4, steps - 4}} {
				run(t, vm, cut[0], cut[1])
				sumsOf(t, vm, at)
				if _, err := vm.Evaluate(context.Background(), n.data, 1, 0); err != nil {
					t.Fatal(err)
				}
			}
			if !same(sumsOf(t, want, 0), sumsOf(t, vm, at)) {
				t.Errorf("%v, %s: the sums differ", n.program.Rule, name)
			}
			if same(sumsOf(t, vm, 1), sumsOf(t, vm, at)) {
				t.Errorf("%v, %s: another member has the same sums", n.program.Rule, name)
			}
			// Loading starts the sums anew, of a member on the device or off it.
			n.load(t, vm)
			for m := range n.members {
				if !same(kernels.NewSums(n.program.Layout), sumsOf(t, vm, m)) {
					t.Errorf("%v, %s: member %d: loading a state leaves sums", n.program.Rule, name, m)
				}
			}
			run(t, vm, 0, steps)
			if !same(sumsOf(t, want, 0), sumsOf(t, vm, at)) {
				t.Errorf("%v, %s: the sums differ after loading", n.program.Rule, name)
			}
		}
		if err := batches.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Memory counts the sums, and what it counts is enough.
func TestMemoryOfSums(t *testing.T) {
	n := small.network(t)
	summed := n.under(t, kernels.Accumulate{})
	// For each slot of mu four numbers of 8 bytes, for each slot of an input two; each member's end where the next one's start.
	l := n.program.Layout
	want := int64(8 * (4*l.Slots() + 2*(l.Layers[0].Stride()+l.Layers[1].Stride())) * len(n.members))
	need := Memory(summed.program, n.members, n.data)
	if got := need - Memory(n.program, n.members, n.data); got < want || got >= want+256 {
		t.Errorf("the sums of %d members take %d bytes, want %d", len(n.members), got, want)
	}
	vm, err := OpenOn(Interpreted(need), summed.program, n.members, n.data)
	if err != nil {
		t.Fatal(err)
	}
	if vm.size != len(n.members) {
		t.Errorf("memory for all, yet batches of %d", vm.size)
	}
	n.load(t, vm)
	run(t, vm, 0, 2)
	sumsOf(t, vm, 1)
	if err := vm.Close(); err != nil {
		t.Error(err)
	}
}

func TestSumsRefuse(t *testing.T) {
	n := small.network(t)
	if _, err := n.open(t, nil).Sums(0); err == nil || !strings.Contains(err.Error(), "Adam") {
		t.Errorf("sums of a network in training: %v", err)
	}
	summed := n.under(t, kernels.Accumulate{})
	for name, change := range map[string]func(p *kernels.Program){
		"no rule":                  func(p *kernels.Program) { p.Rule = nil },
		"updates that are sums":    func(p *kernels.Program) { p.Rule = kernels.DefaultAdam() },
		"weights drawn, yet at mu": func(p *kernels.Program) { p.Rule = kernels.Accumulate{AtMu: true} },
		"a layer without its dW":   func(p *kernels.Program) { p.Instructions = p.Instructions[:len(p.Instructions)-1] },
	} {
		p := *summed.program
		change(&p)
		if _, err := OpenOn(Interpreted(testMemory), &p, n.members, n.data); err == nil || !strings.Contains(err.Error(), "cuda: program:") {
			t.Errorf("%s: %v", name, err)
		}
	}
	blind, err := OpenOn(Interpreted(testMemory), summed.program, n.members, nil)
	if err != nil {
		t.Fatal(err)
	}
	n.load(t, blind)
	if _, err := blind.Evaluate(context.Background(), n.data, 0, 0); err != nil {
		t.Error(err)
	}
	if s := sumsOf(t, blind, 0); !same(s, kernels.NewSums(n.program.Layout)) {
		t.Error("sums without training data are not empty")
	}

	// A gradient beyond float32: the network stops with the layer named, and has no sums; the others have.
	d := small
	d.likelihood, d.members = kernels.Gaussian, 2
	n = d.network(t).under(t, kernels.Accumulate{})
	n.members[1].NoiseVariance = 1e-25 // squared errors of 1e49
	vm := n.open(t, nil)
	progress, err := vm.Run(context.Background(), 4, 3)
	if err != nil {
		t.Fatal(err)
	}
	if d := progress[1].Diverged; progress[0].Diverged != nil || d == nil || *d != (kernels.Divergence{Step: 4, Layer: 1, What: "gradient"}) {
		t.Errorf("divergences %v, %v: want none and a gradient of layer 1 at step 4", progress[0].Diverged, d)
	}
	if _, err := vm.Sums(1); err == nil || !strings.Contains(err.Error(), "member 1: gradient is not finite at step 4 in layer 1") {
		t.Errorf("sums of a network that diverged: %v", err)
	}
	if s := sumsOf(t, vm, 0); s.Minibatches != 3 {
		t.Errorf("%d minibatches, want 3", s.Minibatches)
	}
	// A new state starts it again.
	if err := vm.Load(1, n.start[0]); err != nil {
		t.Fatal(err)
	}
	if s := sumsOf(t, vm, 1); s.Minibatches != 0 {
		t.Errorf("%d minibatches after loading, want 0", s.Minibatches)
	}
}

// Where a network is all but certain of the right answers, softmax - 1 in float32 has no digits left: the label's gradient is
// minus the sum of the others then, in the middle kernel and in the loss by itself. What remains is the rounding of logits.
func TestSumsOfACertainNetwork(t *testing.T) {
	n := design{sizes: []int{13, 4}, sharing: kernels.NoNoise, batch: 7, members: 1}.network(t).under(t, kernels.Accumulate{})
	mu := make([]float64, len(n.start[0].Mu))
	for i := range mu {
		n.start[0].Mu[i] *= 40
		mu[i] = float64(n.start[0].Mu[i])
	}
	layer := n.program.Layout.Layers[0]
	var inputs, labels []byte // of the examples that it is certain of
	for e := range n.data.N {
		bytes := n.data.Bytes[e*n.data.Width:][:n.data.Width]
		x, y := make([]float64, layer.Stride()), make([]float64, kernels.Stride(layer.Out))
		for k, v := range bytes {
			x[k] = float64(v)*float64(n.data.Scale) + float64(n.data.Shift)
		}
		x[layer.In] = 1
		kernels.Product[float64]{Layer: layer, Batch: 1, W: mu}.Forward(y, x)
		logp := make([]float64, layer.Out)
		kernels.LogSoftmax(logp, y[:layer.Out])
		if best := slices.Max(logp); best > -1e-6 {
			inputs, labels = append(inputs, bytes...), append(labels, byte(slices.Index(logp, best)))
		}
	}
	n.data.N, n.data.Bytes, n.data.Labels = len(labels), inputs, labels
	for _, closed := range []bool{true, false} {
		for _, fused := range []bool{true, false} {
			driver := &meddler{Driver: Interpreted(testMemory), edit: func(l *Launch) {
				if !closed {
					on(func(p *middleParameters) { p.closed = 0 })(l)
					on(func(p *lossParameters) { p.closed = 0 })(l)
				}
			}}
			vm, err := OpenOn(driver, n.program, n.members, n.data)
			if err != nil {
				t.Fatal(err)
			}
			if !fused {
				single(t, vm)
			}
			n.load(t, vm)
			want := n.cpu(t)
			run(t, vm, 0, 3)
			for m, p := range run(t, want, 0, 3) {
				if mean := p.NLL() / (3 * 7); mean > 1e-6 {
					t.Errorf("member %d: the mean negative log-likelihood is %g: the network is not certain", m, mean)
				}
			}
			if worst, where := n.sumExcess(t, vm, want, 5*sumTolerance); (worst > 1) == closed {
				t.Errorf("gradients closed %v, middle kernel %v: %s", closed, fused, where)
			}
			if err := vm.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
