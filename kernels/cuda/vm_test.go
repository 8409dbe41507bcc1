package cuda

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"quantal/graph"
	"quantal/kernels"
	"quantal/kernels/cpu"
)

// numbers fills dst with reproducible uniforms in (lo, hi).
func numbers[T kernels.Float](dst []T, seed uint64, lo, hi float64) []T {
	u := make([]float64, len(dst))
	kernels.Uniforms(u, kernels.Noise{Seed: seed, Stream: kernels.StreamAnalysis}, 0)
	for i := range dst {
		dst[i] = T(lo + (hi-lo)*u[i])
	}
	return dst
}

// rotate is some order of the examples for each seed and epoch: what the order is does not matter here.
func rotate(dst []int32, seed uint64, epoch int) {
	for i := range dst {
		dst[i] = int32((uint64(i) + 7*seed + 3*uint64(epoch)) % uint64(len(dst)))
	}
}

// synthetic makes n examples that fit the program: bytes with labels, or floats with targets.
func synthetic(p *kernels.Program, n int) *kernels.Data {
	width, outputs := p.Widths[0], p.Widths[p.Output]
	d := &kernels.Data{N: n, Width: width, Order: rotate}
	x := numbers(make([]float32, n*width), 11, 0, 1)
	if p.Likelihood == kernels.Gaussian {
		d.Floats, d.Targets = x, numbers(make([]float32, n*outputs), 12, -1, 1)
		return d
	}
	d.Bytes, d.Labels = make([]byte, len(x)), make([]byte, n)
	d.Scale, d.Shift = 1/(255*0.3081), -0.1307/0.3081
	for i, v := range x {
		d.Bytes[i] = byte(255 * v * v * v)
	}
	for i := range d.Labels {
		d.Labels[i] = byte(int(d.Bytes[i*width]) * outputs / 256)
	}
	return d
}

// initial is a state in which the noise is visible: sigma around 0.15, over a factor of about three both ways.
func initial(l kernels.Layout, seed uint64) *kernels.State {
	s := kernels.NewState(l)
	for i, layer := range l.Layers {
		for r := range layer.Out {
			mu := numbers(make([]float32, layer.Columns()), seed+uint64(100*i+r), -0.3, 0.3)
			copy(s.Mu[l.Offset(i)+r*layer.Stride():], mu)
		}
	}
	spread := numbers(make([]float64, len(s.Phi)), seed+7, math.Log(0.05), math.Log(0.45))
	for i := range spread {
		s.Phi[i] = float32(kernels.SoftplusInverse(math.Exp(spread[i])))
	}
	return s
}

// network is a program with all that a run of it needs.
type network struct {
	spec    graph.Spec
	program *kernels.Program
	members []kernels.Member
	data    *kernels.Data
	start   []*kernels.State
}

// newNetwork makes M networks that differ in seed, c, lambda and learning rate.
func newNetwork(t testing.TB, spec graph.Spec, rho float64, members int) network {
	t.Helper()
	spec.Magnitude, spec.Reliability = true, spec.Sharing != kernels.NoNoise
	p, err := graph.CompileSpec(spec, kernels.DefaultAdam())
	if err != nil {
		t.Fatal(err)
	}
	n := network{spec: spec, program: p, data: synthetic(p, 4*spec.Batch+1)}
	for i := range members {
		n.members = append(n.members, kernels.Member{
			Seed: 42<<33 + uint64(i/2), C: 1, Rho: rho, Lambda: 0.3 + 0.1*float64(i), LearningRate: 1e-3 * float64(1+i), NoiseVariance: 0.2,
		})
		n.start = append(n.start, initial(p.Layout, 3+uint64(i)))
	}
	n.balance(t)
	return n
}

// balance chooses c so that the noise and the reliability cost have gradients of one size: from one step of the CPU VM, whose
// first moments are a tenth of the gradients.
func (n network) balance(t testing.TB) {
	if n.spec.Sharing == kernels.NoNoise {
		return
	}
	largest := func(c float64) []float32 {
		m := n.members[0]
		m.C = c
		one := n
		one.members, one.start = []kernels.Member{m}, n.start[:1]
		vm := one.cpu(t)
		run(t, vm, 0, 1)
		return stateOf(t, vm, 0).PhiM
	}
	without, with := largest(0), largest(1)
	noise, cost := 0.0, 0.0
	for i := range with {
		noise = max(noise, math.Abs(float64(without[i])))
		cost = max(cost, math.Abs(float64(with[i]-without[i])))
	}
	for i := range n.members {
		n.members[i].C = 0.4 * noise / cost * (1 + 0.5*float64(i))
	}
}

