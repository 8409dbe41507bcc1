package spiking

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"

	"quantal/kernels"
	"quantal/kernels/cpu"
)

// mixed is a network with everything that can be in one: more neurons than a shard has, two kinds of synapse, drive,
// sources, plasticity of each kind, scaling, intrinsic dynamics with turnover.
func mixed(t *testing.T) *Model {
	t.Helper()
	e := Neuron{Tau: 20, Threshold: 20, Reset: 10, Refractory: 2, Input: 17,
		Receptors: []Receptor{{"excitation", 3, 0}, {"inhibition", 5, 0}, {"jump", 0, 0}}}
	i := Neuron{Tau: 10, Rest: -60, Threshold: -50, Reset: -60, Refractory: 1, Input: 12, Conductances: true,
		Receptors: []Receptor{{"excitation", 5, 0}, {"inhibition", 10, -80}}}
	m := &Model{Step: .1, Seed: 3, Populations: []Population{
		{Name: "excitatory", Size: 1300, Neuron: &e, Drives: []Poisson{{2, 800, .4}, {0, 100, .1}}},
		{Name: "inhibitory", Size: 300, Neuron: &i, Drives: []Poisson{{0, 300, .05}}},
		{Name: "sources", Size: 150, Rate: 30}, {Name: "imposed", Size: 3, Imposed: []Spike{{5, 2}, {5, 0}, {80, 1}}},
	}}
	weights := func(c Contacts, w float64) []float64 {
		all := make([]float64, c.Len())
		for k := range all {
			all[k] = w * (0.5 + float64(k%100)/100)
		}
		return all
	}
	between := func(layer, from, to int, p float64) Contacts {
		n := kernels.Noise{Seed: 5, Stream: kernels.StreamDynamics, Layer: uint16(layer), Draw: 9 << 24}
		return Bernoulli(n, m.Populations[from].Size, m.Populations[to].Size, p, from != to)
	}
	ee, ei, ie, ii, se, me := between(0, 0, 0, .03), between(1, 0, 1, .05), between(2, 1, 0, .1), between(3, 1, 1, .05),
		between(4, 2, 0, .1), between(5, 3, 0, .5)
	m.Projections = []Projection{
		{Name: "ee", Delay: 15, Contacts: ee, Weights: weights(ee, .3),
			Plasticity: &Plasticity{TauPre: 20, TauPost: 20, Plus: .02, Minus: .02, Form: LogWeight, Low: .01, High: 3, W0: .3,
				Alpha: 5, Beta: 50},
			Intrinsic: &Intrinsic{Low: .01, High: 3, Mu: []float64{.1, -.5}, Sigma: []float64{.05, .6}, Every: 70, Time: .05,
				Substeps: 2, Turnover: &kernels.Turnover[float64]{Birth: .01, Smallest: .02, Spread: .05}},
			Scaling: &Scaling{Every: 100, Target: 10, Speed: .1, Low: .01, High: 3}},
		{Name: "ei", From: 0, To: 1, Delay: 9, Contacts: ei, Weights: weights(ei, .02),
			Plasticity: &Plasticity{TauPre: 20, TauPost: 20, Plus: .002, Minus: .002, Nearest: true, High: .1}},
		{Name: "ie", From: 1, To: 0, Receptor: 1, Delay: 12, Contacts: ie, Weights: weights(ie, -.2),
			Plasticity: InhibitoryPlasticity(-.001, 8, 20, -1, 0)},
		{Name: "ii", From: 1, To: 1, Receptor: 1, Delay: 8, Contacts: ii, Weight: .05},
		{Name: "se", From: 2, To: 0, Receptor: 2, Delay: 1 + 9, Contacts: se, Weight: .3},
		{Name: "me", From: 3, To: 0, Delay: 20, Contacts: me, Weight: 4},
	}
	return m
}

// state is the spikes and the final state of a network as text.
func state[T kernels.Float](t *testing.T, m *Model, threads int, parts ...int) string {
	t.Helper()
	n, err := New[T](m)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	n.Threads = threads
	n.OnSpikes = func(p, step int, neurons []uint32) { fmt.Fprintln(&text, p, step, neurons) }
	for _, steps := range parts {
		if err := n.Advance(context.Background(), steps); err != nil {
			t.Fatal(err)
		}
	}
	for p := range m.Projections {
		fmt.Fprintln(&text, n.Weights(p))
	}
	for i := range m.Populations[0].Size {
		fmt.Fprintln(&text, n.Potential(0, i))
	}
	return text.String()
}

