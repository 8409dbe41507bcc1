package balance

import (
	"context"
	"math"
	"testing"

	"quantal/dynamics/spiking"
)

// The rate of a single neuron under Poisson spikes, small and many, is that of Siegert.
func TestSiegert(t *testing.T) {
	c := DefaultConfig()
	for _, k := range []struct{ mu, sigma float64 }{{12, 5}, {18, 3}, {25, 2}} {
		const size, jump, step = 300, 0.1, 0.02
		tau := c.Tau[excitatory] / 1000
		rate := sq(k.sigma) / (tau * 2 * sq(jump)) // of each of two processes, of opposite sign
		m := &spiking.Model{Step: step, Seed: 3, Populations: []spiking.Population{{Size: size,
			Neuron: &spiking.Neuron{Tau: c.Tau[excitatory], Threshold: c.Threshold, Reset: c.Reset, Refractory: c.Refractory,
				Input: k.mu, Receptors: []spiking.Receptor{{}}},
			Drives: []spiking.Poisson{{Rate: rate, Weight: jump}, {Rate: rate, Weight: -jump}}}}}
		n, err := spiking.New[float32](m)
		if err != nil {
			t.Fatal(err)
		}
		count, after := 0, 200.
		n.OnSpikes = func(_, step int, neurons []uint32) {
			if float64(step)*m.Step > after {
				count += len(neurons)
			}
		}
		if err := n.Advance(context.Background(), int((after+400)/step)); err != nil {
			t.Fatal(err)
		}
		got, want := float64(count)/size/0.4, c.siegert(excitatory, k.mu, k.sigma)
		// Crossings between two steps are missed: the threshold is higher by about 0.58 standard deviations of a step.
		high := c
		high.Threshold += 0.5826 * k.sigma * math.Sqrt(step/c.Tau[excitatory])
		high.Reset += 0.5826 * k.sigma * math.Sqrt(step/c.Tau[excitatory])
		corrected := high.siegert(excitatory, k.mu, k.sigma)
		if math.Abs(got/corrected-1) > 0.04 {
			t.Errorf("mu %g, sigma %g: %g Hz, want %g, without steps %g", k.mu, k.sigma, got, corrected, want)
		}
	}
}

// passage is exp(x^2) (1 + erf x) on both sides of where its form changes, and falls as -1/(x sqrt pi).
func TestPassage(t *testing.T) {
	if a, b := passage(-6+1e-9), passage(-6-1e-9); math.Abs(a/b-1) > 1e-4 {
		t.Errorf("%g and %g at -6", a, b)
	}
	if got, want := passage(-50.), 1/(50*math.Sqrt(math.Pi)); math.Abs(got/want-1) > 1e-3 {
		t.Errorf("%g at -50, want %g", got, want)
	}
	if passage(0) != 1 {
		t.Errorf("%g at 0", passage(0))
	}
}

// Limits of the theory that are known without it.
func TestOverlapInLimits(t *testing.T) {
	for _, c := range DefaultConfig().regimes() {
		th, err := c.newTheory()
		if err != nil {
			t.Fatal(err)
		}
		for a := range populations {
			mean := over(func(z float64) float64 { return th.rate(a, z) })
			if math.Abs(mean-c.Rates[a]) > 1e-6 || math.Abs(th.product(a, 1)/th.Second[a]-1) > 1e-6 ||
				math.Abs(th.product(a, 0)/sq(mean)-1) > 1e-6 {
				t.Errorf("mean %g, products %g and %g", mean, th.product(a, 0), th.product(a, 1))
			}
		}
		if q, r := th.Overlap(allKept); math.Abs(q[0]-1)+math.Abs(q[1]-1)+math.Abs(r[0]-1)+math.Abs(r[1]-1) > 1e-6 {
			t.Errorf("nothing is redrawn: %v, %v", q, r)
		}
		if q, r := th.Overlap(Kept{}); q != [populations]float64{} || math.Abs(r[0])+math.Abs(r[1]) > 1e-6 {
			t.Errorf("all is redrawn: %v, %v", q, r)
		}
		// Redrawing E to E changes rates of E, and by them the inputs more than the contacts alone.
		kept := change{kind: 0, share: 1}.kept()
		if q, _ := th.Overlap(kept); !(q[excitatory] < th.Frozen(excitatory, kept)) {
			t.Errorf("overlap %g, with frozen rates %g", q[excitatory], th.Frozen(excitatory, kept))
		}
	}
}
