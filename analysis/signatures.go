package analysis

import (
	"fmt"
	"math"

	"quantal/kernels"
	"quantal/results/store"
	"quantal/synapse"
)

// Signature is a quantity that scales with the importance of a synapse, against which the paper draws sigma^2.
type Signature int

// The signatures, in the order of tables.
const (
	Hessian         Signature = iota // empirical Fisher diagonal, from minibatches of noisy passes
	HessianExamples                  // the same from the gradient of each example at w = mu
	LearningRate                     // eta / mean |g|
	InputRate                        // mean |x| of the presynaptic unit
	InputSquare                      // mean x^2 of the presynaptic unit
)

// AllSignatures lists them.
func AllSignatures() []Signature {
	return []Signature{Hessian, HessianExamples, LearningRate, InputRate, InputSquare}
}

// String is the name in tables.
func (s Signature) String() string {
	names := [...]string{"hessian", "hessian_examples", "learning_rate", "input_rate", "input_square"}
	if s >= 0 && int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("Signature(%d)", int(s))
}

// MarshalText writes the name.
func (s Signature) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// label is that of an axis.
func (s Signature) label() string {
	return [...]string{"Hessian H (Fisher)", "Hessian H (Fisher, at μ)", "Learning rate η/mean |g|",
		"Input rate, mean |x|", "Input, mean x²"}[s]
}

// Analytic is the slope of the optimal sigma^2 against the signature on log axes (EES Eq. 67 and 68); NaN for mean |x|,
// about which the paper's derivation says nothing: H scales as mean x^2.
func (s Signature) Analytic(slopes synapse.Slopes) float64 {
	return [...]float64{slopes.Hessian, slopes.Hessian, slopes.LearningRate, math.NaN(), slopes.Input}[s]
}

// Signatures are the quantities that scale with the importance of a layer's synapses, without biases. Lists of synapses
// are [outputs][inputs], a neuron's synapses one after the other, as the layer's weights in the files; those of inputs
// have one value for each presynaptic unit. With N the examples of the training set, B those of a minibatch, g the
// gradient of a minibatch's summed negative log-likelihood and g_b that of one example:
type Signatures struct {
	Inputs, Outputs int

	Mu              []float64
	Variance        []float64 // sigma^2
	Hessian         []float64 // (N/B) mean of g^2 over minibatches, the weights drawn for each
	HessianExamples []float64 // N mean of g_b^2 over examples, at w = mu
	Gradient        []float64 // mean of |g| over minibatches
	LearningRate    []float64 // eta / Gradient (EES Methods); infinite if that is zero

	InputRate   []float64 // mean of |x| over examples, in the noisy passes
	InputSquare []float64 // mean of x^2
}

// NewSignatures computes the signatures of each layer of a network with a sigma per synapse from its sums over whole
// epochs: under the rule kernels.Accumulate, with weights drawn and at their means. Both estimates of the Hessian are
// of the objective's likelihood summed over all examples of the training set (EES Eq. 35).
func NewSignatures(c *store.Checkpoint, examples int, learningRate func(layer int) float64, noisy,
	atMu *kernels.Sums) ([]Signatures, error) {
	l := c.Layout
	if l.Sharing != kernels.PerSynapse {
		return nil, fmt.Errorf("analysis: signatures: want a network with a sigma for each synapse, got sharing %v",
			l.Sharing)
	}
	for _, s := range []*kernels.Sums{noisy, atMu} {
		if s.Minibatches < 1 || len(s.Square) != l.Slots() || len(s.Inputs) != len(l.Layers) {
			return nil,
				fmt.Errorf("analysis: signatures: want sums over minibatches of a network of %d slots and %d layers, got %d, "+
					"%d and %d",
					l.Slots(), len(l.Layers), s.Minibatches, len(s.Square), len(s.Inputs))
		}
	}
	minibatches := float64(noisy.Minibatches)
	batch := float64(noisy.Examples) / minibatches
	var list []Signatures
	for i, layer := range l.Layers {
		s := Signatures{Inputs: layer.In, Outputs: layer.Out}
		for r := range layer.Out {
			for k := range layer.In {
				at := l.Slot(i, r, k)
				sigma, _ := kernels.Softplus(float64(c.State.Phi[at]))
				gradient := noisy.Magnitude[at] / minibatches
				s.Mu, s.Variance = append(s.Mu, float64(c.State.Mu[at])), append(s.Variance, sigma*sigma)
				s.Hessian = append(s.Hessian, float64(examples)/batch*noisy.Square[at]/minibatches)
				s.HessianExamples = append(s.HessianExamples, float64(examples)*atMu.ExampleSquare[at]/float64(atMu.Examples))
				s.Gradient = append(s.Gradient, gradient)
				s.LearningRate = append(s.LearningRate, learningRate(i)/gradient)
			}
		}
		for k := range layer.In {
			s.InputRate = append(s.InputRate, noisy.Inputs[i].Magnitude[k]/float64(noisy.Examples))
			s.InputSquare = append(s.InputSquare, noisy.Inputs[i].Square[k]/float64(noisy.Examples))
		}
		list = append(list, s)
	}
	return list, nil
}

// Of returns a signature's values, one for each synapse.
func (s Signatures) Of(which Signature) []float64 {
	switch which {
	case Hessian:
		return s.Hessian
	case HessianExamples:
		return s.HessianExamples
	case LearningRate:
		return s.LearningRate
	}
	inputs := s.InputRate
	if which == InputSquare {
		inputs = s.InputSquare
	}
	all := make([]float64, 0, len(s.Variance))
	for range s.Outputs {
		all = append(all, inputs...)
	}
	return all
}

// Tensors are the signatures as arrays for files, their names beginning with a prefix: variance, hessian,
// hessian_examples, gradient and learning_rate of [outputs][inputs], input_rate and input_square of [inputs], in
// float32.
func (s Signatures) Tensors(prefix string) []store.Tensor {
	var list []store.Tensor
	synapses, inputs := []int{s.Outputs, s.Inputs}, []int{s.Inputs}
	for _, t := range []struct {
		name  string
		shape []int
		data  []float64
	}{
		{"variance", synapses, s.Variance}, {"hessian", synapses, s.Hessian},
		{"hessian_examples", synapses, s.HessianExamples},
		{"gradient", synapses, s.Gradient}, {"learning_rate", synapses, s.LearningRate},
		{"input_rate", inputs, s.InputRate}, {"input_square", inputs, s.InputSquare},
	} {
		data := make([]float32, len(t.data))
		for i, v := range t.data {
			data[i] = float32(v)
		}
		list = append(list, store.Tensor{Name: prefix + t.name, Shape: t.shape, Data: data})
	}
	return list
}