// Spikes, weights and potentials have the same bytes for any number of threads, and however the steps are divided.
func TestBytesDoNotDependOnThreads(t *testing.T) {
	m := mixed(t)
	want := state[float32](t, m, 1, 450)
	for _, c := range [][]int{{2, 450}, {3, 450}, {1, 1, 6, 43, 200, 200}, {2, 63, 387}} {
		if state[float32](t, m, c[0], c[1:]...) != want {
			t.Errorf("%d threads, steps in parts %v: another result", c[0], c[1:])
		}
	}
	if strings.Count(want, "\n") < 1800 {
		t.Errorf("too little happens: %d lines", strings.Count(want, "\n"))
	}
	m.Seed++
	if state[float32](t, m, 1, 450) == want {
		t.Error("another seed, the same result")
	}
}

// Spikes, weights and potentials have the same bytes with any kernels, but for normals, which intrinsic dynamics takes.
func TestBytesDoNotDependOnKernels(t *testing.T) {
	m := mixed(t)
	m.Projections[0].Intrinsic = nil
	var want string
	for _, set := range cpu.KernelSets() {
		t.Setenv(cpu.KernelVariable, set)
		got := state[float32](t, m, 1, 300)
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%s: another result", set)
		}
	}
	t.Setenv(cpu.KernelVariable, "none")
	if _, err := New[float32](m); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("kernels that are none: %v", err)
	}
}

// One weight for many contacts, which are then bits, is the same as one for each, also if many spikes come at once; a
// second contact between two neurons counts.
func TestOneWeightIsThatOfEach(t *testing.T) {
	const size, weight = 1100, .125 // sums of it are exact
	c := Bernoulli(layer(1), 600, size, .1, true)
	twice := Pairs(600, [][2]int{{3, 4}, {3, 4}, {5, 1090}})
	var imposed []Spike
	for step := range 40 {
		for j := range 600 {
			if j%40 == step || step == 20 {
				imposed = append(imposed, Spike{step, j})
			}
		}
	}
	m := &Model{Step: .1, Populations: []Population{{Size: size, Neuron: &Neuron{Tau: 20, Threshold: 5, Refractory: 1,
		Receptors: []Receptor{{}, {Tau: 5}}}}, {Size: 600, Imposed: imposed}},
		Projections: []Projection{{From: 1, Delay: 2, Contacts: c}, {From: 1, Delay: 3, Receptor: 1, Contacts: c},
			{From: 1, Delay: 1, Contacts: twice}}}
	results := map[bool]string{}
	for _, each := range []bool{false, true} {
		for i := range m.Projections {
			p := &m.Projections[i]
			if p.Weight, p.Weights = weight, nil; each {
				p.Weight, p.Weights = 0, slices.Repeat([]float64{weight}, p.Contacts.Len())
			}
		}
		n, err := New[float32](m)
		if err != nil {
			t.Fatal(err)
		}
		for k, bits := range []bool{true, true, false} {
			if got := n.shards[0].groups[k].bits != nil; got != (bits && !each) {
				t.Errorf("projection %d, a weight for each %v: bits %v", k, each, got)
			}
		}
		var text strings.Builder
		n.OnSpikes = func(p, step int, neurons []uint32) { fmt.Fprintln(&text, p, step, neurons) }
		for range 50 {
			if err := n.Advance(context.Background(), 1); err != nil {
				t.Fatal(err)
			}
			for i := range size {
				fmt.Fprint(&text, n.Potential(0, i), " ")
			}
		}
		results[each] = text.String()
		if c := strings.Count(text.String(), "\n0 "); c < 5 {
			t.Errorf("neurons fire in only %d steps", c)
		}
	}
	if results[true] != results[false] {
		t.Error("one weight and one for each differ")
	}
}

