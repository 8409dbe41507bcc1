package spiking

import (
	"context"
	"math"
	"slices"
	"testing"

	"quantal/kernels"
)

// idle is a network of size neurons that do not fire, with weights of 0.5 of all onto all.
func idle(size int) *Model {
	c := Bernoulli(kernels.Noise{}, size, size, 1, true)
	return &Model{Step: .1, Seed: 6, Populations: []Population{{Size: size, Neuron: &Neuron{Tau: 20, Threshold: 1,
		Receptors: []Receptor{{Tau: 5}}}}}, Projections: []Projection{{Delay: 4, Contacts: c,
		Weights: slices.Repeat([]float64{.5}, c.Len())}}}
}

// Intrinsic dynamics moves weights as kernels.Diffusion does, also in float32 with the fast kernels, and each by noise
// of its own.
func TestIntrinsicIsTheDiffusion(t *testing.T) {
	m := idle(20)
	d := &Intrinsic{Low: 0, High: 1, Mu: []float64{.1, -.1}, Sigma: []float64{.05, .25}, Every: 30, Time: .2, Substeps: 3}
	m.Projections[0].Intrinsic = d
	run := func(m *Model) []float64 {
		n, err := New[float64](m)
		if err == nil {
			err = n.Advance(context.Background(), 70)
		}
		if err != nil {
			t.Fatal(err)
		}
		return n.Weights(0)
	}
	want := slices.Clone(m.Projections[0].Weights)
	law := kernels.NewDiffusion[float64](0, 1, d.Mu, d.Sigma, d.Time/3)
	law.Advance(want, noise(6, moveNoise, 0, 0), 0, 6)
	if got := run(m); !slices.Equal(got, want) {
		t.Errorf("weights %v, want %v", got[:5], want[:5])
	}
	n, err := New[float32](m)
	if err == nil {
		err = n.Advance(context.Background(), 70)
	}
	if err != nil {
		t.Fatal(err)
	}
	for k, w := range n.Weights(0) {
		if math.Abs(float64(w)-want[k]) > 1e-5 {
			t.Fatalf("weight %d: %g, in float64 %g", k, w, want[k])
		}
	}
	large := idle(shardSize + 77)
	large.Projections[0].Contacts = Bernoulli(layer(1), shardSize+77, shardSize+77, .02, true)
	large.Projections[0].Weights = slices.Repeat([]float64{.5}, large.Projections[0].Contacts.Len())
	large.Projections[0].Intrinsic = d
	w := run(large)
	slices.Sort(w)
	if same := len(w) - len(slices.Compact(w)); same > 0 {
		t.Errorf("%d weights have moved as others have", same)
	}
}

// Scaling multiplies the weights onto a neuron by how far its rate is from the target.
func TestScaling(t *testing.T) {
	m := idle(5)
	m.Projections[0].Scaling = &Scaling{Every: 5000, Target: 20, Speed: .5, Low: .1, High: .7}
	n, err := New[float64](m)
	if err != nil {
		t.Fatal(err)
	}
	inputs := []float64{0, 1.2, 1.05, 3, 1.5}
	var spikes [5]float64
	for i, input := range inputs {
		n.SetInput(0, i, input)
	}
	n.SetWeights(0, make([]float64, 25)) // so that they do not act on each other
	n.OnSpikes = func(_, _ int, neurons []uint32) {
		for _, i := range neurons {
			spikes[i]++
		}
	}
	advance := func(steps int) {
		if err := n.Advance(context.Background(), steps); err != nil {
			t.Fatal(err)
		}
	}
	advance(4999)
	start := slices.Repeat([]float64{.4}, 25)
	n.SetWeights(0, start)
	advance(1)
	rates := map[bool]int{}
	for k, w := range n.Weights(0) {
		rate := spikes[k%5] / .5
		want := min(max(.4*max(1+.5*(20-rate)/20, 0), .1), .7)
		if math.Abs(w-want) > 1e-12 {
			t.Errorf("neuron %d at %g Hz: weight %g, want %g", k%5, rate, w, want)
		}
		rates[rate > 20]++
	}
	if len(rates) != 2 {
		t.Errorf("all rates are on one side of the target: %v", spikes)
	}
}

