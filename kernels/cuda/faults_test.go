package cuda

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/graph"
	"quantal/kernels"
)

// edited returns the PTX of a source with every match of a pattern replaced, or only the nth where nth >= 0.
func edited(t *testing.T, source, pattern, replacement string, nth int) map[string]string {
	t.Helper()
	text, err := PTX(source)
	if err != nil {
		t.Fatal(err)
	}
	matcher, count := regexp.MustCompile(pattern), -1
	changed := matcher.ReplaceAllStringFunc(text, func(match string) string {
		if count++; nth >= 0 && count != nth {
			return match
		}
		return matcher.ReplaceAllString(match, replacement)
	})
	if changed == text {
		t.Fatalf("nothing in %s.ptx matches %s", source, pattern)
	}
	return map[string]string{source: changed}
}

// on changes the parameters of launches whose kernel takes these.
func on[P any](change func(p *P)) func(l *Launch) {
	return func(l *Launch) {
		if p, ok := l.Parameters.(P); ok {
			change(&p)
			l.Parameters = p
		}
	}
}

// barriers counts the barriers of a source's PTX.
func barriers(t *testing.T, source string) int {
	t.Helper()
	text, err := PTX(source)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(text, "bar.sync")
}

// fault is something planted in a VM.
type fault struct {
	ptx     map[string]string
	edit    func(l *Launch)
	records func(u []gradientRecord)
	single  bool // work by single operations, not through the middle kernel
}

