package cpu

import (
	"math"
	"slices"
	"sort"
	"testing"

	"pgregory.net/rapid"

	"quantal/kernels"
)

// The kernels of spiking neurons have the same bytes as their portable twins, and these are what they say.
func TestSpikesAgainstPortable(t *testing.T) {
	for _, set := range available() {
		t.Run(set.name, func(t *testing.T) { rapid.Check(t, set.checkSpikes) })
	}
}

func (set *kernelSet) checkSpikes(t *rapid.T) {
	n := kernels.ArrivalNumbers * rapid.IntRange(1, 5).Draw(t, "portions")
	seed := rapid.Uint64().Draw(t, "seed")
	draw := func(k uint64, low, high float32) []float32 { return numbers(n, seed+k, low, high) }
	same := func(name string, got, want []float32) {
		if !slices.EqualFunc(got, want, func(x, y float32) bool { return x == y || x != x && y != y }) {
			t.Fatalf("%s differs from its twin's", name)
		}
	}
	words := make([]uint64, n/64*rapid.IntRange(1, 40).Draw(t, "sources"))
	for i := range words {
		w := kernels.Philox([4]uint32{uint32(i)}, [2]uint32{uint32(seed), 1})
		words[i] = (uint64(w[0])<<32 | uint64(w[1])) & (uint64(w[2])<<32 | uint64(w[3]))
	}
	rows := rapid.SliceOfN(rapid.Uint32Range(0, uint32(len(words)/(n/64)-1)), 0, 600).Draw(t, "rows")
	weight := rapid.Float32Range(-2, 2).Draw(t, "weight")
	x := draw(1, -1, 1)
	got, want, exact := slices.Clone(x), slices.Clone(x), x
	set.spikes.Arrivals(got, weight, words, rows)
	kernels.Arrivals(want, weight, words, rows)
	same("Arrivals", got, want)
	for i, y := range exact {
		sum, most := float64(y), math.Abs(float64(y))
		for _, r := range rows {
			if words[int(r)*(n/64)+i/64]>>(i%64)&1 == 1 {
				sum += float64(weight)
				most = max(most, math.Abs(sum))
			}
		}
		if math.Abs(float64(got[i])-sum) > 1e-6*(1+most) {
			t.Fatalf("Arrivals: number %d is %g, want %g", i, got[i], sum)
		}
	}

	drift, otherDrift := draw(2, -1, 1), draw(2, -1, 1)
	set.spikes.Currents(drift, got, .3, .9)
	kernels.Currents(otherDrift, want, .3, .9)
	same("Currents", got, want)
	same("Currents: drift", drift, otherDrift)

	left, input, v := draw(3, -2, 3), draw(4, -3, 3), draw(5, -1, 1)
	for i, k := range left {
		left[i] = max(float32(math.Floor(float64(k))), 0)
	}
	v[5], got[7], want[7] = float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(1))
	otherLeft, otherV := slices.Clone(left), slices.Clone(v)
	fired, otherFired := make([]uint64, n/64), make([]uint64, n/64)
	set.spikes.Leak(v, got, left, input, drift, .4, .5, fired)
	kernels.Leak(otherV, want, otherLeft, input, drift, .4, .5, otherFired)
	same("Leak: v", v, otherV)
	same("Leak: jump", got, want)
	same("Leak: left", left, otherLeft)
	if !slices.Equal(fired, otherFired) {
		t.Fatal("Leak: fired differs from its twin's")
	}

	noise, row := drawNoise(t), rapid.IntRange(0, 1000).Draw(t, "row")
	if rapid.Bool().Draw(t, "largest") { // row 105551 has a uniform that is not to be rounded to 1
		noise, row = kernels.Noise{Seed: 1, Stream: kernels.StreamDynamics}, 105551
	}
	u := make([]float32, rapid.SampledFrom([]int{64, 64, 50, 192, n}).Draw(t, "columns"))
	other := slices.Clone(u)
	set.spikes.Uniforms(u, noise, row)
	kernels.Uniforms(other, noise, row)
	same("Uniforms", u, other)
	if slices.Max(u) >= 1 {
		t.Fatal("Uniforms: one is 1")
	}

	thresholds := numbers(rapid.IntRange(1, 40).Draw(t, "thresholds"), seed, 0, 1)
	slices.Sort(thresholds)
	u, x = draw(6, 0, 1), draw(7, -1, 1)
	u[3] = thresholds[0]
	got, want = slices.Clone(x), slices.Clone(x)
	set.spikes.Steps(got, u, thresholds, weight)
	kernels.Steps(want, u, thresholds, weight)
	same("Steps", got, want)
	n = sort.Search(len(thresholds), func(k int) bool { return thresholds[k] > u[5] })
	if sum := x[5] + float32(float32(n)*weight); got[5] != sum {
		t.Fatalf("Steps: %g, want %g", got[5], sum)
	}
}
