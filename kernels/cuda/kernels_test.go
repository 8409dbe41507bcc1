package cuda

import (
	"maps"
	"math"
	"slices"
	"testing"

	"quantal/kernels"
	"quantal/kernels/conformance"
)

// Every kernel against the portable one in float64, with all hazards between threads and blocks detected.
func TestKernelsAgainstFloat64(t *testing.T) {
	for i, d := range conformance.Designs() {
		if testing.Short() && i%4 != 0 {
			continue
		}
		t.Run(d.String(), func(t *testing.T) {
			n := d.Network(t)
			check(t, n)
			schedule := kernels.Schedule{Shape: kernels.Shape(i % 3), Steps: 4}
			check(t, slower(n.Under(t, kernels.Scheduled(kernels.Movers()[1+i%3], schedule))))
			check(t, n.Under(t, conformance.Accumulations[i%2]))
			check(t, n.Fluctuating(t, conformance.Schedules[i%2]))
		})
	}
}

// Those of networks that are no chains, or have positions, and of noise for every example.
func TestOtherKernelsAgainstFloat64(t *testing.T) {
	branches := conformance.Pictures(t)[3] // of dense layers
	branches.Draw = kernels.PerExample
	for _, d := range append(conformance.Pictures(t)[:4:4], branches) {
		t.Run(d.String(), func(t *testing.T) { check(t, d.Network(t)) })
	}
	for sharing := kernels.PerSynapse; sharing <= kernels.PerNetwork; sharing++ {
		d := conformance.Design{Sizes: []int{140, 23, 4}, Sharing: sharing, Activation: kernels.Activation(1 + int(sharing)),
			Likelihood: kernels.Likelihood(sharing % 2), Batch: 23, Rho: 2, Members: 2, Draw: kernels.PerExample}
		t.Run(d.String(), func(t *testing.T) {
			check(t, d.Network(t))
			check(t, d.Network(t).Under(t, conformance.Accumulations[sharing%2]))
		})
	}
}

// A device that forgets to run one of these kernels is noticed, whichever it is.
func TestCheckCoversOtherKernels(t *testing.T) {
	small := conformance.Design{Sizes: []int{9, 5, 3}, Activation: kernels.ReLU, Batch: 4, Rho: 2,
		Draw: kernels.PerExample}
	shared := small
	shared.Sharing = kernels.PerNeuron
	covered := map[string]bool{}
	for _, d := range []conformance.Design{conformance.Pictures(t)[2], small, shared} {
		n := d.Network(t)
		all := map[string]bool{}
		deviates := func(without string) bool {
			deviations, err := Check(forgetful{Interpreted(testMemory), all, without}, n.Program, n.Members, n.Data, n.Start, 2)
			if err != nil {
				t.Fatal(err)
			}
			return slices.ContainsFunc(deviations, func(d Deviation) bool { return !d.OK() })
		}
		if deviates("") {
			t.Errorf("%v deviates", d)
		}
		for name := range all {
			if isOther(name) && !deviates(name) {
				t.Errorf("%v: nothing deviates without %s", d, name)
			}
		}
		maps.Copy(covered, all)
	}
	for name := range entries {
		if isOther(name) && !covered[name] {
			t.Errorf("no network runs %s", name)
		}
	}
}

// isOther reports whether a kernel is one of networks that are no chains, or have positions, or of noise for every
// example.
func isOther(kernel string) bool {
	return slices.Contains([]string{"convolve", "picture", "example"}, entries[kernel].source)
}

// forgetful is a device that does not run one of the kernels, and notes the names of all.
type forgetful struct {
	Driver
	all     map[string]bool
	without string
}

func (f forgetful) Launch(l Launch) error {
	if f.all[l.Kernel.Name()] = true; l.Kernel.Name() == f.without {
		return nil
	}
	return f.Driver.Launch(l)
}