// Every planted fault must either stop the interpreter or move the result well beyond the tolerance of the tests above.
func TestPlantedFaults(t *testing.T) {
	// Enough of everything: two slices of columns, two tiles of examples, more rows than the backward pass stages at once, and
	// a hidden layer wider than a block of it.
	n := design{sizes: []int{140, 41, 66}, activation: kernels.ReLU, batch: 23, rho: 2, members: 2}.network(t)
	shared := design{sizes: []int{70, 33, 9}, sharing: kernels.PerLayer, activation: kernels.ReLU, batch: 23, rho: 2, members: 2}.network(t)
	summed := n.under(t, kernels.Accumulate{})
	const steps = 3
	want, wantShared, wantSums := n.cpu(t), shared.cpu(t), summed.cpu(t)
	run(t, want, 0, steps)
	run(t, wantShared, 0, steps)
	run(t, wantSums, 0, steps)

	check := func(name string, n network, want kernels.VM, f fault) {
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
			if f.records != nil {
				records := vm.gradientRecords()
				f.records(records)
				if err := vm.upload(vm.memory.gradients, bytesOf(records), "gradients"); err != nil {
					t.Fatal(err)
				}
			}
			n.load(t, vm)
			progress, err := vm.Run(context.Background(), 0, steps)
			if err != nil {
				t.Log(strings.SplitN(err.Error(), "\n", 2)[0])
				return
			}
			if progress[0].Diverged != nil {
				t.Log(progress[0].Diverged)
				return
			}
			var worst float64
			var where string
			if vm.shape.sums {
				worst, where = n.sumExcess(t, vm, want, sumTolerance)
			} else {
				worst, where = n.excess(t, vm, want, tenSteps)
			}
			t.Logf("%.3g times the tolerance: %s", worst, where)
			if noticed := worst > 3; noticed == (name == "no fault") {
				t.Errorf("noticed: %v", noticed)
			}
		})
	}
	check("no fault", n, want, fault{})
	check("no fault", n, want, fault{single: true})
	check("no fault", shared, wantShared, fault{})
	check("no fault", summed, wantSums, fault{})
	check("no fault", summed, wantSums, fault{single: true})

	const barrier = `bar\.sync\s+0;`
	for _, source := range []string{"forward", "backward", "update", "middle"} {
		first, end := 0, barriers(t, source)
		if source == "forward" || source == "update" {
			first = end / 3 * 2 // three variants; the last is the one per synapse, which runs here
		}
		for i := first; i < end; i++ {
			check(fmt.Sprintf("barrier %d of %s removed", i, source), n, want,
				fault{ptx: edited(t, source, barrier, "", i), single: source == "backward"})
		}
	}
	check("barrier of the loss removed", n, want, fault{ptx: edited(t, "loss", barrier, "", -1), single: true})
	check("barriers of the shared sigma removed", shared, wantShared, fault{ptx: edited(t, "sigma", barrier, "", -1)})

	for i := range barriers(t, "accumulate") {
		check(fmt.Sprintf("barrier %d of accumulate removed", i), summed, wantSums, fault{ptx: edited(t, "accumulate", barrier, "", i)})
	}
	silent := edited(t, "forward", `sqrt\.approx\.ftz\.f32\s+(%f\d+), (%f\d+);`, "mov.f32 $1, 0f00000000;", -1)
	check("xi = 0 in the forward pass", n, want, fault{ptx: silent})
	check("xi = 0 in the forward pass, sigma per layer", shared, wantShared, fault{ptx: silent})
	check("xi = 0 in the forward pass, sums", summed, wantSums, fault{ptx: silent})
	for what, f := range map[string][2]string{
		"numbers that are not squared":         {`mul\.f32\s+(%f\d+), (%f\d+), %f\d+;`, "mov.f32 $1, $2;"},
		"gradients with their sign":            {`abs\.f64\s+(%fd\d+), (%fd\d+);`, "mov.f64 $1, $2;"},
		"inputs with their sign":               {`abs\.f32\s+(%f\d+), (%f\d+);`, "mov.f32 $1, $2;"},
		"what was there before is overwritten": {`ld\.global\.f64\s+(%fd\d+), [^;]*;`, "mov.f64 $1, 0d0000000000000000;"},
	} {
		check("accumulate: "+what, summed, wantSums, fault{ptx: edited(t, "accumulate", f[0], f[1], -1)})
	}

	for what, edit := range map[string]func(l *Launch){
		"forward: in-1":                   on(func(p *forwardParameters) { p.in-- }),
		"forward: out-1":                  on(func(p *forwardParameters) { p.out-- }),
		"forward: batch-1":                on(func(p *forwardParameters) { p.batch-- }),
		"forward: layer of the noise+1":   on(func(p *forwardParameters) { p.streamLayer++ }),
		"forward: draw of the noise+1":    on(func(p *forwardParameters) { p.draw0++ }),
		"update: batch-1":                 on(func(p *updateParameters) { p.layers.batch-- }),
		"update: layers-1":                on(func(p *updateParameters) { p.layers.count-- }),
		"middle: operations-1":            on(func(p *middleParameters) { p.operationCount-- }),
		"middle: batch-1":                 on(func(p *middleParameters) { p.next.batch-- }),
		"middle: stride of the weights-1": on(func(p *middleParameters) { p.wSize-- }),
	} {
		check(what, n, want, fault{edit: edit})
	}
	for what, edit := range map[string]func(l *Launch){
		"backward: in-1":     on(func(p *backwardParameters) { p.in-- }),
		"backward: out-1":    on(func(p *backwardParameters) { p.out-- }),
		"backward: out+1":    on(func(p *backwardParameters) { p.out++ }),
		"loss: batch-1":      on(func(p *lossParameters) { p.batch-- }),
		"gather: width-1":    on(func(p *gatherParameters) { p.minibatch.width-- }),
		"gather: examples-1": on(func(p *gatherParameters) { p.minibatch.n-- }),
	} {
		check(what, n, want, fault{single: true, edit: edit})
	}
	for what, edit := range map[string]func(l *Launch){
		"accumulate: layers-1":           on(func(p *accumulateParameters) { p.layers.count-- }),
		"accumulate: sums of a member-1": on(func(p *accumulateParameters) { p.totalSize-- }),
		"accumulate: slots+1":            on(func(p *accumulateParameters) { p.muSlots++ }),
		"accumulate: inputs+1":           on(func(p *accumulateParameters) { p.inputs++ }),
		"accumulate: batch-1":            on(func(p *accumulateParameters) { p.layers.batch-- }),
	} {
		check(what, summed, wantSums, fault{edit: edit})
	}

	for name, records := range map[string]func(u []gradientRecord){
		"in-1":                           func(u []gradientRecord) { u[0].in-- },
		"in+1":                           func(u []gradientRecord) { u[0].in++ },
		"out-1":                          func(u []gradientRecord) { u[1].out-- },
		"out+1":                          func(u []gradientRecord) { u[1].out++ },
		"noise of another layer":         func(u []gradientRecord) { u[1].layer-- },
		"phi of the next synapse":        func(u []gradientRecord) { u[1].phiOffset-- },
		"reliability cost counted twice": func(u []gradientRecord) { u[0].reliabilityTerms *= 2; u[1].reliabilityTerms *= 2 },
		"magnitude cost counted twice":   func(u []gradientRecord) { u[0].magnitudeTerms *= 2; u[1].magnitudeTerms *= 2 },
		"B/N missing": func(u []gradientRecord) {
			for i := range u {
				u[i].reliabilityTerms *= float32(n.data.N) / float32(n.program.Batch)
			}
		},
	} {
		check("update: "+name, n, want, fault{records: records})
		if strings.HasPrefix(name, "in") || strings.HasPrefix(name, "out") {
			check("accumulate: "+name, summed, wantSums, fault{records: records})
		}
	}

	check("a wrong counter everywhere", n, want, fault{edit: func(l *Launch) {
		on(func(p *forwardParameters) { p.streamLayer += 1 << 16 })(l)
		on(func(p *updateParameters) { p.stream += 1 << 16 })(l)
	}})
	check("the noise of training", summed, wantSums, fault{edit: on(func(p *forwardParameters) {
		p.streamLayer = p.streamLayer&0xffff | uint32(kernels.StreamTrain)<<16
	})})
	check("reliability cost counted twice, sigma per layer", shared, wantShared, fault{edit: on(func(p *updateSigmaParameters) {
		p.reliabilityTerms *= 2
	})})
	check("inputs of another member", n, want, fault{single: true, edit: on(func(p *forwardParameters) {
		if p.in == 41 {
			p.xslot += 4
		}
	})})
	check("a column of blocks forgotten", n, want, fault{single: true, edit: func(l *Launch) {
		if l.Kernel.Name() == "backward" {
			l.Grid[0]--
		}
	}})
	check("weights drawn ahead forgotten", n, want, fault{edit: func(l *Launch) {
		if l.Kernel.Name() == "forward_synapse" {
			l.Grid[0]--
		}
	}})
}

