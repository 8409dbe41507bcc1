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

// shifted changes an integer parameter of a kernel by delta where the kernel reads it.
func shifted(t *testing.T, source, kernel string, parameter, delta int) map[string]string {
	t.Helper()
	return edited(t, source, fmt.Sprintf(`ld\.param\.u32\s+(%%r\d+), \[%s_param_%d\];`, kernel, parameter),
		fmt.Sprintf("$0 add.s32 $1, $1, %d;", delta), -1)
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

	for _, f := range []struct {
		source, kernel, what string
		parameter, delta     int
	}{
		{"forward", "forward_synapse", "in", 15, -1},
		{"forward", "forward_synapse", "out", 16, -1},
		{"forward", "forward_synapse", "batch", 17, -1},
		{"forward", "forward_synapse", "layer of the noise", 20, 1},
		{"forward", "forward_synapse", "draw of the noise", 21, 1},
		{"backward", "backward", "in", 7, -1},
		{"backward", "backward", "out", 8, -1},
		{"backward", "backward", "out", 8, 1},
		{"update", "update_synapse", "batch", 13, -1},
		{"update", "update_synapse", "layers", 5, -1},
		{"accumulate", "accumulate", "layers", 4, -1},
		{"accumulate", "accumulate", "sums of a member", 7, -1},
		{"accumulate", "accumulate", "slots", 8, 1},
		{"accumulate", "accumulate", "inputs", 9, 1},
		{"accumulate", "accumulate", "batch", 10, -1},
		{"loss", "loss", "batch", 14, -1},
		{"middle", "middle", "operations", 1, -1},
		{"middle", "middle", "batch", 15, -1},
		{"middle", "middle", "stride of the weights", 16, -1},
		{"gather", "gather_bytes", "width", 7, -1},
		{"gather", "gather_bytes", "examples", 6, -1},
	} {
		n, want := n, want
		if f.source == "accumulate" {
			n, want = summed, wantSums
		}
		check(fmt.Sprintf("%s: %s%+d", f.kernel, f.what, f.delta), n, want, fault{
			ptx:    shifted(t, f.source, f.kernel, f.parameter, f.delta),
			single: f.source == "backward" || f.source == "loss" || f.source == "gather",
		})
	}

	for name, records := range map[string]func(u []gradientRecord){
		"in-1":                           func(u []gradientRecord) { u[0].In-- },
		"in+1":                           func(u []gradientRecord) { u[0].In++ },
		"out-1":                          func(u []gradientRecord) { u[1].Out-- },
		"out+1":                          func(u []gradientRecord) { u[1].Out++ },
		"noise of another layer":         func(u []gradientRecord) { u[1].Layer-- },
		"phi of the next synapse":        func(u []gradientRecord) { u[1].PhiOffset-- },
		"reliability cost counted twice": func(u []gradientRecord) { u[0].ReliabilityTerms *= 2; u[1].ReliabilityTerms *= 2 },
		"magnitude cost counted twice":   func(u []gradientRecord) { u[0].MagnitudeTerms *= 2; u[1].MagnitudeTerms *= 2 },
		"B/N missing": func(u []gradientRecord) {
			for i := range u {
				u[i].ReliabilityTerms *= float32(n.data.N) / float32(n.program.Batch)
			}
		},
	} {
		check("update: "+name, n, want, fault{records: records})
		if strings.HasPrefix(name, "in") || strings.HasPrefix(name, "out") {
			check("accumulate: "+name, summed, wantSums, fault{records: records})
		}
	}

	check("a wrong counter everywhere", n, want, fault{edit: func(l *Launch) {
		switch l.Kernel.Name() {
		case "forward_synapse":
			l.Args[20] = l.Args[20].(uint32) + 1<<16
		case "update_synapse":
			l.Args[16] = l.Args[16].(uint32) + 1<<16
		}
	}})
	check("the noise of training", summed, wantSums, fault{edit: func(l *Launch) {
		if l.Kernel.Name() == "forward_synapse" {
			l.Args[20] = l.Args[20].(uint32)&0xffff | uint32(kernels.StreamTrain)<<16
		}
	}})
	check("reliability cost counted twice, sigma per layer", shared, wantShared, fault{edit: func(l *Launch) {
		if l.Kernel.Name() == "update_sigma" {
			last := len(l.Args) - 1
			l.Args[last] = 2 * l.Args[last].(float32)
		}
	}})
	check("inputs of another member", n, want, fault{single: true, edit: func(l *Launch) {
		if l.Kernel.Name() == "forward_synapse" && l.Args[15].(int) == 41 {
			l.Args[4] = l.Args[4].(Address) + 4
		}
	}})
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
