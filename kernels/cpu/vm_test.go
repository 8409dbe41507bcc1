package cpu_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"quantal/graph"
	"quantal/kernels"
	"quantal/kernels/cpu"
)

// numbers fills dst with reproducible uniforms in (lo, hi).
func numbers[T kernels.Float](dst []T, seed uint64, lo, hi float64) {
	u := make([]float64, len(dst))
	kernels.Uniforms(u, kernels.Noise{Seed: seed, Stream: kernels.StreamAnalysis}, 0)
	for i := range dst {
		dst[i] = T(lo + (hi-lo)*u[i])
	}
}

// shuffle is some order of the examples for each seed and epoch: what the order is does not matter here.
func shuffle(dst []int32, seed uint64, epoch int) {
	n := uint64(len(dst))
	stride := 2*(seed%5+uint64(epoch)) + 1
	for stride%2 == 0 || gcd(stride, n) != 1 {
		stride++
	}
	for i := range dst {
		dst[i] = int32((uint64(i)*stride + seed) % n)
	}
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// synthetic makes n examples that fit the program: bytes with labels, or floats with targets.
func synthetic(p *kernels.Program, n int) *kernels.Data {
	width, outputs := p.Widths[0], p.Widths[p.Output]
	d := &kernels.Data{N: n, Width: width, Order: shuffle}
	x := make([]float32, n*width)
	numbers(x, 11, 0, 1)
	if p.Likelihood == kernels.Gaussian {
		d.Floats, d.Targets = x, make([]float32, n*outputs)
		numbers(d.Targets, 12, -1, 1)
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

// initial is a state with sigma around the given value, over a factor of about three both ways.
func initial(l kernels.Layout, seed uint64, sigma float64) *kernels.State {
	s := kernels.NewState(l)
	for i, layer := range l.Layers {
		mu := make([]float32, layer.Columns())
		for r := range layer.Out {
			numbers(mu, seed+uint64(100*i+r), -0.3, 0.3)
			copy(s.Mu[l.Offset(i)+r*layer.Stride():], mu)
		}
	}
	spread := make([]float64, len(s.Phi))
	numbers(spread, seed+7, math.Log(sigma/3), math.Log(sigma*3))
	for i := range spread {
		s.Phi[i] = float32(kernels.SoftplusInverse(math.Exp(spread[i])))
	}
	return s
}

// network is a Spec with everything a run of it needs.
type network struct {
	spec    graph.Spec
	program *kernels.Program
	member  kernels.Member
	data    *kernels.Data
	start   *kernels.State
}

// newNetwork makes a network in the regime in which the noise is visible: sigma between 0.05 and 0.5, and c such that the
// largest gradients of noise and cost are of one size.
func newNetwork(t testing.TB, spec graph.Spec, rho float64) network {
	t.Helper()
	p, err := graph.CompileSpec(spec, kernels.DefaultAdam())
	if err != nil {
		t.Fatal(err)
	}
	n := network{
		spec: spec, program: p, data: synthetic(p, 10*spec.Batch+3), start: initial(p.Layout, 3, 0.15),
		member: kernels.Member{Seed: 42 << 33, C: 1, Rho: rho, Lambda: 0.3, LearningRate: 1e-3, NoiseVariance: 0.2},
	}
	if spec.Sharing == kernels.NoNoise {
		return n
	}
	noise, cost := n.phiGradients()
	n.member.C = 0.4 * noise / cost
	return n
}

// phiGradients are the largest entries of the first step's gradients of phi: of the likelihood, and of the cost for c = 1.
func (n network) phiGradients() (noise, cost float64) {
	gradients := func(c float64) []float64 {
		m := n.member
		m.C = c
		ref := newNaive(n.spec, m, n.data, n.start, "")
		ref.step(0)
		g := make([]float64, len(ref.adam))
		for i, a := range ref.adam {
			g[i] = a.m / 0.1
		}
		return g
	}
	without, with := gradients(0), gradients(1)
	for i := range with {
		noise = max(noise, math.Abs(without[i]))
		cost = max(cost, math.Abs(with[i]-without[i]))
	}
	return noise, cost
}

func (n network) open(t testing.TB, threads int, members ...kernels.Member) *cpu.VM {
	t.Helper()
	if members == nil {
		members = []kernels.Member{n.member}
	}
	vm, err := cpu.Open(n.program, members, n.data, threads)
	if err != nil {
		t.Fatal(err)
	}
	for i := range members {
		if err := vm.Load(i, n.start); err != nil {
			t.Fatal(err)
		}
	}
	return vm
}

func steps(t testing.TB, vm *cpu.VM, first, n int) []kernels.Progress {
	t.Helper()
	progress, err := vm.Run(context.Background(), first, n)
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

// deviation compares a state with the naive trainer: the worst error of each field relative to its largest entry.
func (n network) deviation(s *kernels.State, ref *naive) map[string]float64 {
	type pair struct{ got, want []float64 }
	fields := map[string]*pair{}
	add := func(name string, got float32, want float64) {
		if fields[name] == nil {
			fields[name] = &pair{}
		}
		fields[name].got = append(fields[name].got, float64(got))
		fields[name].want = append(fields[name].want, want)
	}
	layout := n.program.Layout
	seen := map[int]bool{}
	for i, l := range layout.Layers {
		for r := range l.Out {
			for k := range l.Columns() {
				at := layout.Offset(i) + r*l.Stride() + k
				a := ref.adamMu[[3]int{i, r, k}]
				if math.Abs(ref.mu[i][r][k]) < 3*n.member.LearningRate {
					continue // at the kink of |mu| it may have been on the other side for a step
				}
				add("mu", s.Mu[at], ref.mu[i][r][k])
				add("mu.m", s.MuM[at], a.m)
				add("mu.v", s.MuV[at], a.v)
				if n.spec.Sharing == kernels.NoNoise {
					continue
				}
				g := ref.group(i, r, k)
				if seen[g] {
					continue
				}
				seen[g] = true
				at = layout.PhiOffset(i) + l.PhiIndex(n.spec.Sharing, r, k)
				add("phi", s.Phi[at], ref.phi[g])
				add("phi.m", s.PhiM[at], ref.adam[g].m)
				add("phi.v", s.PhiV[at], ref.adam[g].v)
			}
		}
	}
	worst := map[string]float64{}
	for name, f := range fields {
		scale := 0.0
		for i := range f.want {
			scale = max(scale, math.Abs(f.want[i]))
		}
		for i := range f.want {
			worst[name] = max(worst[name], math.Abs(f.got[i]-f.want[i])/scale)
		}
	}
	return worst
}

// eachSet runs a test under every kernel set that the processor has, or the one that the environment asks for.
func eachSet(t *testing.T, f func(t *testing.T)) {
	sets := cpu.KernelSets()
	if want := os.Getenv(cpu.KernelVariable); want != "" {
		sets = []string{want}
	}
	for _, set := range sets {
		t.Run(set, func(t *testing.T) {
			t.Setenv(cpu.KernelVariable, set)
			f(t)
		})
	}
}

func testNetworks(t *testing.T, f func(t *testing.T, n network)) {
	sizes := [][]int{{13, 4}, {20, 7, 3}, {33, 17, 9, 5}, {9, 6, 7, 5, 3}}
	exponents := []float64{0.5, 2. / 3, 4. / 3, 2, 0}
	for i, size := range sizes {
		for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
			for j, likelihood := range []kernels.Likelihood{kernels.Categorical, kernels.Gaussian} {
				for _, batch := range []int{1, 6} {
					rho := exponents[(i+int(sharing)+2*j+batch)%len(exponents)]
					t.Run(fmt.Sprintf("%v/%v/%v/B=%d/rho=%.3g", size, sharing, likelihood, batch, rho), func(t *testing.T) {
						f(t, newNetwork(t, graph.Spec{
							Sizes: size, Batch: batch, Activation: kernels.ReLU, Sharing: sharing, Likelihood: likelihood,
							Magnitude: true, Reliability: sharing != kernels.NoNoise,
						}, rho))
					})
				}
			}
		}
	}
}

// What the VM may deviate from float64, relative to each field's largest entry.
//
// After one step the moments are a tenth of the gradient and a thousandth of its square: float32 rounding of sums over the
// minibatch and the layers, typically 2e-7, with room to 1e-5 (twice that for the square) where noise and cost partly cancel.
// After a hundred steps they remember about ten (first) or all (second) gradients of slightly different parameters. The
// parameters are measured against entries of up to 0.3 and not against how far they moved, 1e-3 per step, so 5e-5 of the
// largest is some 1e-2 of a step: loose, because Adam divides the first moment by the root of the second, and where
// gradients nearly vanish that divides rounding by rounding.
var (
	oneStep = map[string]float64{"mu.m": 1e-5, "mu.v": 1e-5, "phi.m": 1e-5, "phi.v": 2e-5, "mu": 1e-6, "phi": 1e-6}
	hundred = map[string]float64{"mu.m": 5e-5, "mu.v": 1e-5, "phi.m": 1e-4, "phi.v": 2e-5, "mu": 5e-5, "phi": 1e-5}
)

func compare(t *testing.T, n network, count int, tolerance map[string]float64) {
	t.Helper()
	if n.spec.Sharing == kernels.PerLayer || n.spec.Sharing == kernels.PerNetwork {
		// The gradient of a sigma is a sum of dW xi over many synapses, in which the terms cancel to some 1/3000 of the sum of
		// their absolute values: float32's 6e-8 of that is 2e-4 of the gradient, and twice that of its square.
		tolerance = maps.Clone(tolerance)
		tolerance["phi.m"], tolerance["phi.v"] = max(tolerance["phi.m"], 2e-4), max(tolerance["phi.v"], 4e-4)
	}
	vm := n.open(t, 1)
	progress := steps(t, vm, 0, count)
	ref := newNaive(n.spec, n.member, n.data, n.start, "")
	nll := 0.0
	for s := range count {
		nll += ref.step(s)
	}
	if e := math.Abs(progress[0].NLL()-nll) / math.Abs(nll); e > 1e-4 {
		t.Errorf("negative log-likelihood %v, want %v", progress[0].NLL(), nll)
	}
	for field, e := range n.deviation(stateOf(t, vm, 0), ref) {
		if !(e <= tolerance[field]) {
			t.Errorf("%s deviates by %.2g of its largest entry, want at most %g", field, e, tolerance[field])
		}
	}
	if n.spec.Sharing == kernels.NoNoise {
		return
	}
	for _, flaw := range []string{"xi = 0", "a wrong counter", "a cost counted twice", "B/N missing"} {
		ref := newNaive(n.spec, n.member, n.data, n.start, flaw)
		for s := range count {
			ref.step(s)
		}
		noticed := false
		for field, e := range n.deviation(stateOf(t, vm, 0), ref) {
			noticed = noticed || e > 3*tolerance[field]
		}
		if !noticed {
			t.Errorf("the planted fault %q goes unnoticed", flaw)
		}
	}
}

func TestOneStepAgainstFloat64(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		testNetworks(t, func(t *testing.T, n network) { compare(t, n, 1, oneStep) })
	})
}

func TestHundredStepsAgainstFloat64(t *testing.T) {
	if testing.Short() {
		t.Skip("one thread, and a hundred times a step")
	}
	eachSet(t, func(t *testing.T) {
		testNetworks(t, func(t *testing.T, n network) { compare(t, n, 100, hundred) })
	})
}

// A network's numbers must not depend on threads, on the networks beside it, or on how its steps are cut into calls.
func TestBytesDoNotDependOnCompany(t *testing.T) { eachSet(t, testBytesDoNotDependOnCompany) }

func testBytesDoNotDependOnCompany(t *testing.T) {
	for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
		n := newNetwork(t, graph.Spec{
			Sizes: []int{30, 20, 18, 4}, Batch: 5, Activation: kernels.ReLU, Sharing: sharing, Magnitude: true, Reliability: true,
		}, 2)
		alone := n.open(t, 1)
		progress := steps(t, alone, 0, 57)
		score, err := alone.Evaluate(context.Background(), n.data, 57, 3)
		if err != nil {
			t.Fatal(err)
		}
		var company []kernels.Member
		for i := range 5 {
			m := n.member
			m.Seed += uint64(i / 2)
			m.C *= 1 + float64(i)
			company = append(company, m)
		}
		const at = 3
		company[at] = n.member
		for _, threads := range []int{1, 2, 4} {
			vm := n.open(t, threads, company...)
			var losses []float64
			for _, cut := range [][2]int{{0, 1}, {1, 9}, {10, 40}, {50, 7}} {
				losses = append(losses, steps(t, vm, cut[0], cut[1])[at].Losses...)
			}
			if diff := cmp.Diff(stateOf(t, alone, 0), stateOf(t, vm, at)); diff != "" {
				t.Fatalf("%v, %d threads: the state differs", sharing, threads)
			}
			if diff := cmp.Diff(progress[0].Losses, losses); diff != "" {
				t.Errorf("%v, %d threads: the negative log-likelihoods of the steps differ (-alone +here)\n%s", sharing, threads, diff)
			}
			scores, err := vm.Evaluate(context.Background(), n.data, 57, 3)
			if err != nil {
				t.Fatal(err)
			}
			if scores[at] != score[0] {
				t.Errorf("%v, %d threads: score %+v, alone %+v", sharing, threads, scores[at], score[0])
			}
			if sharing != kernels.NoNoise && cmp.Equal(stateOf(t, vm, 1), stateOf(t, vm, at)) {
				t.Errorf("%v: another c gives the same state", sharing)
			}
		}
	}
}

