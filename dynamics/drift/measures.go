package drift

import (
	"math"
	"slices"

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

// pairs is the mean of f over all pairs of looks from to end that are lag apart.
func pairs(from, end, lag int, f func(earlier, later int) float64) float64 {
	sum := 0.0
	for i := from; i+lag <= end; i++ {
		sum += f(i, i+lag)
	}
	return sum / float64(end-lag-from+1)
}

// change is by how much the straight line of least squares through equally spaced values rises between the first and
// the last.
func change(values []float64) float64 {
	x := make([]float64, len(values))
	for i := range x {
		x[i] = float64(i)
	}
	_, slope := stat.LinearRegression(x, values, nil, false)
	return slope * float64(len(values)-1)
}

// squares is the mean squared distance by which the weights of a layer, without biases, have moved between two states.
func squares(l kernels.Layout, layer int, from, to *kernels.State) float64 {
	sum, shape := 0.0, l.Layers[layer]
	for r := range shape.Out {
		at := l.Slot(layer, r, 0)
		for k := range shape.In {
			d := float64(to.Mu[at+k]) - float64(from.Mu[at+k])
			sum += d * d
		}
	}
	return sum / float64(shape.In*shape.Out)
}