func (n network) load(t testing.TB, vm kernels.VM) {
	t.Helper()
	for i, s := range n.start {
		if err := vm.Load(i, s); err != nil {
			t.Fatal(err)
		}
	}
}

func (n network) cpu(t testing.TB) *cpu.VM {
	t.Helper()
	vm, err := cpu.OpenWith("portable", n.program, n.members, n.data, 1)
	if err != nil {
		t.Fatal(err)
	}
	n.load(t, vm)
	return vm
}

const testMemory = 4 << 30

// open opens the network on an interpreter; ptx replaces the kernels of the sources it names.
func (n network) open(t testing.TB, ptx map[string]string) *VM {
	t.Helper()
	vm, err := open(Interpreted(testMemory), n.program, n.members, n.data, ptx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := vm.Close(); err != nil {
			t.Error(err)
		}
	})
	n.load(t, vm)
	return vm
}

// single makes a VM work by single operations instead of the middle kernel.
func single(t testing.TB, vm *VM) {
	t.Helper()
	if err := vm.setFused(false); err != nil {
		t.Fatal(err)
	}
}

func run(t testing.TB, vm kernels.VM, first, count int) []kernels.Progress {
	t.Helper()
	progress, err := vm.Run(context.Background(), first, count)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range progress {
		if p.Diverged != nil {
			t.Fatalf("member %d: %v", i, p.Diverged)
		}
	}
	return progress
}

// deviation compares two states: for each field the worst difference relative to the field's largest entry. Means that may
// have crossed zero, where |mu| has its kink, are left out.
func deviation(got, want *kernels.State, rate float64) map[string]float64 {
	worst := map[string]float64{}
	compare := func(name string, got, want, skip []float32) {
		scale, e := 0.0, 0.0
		for i, w := range want {
			if skip != nil && math.Abs(float64(skip[i])) < 3*rate {
				continue
			}
			scale = max(scale, math.Abs(float64(w)))
			d := math.Abs(float64(got[i]) - float64(w))
			if d != d {
				d = math.Inf(1)
			}
			e = max(e, d)
		}
		if scale > 0 {
			e /= scale
		}
		worst[name] = e
	}
	compare("mu", got.Mu, want.Mu, want.Mu)
	compare("mu.m", got.MuM, want.MuM, want.Mu)
	compare("mu.v", got.MuV, want.MuV, want.Mu)
	compare("phi", got.Phi, want.Phi, nil)
	compare("phi.m", got.PhiM, want.PhiM, nil)
	compare("phi.v", got.PhiV, want.PhiV, nil)
	return worst
}

// What ten steps may deviate from the CPU VM, relative to each field's largest entry. Both round to float32, in different
// orders; the parameters are measured against entries of up to 1, of which ten steps are some 1e-2, and Adam divides rounding
// by rounding where gradients nearly vanish.
var tenSteps = map[string]float64{"mu": 1e-5, "mu.m": 1e-5, "mu.v": 1e-5, "phi": 1e-5, "phi.m": 1e-5, "phi.v": 1e-5}

// excess is by how much states exceed a tolerance: 1 at the limit.
func (n network) excess(t testing.TB, got, want kernels.VM, tolerance map[string]float64) (worst float64, where string) {
	for i, m := range n.members {
		for field, e := range deviation(stateOf(t, got, i), stateOf(t, want, i), m.LearningRate) {
			if r := e / tolerance[field]; r > worst {
				worst, where = r, fmt.Sprintf("member %d: %s deviates by %.2g of its largest entry", i, field, e)
			}
		}
	}
	return worst, where
}

type design struct {
	sizes      []int
	sharing    kernels.Sharing
	likelihood kernels.Likelihood
	activation kernels.Activation
	batch      int
	rho        float64
	members    int
}