// With fewer networks than threads, several threads work on one: on layers big enough, and in shares that need not be even.
func TestBytesDoNotDependOnThreads(t *testing.T) { eachSet(t, testBytesDoNotDependOnThreads) }

func testBytesDoNotDependOnThreads(t *testing.T) {
	for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
		n := newNetwork(t, graph.Spec{
			Sizes: []int{300, 62, 70, 4}, Batch: 17, Activation: kernels.ReLU, Sharing: sharing, Magnitude: true, Reliability: true,
		}, 2)
		var want *kernels.State
		var score []kernels.Score
		for _, threads := range []int{1, 2, 3, 5, 1000} { // the last is cut down to a few for each processor
			vm := n.open(t, threads)
			steps(t, vm, 0, 4)
			got, err := vm.Evaluate(context.Background(), n.data, 4, 2)
			if err != nil {
				t.Fatal(err)
			}
			if threads == 1 {
				want, score = stateOf(t, vm, 0), got
				continue
			}
			if !cmp.Equal(want, stateOf(t, vm, 0)) {
				t.Errorf("%v, %d threads: the state differs", sharing, threads)
			}
			if got[0] != score[0] {
				t.Errorf("%v, %d threads: score %+v, want %+v", sharing, threads, got[0], score[0])
			}
		}
	}
}

