package tolerance

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"gonum.org/v1/gonum/floats/scalar"
	"gonum.org/v1/gonum/stat"

	"quantal/analysis"
	"quantal/kernels"
	"quantal/synapse"
)

// tiny is 3 inputs, 2 neurons, 2 outputs.
func tiny() kernels.Layout {
	return kernels.Layout{Layers: []kernels.Layer{{In: 3, Out: 2}, {In: 2, Out: 2}}, Sharing: kernels.PerSynapse}
}

// place writes rows of synapses, each with its bias last, to the slots of a layout.
func place(l kernels.Layout, rows ...[]float32) []float32 {
	values := make([]float32, l.Slots())
	for n := range l.Rows() {
		copy(values[n.First:], rows[0])
		rows = rows[1:]
	}
	return values
}

func tinyMu() []float32 {
	return place(tiny(), []float32{1, -2, 3, 10}, []float32{-1, 2, 0.5, 20}, []float32{4, -4, 30}, []float32{5, 6, 40})
}

func same(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// members are the values of the slots in a subset.
func members(s Subset, values []float32) []float32 {
	var list []float32
	for slot, in := range s {
		if in {
			list = append(list, values[slot])
		}
	}
	return list
}

func TestSubsetsByHand(t *testing.T) {
	l, mu := tiny(), tinyMu()
	same(t, "all", members(All(l), mu), []float32{1, -2, 3, -1, 2, 0.5, 4, -4, 5, 6})
	same(t, "positive", members(Where(l, mu, func(v float32) bool { return v > 0 }), mu), []float32{1, 3, 2, 0.5, 4, 5, 6})
	same(t, "negative", members(Where(l, mu, func(v float32) bool { return v < 0 }), mu), []float32{-2, -1, -4})
	// Of 6 and 4 synapses, a third: 2 and 1.33, so 1. |mu| of 1 and -1, 2 and -2, 4 and -4 are ties, in which the later
	// slot is larger.
	same(t, "largest", members(Highest(l, magnitudes(mu), 1./3), mu), []float32{3, 2, 6})
	same(t, "smallest", members(Lowest(l, magnitudes(mu), 1./3), mu), []float32{1, 0.5, 4})
	if got := Highest(l, magnitudes(mu), 0.5).Counts(l); !slices.Equal(got, []int{3, 2}) {
		t.Errorf("counts %v", got)
	}
	high, low := Highest(l, magnitudes(mu), 0.5), Lowest(l, magnitudes(mu), 0.5)
	for slot, in := range All(l) {
		if in != (high[slot] || low[slot]) || high[slot] && low[slot] {
			t.Errorf("slot %d: most %t, least %t", slot, high[slot], low[slot])
		}
	}
}

// Against a stable sort of each layer, with many ties.
func TestSubsetsAgainstSort(t *testing.T) {
	l := kernels.Layout{Layers: []kernels.Layer{{In: 37, Out: 11}, {In: 11, Out: 5}}, Sharing: kernels.NoNoise}
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, l.Slots())
	for i := range values {
		values[i] = float64(r.IntN(9))
	}
	for _, share := range []float64{0.001, 0.1, 0.5, 0.77, 0.999} {
		high, low := Highest(l, values, share), Lowest(l, values, share)
		for i, layer := range l.Layers {
			var slots []int
			for r := range layer.Out {
				for k := range layer.In {
					slots = append(slots, l.Slot(i, r, k))
				}
			}
			sort.SliceStable(slots, func(a, b int) bool { return values[slots[a]] < values[slots[b]] })
			n := int(math.Floor(share*float64(len(slots)) + 0.5))
			for rank, slot := range slots {
				if low[slot] != (rank < n) || high[slot] != (rank >= len(slots)-n) {
					t.Fatalf("share %g, layer %d: slot %d of rank %d of %d: lowest %t, highest %t", share, i, slot, rank, len(slots),
						low[slot], high[slot])
				}
			}
		}
	}
}

