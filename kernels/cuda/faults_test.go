package cuda

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"quantal/kernels"
	"quantal/kernels/conformance"
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

// fault is an error planted in a VM.
type fault struct {
	ptx      map[string]string
	edit     func(l *Launch)
	records  func(u []gradientRecord)
	langevin func(w []langevinRecord)
	prices   func(p []priceRecord) // of members and layers
	single   bool                  // work by single operations, not through the middle kernel
}

// faultySteps is the number of steps that a VM with a fault makes.
const faultySteps = 3

// check runs a network with the fault and compares it with the correct result.
func (f fault) check(t *testing.T, n *conformance.Network, want []*conformance.Reference, none bool) {
	d := Interpreted(testMemory)
	d.(*interpreted).machine.GlobalRaces = true
	vm, err := open(&meddler{Driver: d, edit: f.edit}, n.Program, n.Members, n.Data, f.ptx)
	if err != nil {
		t.Fatal(err)
	}
	if f.single {
		if err := single(vm); err != nil {
			t.Fatal(err)
		}
	}
	if f.records != nil {
		records := vm.gradientRecords()
		f.records(records)
		if err := vm.upload(vm.memory.gradients, bytesOf(records), "gradients"); err != nil {
			t.Fatal(err)
		}
	}
	n.Load(t, vm)
	if f.langevin != nil {
		if err := vm.makeResident(batch{0, len(n.Members)}); err != nil {
			t.Fatal(err)
		}
		var records []langevinRecord
		for _, m := range n.Members {
			records = vm.shape.fluctuation(records, m, float64(vm.shape.Batch)/float64(n.Data.N))
		}
		f.langevin(records)
		if err := vm.upload(vm.memory.langevin, bytesOf(records), "numbers of Langevin"); err != nil {
			t.Fatal(err)
		}
	}
	if f.prices != nil {
		if err := vm.makeResident(batch{0, len(n.Members)}); err != nil {
			t.Fatal(err)
		}
		var records []priceRecord
		for _, m := range n.Members {
			records, _ = vm.shape.price(records, nil, m, float64(vm.shape.Batch)/float64(n.Data.N))
		}
		f.prices(records)
		if err := vm.upload(vm.memory.prices, bytesOf(records), "prices"); err != nil {
			t.Fatal(err)
		}
	}
	progress, err := vm.Run(context.Background(), 0, faultySteps)
	if err != nil {
		t.Log(strings.SplitN(err.Error(), "\n", 2)[0])
		if none {
			t.Error("without a fault")
		}
		return
	}
	if d := progress[0].Diverged; d != nil {
		t.Log(d)
		if none {
			t.Error("without a fault")
		}
		return
	}
	worst, where := n.Excess(t, vm, want)
	t.Logf("%.3g times the tolerance: %s", worst, where)
	if noticed := worst > 3; noticed == none {
		t.Errorf("noticed: %v", noticed)
	}
}

