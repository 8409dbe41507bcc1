package kernels

import "fmt"

// Rule says what a step does with the gradients of the likelihood and of the costs: train the network, or measure it. The
// compiler takes it as an argument, beside the graph.
type Rule interface {
	fmt.Stringer
	// Draws says from which stream a step draws its weights, w = mu + sigma xi. Without draws it works at w = mu.
	Draws() (stream Stream, drawn bool)
	// Layer returns the instruction that forms dW of a layer and does with it what the rule is there for.
	Layer(g Gradient) Instruction
	// Shared returns the instruction that follows those of all layers where synapses share a phi, or nil if there is nothing
	// left to do.
	Shared(reliabilityTerms int) Instruction
}

// Adam is the update rule of Kingma and Ba (2015), with their notation.
type Adam struct {
	Beta1, Beta2, Epsilon float64
}

// DefaultAdam has the constants of the paper.
func DefaultAdam() Adam { return Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8} }

func (a Adam) String() string {
	return fmt.Sprintf("Adam(%g, %g, %g)", a.Beta1, a.Beta2, a.Epsilon)
}

// Draws is from the stream of training.
func (Adam) Draws() (Stream, bool) { return StreamTrain, true }

// Layer is an Update.
func (Adam) Layer(g Gradient) Instruction { return Update{g} }

// Shared is an UpdateShared.
func (Adam) Shared(reliabilityTerms int) Instruction { return UpdateShared{reliabilityTerms} }

// Accumulate leaves the parameters as they are and adds up the gradients of the likelihood and the inputs of every layer: see
// Sums. The costs do not enter.
type Accumulate struct {
	AtMu bool // weights are their means; otherwise each minibatch draws them, from the stream of analyses
}

func (a Accumulate) String() string {
	if a.AtMu {
		return "accumulate at mu"
	}
	return "accumulate"
}

// Draws is from the stream of analyses, unless the weights are their means.
func (a Accumulate) Draws() (Stream, bool) { return StreamAnalysis, !a.AtMu }

// Layer is a SumGradient.
func (Accumulate) Layer(g Gradient) Instruction { return SumGradient{g} }

// Shared is nil: the sums know nothing of phi.
func (Accumulate) Shared(int) Instruction { return nil }
