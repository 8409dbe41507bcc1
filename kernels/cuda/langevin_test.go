package cuda

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/kernels"
)

var walks = []kernels.Langevin{{}, {Delay: 2, Decay: 0.6}}

// fluctuating is the network under the rule Langevin, the second member uncorrected, where steps by the gradient are some 0.05 at
// most and those by noise half of that.
func (n network) fluctuating(t testing.TB, rule kernels.Langevin) network {
	t.Helper()
	n = n.under(t, rule)
	n.members = slices.Clone(n.members)
	// The gradients of a step are those of the CPU, at temperature 0 and eps = B/N.
	fraction := float64(n.program.Batch) / float64(n.data.N)
	for m := range n.members {
		n.members[m].LearningRate, n.members[m].Temperature = fraction, 0
	}
	vm := n.cpu(t)
	run(t, vm, 0, 1)
	for m := range n.members {
		largest := 0.0
		for i, v := range stateOf(t, vm, m).Mu {
			largest = max(largest, math.Abs(float64(v-n.start[m].Mu[i])))
		}
		n.members[m].LearningRate = 0.05 * fraction / largest
		n.members[m].Temperature = 0.02 * 0.02 / (2 * n.members[m].LearningRate)
		n.members[m].Uncorrected = m == 1
	}
	return n
}

// walkExcess is by how much the means of all members exceed a tolerance relative to the largest displacement of a layer: 1 at the
// limit.
func (n network) walkExcess(t testing.TB, got, want kernels.VM) (worst float64) {
	t.Helper()
	for m := range n.members {
		a, b := stateOf(t, got, m), stateOf(t, want, m)
		for l, layer := range n.program.Layout.Layers {
			scale, e := 0.0, 0.0
			for at := n.program.Layout.Offset(l); at < n.program.Layout.Offset(l)+layer.Slots(); at++ {
				scale = max(scale, math.Abs(float64(b.Mu[at]-n.start[m].Mu[at])))
				d := math.Abs(float64(a.Mu[at]) - float64(b.Mu[at]))
				if math.IsNaN(d) {
					d = math.Inf(1)
				}
				e = max(e, d)
			}
			worst = max(worst, e/scale/walkTolerance)
		}
	}
	return worst
}

// What the means after three or ten steps may deviate from the CPU's, relative to the largest displacement of a layer, some 0.1:
// float32 rounds means of up to 0.4 to 3e-8 in each step.
const walkTolerance = 1e-5

func TestLangevinAgainstCPU(t *testing.T) {
	for i, d := range designs() {
		if testing.Short() && i%5 != 0 {
			continue
		}
		t.Run(d.String(), func(t *testing.T) {
			n := d.network(t).fluctuating(t, walks[i/2%2])
			got, want := n.open(t, nil), n.cpu(t)
			if i%2 == 1 {
				single(t, got)
			}
			gotProgress, wantProgress := run(t, got, 0, 10), run(t, want, 0, 10)
			for m := range n.members {
				if e := math.Abs(gotProgress[m].NLL()-wantProgress[m].NLL()) / math.Abs(wantProgress[m].NLL()); e > 1e-5 {
					t.Errorf("member %d: negative log-likelihood %v, want %v", m, gotProgress[m].NLL(), wantProgress[m].NLL())
				}
				rest := stateOf(t, got, m)
				rest.Mu = n.start[m].Mu
				if diff := cmp.Diff(n.start[m], rest); diff != "" {
					t.Errorf("member %d: phi or a moment has moved (-want +got)\n%s", m, diff)
				}
			}
			worst := n.walkExcess(t, got, want)
			t.Logf("%.2g of the tolerance", worst)
			if !(worst <= 1) {
				t.Errorf("means deviate by %.2g of the largest displacement, want at most %g", worst*walkTolerance, walkTolerance)
			}
		})
	}
}

// A network's steps must not depend on the networks beside it, on the batches that memory forces, on how its steps are cut into
// calls, on graphs, or on the middle kernel.
func TestLangevinDoesNotDependOnCompany(t *testing.T) {
	n := small.network(t).fluctuating(t, walks[1])
	const at, steps = 2, graphSteps + 6
	alone := n
	alone.members, alone.start = n.members[at:at+1], n.start[at:at+1]
	vm := alone.open(t, nil)
	run(t, vm, 0, steps)
	want := stateOf(t, vm, 0)
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
			if _, err := vm.Evaluate(context.Background(), n.data, 1, 0); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, stateOf(t, vm, at)); diff != "" {
			t.Errorf("%s: the states differ (-want +got)\n%s", name, diff)
		}
		if slices.Equal(stateOf(t, vm, 1).Mu, want.Mu) {
			t.Errorf("%s: another member has the same state", name)
		}
	}
	if err := batches.Close(); err != nil {
		t.Error(err)
	}
}

// No noise at temperature 0 is, to the last bit, noise too small to be seen.
func TestLangevinNoiseVanishes(t *testing.T) {
	n := small.network(t).fluctuating(t, kernels.Langevin{})
	n.members, n.start = n.members[:2], []*kernels.State{n.start[0], n.start[0]}
	n.members[1] = n.members[0]
	n.members[0].Temperature, n.members[1].Temperature = 0, 1e-30
	vm := n.open(t, nil)
	run(t, vm, 0, 5)
	if !slices.Equal(stateOf(t, vm, 0).Mu, stateOf(t, vm, 1).Mu) {
		t.Error("the bits differ")
	}
}