// The scores against the definitions, from draws made here.
func TestEvaluateAgainstTheDefinitions(t *testing.T) { eachSet(t, testEvaluateAgainstTheDefinitions) }

func testEvaluateAgainstTheDefinitions(t *testing.T) {
	for _, likelihood := range []kernels.Likelihood{kernels.Categorical, kernels.Gaussian} {
		n := newNetwork(t, graph.Spec{
			Sizes: []int{12, 9, 4}, Batch: 6, Activation: kernels.ReLU, Likelihood: likelihood, Magnitude: true, Reliability: true,
		}, 2)
		const step, draws = 9, 4
		vm := n.open(t, 1)
		got, err := vm.Evaluate(context.Background(), n.data, step, draws)
		if err != nil {
			t.Fatal(err)
		}
		ref := newNaive(n.spec, n.member, n.data, n.start, "")
		want := kernels.Score{AccuracySampled: math.NaN(), AccuracyMean: math.NaN(), AccuracyPredictive: math.NaN(), AccuracyExpectedLog: math.NaN()}
		if likelihood == kernels.Categorical {
			want.AccuracySampled, want.AccuracyMean, want.AccuracyPredictive, want.AccuracyExpectedLog = 0, 0, 0, 0
		}
		for e := range n.data.N {
			group := e / kernels.EvaluationGroup
			single := ref.logProbabilities(int32(e), step, group)
			mean := ref.logProbabilities(int32(e), step, -1)
			predictive, expected := make([]float64, len(single)), make([]float64, len(single))
			for d := range draws {
				for o, v := range ref.logProbabilities(int32(e), step, group*draws+d) {
					predictive[o] += math.Exp(v) / draws
					expected[o] += v / draws
				}
			}
			for o := range predictive {
				predictive[o] = math.Log(predictive[o])
			}
			for _, f := range []struct {
				logp           []float64
				accuracy, loss *float64
			}{
				{single, &want.AccuracySampled, &want.LossSampled}, {mean, &want.AccuracyMean, &want.LossMean},
				{predictive, &want.AccuracyPredictive, &want.LossPredictive},
				{expected, &want.AccuracyExpectedLog, &want.LossExpectedLog},
			} {
				answer, best := 0, 0
				if likelihood == kernels.Categorical {
					answer = int(n.data.Labels[e])
				}
				for o, v := range f.logp {
					if v > f.logp[best] {
						best = o
					}
				}
				if best == answer {
					*f.accuracy += 1 / float64(n.data.N)
				}
				*f.loss -= f.logp[answer] / float64(n.data.N)
			}
		}
		if diff := cmp.Diff(want, got[0], cmpopts.EquateApprox(1e-5, 1e-9), cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%v: (-want +got)\n%s", likelihood, diff)
		}
	}
}

