package tolerance

import (
	"cmp"
	"math"
	"slices"

	"quantal/kernels"
)

// Subset says of every slot of a layout whether its synapse belongs to a subset. Biases never do: they are not
// connections between neurons.
type Subset []bool

// All is the subset of all synapses between neurons.
func All(l kernels.Layout) Subset {
	s := make(Subset, l.Slots())
	for r := range l.Rows() {
		for k := range r.In {
			s[r.First+k] = true
		}
	}
	return s
}

// Where is the subset of the synapses whose value fulfils a condition.
func Where(l kernels.Layout, values []float32, holds func(float32) bool) Subset {
	s := All(l)
	for slot := range s {
		s[slot] = s[slot] && holds(values[slot])
	}
	return s
}

// Highest is a share of the synapses of each layer, rounded to whole ones: those with the largest values. Of equal
// values the later slot's counts as larger, so that Highest of a share and Lowest of the rest make up the layer.
func Highest(l kernels.Layout, values []float64, share float64) Subset {
	return extreme(l, values, share, true)
}

// Lowest is the same share with the smallest values.
func Lowest(l kernels.Layout, values []float64, share float64) Subset {
	return extreme(l, values, share, false)
}

func extreme(l kernels.Layout, values []float64, share float64, high bool) Subset {
	s := make(Subset, l.Slots())
	for _, slots := range All(l).layers(l) {
		sortBy(slots, values)
		n := part(share, len(slots))
		if high {
			slots = slots[len(slots)-n:]
		} else {
			slots = slots[:n]
		}
		for _, slot := range slots {
			s[slot] = true
		}
	}
	return s
}

// Pick is a given number of synapses of each layer, drawn from those of the subset.
func (s Subset) Pick(l kernels.Layout, counts []int, n kernels.Noise) Subset {
	picked, keys := make(Subset, len(s)), uniforms(l, n)
	for layer, slots := range s.layers(l) {
		shuffle(slots, keys)
		for _, slot := range slots[:counts[layer]] {
			picked[slot] = true
		}
	}
	return picked
}

// PickShare is Pick of a share of each layer's synapses in the subset, rounded to whole ones. With one noise a larger
// share contains a smaller one.
func (s Subset) PickShare(l kernels.Layout, share float64, n kernels.Noise) Subset {
	counts := s.Counts(l)
	for i := range counts {
		counts[i] = part(share, counts[i])
	}
	return s.Pick(l, counts, n)
}

// Counts is the number of synapses of the subset in each layer.
func (s Subset) Counts(l kernels.Layout) []int {
	var counts []int
	for _, slots := range s.layers(l) {
		counts = append(counts, len(slots))
	}
	return counts
}

// Size is the number of synapses.
func (s Subset) Size() int {
	n := 0
	for _, in := range s {
		if in {
			n++
		}
	}
	return n
}

// layers are the slots of the subset, layer by layer, in their order.
func (s Subset) layers(l kernels.Layout) [][]int {
	lists := make([][]int, len(l.Layers))
	for r := range l.Rows() {
		lists[r.Layer] = s.appendRow(lists[r.Layer], r)
	}
	return lists
}

// neurons are the slots of the subset, neuron by neuron.
func (s Subset) neurons(l kernels.Layout) [][]int {
	var lists [][]int
	for r := range l.Rows() {
		lists = append(lists, s.appendRow(nil, r))
	}
	return lists
}

func (s Subset) appendRow(slots []int, r kernels.Neuron) []int {
	for slot := r.First; slot < r.First+r.In; slot++ {
		if s[slot] {
			slots = append(slots, slot)
		}
	}
	return slots
}

// sortBy sorts slots by a value of each, equal ones by their number.
func sortBy(slots []int, values []float64) {
	slices.SortFunc(slots, func(a, b int) int {
		return cmp.Or(cmp.Compare(values[a], values[b]), cmp.Compare(a, b))
	})
}

// shuffle sorts slots by a uniform of each, equal ones by their number. Because the bits of positive floats have the
// same order, it sorts integers, which is several times as fast.
func shuffle(slots []int, uniforms []float32) {
	keys := make([]uint64, len(slots))
	for i, slot := range slots {
		keys[i] = uint64(math.Float32bits(uniforms[slot]))<<32 | uint64(uint32(slot))
	}
	slices.Sort(keys)
	for i, k := range keys {
		slots[i] = int(uint32(k))
	}
}

// part is a share of n, rounded.
func part(share float64, n int) int { return int(math.Round(share * float64(n))) }
