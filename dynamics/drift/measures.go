package drift

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"quantal/kernels"
)

// Representation is the responses of a layer's units to the probes, each unit's with mean 0 and length 1 over the
// probes, so that the product of two units' responses is their Pearson correlation.
type Representation struct {
	units, probes int
	z             []float32 // [units x probes]; 0 for a unit with equal responses to all probes
	silent        []bool
}

// NewRepresentation takes responses as [probes x units].
func NewRepresentation(responses []float32, units int) Representation {
	r := Representation{units: units, probes: len(responses) / units, z: make([]float32, len(responses)),
		silent: make([]bool, units)}
	y := make([]float64, r.probes)
	for u := range units {
		for p := range y {
			y[p] = float64(responses[p*units+u])
		}
		mean, square := stat.Mean(y, nil), 0.0
		for p := range y {
			y[p] -= mean
			square += y[p] * y[p]
		}
		// If all responses are the same, rounding leaves some 1e-7 of the mean.
		if r.silent[u] = square <= 1e-10*mean*mean*float64(r.probes); r.silent[u] {
			continue
		}
		for p, v := range y {
			r.z[u*r.probes+p] = float32(v / math.Sqrt(square))
		}
	}
	return r
}

// Similarity is the mean over units of the Pearson correlation, over probes, between their responses in r and in s. A
// unit with equal responses to all probes in one of the two counts as 0; units with equal responses in both are left
// out. NaN if none is left.
func (r Representation) Similarity(s Representation) float64 {
	sum, n := 0.0, 0
	for u := range r.units {
		if r.silent[u] && s.silent[u] {
			continue
		}
		n++
		a, b := r.z[u*r.probes:][:r.probes], s.z[u*r.probes:][:r.probes]
		dot := 0.0
		for p, v := range a {
			dot += float64(v) * float64(b[p])
		}
		sum += dot
	}
	return sum / float64(n)
}

// Silent counts the units with equal responses to all probes.
func (r Representation) Silent() int {
	n := 0
	for _, s := range r.silent {
		if s {
			n++
		}
	}
	return n
}

// overLags is the mean similarity of all pairs of looks at lags of 1, 2, ... looks.
func overLags(looks []Representation) []float64 {
	var mean []float64
	for lag := 1; lag < len(looks); lag++ {
		sum := 0.0
		for i := lag; i < len(looks); i++ {
			sum += looks[i-lag].Similarity(looks[i])
		}
		mean = append(mean, sum/float64(len(looks)-lag))
	}
	return mean
}

// accuracy is the share of examples whose largest logit is the label's, and the mean negative log-likelihood in nats.
func accuracy(logits []float32, labels []byte) (correct, loss float64) {
	classes := len(logits) / len(labels)
	logp := make([]float64, classes)
	for e, label := range labels {
		row := logits[e*classes:][:classes]
		kernels.LogSoftmax(logp, row)
		loss -= logp[label]
		if slices.Index(logp, slices.Max(logp)) == int(label) {
			correct++
		}
	}
	n := float64(len(labels))
	return correct / n, loss / n
}

// displacements are the squared distances by which the weights of a layer, without biases, have moved between two
// states.
func displacements(l kernels.Layout, layer int, from, to *kernels.State) []float64 {
	var list []float64
	eachWeight(l, layer, func(at int) {
		d := float64(to.Mu[at]) - float64(from.Mu[at])
		list = append(list, d*d)
	})
	return list
}

// overWindows are the mean squared distances by which the weights of a layer have moved within a lag, over all pairs of
// looks at that lag.
func overWindows(l kernels.Layout, layer int, looks []*kernels.State, lag int) []float64 {
	sum := make([]float64, l.Layers[layer].In*l.Layers[layer].Out)
	for i := lag; i < len(looks); i++ {
		floats.AddScaled(sum, 1/float64(len(looks)-lag), displacements(l, layer, looks[i-lag], looks[i]))
	}
	return sum
}

// fisher is the diagonal of the empirical Fisher information of a layer's weights, without biases: N mean g_b^2, the
// curvature of the summed negative log-likelihood.
func fisher(l kernels.Layout, layer, examples int, s *kernels.Sums) []float64 {
	var list []float64
	eachWeight(l, layer, func(at int) {
		list = append(list, float64(examples)*s.ExampleSquare[at]/float64(s.Examples))
	})
	return list
}

// eachWeight calls f with the slot of each weight of a layer, row by row.
func eachWeight(l kernels.Layout, layer int, f func(at int)) {
	for r := range l.Layers[layer].Out {
		for k := range l.Layers[layer].In {
			f(l.Slot(layer, r, k))
		}
	}
}

// lowShare is the share of the sum of squared displacements in the half of the synapses with the lower curvature; 1/2
// if they move as far as the others. Of synapses with equal curvature that do not all belong to that half, each counts
// in part.
func lowShare(displacement, curvature []float64) float64 {
	order := make([]int, len(curvature))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case curvature[a] < curvature[b]:
			return -1
		case curvature[a] > curvature[b]:
			return 1
		}
		return 0
	})
	half := float64(len(order)) / 2
	low, all := 0.0, 0.0
	for i := 0; i < len(order); {
		j, sum := i, 0.0
		for ; j < len(order) && curvature[order[j]] == curvature[order[i]]; j++ {
			sum += displacement[order[j]]
		}
		low += sum * min(1, max(0, (half-float64(i))/float64(j-i)))
		all += sum
		i = j
	}
	return low / all
}

// bin is the synapses between two quantiles of the curvature.
type bin struct {
	curvature    float64 // median
	displacement float64 // mean square
}

// binned sorts synapses by curvature, without those that have none, and averages the given number of parts.
func binned(displacement, curvature []float64, count int) []bin {
	type pair struct{ c, d float64 }
	var pairs []pair
	for i, c := range curvature {
		if c > 0 {
			pairs = append(pairs, pair{c, displacement[i]})
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		if a.c < b.c {
			return -1
		}
		if a.c > b.c {
			return 1
		}
		return 0
	})
	var list []bin
	for i := range count {
		part := pairs[i*len(pairs)/count : (i+1)*len(pairs)/count]
		if len(part) == 0 {
			continue
		}
		b := bin{curvature: part[len(part)/2].c}
		for _, p := range part {
			b.displacement += p.d / float64(len(part))
		}
		list = append(list, b)
	}
	return list
}

// mean of a list; for squared displacements it is the mean square.
func mean(list []float64) float64 { return stat.Mean(list, nil) }