func (d design) String() string {
	return fmt.Sprintf("%v/%v/%v/%v/B=%d/rho=%.3g/M=%d", d.sizes, d.sharing, d.likelihood, d.activation, d.batch, d.rho, d.members)
}

// designs covers every cost, every sharing, both likelihoods, 0 to 3 hidden layers and odd sizes, with batches below, at and
// above a tile of 20, layers above 256 columns and above 64 rows.
func designs() []design {
	sizes := [][]int{{13, 4}, {20, 7, 3}, {33, 17, 9, 5}, {9, 6, 7, 5, 3}, {300, 21, 3}, {70, 70, 2}}
	exponents := []float64{0.5, 2. / 3, 4. / 3, 2, 0, 1}
	batches := []int{1, 3, 20, 23}
	var all []design
	for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
		for i := range sizes {
			n := i + int(sharing)
			all = append(all, design{
				sizes: sizes[i], sharing: sharing, likelihood: kernels.Likelihood(n % 2), activation: kernels.Activation(1 + i/2%2),
				batch: batches[n%len(batches)], rho: exponents[(n+i)%len(exponents)], members: 1 + n%3,
			})
		}
	}
	for i, rho := range exponents { // every cost with the noise that has most paths
		all = append(all, design{sizes: []int{18, 11, 4}, activation: kernels.ReLU, batch: batches[i%4], rho: rho, members: 2})
	}
	return all
}

func (d design) network(t testing.TB) network {
	return newNetwork(t, graph.Spec{
		Sizes: d.sizes, Batch: d.batch, Activation: d.activation, Sharing: d.sharing, Likelihood: d.likelihood,
	}, d.rho, d.members)
}

func TestTenStepsAgainstCPU(t *testing.T) {
	for i, d := range designs() {
		if testing.Short() && i%5 != 0 {
			continue
		}
		t.Run(d.String(), func(t *testing.T) {
			n := d.network(t)
			got, want := n.open(t, nil), n.cpu(t)
			if !got.shape.fused {
				t.Error("does not go through the middle kernel")
			}
			if i%2 == 1 {
				single(t, got)
			}
			gotProgress, wantProgress := run(t, got, 0, 10), run(t, want, 0, 10)
			for m := range n.members {
				if e := math.Abs(gotProgress[m].NLL()-wantProgress[m].NLL()) / math.Abs(wantProgress[m].NLL()); e > 1e-5 {
					t.Errorf("member %d: negative log-likelihood %v, want %v", m, gotProgress[m].NLL(), wantProgress[m].NLL())
				}
			}
			worst, where := n.excess(t, got, want, tenSteps)
			t.Log(where)
			if worst > 1 {
				t.Error(where)
			}
		})
	}
}

func TestEvaluateAgainstCPU(t *testing.T) {
	for _, d := range []design{
		{sizes: []int{20, 7, 3}, sharing: kernels.PerSynapse, activation: kernels.ReLU, batch: 3, rho: 2, members: 2},
		{sizes: []int{270, 9, 5}, sharing: kernels.PerNeuron, activation: kernels.Tanh, batch: 6, rho: 2, members: 1},
		{sizes: []int{15, 4}, sharing: kernels.PerNetwork, likelihood: kernels.Gaussian, activation: kernels.ReLU, batch: 6, members: 3},
		{sizes: []int{15, 8, 4}, sharing: kernels.NoNoise, activation: kernels.ReLU, batch: 6, members: 1},
	} {
		t.Run(d.String(), func(t *testing.T) {
			n := d.network(t)
			test := synthetic(n.program, 87)
			got, want := n.open(t, nil), n.cpu(t)
			for _, draws := range []int{0, 3} {
				a, err := got.Evaluate(context.Background(), test, 9, draws)
				if err != nil {
					t.Fatal(err)
				}
				b, err := want.Evaluate(context.Background(), test, 9, draws)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(b, a, cmpopts.EquateApprox(2e-6, 0), cmpopts.EquateNaNs()); diff != "" {
					t.Errorf("%d draws: (-want +got)\n%s", draws, diff)
				}
			}
		})
	}
}

// stateOf returns a network's state.
func stateOf(t testing.TB, vm kernels.VM, member int) *kernels.State {
	t.Helper()
	s, err := vm.State(member)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
