package cpu

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"quantal/kernels"
)

// drawDiffusion is a law with one cell or many, and enough noise to reach the bounds.
func drawDiffusion(t *rapid.T) kernels.Diffusion[float32] {
	cells := rapid.SampledFrom([]int{1, 2, 7, 1024}).Draw(t, "cells")
	low := rapid.SampledFrom([]float64{0, 0.02, 0.5}).Draw(t, "low")
	mu, sigma := make([]float64, cells+1), make([]float64, cells+1)
	pitch := rapid.Float64Range(0, 5).Draw(t, "pitch")
	for i := range mu {
		sin, cos := math.Sincos(pitch * (1 + 3*float64(i)/float64(cells)))
		mu[i], sigma[i] = sin, 0.2+0.18*cos
	}
	return kernels.NewDiffusion[float32](low, 1, mu, sigma, 0.02)
}

// nextToEdge says that kernels which round differently may take different cells for w.
func nextToEdge(d kernels.Diffusion[float32], w float32) bool {
	x := float64((w - d.Low) * d.PerUnit)
	return len(d.Cells) > 1 && math.Abs(x-math.Round(x)) < 1e-3
}

// stepTolerance is for numbers up to 1, and steps up to 0.06 times a normal of up to 5.9, with slopes of up to 15 times
// w under the noise.
const stepTolerance = 1e-6

func drawNoise(t *rapid.T) kernels.Noise {
	return kernels.Noise{
		Seed: rapid.Uint64().Draw(t, "seed"), Stream: kernels.StreamDynamics, Layer: 3,
		Step: rapid.Uint32Max(1<<31).Draw(t, "step"), Draw: rapid.Uint32().Draw(t, "draw"),
	}
}

// Every kernel that moves numbers against its portable twin: a step of random numbers under a random law. Several steps
// at once are the same as one by one, in parts, to the bit.
func TestDiffusionsAgainstPortable(t *testing.T) {
	for _, set := range twins() {
		t.Run(set.name+"/reflecting", func(t *testing.T) { rapid.Check(t, set.checkAdvance) })
		t.Run(set.name+"/turnover", func(t *testing.T) { rapid.Check(t, set.checkAdvanceSites) })
	}
}

func (set *kernelSet) checkAdvance(t *rapid.T) {
	d, noise := drawDiffusion(t), drawNoise(t)
	n, first := rapid.IntRange(1, 400).Draw(t, "n"), 64*rapid.IntRange(0, 1000).Draw(t, "first")
	start := numbers(n, rapid.Uint64().Draw(t, "start"), d.Low, d.High)
	got, want := append([]float32{}, start...), append([]float32{}, start...)
	set.advance(&d, got, noise, first, 1)
	portable.advance(&d, want, noise, first, 1)
	for i, w := range start {
		if e := math.Abs(float64(got[i] - want[i])); !(e <= stepTolerance) && !nextToEdge(d, w) || got[i] < d.Low ||
			got[i] > d.High {
			t.Fatalf("number %d goes from %v to %v, want %v", i, w, got[i], want[i])
		}
	}
	steps := rapid.IntRange(1, 5).Draw(t, "steps")
	cut := 64 * rapid.IntRange(0, n/64).Draw(t, "cut")
	whole := append([]float32{}, start...)
	set.advance(&d, whole, noise, first, steps)
	for range steps {
		set.advance(&d, start[:cut], noise, first, 1)
		set.advance(&d, start[cut:], noise, first+cut, 1)
		noise.Step++
	}
	for i, w := range start {
		if w != whole[i] {
			t.Fatalf("number %d: %v in parts, %v at once", i, w, whole[i])
		}
	}
}

