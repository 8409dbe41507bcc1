package kernels

import "math"

// Likelihood says what the outputs of the network mean.
type Likelihood int

// The likelihoods.
const (
	Categorical Likelihood = iota // outputs are logits of a softmax, the target is a class
	Gaussian                      // outputs are means of Gaussians with a given variance, the target is a vector
)

var likelihoodNames = [...]string{"categorical", "gaussian"}

func (l Likelihood) String() string { return name(likelihoodNames[:], "Likelihood", int(l)) }

// MarshalText writes the name.
func (l Likelihood) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a name.
func (l *Likelihood) UnmarshalText(text []byte) error {
	i, err := named(likelihoodNames[:], "likelihood", text)
	*l = Likelihood(i)
	return err
}

// CrossEntropy returns the negative log-likelihood -log softmax(logits)[label] of one example and fills d, unless it is
// nil, with its gradient softmax(logits) - onehot(label).
func CrossEntropy[T Float](d, logits []T, label int) float64 {
	top := logits[0]
	for _, v := range logits {
		if !(v <= top) { // keeps a NaN
			top = v
		}
	}
	var sum T
	for _, v := range logits {
		sum += exp(v - top)
	}
	if d != nil {
		for i, v := range logits {
			d[i] = exp(v-top) / sum
		}
		d[label]--
	}
	return float64(log(sum)) + float64(top) - float64(logits[label])
}

// CloseGradient replaces the label's entry of a gradient of CrossEntropy, softmax - 1, by minus the sum of the others.
// Where the network is almost certain of the label, the difference has lost its digits and the sum has not: without
// this, sums of gradients over a data set that a network has learnt would be off by some 1e-5.
func CloseGradient[T Float](d []T, label int) {
	var others T
	for i, v := range d {
		if i != label {
			others += v
		}
	}
	d[label] = -others
}

// LogSoftmax fills dst with the log-probabilities of the classes.
func LogSoftmax[T Float](dst []float64, logits []T) {
	top := math.Inf(-1)
	for _, v := range logits {
		if !(float64(v) <= top) {
			top = float64(v)
		}
	}
	sum := 0.0
	for _, v := range logits {
		sum += Exp(float64(v) - top)
	}
	shift := top + Log(sum)
	for i, v := range logits {
		dst[i] = float64(v) - shift
	}
}

// GaussianNLL returns the negative log-likelihood sum_o (y_o - t_o)^2 / (2 v) + log(2 pi v) / 2 of one example, v being
// the noise variance, and fills d, unless it is nil, with its gradient (y - t) / v.
func GaussianNLL[T Float](d, y, target []T, variance T) float64 {
	sum := 0.0
	for i, v := range y {
		e := v - target[i]
		sum += float64(float64(e) * float64(e))
		if d != nil {
			d[i] = e / variance
		}
	}
	v := float64(variance)
	return sum/(2*v) + float64(float64(len(y))*Log(2*math.Pi*v)/2)
}