func TestPick(t *testing.T) {
	l := kernels.Layout{Layers: []kernels.Layer{{In: 60, Out: 20}, {In: 20, Out: 10}}, Sharing: kernels.NoNoise}
	all := All(l)
	half := Where(l, normals(l, source(9, forProfile, 0)), func(v float32) bool { return v > 0 })
	few, many := half.PickShare(l, 0.2, source(3, forHit, 1)), half.PickShare(l, 0.6, source(3, forHit, 1))
	for i, n := range half.Counts(l) {
		if few.Counts(l)[i] != part(0.2, n) || many.Counts(l)[i] != part(0.6, n) {
			t.Errorf("layer %d: %d and %d of %d", i, few.Counts(l)[i], many.Counts(l)[i], n)
		}
	}
	for slot := range half {
		if few[slot] && !many[slot] || many[slot] && !half[slot] {
			t.Fatalf("slot %d: few %t, many %t, half %t", slot, few[slot], many[slot], half[slot])
		}
	}
	if other := half.PickShare(l, 0.2, source(3, forHit, 2)); slices.Equal(other, few) {
		t.Error("two draws pick the same synapses")
	}
	// Every synapse has the same chance: over 400 draws of a quarter the counts are binomial.
	counts := make([]float64, len(all))
	const draws = 400
	for d := range draws {
		for slot, in := range all.PickShare(l, 0.25, source(5, forSubsets, d)) {
			if in {
				counts[slot]++
			}
		}
	}
	var list []float64
	for slot, in := range all {
		if in {
			list = append(list, counts[slot])
		} else if counts[slot] != 0 {
			t.Fatalf("slot %d is not that of a synapse", slot)
		}
	}
	mean, variance := stat.MeanVariance(list, nil)
	// the variance of 1400 counts is within 4 % (one sigma)
	if mean != draws/4 || math.Abs(variance/(draws*0.25*0.75)-1) > 0.12 {
		t.Errorf("a synapse is drawn %g times with variance %g, want %d and %g", mean, variance, draws/4, draws*0.25*0.75)
	}
}

func TestPerturbationsByHand(t *testing.T) {
	l, mu := tiny(), tinyMu()
	xi := place(l, []float32{1, -1, 0.5, 9}, []float32{2, 0, -2, 9}, []float32{1, 1, 9}, []float32{-1, 0.5, 9})
	same(t, "relative", Fluctuate(mu, Relative(mu), All(l), 0.5, xi),
		place(l, []float32{1.5, -3, 3.75, 10}, []float32{0, 2, 0, 20}, []float32{6, -2, 30}, []float32{2.5, 7.5, 40}))
	positive := Where(l, mu, func(v float32) bool { return v > 0 })
	same(t, "relative, positive", Fluctuate(mu, Relative(mu), positive, 0.5, xi),
		place(l, []float32{1.5, -2, 3.75, 10}, []float32{-1, 2, 0, 20}, []float32{6, -4, 30}, []float32{2.5, 7.5, 40}))
	same(t, "deleted, positive", Delete(mu, positive),
		place(l, []float32{0, -2, 0, 10}, []float32{-1, 0, 0, 20}, []float32{0, -4, 30}, []float32{0, 0, 40}))
	scale := Additive(l, mu)
	for i, want := range []float64{math.Sqrt((1 + 4 + 9 + 1 + 4 + 0.25) / 6), math.Sqrt((16 + 16 + 25 + 36) / 4.)} {
		if got := scale[l.Offset(i)]; got != float32(want) {
			t.Errorf("additive scale of layer %d: %g, want %g", i, got, want)
		}
	}
	// Fluctuations of both kinds have the same variance in a layer.
	for i, slots := range All(l).layers(l) {
		a, r := 0.0, 0.0
		for _, slot := range slots {
			a += float64(scale[slot]) * float64(scale[slot])
			r += float64(mu[slot]) * float64(mu[slot])
		}
		if math.Abs(a/r-1) > 1e-6 {
			t.Errorf("layer %d: additive variance %g, relative %g", i, a, r)
		}
	}
	same(t, "signs of half", Signs(l, mu, 0.5), place(l, []float32{0, -1, 1, 0}, []float32{0, 1, 0, 0}, []float32{0, 0, 0},
		[]float32{1, 1, 0}))
	same(t, "one weight", SharedWeight(l, mu, Signs(l, mu, 0.5), 0.25),
		place(l, []float32{0, -0.25, 0.25, 10}, []float32{0, 0.25, 0, 20}, []float32{0, 0, 30}, []float32{0.25, 0.25, 40}))
	if !slices.Equal(tinyMu(), mu) {
		t.Error("a perturbation has changed mu")
	}
}

// Rewiring keeps the strengths of each neuron, or of each layer, among the synapses of the subset; each order is
// equally likely.
func TestRewire(t *testing.T) {
	l := kernels.Layout{Layers: []kernels.Layer{{In: 40, Out: 12}, {In: 12, Out: 7}}, Sharing: kernels.NoNoise}
	mu := normals(l, source(4, forProfile, 0))
	s := Highest(l, magnitudes(mu), 0.4)
	sorted := func(values []float32, slots []int) []float32 {
		var list []float32
		for _, slot := range slots {
			list = append(list, values[slot])
		}
		slices.Sort(list)
		return list
	}
	neurons, layers := RewireNeurons(l, mu, s, source(1, forRewiring, 0)),
		RewireLayers(l, mu, s, source(1, forRewiring, 0))
	for _, slots := range s.neurons(l) {
		same(t, "of a neuron", sorted(neurons, slots), sorted(mu, slots))
	}
	moved := 0
	for _, slots := range s.layers(l) {
		same(t, "of a layer", sorted(layers, slots), sorted(mu, slots))
		for _, slot := range slots {
			if neurons[slot] != mu[slot] {
				moved++
			}
		}
	}
	if size := s.Size(); moved < size/2 {
		t.Errorf("%d of %d synapses have another strength", moved, size)
	}
	for slot := range mu {
		if !s[slot] && (neurons[slot] != mu[slot] || layers[slot] != mu[slot]) {
			t.Fatalf("slot %d is not in the subset and has changed", slot)
		}
	}
	// Three synapses of a neuron: six orders.
	l, mu = tiny(), tinyMu()
	seen := map[[3]float32]int{}
	const draws = 1200
	for d := range draws {
		w := RewireNeurons(l, mu, All(l), source(7, forRewiring, d))
		seen[[3]float32(w)]++
	}
	chi := 0.0
	for _, n := range seen {
		chi += float64((n-draws/6)*(n-draws/6)) / (draws / 6)
	}
	if len(seen) != 6 || chi > 20.5 { // 5 degrees of freedom, p = 0.001
		t.Errorf("orders %v, chi^2 %g", seen, chi)
	}
}