func (set *kernelSet) checkAdvanceSites(t *rapid.T) {
	d, noise := drawDiffusion(t), drawNoise(t)
	turnover := kernels.Turnover[float32]{
		Birth: rapid.SampledFrom([]float32{0, 0.01, 0.3}).Draw(t, "birth"), Smallest: d.Low + 0.01, Spread: 0.1,
	}
	n, first := rapid.IntRange(1, 400).Draw(t, "n"), 64*rapid.IntRange(0, 1000).Draw(t, "first")
	start := numbers(n, rapid.Uint64().Draw(t, "start"), d.Low, d.Low+0.2)
	for i := range start {
		switch i % 5 { // the others are next to the lower bound
		case 0, 1:
			start[i] = 0
		case 2:
			start[i] = d.High - (start[i] - d.Low)
		}
	}
	got, want := append([]float32{}, start...), append([]float32{}, start...)
	born, wantBorn := make([]uint32, n), make([]uint32, n)
	births, losses := set.advanceSites(&d, turnover, got, born, noise, first, 1)
	wantBirths, wantLosses := portable.advanceSites(&d, turnover, want, wantBorn, noise, first, 1)
	undecided := 0
	for i, w := range start {
		if w != 0 && ((got[i] == 0) != (want[i] == 0)) {
			undecided++ // a probability of loss that is close to its uniform
			continue
		}
		e := math.Abs(float64(got[i] - want[i]))
		if !(e <= stepTolerance) && (w == 0 || !nextToEdge(d, w)) || born[i] != wantBorn[i] {
			t.Fatalf("site %d goes from %v to %v, born %d, want %v, born %d", i, w, got[i], born[i], want[i], wantBorn[i])
		}
	}
	if off := losses - wantLosses; births != wantBirths || max(off, -off) > undecided || undecided > 1 {
		t.Fatalf("%d births and %d losses, want %d and %d; %d sites undecided", births, losses, wantBirths, wantLosses,
			undecided)
	}

	alive := func(w []float32) (n int) {
		for _, v := range w {
			if v != 0 {
				n++
			}
		}
		return n
	}
	before, steps := alive(start), rapid.IntRange(1, 5).Draw(t, "steps")
	whole, wholeBorn := append([]float32{}, start...), make([]uint32, n)
	births, losses = set.advanceSites(&d, turnover, whole, wholeBorn, noise, first, steps)
	if after := alive(whole); after-before != births-losses {
		t.Fatalf("%d births and %d losses take %d numbers to %d", births, losses, before, after)
	}
	cut := 64 * rapid.IntRange(0, n/64).Draw(t, "cut")
	clear(born)
	for range steps {
		set.advanceSites(&d, turnover, start[:cut], born[:cut], noise, first, 1)
		set.advanceSites(&d, turnover, start[cut:], born[cut:], noise, first+cut, 1)
		noise.Step++
	}
	for i, w := range start {
		if w != whole[i] || born[i] != wholeBorn[i] {
			t.Fatalf("site %d: %v born %d in parts, %v born %d at once", i, w, born[i], whole[i], wholeBorn[i])
		}
	}
}

// BenchmarkDiffusion times a step of a number on one thread: with drift and noise linear throughout, and in a table.
func BenchmarkDiffusion(b *testing.B) {
	const n, steps = 4096, 16
	w, born := aligned(n), make([]uint32, n)
	for _, set := range available() {
		for _, cells := range []int{1, 1024} {
			mu, sigma := make([]float64, cells+1), make([]float64, cells+1)
			for i := range mu {
				x := 0.02 + 0.98*float64(i)/float64(cells)
				mu[i], sigma[i] = 0.008-0.06*x, 0.01+0.22*x
			}
			d := kernels.NewDiffusion[float32](0.02, 1, mu, sigma, 0.02)
			measure := func(name string, f func(n kernels.Noise)) {
				b.Run(fmt.Sprintf("%s/cells=%d/%s", set.name, cells, name), func(b *testing.B) {
					copy(w, numbers(n, 1, 0.02, 0.3))
					noise := kernels.Noise{Seed: 1, Stream: kernels.StreamDynamics}
					for b.Loop() {
						f(noise)
						noise.Step += steps
					}
					b.ReportMetric(n*steps*float64(b.N)/b.Elapsed().Seconds()/1e6, "Msteps/s")
					b.ReportMetric(0, "ns/op")
				})
			}
			measure("reflecting", func(noise kernels.Noise) { set.advance(&d, w, noise, 0, steps) })
			turnover := kernels.Turnover[float32]{Birth: 0.002, Smallest: 0.03, Spread: 0.03}
			measure("turnover", func(noise kernels.Noise) { set.advanceSites(&d, turnover, w, born, noise, 0, steps) })
		}
	}
}