// Every planted fault must either stop the interpreter or move the means well beyond the tolerance.
func TestPlantedFaultsOfLangevin(t *testing.T) {
	n := design{sizes: []int{140, 41, 66}, activation: kernels.ReLU, batch: 23, rho: 2, members: 2}.network(t).fluctuating(t, walks[1])
	const steps = 3
	want := n.cpu(t)
	run(t, want, 0, steps)
	check := func(name string, f fault, walks func(w []walkRecord)) {
		t.Run(name, func(t *testing.T) {
			d := Interpreted(testMemory)
			d.(*interpreted).machine.GlobalRaces = true
			vm, err := open(&meddler{Driver: d, edit: f.edit}, n.program, n.members, n.data, f.ptx)
			if err != nil {
				t.Fatal(err)
			}
			if f.single {
				single(t, vm)
			}
			n.load(t, vm)
			if f.records != nil {
				records := vm.gradientRecords()
				f.records(records)
				if err := vm.upload(vm.memory.gradients, bytesOf(records), "gradients"); err != nil {
					t.Fatal(err)
				}
			}
			if walks != nil {
				if err := vm.bring(batch{0, 2}); err != nil {
					t.Fatal(err)
				}
				var records []walkRecord
				for _, m := range n.members {
					records = append(records, newWalkRecord(m, float64(vm.shape.Batch)/float64(n.data.N)))
				}
				walks(records)
				if err := vm.upload(vm.memory.walks, bytesOf(records), "walks"); err != nil {
					t.Fatal(err)
				}
			}
			progress, err := vm.Run(context.Background(), 0, steps)
			if err != nil {
				t.Log(strings.SplitN(err.Error(), "\n", 2)[0])
				return
			}
			if progress[0].Diverged != nil {
				t.Log(progress[0].Diverged)
				return
			}
			worst := n.walkExcess(t, vm, want)
			t.Logf("%.3g times the tolerance", worst)
			if noticed := worst > 3; noticed == strings.HasPrefix(name, "no fault") {
				t.Errorf("noticed: %v", noticed)
			}
		})
	}
	all := func(f func(w *walkRecord)) func(w []walkRecord) {
		return func(w []walkRecord) {
			for i := range w {
				f(&w[i])
			}
		}
	}
	check("no fault", fault{}, nil)
	check("no fault, single operations", fault{single: true}, nil)
	check("no fault, records written again", fault{}, func([]walkRecord) {})
	check("xi = 0", fault{ptx: edited(t, "langevin", `sqrt\.approx\.ftz\.f32\s+(%f\d+), (%f\d+);`, "mov.f32 $1, 0f00000000;", -1)}, nil)
	check("a factor of 2 missing", fault{}, all(func(w *walkRecord) { w.amplitude /= math.Sqrt2 }))
	check("N/B missing", fault{}, all(func(w *walkRecord) { w.rate *= float32(n.program.Batch) / float32(n.data.N) }))
	check("a control with a gradient", fault{}, func(w []walkRecord) { w[1].rate = w[0].rate })
	check("numbers of another member", fault{}, func(w []walkRecord) { w[0], w[1] = w[1], w[0] })
	check("the sign of the prior", fault{records: func(u []gradientRecord) {
		for i := range u {
			u[i].magnitudeTerms *= -1
		}
	}}, nil)
	check("B/N of the prior missing", fault{records: func(u []gradientRecord) {
		for i := range u {
			u[i].magnitudeTerms *= float32(n.data.N) / float32(n.program.Batch)
		}
	}}, nil)
	check("noise of another layer", fault{records: func(u []gradientRecord) { u[1].layer-- }}, nil)
	check("the noise of training", fault{edit: on(func(p *langevinParameters) {
		p.stream = uint32(kernels.StreamTrain) << 16
	})}, nil)
	for i := range barriers(t, "langevin") {
		check("barrier removed", fault{ptx: edited(t, "langevin", `bar\.sync\s+0;`, "", i)}, nil)
	}
	for what, edit := range map[string]func(l *Launch){
		"layers-1":            on(func(p *langevinParameters) { p.layers.count-- }),
		"state of a member-1": on(func(p *langevinParameters) { p.stateSize-- }),
		"batch-1":             on(func(p *langevinParameters) { p.layers.batch-- }),
		"stream+1":            on(func(p *langevinParameters) { p.stream++ }),
	} {
		check("langevin: "+what, fault{edit: edit}, nil)
	}
}

func TestLangevinRefuses(t *testing.T) {
	n := small.network(t).fluctuating(t, kernels.Langevin{})
	for name, change := range map[string]func(p *kernels.Program){
		"a schedule without a delay": func(p *kernels.Program) { p.Rule = kernels.Langevin{Decay: 0.5} },
		"steps that are updates":     func(p *kernels.Program) { p.Rule = kernels.Accumulate{AtMu: true} },
	} {
		p := *n.program
		change(&p)
		if _, err := OpenOn(Interpreted(testMemory), &p, n.members, n.data); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// A gradient beyond float32 stops its network with the layer named; the other goes on.
	d := small
	d.likelihood, d.members, d.batch = kernels.Gaussian, 2, 100
	n = d.network(t).under(t, kernels.Langevin{})
	for m := range n.members {
		n.members[m].LearningRate = 1e-5
	}
	n.members[1].NoiseVariance = 1e-38
	progress, err := n.open(t, nil).Run(context.Background(), 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	if d := progress[1].Diverged; progress[0].Diverged != nil || d == nil || d.Step != 4 {
		t.Errorf("divergences %v, %v: want none and one at step 4", progress[0].Diverged, d)
	}
}
