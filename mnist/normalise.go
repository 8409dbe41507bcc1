package mnist

import "math"

// Normalisation turns pixels into inputs: x, from 0 to 255, becomes (x/255 - Mean) / SD.
type Normalisation struct {
	Mean, SD float64
}

// Published is the normalisation of the authors' script: the statistics of MNIST's training images, rounded.
func Published() Normalisation { return Normalisation{0.1307, 0.3081} }

// Normalisation returns the one after which all pixels of the images together have mean 0 and standard deviation 1. If
// they are all the same, SD is 0.
func (e Examples) Normalisation() Normalisation {
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
		sum += float64(count) * float64(x)
	}
	mean, squares := sum/n, 0.
	for x, count := range counts {
		d := float64(x) - mean
		squares += float64(count) * d * d
	}
	variance := squares / n
	return Normalisation{mean / 255, math.Sqrt(variance) / 255}
}