// Every activation, behind layers in one slice and in several, and through the middle kernel and single ones: Check
// takes both ways.
func TestActivationsAgainstFloat64(t *testing.T) {
	for i, a := range kernels.Activations() {
		d := conformance.Design{Sizes: []int{140, 33, 21, 4}, Sharing: kernels.Sharing(i % 5), Activation: a,
			Likelihood: kernels.Likelihood(i % 2), Batch: 23, Rho: 2, Members: 2}
		t.Run(a.String(), func(t *testing.T) {
			n := d.Network(t)
			check(t, n)
			// An activation at the output is the loss's to take back.
			program := *n.Program
			program.Instructions = slices.Clone(program.Instructions)
			for at, instruction := range program.Instructions {
				switch i := instruction.(type) {
				case kernels.Forward:
					i.Activation = a
					program.Instructions[at] = i
				case kernels.Loss:
					i.Activation = a
					program.Instructions[at] = i
				}
			}
			n.Program = &program
			check(t, n)
		})
	}
}

// A sum is measured by its own terms: not by what is left of them where they cancel, and not by larger sums beside it.
func TestSumsAreMeasuredByTheirTerms(t *testing.T) {
	const off = 8 * 0x1p-24 // of the terms: more than sumTolerance
	for name, c := range map[string]struct {
		got  float64
		want bool
	}{
		"rounding of terms that cancel": {1e-9 + off/4, true},
		"more than rounding":            {1e-9 + off, false},
		"no number":                     {math.NaN(), false},
	} {
		check := &checker{}
		check.sameSums(name, []float64{100, c.got}, []float64{100, 1e-9}, []float64{200, 1}, 2, 2, sumTolerance)
		if d := check.deviations[0]; d.OK() != c.want {
			t.Errorf("%v: passes: %v", d, d.OK())
		}
	}
}

// slower is a network with learning rates at which steps along the gradient itself, which Adam divides by its size,
// stay finite, and with weight decay.
func slower(n *conformance.Network) *conformance.Network {
	n.Members = slices.Clone(n.Members)
	for m := range n.Members {
		n.Members[m].LearningRate *= 0.1
		n.Members[m].WeightDecay = 300
	}
	return n
}

// check compares every kernel of a step with float64.
func check(t *testing.T, n *conformance.Network) {
	t.Helper()
	driver := Interpreted(testMemory)
	driver.(*interpreted).machine.GlobalRaces = true
	driver.(*interpreted).machine.Uninitialised = true
	deviations, err := Check(driver, n.Program, n.Members, n.Data, n.Start, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range deviations {
		if !d.OK() {
			t.Errorf("%v: %v", n.Program.Rule, d)
		}
	}
	if live := driver.(*interpreted).used; live != 0 || len(deviations) < 10 {
		t.Errorf("%v: %d comparisons, %d bytes live afterwards", n.Program.Rule, len(deviations), live)
	}
}

// Random shapes.
func TestRandomShapesAgainstFloat64(t *testing.T) {
	count := 8
	if testing.Short() {
		count = 3
	}
	for seed := range count {
		u := conformance.Numbers(make([]float64, 16), uint64(1000+seed), 0, 1)
		pick := func(i, lo, hi int) int { return lo + int(u[i]*float64(hi-lo+1)) }
		d := conformance.Design{
			Sizes:   []int{pick(0, 1, 280)},
			Sharing: kernels.Sharing(pick(1, 0, 4)), Likelihood: kernels.Likelihood(pick(2, 0, 1)),
			Activation: kernels.Activation(pick(3, 0, len(kernels.Activations())-1)), Batch: pick(4, 1, 45),
			Members: pick(5, 1, 2),
			Rho:     2 * u[6],
		}
		for i := range pick(7, 0, 3) {
			d.Sizes = append(d.Sizes, pick(8+i, 1, 70))
		}
		d.Sizes = append(d.Sizes, pick(12, 2, 70))
		t.Run(d.String(), func(t *testing.T) {
			n := d.Network(t)
			check(t, n)
			check(t, n.Under(t, conformance.Accumulations[seed%2]))
			check(t, n.Fluctuating(t, conformance.Schedules[seed%2]))
		})
	}
}