// The weight of a connection with n contacts has mean mu and variance (amplitude mu)^2/n. Contacts that share their xi
// fail this, and so does noise that each contact has as if it were alone.
func TestContacts(t *testing.T) {
	l := kernels.Layout{Layers: []kernels.Layer{{In: 120, Out: 90}}, Sharing: kernels.NoNoise}
	mu := normals(l, source(2, forProfile, 0))
	mu[0] = -3
	const amplitude = 0.3
	variance := func(n int, xi func(k int) []float32) float64 {
		w := Contacts(l, mu, amplitude, MeanNoise(n, xi))
		sum := make([]float64, len(mu)) // contact by contact
		for k := range n {
			for slot, v := range xi(k) {
				sum[slot] += float64(mu[slot]) / float64(n) * (1 + amplitude*float64(v))
			}
		}
		var d []float64
		for slot, in := range All(l) {
			switch {
			case in:
				if !scalar.EqualWithinAbsOrRel(float64(w[slot]), sum[slot], 1e-6, 1e-6) {
					t.Fatalf("%d contacts, slot %d: weight %g, the sum of the contacts is %g", n, slot, w[slot], sum[slot])
				}
				d = append(d, (float64(w[slot])-float64(mu[slot]))/float64(mu[slot]))
			case w[slot] != mu[slot]:
				t.Fatalf("slot %d, a bias or a pad, fluctuates", slot)
			}
		}
		return stat.Variance(d, nil)
	}
	for _, n := range []int{1, 2, 5, 16} {
		want := amplitude * amplitude / float64(n)
		own := variance(n, func(k int) []float32 { return normals(l, source(6, forContacts, 0, n, k)) })
		if math.Abs(own/want-1) > 0.06 { // 10800 synapses: 1.4 % (one sigma)
			t.Errorf("%d contacts: variance %g, want %g", n, own, want)
		}
		if shared := variance(n, func(int) []float32 { return normals(l, source(6, forContacts, 0, n, 0)) }); n > 1 &&
			math.Abs(shared/want-1) < 0.5 {
			t.Errorf("%d contacts that fluctuate together: variance %g is not told from %g", n, shared, want)
		}
	}
}

// The homogeneous profile has the cost of the heterogeneous one, by the cost function.
func TestEqualCost(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, rho := range []synapse.Power{synapse.Entropic, 0.5, 2. / 3, 4. / 3, 2} {
		values := make([]float64, 1000)
		for i := range values {
			values[i] = math.Exp(r.NormFloat64())
		}
		costOf := func(sigma float64) (sum float64) {
			for range values {
				sum += rho.Cost(sigma)
			}
			return sum
		}
		want := 0.0
		for _, v := range values {
			want += rho.Cost(v)
		}
		sigma := analysis.TightestScale(values, rho)
		if !scalar.EqualWithinAbsOrRel(costOf(sigma), want, 1e-9, 1e-12) {
			t.Errorf("rho %g: cost %g at sigma %g, want %g", rho, costOf(sigma), sigma, want)
		}
	}
}

// No two uses of noise share a place.
func TestSources(t *testing.T) {
	seen := map[kernels.Noise]bool{}
	for u := forFluctuation; u <= forShuffledSigns; u++ {
		for draw := range 3 {
			for a := range 4 {
				for b := range 4 {
					n := source(1, u, draw, a, b)
					if seen[n] || n.Stream != kernels.StreamDynamics {
						t.Fatalf("%+v", n)
					}
					seen[n] = true
				}
			}
		}
	}
	l := kernels.Layout{Layers: []kernels.Layer{{In: 5, Out: 3}, {In: 3, Out: 3}}}
	xi := normals(l, source(1, forFluctuation, 0))
	if slices.Equal(xi[:3], xi[l.Layers[0].Stride():][:3]) || slices.Equal(xi[:3], xi[l.Offset(1):][:3]) {
		t.Error("rows or layers have the same noise")
	}
}