// Weights are the same if they are read after every step, when nothing is left undone, and if only at the end, with far
// more postsynaptic spikes than are kept between those of a source.
func TestUndoneSpikes(t *testing.T) {
	for form := range LogWeight + 1 {
		m := &Model{Step: .1, Populations: []Population{{Size: 3, Imposed: []Spike{{3, 0}, {90, 1}, {2500, 0}}},
			{Size: 4, Neuron: &Neuron{Tau: 20, Threshold: 1, Refractory: 1, Receptors: []Receptor{{Tau: 5}}}}},
			Projections: []Projection{{To: 1, Delay: 5, Contacts: Bernoulli(kernels.Noise{}, 3, 4, 1, true),
				Weights: slices.Repeat([]float64{.5}, 12), Plasticity: &Plasticity{TauPre: 30, TauPost: 20, Plus: .01,
					Minus: .02, Form: form, High: 1, W0: .4, Alpha: 5, Beta: 50}}}}
		run := func(read int) []float32 {
			n, err := New[float32](m)
			if err != nil {
				t.Fatal(err)
			}
			spikes := 0
			n.OnSpikes = func(p, _ int, neurons []uint32) { spikes += p * len(neurons) }
			for i := range 4 {
				n.SetInput(1, i, 2+2*float64(i))
			}
			for step := 0; step < 3000; step += read {
				if err := n.Advance(context.Background(), read); err != nil {
					t.Fatal(err)
				}
				n.Weights(0)
			}
			if spikes < 4*3*undoneSpikes/2 {
				t.Fatalf("only %d spikes", spikes)
			}
			return n.Weights(0)
		}
		if want, got := run(1), run(3000); !slices.Equal(got, want) {
			t.Errorf("form %d: weights %v, if read after every step %v", form, got, want)
		}
	}
}

// Inhibitory plasticity brings neurons with unlike excitation to the target rate (Vogels et al. 2011), if there are so
// many inhibitory neurons that a single spike of theirs hardly delays the next one.
func TestInhibitoryPlasticityKeepsARate(t *testing.T) {
	const size, inhibitory, target = 30, 400, 8.
	c := Bernoulli(kernels.Noise{}, inhibitory, size, 1, true)
	m := &Model{Step: .5, Seed: 8, Populations: []Population{
		{Size: size, Neuron: &Neuron{Tau: 20, Rest: -60, Threshold: -50, Reset: -60, Refractory: 5, Conductances: true,
			Receptors: []Receptor{{"excitation", 5, 0}, {"inhibition", 10, -80}}}, Drives: []Poisson{{0, 3000, .02}}},
		{Size: inhibitory, Rate: 10}},
		Projections: []Projection{{From: 1, Receptor: 1, Delay: 2, Contacts: c, Weights: make([]float64, c.Len()),
			Plasticity: InhibitoryPlasticity(.002, target, 20, 0, 2)}}}
	n, err := New[float32](m)
	if err != nil {
		t.Fatal(err)
	}
	for i := range size {
		n.SetInput(0, i, float64(i)/10)
	}
	var counts [2][size]float64
	seconds := 20.
	period := 0
	n.OnSpikes = func(p, _ int, neurons []uint32) {
		for _, i := range neurons {
			if p == 0 {
				counts[period][i]++
			}
		}
	}
	for period = range counts {
		if err := n.Advance(context.Background(), int(seconds*2000)); err != nil {
			t.Fatal(err)
		}
	}
	total := 0.
	for i, k := range counts[1] {
		if total += k; math.Abs(k/seconds-target) > 0.35*target {
			t.Errorf("neuron %d fires at %g Hz, in the first %g s at %g", i, k/seconds, seconds, counts[0][i]/seconds)
		}
	}
	if mean := total / size / seconds; math.Abs(mean-target) > 0.05*target {
		t.Errorf("mean rate %g Hz", mean)
	}
}