// Weights stay between their bounds, or are 0 where there is no contact, and births and losses happen.
func TestWeightsStayWithinBounds(t *testing.T) {
	n, err := New[float64](mixed(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Advance(context.Background(), 800); err != nil {
		t.Fatal(err)
	}
	empty, changed := 0, 0
	for p, k := range n.model.Projections {
		if k.Plasticity == nil {
			continue
		}
		for i, w := range n.Weights(p) {
			if w == 0 && k.Intrinsic != nil {
				empty++
			} else if w < k.Plasticity.Low || w > k.Plasticity.High {
				t.Fatalf("%s: a weight of %g", k.Name, w)
			}
			if w != k.Weights[i] {
				changed++
			}
		}
	}
	if empty == 0 || changed == 0 {
		t.Errorf("%d places without a contact, %d changed weights", empty, changed)
	}
	w := n.Weights(1)
	w[5] = 0.07
	n.SetWeights(1, w)
	if got := n.Weights(1); got[5] != 0.07 || got[6] != w[6] {
		t.Error("set weights are not those that are read")
	}
}

// one is a neuron with a receptor.
func one(n Neuron, tau, weight float64, delay int) *Model {
	n.Receptors = []Receptor{{Tau: tau}}
	return &Model{Step: .1, Populations: []Population{{Size: 1, Neuron: &n}, {Size: 1, Imposed: []Spike{{0, 0}}}},
		Projections: []Projection{{From: 1, Delay: delay, Contacts: Pairs(1, [][2]int{{0, 0}}), Weight: weight}}}
}

// The potential after one spike, in closed form, also where membrane and synapse have one time constant: w t/tau
// exp(-t/tau).
func TestPotentialInClosedForm(t *testing.T) {
	for _, tau := range []float64{20, 20 + 1e-9, 5, 100} {
		n, err := New[float64](one(Neuron{Tau: 20, Rest: -65, Threshold: 0, Reset: -65, Input: 3}, tau, 2, 7))
		if err != nil {
			t.Fatal(err)
		}
		for step := range 600 {
			if err := n.Advance(context.Background(), 1); err != nil {
				t.Fatal(err)
			}
			now := float64(step+1) * .1
			want := -65 + 3*(1-math.Exp(-now/20))
			if s := now - .8; s > 0 && math.Abs(tau-20) < 1e-6 {
				want += 2 * s / 20 * math.Exp(-s/20)
			} else if s > 0 {
				want += 2 * tau / (tau - 20) * (math.Exp(-s/tau) - math.Exp(-s/20))
			}
			if got := n.Potential(0, 0); math.Abs(got-want) > 1e-9 {
				t.Fatalf("tau %g: %g after step %d, want %g", tau, got, step, want)
			}
		}
	}
}

// The rate of a neuron with constant input: an interval is the refractory time and the way from reset to threshold.
func TestRateInClosedForm(t *testing.T) {
	n, err := New[float32](one(Neuron{Tau: 20, Threshold: 20, Reset: 10, Refractory: 2, Input: 25}, 0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	var at []int
	n.OnSpikes = func(p, step int, _ []uint32) {
		if p == 0 {
			at = append(at, step)
		}
	}
	if err := n.Advance(context.Background(), 20000); err != nil {
		t.Fatal(err)
	}
	want := 2 + 20*math.Log(15./5)
	// The reset is kept for 19 steps after that of the spike, and the threshold is seen in the step after the crossing.
	if got := float64(at[len(at)-1]-at[0]) / float64(len(at)-1) * .1; math.Abs(got-want) > .1 {
		t.Errorf("an interval of %g ms, want %g", got, want)
	}
}

// Halving the step divides the error of the method for conductances by 16.
func TestConductancesAreOfOrderFour(t *testing.T) {
	at := func(step float64) float64 {
		m := one(Neuron{Tau: 10, Threshold: 1000, Reset: 0, Input: 5, Conductances: true}, 2, 8, 1)
		m.Step = step
		m.Populations[0].Neuron.Receptors[0].Reversal = 60
		// The spike acts at time 2 for any step.
		m.Populations[1].Imposed[0].Step = int(math.Round(2/step)) - 2
		n, err := New[float64](m)
		if err == nil {
			err = n.Advance(context.Background(), int(math.Round(6/step)))
		}
		if err != nil {
			t.Fatal(err)
		}
		return n.Potential(0, 0)
	}
	exact := at(.001)
	coarse, fine := math.Abs(at(.2)-exact), math.Abs(at(.1)-exact)
	if order := math.Log2(coarse / fine); !(order > 3.7 && order < 4.5) {
		t.Errorf("errors %g and %g: order %g", coarse, fine, order)
	}
}

// The numbers of Poisson spikes have mean and variance, are independent, and come with each rate.
func TestPoissonDrive(t *testing.T) {
	for _, rate := range []float64{3, 500, 12_000, 400_000} {
		const size, steps = 300, 400
		m := &Model{Step: .1, Seed: 2, Populations: []Population{{Size: size,
			Neuron: &Neuron{Tau: 1, Threshold: 1e9, Receptors: []Receptor{{}}}, Drives: []Poisson{{0, rate, 1}}}}}
		d := newDrive(m, kernels.PortableSpikeKernels[float32](), 0, 0)
		var counts []float64
		for step := range steps {
			x := make([]float32, 5*noiseRow)
			d.arrive(x, 0, size, step)
			for _, n := range x[:size] {
				counts = append(counts, float64(n))
			}
		}
		mean := rate * .1 / 1000
		se := math.Sqrt(mean / (size * steps))
		if got := stat.Mean(counts, nil); math.Abs(got-mean) > 4*se {
			t.Errorf("rate %g: mean %g, want %g", rate, got, mean)
		}
		// The variance of a sample variance of a Poisson number is about (mean + 2 mean^2)/n.
		bound := 4 * math.Sqrt((mean+2*mean*mean)/(size*steps))
		if got := stat.Variance(counts, nil); math.Abs(got-mean) > bound {
			t.Errorf("rate %g: variance %g, want %g within %g", rate, got, mean, bound)
		}
		for _, lag := range []int{1, size} { // the next neuron, and the next step
			if r := stat.Correlation(counts[lag:], counts[:len(counts)-lag], nil); math.Abs(r) > 4/math.Sqrt(size*steps) {
				t.Errorf("rate %g: correlation %g of numbers %d apart", rate, r, lag)
			}
		}
	}
}

// Sources fire with their rate.
func TestSources(t *testing.T) {
	m := &Model{Step: .1, Seed: 4, Populations: []Population{{Size: 1000, Rate: 20}}}
	n, err := New[float32](m)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	n.OnSpikes = func(_, _ int, neurons []uint32) { count += len(neurons) }
	if err := n.Advance(context.Background(), 5000); err != nil {
		t.Fatal(err)
	}
	if want := 10_000.; math.Abs(float64(count)-want) > 4*math.Sqrt(want) {
		t.Errorf("%d spikes, want %g", count, want)
	}
}

func TestCheck(t *testing.T) {
	for want, change := range map[string]func(m *Model){
		"step 0":                          func(m *Model) { m.Step = 0 },
		"population 0 excitatory: size 0": func(m *Model) { m.Populations[0].Size = 0 },
		"reset 30":                        func(m *Model) { m.Populations[0].Neuron.Reset = 30 },
		"refractory -1":                   func(m *Model) { m.Populations[0].Neuron.Refractory = -1 },
		"neither imposed spikes nor":      func(m *Model) { m.Populations[0].Rate = 3 },
		"sources cannot be driven":        func(m *Model) { m.Populations[2].Drives = []Poisson{{}} },
		"rate 20000 Hz":                   func(m *Model) { m.Populations[2].Rate = 20_000 },
		"imposed spike 1":                 func(m *Model) { m.Populations[3].Imposed[1].Neuron = 3 },
		"drive 0":                         func(m *Model) { m.Populations[0].Drives[0].Receptor = 3 },
		"of a conductance above 0":        func(m *Model) { m.Populations[1].Neuron.Receptors[0].Tau = 0 },
		"projection 0 ee: delay 0":        func(m *Model) { m.Projections[0].Delay = 0 },
		"from 0 to 9":                     func(m *Model) { m.Projections[0].To = 9 },
		"sources have no synapses":        func(m *Model) { m.Projections[0].To = 2 },
		"receptor 2: want one of 2":       func(m *Model) { m.Projections[3].Receptor = 2 },
		"weights for":                     func(m *Model) { m.Projections[0].Weights = []float64{1} },
		"not both":                        func(m *Model) { m.Projections[0].Weight = 1 },
		"need one for each contact":       func(m *Model) { m.Projections[3].Scaling = &Scaling{} },
		"want rows of 1300 neurons":       func(m *Model) { m.Projections[0].Contacts.Start = nil },
		"want targets below 300":          func(m *Model) { m.Projections[3].Contacts.Target[0] = 300 },
		"plasticity: bounds 3 and 3":      func(m *Model) { m.Projections[0].Plasticity.Low = 3 },
		"plasticity: want numbers":        func(m *Model) { m.Projections[0].Plasticity.TauPre = 0 },
		"form 7":                          func(m *Model) { m.Projections[0].Plasticity.Form = 7 },
		"w0 0":                            func(m *Model) { m.Projections[0].Plasticity.W0 = 0 },
		"mu and sigma at two":             func(m *Model) { m.Projections[0].Intrinsic.Mu = nil },
		"want one or more steps":          func(m *Model) { m.Projections[0].Intrinsic.Every = 0 },
		"more than half of the range":     func(m *Model) { m.Projections[0].Intrinsic.Time = 1e3 },
		"scaling":                         func(m *Model) { m.Projections[0].Scaling.Target = 0 },
	} {
		m := mixed(t)
		change(m)
		if err := m.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