func TestDivergenceIsReported(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(s *kernels.State, l kernels.Layout)
		want  kernels.Divergence
	}{
		{"sigma of layer 1", func(s *kernels.State, l kernels.Layout) { s.Phi[l.Offset(1)+2] = float32(math.NaN()) },
			kernels.Divergence{Step: 5, Layer: 1, What: "sigma"}},
		{"weight of layer 0", func(s *kernels.State, l kernels.Layout) { s.Mu[3] = float32(math.Inf(1)) },
			kernels.Divergence{Step: 5, Layer: 0, What: "loss"}},
		{"cost beyond float32", func(s *kernels.State, l kernels.Layout) { s.Phi[l.Offset(1)] = -60 },
			kernels.Divergence{Step: 5, Layer: 1, What: "gradient"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := small
			d.members, d.rho = 2, 2
			n := d.network(t)
			alone := n
			alone.members, alone.start = n.members[:1], n.start[:1]
			healthy := alone.open(t, nil)
			healthyProgress := run(t, healthy, 5, 4)
			c.spoil(n.start[1], n.program.Layout)
			vm := n.open(t, nil)
			first, err := vm.Run(context.Background(), 5, 3)
			if err != nil {
				t.Fatal(err)
			}
			stands := stateOf(t, vm, 1)
			second, err := vm.Run(context.Background(), 8, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, progress := range [][]kernels.Progress{first, second} {
				if progress[0].Diverged != nil {
					t.Errorf("the healthy member stopped too: %v", progress[0].Diverged)
				}
				if progress[1].Diverged == nil || *progress[1].Diverged != c.want {
					t.Errorf("got %v, want %v", progress[1].Diverged, &c.want)
				}
			}
			if second[1].NLL() != 0 || !math.IsNaN(first[1].NLL()-first[1].NLL()) && math.IsInf(first[1].NLL(), 0) {
				t.Errorf("losses of the stopped member: %v, %v", first[1].NLL(), second[1].NLL())
			}
			// Compared as bits: there are NaNs among them.
			if !cmp.Equal(bytesOf(stands.Mu), bytesOf(stateOf(t, vm, 1).Mu)) {
				t.Error("the stopped member moved")
			}
			if !cmp.Equal(stateOf(t, healthy, 0), stateOf(t, vm, 0)) || healthyProgress[0].NLL() != first[0].NLL()+second[0].NLL() {
				t.Error("the healthy member's result depends on the other")
			}
			// A new state starts it again.
			if err := vm.Load(1, n.start[0]); err != nil {
				t.Fatal(err)
			}
			run(t, vm, 9, 1)
		})
	}
}

// The published preset at its real size: one step, from a state where the noise is visible.
func TestPublishedPresetStep(t *testing.T) {
	for _, sharing := range []kernels.Sharing{kernels.PerSynapse, kernels.PerNetwork} {
		n := newNetwork(t, graph.Spec{
			Sizes: []int{784, 100, 100, 10}, Batch: 20, Activation: kernels.ReLU, Sharing: sharing,
		}, 2, 1)
		got, want := n.open(t, nil), n.cpu(t)
		run(t, got, 0, 1)
		run(t, want, 0, 1)
		worst, where := n.excess(t, got, want, tenSteps)
		stats := got.driver.(*interpreted).machine.Stats()
		t.Logf("%v: %d million instructions for a step; %s", sharing, stats.Instructions/1e6, where)
		if worst > 1 {
			t.Errorf("%v: %s", sharing, where)
		}
	}
}
