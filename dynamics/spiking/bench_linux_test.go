package spiking

import (
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"

	"quantal/kernels"
)

// balanced is the network of bench/peers/brian/speed.py.
func balanced(stdp bool) *Model {
	n := &Neuron{Tau: 20, Threshold: 20, Reset: 10, Refractory: 2, Input: 30, Receptors: []Receptor{{Name: "jump"}}}
	m := &Model{Step: .1, Seed: 1, Populations: []Population{{Name: "E", Size: 8000, Neuron: n},
		{Name: "I", Size: 2000, Neuron: n}}}
	for from, weight := range []float64{.1, -.6} {
		for to := range 2 {
			c := Bernoulli(kernels.Noise{Seed: 1, Stream: kernels.StreamDynamics, Layer: uint16(2*to + from)},
				m.Populations[from].Size, m.Populations[to].Size, .1, true)
			p := Projection{From: from, To: to, Delay: 15, Contacts: c, Weight: weight}
			if stdp && from == 0 {
				p.Weight, p.Weights = 0, slices.Repeat([]float64{weight}, c.Len())
				p.Plasticity = &Plasticity{TauPre: 20, TauPost: 20, Plus: .0001, Minus: .0001, High: 1}
			}
			m.Projections = append(m.Projections, p)
		}
	}
	return m
}

// processorTime is what this process has used so far, in seconds, as Brian2's programs count it.
func processorTime(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// BenchmarkBalanced simulates a second of 10,000 neurons with 1,000 contacts each, on one thread and on all.
func BenchmarkBalanced(b *testing.B) {
	if os.Getenv("QUANTAL_LONG_TESTS") == "" {
		b.Skip("makes ten million contacts")
	}
	for _, stdp := range []bool{false, true} {
		for threads, name := range []string{"all", "one"} {
			b.Run(fmt.Sprintf("stdp=%v/threads=%s", stdp, name), func(b *testing.B) { simulate(b, stdp, threads) })
		}
	}
}

func simulate(b *testing.B, stdp bool, threads int) {
	for range b.N {
		b.StopTimer()
		n, err := New[float32](balanced(stdp))
		if err != nil {
			b.Fatal(err)
		}
		n.Threads = threads
		u := make([]float64, 10_000)
		kernels.Uniforms(u, kernels.Noise{Seed: 2}, 0)
		for i, x := range u {
			n.SetPotential(i/8000, i%8000, 20*x)
		}
		spikes := 0
		n.OnSpikes = func(_, _ int, neurons []uint32) { spikes += len(neurons) }
		before := processorTime(b)
		b.StartTimer()
		if err := n.Advance(context.Background(), 10_000); err != nil {
			b.Fatal(err)
		}
		took := processorTime(b) - before
		b.ReportMetric(float64(spikes)/10_000, "Hz")
		b.ReportMetric(took, "processor-s")
		b.ReportMetric(took*1e6/float64(spikes), "ns/event")
	}
}