func TestDivergenceIsReported(t *testing.T) { eachSet(t, testDivergenceIsReported) }

func testDivergenceIsReported(t *testing.T) {
	spec := graph.Spec{Sizes: []int{12, 9, 4}, Batch: 6, Activation: kernels.ReLU, Magnitude: true, Reliability: true}
	for _, c := range []struct {
		name  string
		spoil func(n *network, s *kernels.State, l kernels.Layout)
		want  kernels.Divergence
	}{
		{"sigma of layer 1", func(_ *network, s *kernels.State, l kernels.Layout) { s.Phi[l.Offset(1)+2] = float32(math.NaN()) },
			kernels.Divergence{Step: 5, Layer: 1, What: "sigma"}},
		{"weight of layer 0", func(_ *network, s *kernels.State, l kernels.Layout) { s.Mu[3] = float32(math.Inf(1)) },
			kernels.Divergence{Step: 5, Layer: 0, What: "loss"}},
		{"cost beyond float32", func(n *network, s *kernels.State, l kernels.Layout) { s.Phi[l.Offset(1)] = -60 },
			kernels.Divergence{Step: 5, Layer: 1, What: "gradient"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t, spec, 2)
			spoiled := stateOf(t, n.open(t, 1), 0)
			c.spoil(&n, spoiled, n.program.Layout)
			vm := n.open(t, 2, n.member, n.member)
			if err := vm.Load(1, spoiled); err != nil {
				t.Fatal(err)
			}
			progress, err := vm.Run(context.Background(), 5, 3)
			if err != nil {
				t.Fatal(err)
			}
			if progress[0].Diverged != nil {
				t.Errorf("the healthy member stopped too: %v", progress[0].Diverged)
			}
			if progress[1].Diverged == nil || *progress[1].Diverged != c.want {
				t.Errorf("got %v, want %v", progress[1].Diverged, &c.want)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	n := newNetwork(t, graph.Spec{Sizes: []int{12, 4}, Batch: 6}, 2)
	members := []kernels.Member{n.member}
	small := *n.data
	small.N, small.Bytes, small.Labels = 3, small.Bytes[:36], small.Labels[:3]
	wide := *n.data
	wide.Width = 11
	labels := *n.data
	labels.Labels = append([]byte{9}, labels.Labels[1:]...)
	for name, open := range map[string]func() (*cpu.VM, error){
		"no members":         func() (*cpu.VM, error) { return cpu.Open(n.program, nil, n.data, 1) },
		"negative threads":   func() (*cpu.VM, error) { return cpu.Open(n.program, members, n.data, -1) },
		"batch beyond data":  func() (*cpu.VM, error) { return cpu.Open(n.program, members, &small, 1) },
		"wrong width":        func() (*cpu.VM, error) { return cpu.Open(n.program, members, &wide, 1) },
		"label out of range": func() (*cpu.VM, error) { return cpu.Open(n.program, members, &labels, 1) },
	} {
		if _, err := open(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	vm := n.open(t, 1)
	if err := vm.Load(0, kernels.NewState(kernels.Layout{})); err == nil {
		t.Error("a state of another shape: no error")
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := vm.Run(canceled, 0, 1); err == nil {
		t.Error("a canceled context: no error")
	}
	if diff := cmp.Diff(n.start.Mu, stateOf(t, vm, 0).Mu); diff != "" {
		t.Error("a canceled Run changed the state")
	}
}

// A call of Run allocates a few small things, however many steps it takes.
func TestStepsDoNotAllocate(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
			n := newNetwork(t, graph.Spec{
				Sizes: []int{30, 20, 18, 4}, Batch: 5, Activation: kernels.ReLU, Sharing: sharing, Magnitude: true, Reliability: true,
			}, 2)
			for _, rule := range []kernels.Rule{kernels.DefaultAdam(), kernels.Accumulate{}, kernels.Accumulate{AtMu: true}} {
				var err error
				if n.program, err = graph.CompileSpec(n.spec, rule); err != nil {
					t.Fatal(err)
				}
				vm := n.open(t, 1)
				allocations := func(count int) float64 {
					return testing.AllocsPerRun(20, func() { steps(t, vm, 0, count) })
				}
				if one, nine := allocations(1), allocations(9); nine > one { // ten steps are an epoch
					t.Errorf("%v, %v: %v allocations for nine steps, %v for one", sharing, rule, nine, one)
				}
			}
		}
	})
}

// Every kernel set must draw the same noise and so train nearly the same network.
func TestKernelSetsAgree(t *testing.T) {
	n := newNetwork(t, graph.Spec{Sizes: []int{60, 40, 10}, Batch: 20, Activation: kernels.ReLU, Magnitude: true, Reliability: true}, 2)
	var reference *kernels.State
	for _, set := range cpu.KernelSets() {
		t.Setenv(cpu.KernelVariable, set)
		vm := n.open(t, 1)
		if vm.Kernels() != set {
			t.Fatalf("the VM runs %s, want %s", vm.Kernels(), set)
		}
		steps(t, vm, 0, 200)
		s := stateOf(t, vm, 0)
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

func TestOpenRefusesUnknownKernels(t *testing.T) {
	n := newNetwork(t, graph.Spec{Sizes: []int{12, 4}, Batch: 6}, 2)
	t.Setenv(cpu.KernelVariable, "fastest")
	if _, err := cpu.Open(n.program, []kernels.Member{n.member}, n.data, 1); err == nil {
		t.Error("no error")
	}
}

// Profile trains like Run, and times each instruction.
func TestProfile(t *testing.T) {
	n := newNetwork(t, graph.Spec{
		Sizes: []int{40, 30, 4}, Batch: 5, Activation: kernels.ReLU, Magnitude: true, Reliability: true,
	}, 2)
	run, profiled := n.open(t, 1), n.open(t, 1)
	steps(t, run, 0, 7)
	timings, err := profiled.Profile(context.Background(), 0, 7)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stateOf(t, run, 0), stateOf(t, profiled, 0)); diff != "" {
		t.Error("a profiled step is another step")
	}
	if len(timings) != len(n.program.Instructions) {
		t.Errorf("%d timings of %d instructions", len(timings), len(n.program.Instructions))
	}
	if _, err := profiled.Profile(context.Background(), 0, 1000); err == nil {
		t.Error("steps beyond the epoch: no error")
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