// Every planted fault must either stop the interpreter or move the result well beyond the tolerance of the tests above.
func TestPlantedFaults(t *testing.T) {
	// Large enough for every path: two slices of columns, two tiles of examples, more rows than the backward pass stages
	// at once, and a hidden layer wider than a block of it.
	n := conformance.Design{Sizes: []int{140, 41, 66}, Activation: kernels.ReLU, Batch: 23, Rho: 2, Members: 2}.Network(t)
	shared := conformance.Design{Sizes: []int{70, 33, 9}, Sharing: kernels.PerLayer, Activation: kernels.ReLU, Batch: 23,
		Rho: 2, Members: 2}.Network(t)
	summed := n.Under(t, kernels.Accumulate{})
	want, wantShared, wantSums := n.After(0, faultySteps, ""), shared.After(0, faultySteps, ""),
		summed.After(0, faultySteps, "")

	check := func(name string, n *conformance.Network, want []*conformance.Reference, f fault) {
		t.Run(name, func(t *testing.T) { f.check(t, n, want, strings.HasPrefix(name, "no fault")) })
	}
	check("no fault", n, want, fault{})
	check("no fault", n, want, fault{single: true})
	check("no fault", shared, wantShared, fault{})
	check("no fault", summed, wantSums, fault{})
	check("no fault", summed, wantSums, fault{single: true})

	const barrier = `bar\.sync\s+0;`
	for _, source := range []string{"forward", "backward", "update", "middle"} {
		first, end := 0, barriers(t, source)
		switch source { // the last of the variants is the one per synapse, of Adam, which runs here
		case "forward":
			first = end / 3 * 2
		case "update":
			first = end - 2 // of each kernel
		}
		for i := first; i < end; i++ {
			check(fmt.Sprintf("barrier %d of %s removed", i, source), n, want,
				fault{ptx: edited(t, source, barrier, "", i), single: source == "backward"})
		}
	}
	check("barrier of the loss removed", n, want, fault{ptx: edited(t, "loss", barrier, "", -1), single: true})
	check("barriers of the shared sigma removed", shared, wantShared, fault{ptx: edited(t, "sigma", barrier, "", -1)})

	for i := range barriers(t, "accumulate") {
		check(fmt.Sprintf("barrier %d of accumulate removed", i), summed, wantSums,
			fault{ptx: edited(t, "accumulate", barrier, "", i)})
	}
	silent := edited(t, "forward", `sqrt\.approx\.ftz\.f32\s+(%f\d+), (%f\d+);`, "mov.f32 $1, 0f00000000;", -1)
	check("xi = 0 in the forward pass", n, want, fault{ptx: silent})
	check("xi = 0 in the forward pass, sigma per layer", shared, wantShared, fault{ptx: silent})
	check("xi = 0 in the forward pass, sums", summed, wantSums, fault{ptx: silent})
	for what, f := range map[string][2]string{
		"numbers that are not squared":        {`mul\.f32\s+(%f\d+), (%f\d+), %f\d+;`, "mov.f32 $1, $2;"},
		"gradients with their sign":           {`abs\.f64\s+(%fd\d+), (%fd\d+);`, "mov.f64 $1, $2;"},
		"inputs with their sign":              {`abs\.f32\s+(%f\d+), (%f\d+);`, "mov.f32 $1, $2;"},
		"the previous content is overwritten": {`ld\.global\.f64\s+(%fd\d+), [^;]*;`, "mov.f64 $1, 0d0000000000000000;"},
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
		"in-1":                    func(u []gradientRecord) { u[0].in-- },
		"in+1":                    func(u []gradientRecord) { u[0].in++ },
		"out-1":                   func(u []gradientRecord) { u[1].out-- },
		"out+1":                   func(u []gradientRecord) { u[1].out++ },
		"noise of another layer":  func(u []gradientRecord) { u[1].layer-- },
		"phi of the next synapse": func(u []gradientRecord) { u[1].phiOffset-- },
	} {
		check("update: "+name, n, want, fault{records: records})
		if strings.HasPrefix(name, "in") || strings.HasPrefix(name, "out") {
			check("accumulate: "+name, summed, wantSums, fault{records: records})
		}
	}

	each := func(f func(p *priceRecord)) func(p []priceRecord) {
		return func(p []priceRecord) {
			for i := range p {
				f(&p[i])
			}
		}
	}
	inverse := float32(n.Data.N) / float32(n.Program.Batch)
	for name, prices := range map[string]func(p []priceRecord){
		"reliability cost counted twice": each(func(p *priceRecord) { p.reliability *= 2 }),
		"magnitude cost counted twice":   each(func(p *priceRecord) { p.magnitude *= 2 }),
		"B/N missing":                    each(func(p *priceRecord) { p.reliability *= inverse }),
		"prices of another member":       func(p []priceRecord) { p[0], p[2] = p[2], p[0] },
	} {
		check("update: "+name, n, want, fault{prices: prices})
	}
	check("a wrong counter everywhere", n, want, fault{edit: func(l *Launch) {
		on(func(p *forwardParameters) { p.streamLayer += 1 << 16 })(l)
		on(func(p *updateParameters) { p.stream += 1 << 16 })(l)
	}})
	check("the noise of training", summed, wantSums, fault{edit: on(func(p *forwardParameters) {
		p.streamLayer = p.streamLayer&0xffff | uint32(kernels.StreamTrain)<<16
	})})
	check("reliability cost counted twice, sigma per layer", shared, wantShared,
		fault{prices: each(func(p *priceRecord) { p.reliability *= 2 })})
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

// Every planted fault must either stop the interpreter or move the means well beyond the tolerance.
func TestPlantedFaultsOfLangevin(t *testing.T) {
	n := conformance.Design{Sizes: []int{140, 41, 66}, Activation: kernels.ReLU, Batch: 23, Rho: 2,
		Members: 2}.Network(t).Fluctuating(t, kernels.Langevin{Delay: 2, Decay: 0.6})
	want := n.After(0, faultySteps, "")
	check := func(name string, f fault, change func(w []langevinRecord)) {
		f.langevin = change
		t.Run(name, func(t *testing.T) { f.check(t, n, want, strings.HasPrefix(name, "no fault")) })
	}
	all := func(f func(w *langevinRecord)) func(w []langevinRecord) {
		return func(w []langevinRecord) {
			for i := range w {
				f(&w[i])
			}
		}
	}
	check("no fault", fault{}, nil)
	check("no fault, single operations", fault{single: true}, nil)
	check("no fault, records written again", fault{}, func([]langevinRecord) {})
	check("xi = 0", fault{ptx: edited(t, "langevin", `sqrt\.approx\.ftz\.f32\s+(%f\d+), (%f\d+);`,
		"mov.f32 $1, 0f00000000;", -1)}, nil)
	check("a factor of 2 missing", fault{}, all(func(w *langevinRecord) { w.amplitude /= math.Sqrt2 }))
	check("N/B missing", fault{}, all(func(w *langevinRecord) { w.rate *= float32(n.Program.Batch) / float32(n.Data.N) }))
	check("a control with a gradient", fault{}, func(w []langevinRecord) { copy(w[2:], w[:2]) })
	check("numbers of another member", fault{}, func(w []langevinRecord) { w[0], w[2] = w[2], w[0] })
	check("the sign of the prior", fault{prices: func(p []priceRecord) {
		for i := range p {
			p[i].magnitude *= -1
		}
	}}, nil)
	check("B/N of the prior missing", fault{prices: func(p []priceRecord) {
		for i := range p {
			p[i].magnitude *= float32(n.Data.N) / float32(n.Program.Batch)
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

// Where softmax - 1 in float32 has no digits left, the label's gradient is minus the sum of the others, in the middle
// kernel and in the loss by itself; without that, the sums of a network that is certain are far off.
func TestGradientsThatAreNotClosedAreNoticed(t *testing.T) {
	n := conformance.Certain(t)
	want := n.After(0, 12, "")
	for _, closed := range []bool{true, false} {
		for _, change := range []func(vm *VM) error{asItIs, single} {
			vm := n.Open(t, opening(func() (Driver, error) {
				return &meddler{Driver: Interpreted(testMemory), edit: func(l *Launch) {
					if !closed {
						on(func(p *middleParameters) { p.closed = 0 })(l)
						on(func(p *lossParameters) { p.closed = 0 })(l)
					}
				}}, nil
			}, change))
			conformance.Run(t, vm, 0, 12)
			if worst, where := n.Excess(t, vm, want); (worst > 1) == closed {
				t.Errorf("gradients closed %v: %s", closed, where)
			}
		}
	}
}
