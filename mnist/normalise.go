package mnist

import (
	"fmt"
	"math"
	"slices"
)

// Normalisation turns the numbers of a data set into inputs: bytes, x from 0 to 255, become (x/255 - Mean) / SD, floats
// (x - Mean) / SD.
type Normalisation struct {
	Mean, SD float64
	// Means and SDs are those of each column, in place of Mean and SD; nil if all columns have the same.
	Means, SDs []float64
}

// Equal reports whether two normalisations are the same.
func (n Normalisation) Equal(m Normalisation) bool {
	return n.Mean == m.Mean && n.SD == m.SD && slices.Equal(n.Means, m.Means) && slices.Equal(n.SDs, m.SDs)
}

func (n Normalisation) String() string {
	if n.Means != nil {
		return fmt.Sprintf("each of %d columns less its mean, over its SD", len(n.Means))
	}
	return fmt.Sprintf("less %g over %g", n.Mean, n.SD)
}

// Of is what column k of an input becomes for x, a float, or a byte over 255.
func (n Normalisation) Of(x float64, k int) float64 {
	if n.Means != nil {
		return (x - n.Means[k]) / n.SDs[k]
	}
	return (x - n.Mean) / n.SD
}

// Floats are the inputs of examples, N x width.
func (n Normalisation) Floats(e Examples) []float32 {
	width := (len(e.Images) + len(e.Floats)) / max(e.N(), 1)
	inputs := make([]float32, 0, len(e.Images)+len(e.Floats))
	for i, x := range e.Images {
		inputs = append(inputs, float32(n.Of(float64(x)/255, i%width)))
	}
	for i, x := range e.Floats {
		inputs = append(inputs, float32(n.Of(float64(x), i%width)))
	}
	return inputs
}

// Published is the normalisation of the authors' script: the statistics of MNIST's training images, rounded.
func Published() Normalisation { return Normalisation{Mean: 0.1307, SD: 0.3081} }

// ColumnNormalisation returns the one after which each column of the inputs has mean 0 and standard deviation 1. A
// column whose numbers are all the same becomes 0.
func (e Examples) ColumnNormalisation() Normalisation {
	width := (len(e.Images) + len(e.Floats)) / max(e.N(), 1)
	if width == 1 {
		return e.Normalisation()
	}
	n := Normalisation{Means: make([]float64, width), SDs: make([]float64, width)}
	for k := range width {
		n.Means[k], n.SDs[k] = moments(e.N(), func(i int) float64 {
			if e.Floats != nil {
				return float64(e.Floats[i*width+k])
			}
			return float64(e.Images[i*width+k]) / 255
		})
		if n.SDs[k] == 0 {
			n.SDs[k] = 1
		}
	}
	return n
}

// moments are the mean and the standard deviation of n numbers; the latter is 0 exactly if they are all the same.
func moments(n int, at func(i int) float64) (mean, sd float64) {
	first, differ := at(0), false
	for i := range n {
		mean += at(i) / float64(n)
		differ = differ || at(i) != first
	}
	if !differ {
		return first, 0
	}
	for i := range n {
		sd += (at(i) - mean) * (at(i) - mean) / float64(n)
	}
	return mean, math.Sqrt(sd)
}

// Normalisation returns the one after which all pixels of the images together have mean 0 and standard deviation 1. If
// they are all the same, SD is 0.
func (e Examples) Normalisation() Normalisation {
	if e.Floats != nil {
		mean, sd := moments(len(e.Floats), func(i int) float64 { return float64(e.Floats[i]) })
		return Normalisation{Mean: mean, SD: sd}
	}
	var parts [4][256]int // several, so that one count does not wait for the last where neighbouring pixels are the same
	for i, x := range e.Images {
		parts[i%len(parts)][x]++
	}
	counts := parts[0]
	for _, part := range parts[1:] {
		for x, n := range part {
			counts[x] += n
		}
	}
	n, sum := float64(len(e.Images)), 0.
	for x, count := range counts {
		sum += float64(float64(count) * float64(x))
	}
	mean, squares := sum/n, 0.
	for x, count := range counts {
		d := float64(x) - mean
		squares += float64(float64(count) * d * d)
	}
	variance := squares / n
	return Normalisation{Mean: mean / 255, SD: math.Sqrt(variance) / 255}
}
