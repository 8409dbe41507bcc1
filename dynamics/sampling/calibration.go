package sampling

import (
	"fmt"
	"math"
)

// calibrationBins is the number of bins of equal width for confidences: 15 as in C. Guo et al., On calibration of
// modern neural networks (ICML 2017).
const calibrationBins = 15

// Calibration says how well predicted probabilities of classes agree with the labels.
type Calibration struct {
	Accuracy float64 `json:"accuracy"` // share of the examples whose most probable class is right
	NLL      float64 `json:"nll"`      // mean of -ln of the probability of the right class, nats
	// ECE is the expected calibration error, the mean over examples of |accuracy - confidence| of their bin.
	ECE  float64 `json:"ece"`
	Bins []Bin   `json:"bins"`
}

// Bin is the examples whose confidence, the probability of the class predicted, is above one bound and up to the next.
type Bin struct {
	Examples   int     `json:"examples"`
	Confidence float64 `json:"confidence"` // mean; 0 without examples
	Accuracy   float64 `json:"accuracy"`
}

// Calibrate compares the probabilities of classes, one row of them for each example, with the labels.
func Calibrate(probabilities []float64, labels []byte) (Calibration, error) {
	c := Calibration{Bins: make([]Bin, calibrationBins)}
	if len(labels) == 0 || len(probabilities)%len(labels) != 0 {
		return c, fmt.Errorf("sampling: calibration: %d probabilities for %d labels: want as many for each",
			len(probabilities), len(labels))
	}
	classes := len(probabilities) / len(labels)
	for i, label := range labels {
		p := probabilities[i*classes : (i+1)*classes]
		if int(label) >= classes {
			return c, fmt.Errorf("sampling: calibration: label %d of example %d: there are %d classes", label, i, classes)
		}
		best := 0
		for k, v := range p {
			if v > p[best] {
				best = k
			}
		}
		// Confidences in (k/K, (k+1)/K] are in bin k.
		k := min(max(int(math.Ceil(p[best]*calibrationBins))-1, 0), calibrationBins-1)
		b := &c.Bins[k]
		b.Examples++
		b.Confidence += p[best]
		if best == int(label) {
			b.Accuracy++
		}
		c.NLL -= math.Log(p[label])
	}
	n := float64(len(labels))
	for k := range c.Bins {
		b := &c.Bins[k]
		if b.Examples == 0 {
			continue
		}
		c.Accuracy += b.Accuracy / n
		c.ECE += math.Abs(b.Accuracy-b.Confidence) / n
		b.Accuracy /= float64(b.Examples)
		b.Confidence /= float64(b.Examples)
	}
	c.NLL /= n
	return c, nil
}
