package tolerance

import (
	"math"
	"slices"

	"quantal/kernels"
)

// Fluctuate returns weights w = mu + amplitude scale xi for the synapses of a subset, and mu for the others. All lists
// have the layout of mu; xi are standard normals.
func Fluctuate(mu, scale []float32, s Subset, amplitude float64, xi []float32) []float32 {
	w := slices.Clone(mu)
	for slot, in := range s {
		if in {
			w[slot] = float32(float64(mu[slot]) + amplitude*float64(scale[slot])*float64(xi[slot]))
		}
	}
	return w
}

// Relative is the scale of fluctuations in proportion to the strength of a synapse: |mu|.
func Relative(mu []float32) []float32 {
	scale := make([]float32, len(mu))
	for slot, v := range mu {
		scale[slot] = float32(math.Abs(float64(v)))
	}
	return scale
}

// Additive is the scale of fluctuations that are the same for all synapses of a layer: the root mean square of their
// mu, so that all together fluctuate as much as with Relative.
func Additive(l kernels.Layout, mu []float32) []float32 {
	scale := make([]float32, len(mu))
	for _, slots := range All(l).layers(l) {
		sum := 0.0
		for _, slot := range slots {
			sum += float64(mu[slot]) * float64(mu[slot])
		}
		rms := math.Sqrt(sum / float64(len(slots)))
		for _, slot := range slots {
			scale[slot] = float32(rms)
		}
	}
	return scale
}

// Delete returns the weights without the synapses of a subset.
func Delete(mu []float32, s Subset) []float32 {
	w := slices.Clone(mu)
	for slot, in := range s {
		if in {
			w[slot] = 0
		}
	}
	return w
}

// RewireNeurons returns weights in which the synapses of the subset that a neuron receives have exchanged their
// strengths at random: the neuron keeps its strengths, with other presynaptic partners.
func RewireNeurons(l kernels.Layout, mu []float32, s Subset, n kernels.Noise) []float32 {
	return exchange(l, mu, s.neurons(l), n)
}

// RewireLayers is RewireNeurons within a whole layer: of the strengths, only their distribution in the layer is kept.
func RewireLayers(l kernels.Layout, mu []float32, s Subset, n kernels.Noise) []float32 {
	return exchange(l, mu, s.layers(l), n)
}

// exchange permutes the values of each group of slots at random.
func exchange(l kernels.Layout, values []float32, groups [][]int, n kernels.Noise) []float32 {
	out, keys := slices.Clone(values), uniforms(l, n)
	for _, slots := range groups {
		from := slices.Clone(slots)
		shuffle(from, keys)
		for i, slot := range slots {
			out[slot] = values[from[i]]
		}
	}
	return out
}

// Contacts returns the weights of connections with n contacts each. A contact has the mean mu/n and a relative
// fluctuation xi_k of its own:
//
//	w = sum_k (mu/n) (1 + amplitude xi_k) = mu (1 + amplitude mean_k xi_k)
//
// so that the variance of w is amplitude^2 mu^2 / n. means are those of the xi_k of every synapse; see MeanNoise.
// Biases do not fluctuate.
func Contacts(l kernels.Layout, mu []float32, amplitude float64, means []float64) []float32 {
	w := slices.Clone(mu)
	for slot, in := range All(l) {
		if in {
			w[slot] = float32(float64(mu[slot]) * (1 + amplitude*means[slot]))
		}
	}
	return w
}

// MeanNoise is the mean over n contacts of the noise from xi: a standard normal for every synapse, for contact k.
func MeanNoise(n int, xi func(k int) []float32) []float64 {
	var means []float64
	for k := range n {
		values := xi(k)
		if k == 0 {
			means = make([]float64, len(values))
		}
		for slot, v := range values {
			means[slot] += float64(v) / float64(n)
		}
	}
	return means
}

// Signs is the wiring of a network without its strengths: the sign of mu for the share of each layer's synapses with
// the largest |mu|, and 0 for the others and for biases.
func Signs(l kernels.Layout, mu []float32, share float64) []float32 {
	signs := make([]float32, len(mu))
	for slot, in := range Highest(l, magnitudes(mu), share) {
		switch v := mu[slot]; {
		case !in || v == 0:
		case v > 0:
			signs[slot] = 1
		default:
			signs[slot] = -1
		}
	}
	return signs
}

// SharedWeight returns the weights of a wiring in which all connections have one strength. Biases are those of mu.
func SharedWeight(l kernels.Layout, mu, signs []float32, strength float64) []float32 {
	w := slices.Clone(mu)
	for slot, in := range All(l) {
		if in {
			w[slot] = float32(strength) * signs[slot]
		}
	}
	return w
}

// magnitudes are |mu|.
func magnitudes(mu []float32) []float64 {
	values := make([]float64, len(mu))
	for slot, v := range mu {
		values[slot] = math.Abs(float64(v))
	}
	return values
}

// sigmas are the standard deviations of every slot, of a network with one for each synapse; those of pads have no
// meaning.
func sigmas(s *kernels.State) []float64 {
	values := make([]float64, len(s.Phi))
	for slot, phi := range s.Phi {
		values[slot], _ = kernels.Softplus(float64(phi))
	}
	return values
}

// synapses is all synapses of a layout that its objective counts, including biases.
func synapses(l kernels.Layout) Subset {
	s := make(Subset, l.Slots())
	for r := range l.Rows() {
		for k := range r.Columns() {
			s[r.First+k] = true
		}
	}
	return s
}
