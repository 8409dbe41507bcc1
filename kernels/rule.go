package kernels

import (
	"fmt"
	"math"
)

// Rule says what a step does with the gradients of the likelihood and of the costs: train the network, or measure it.
// The compiler takes it as an argument, together with the graph.
type Rule interface {
	fmt.Stringer
	// Name is the rule's name in files and on the command line, for any constants.
	Name() string
	// Draws says from which stream a step draws its weights, w = mu + sigma xi. Without draws it uses w = mu.
	Draws() (stream Stream, drawn bool)
	// Layer returns the instruction that forms dW of a layer and applies the rule to it.
	Layer(g Gradient) Instruction
	// Shared returns the instruction that follows those of all layers if synapses share a phi, or nil if the rule needs
	// none.
	Shared(l Law) Instruction
}

// Accumulate leaves the parameters as they are and adds up the gradients of the likelihood and the inputs of every
// layer: see Sums. The costs are left out.
type Accumulate struct {
	AtMu bool // weights are their means; otherwise each minibatch draws them, from the stream of analyses
}

// Name is accumulate.
func (Accumulate) Name() string { return "accumulate" }

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

// Shared is nil: the sums do not involve phi.
func (Accumulate) Shared(Law) Instruction { return nil }

// Langevin takes samples of the posterior p(theta | data) ~ exp(-U(theta) / T) with theta = mu (stochastic gradient
// Langevin dynamics: Welling and Teh 2011; as a model of synapses: Kappel et al. 2015). U is the objective of the data
// set without the reliability cost, and a step uses w = mu:
//
//	U(theta) = sum_n NLL_n + lambda sum |theta|
//	theta   <- theta - eps_t (N/B) (dW + (B/N) lambda sign(theta)) + sqrt(2 eps_t T) xi
//	eps_t    = eps (1 + t/Delay)^-Decay
//
// with t the step, eps the member's LearningRate, T its Temperature, and xi from the stream of dynamics. T = 0 is
// gradient descent. Phi stays as it is.
type Langevin struct {
	Delay float64 // in steps; ignored if Decay is 0
	Decay float64 // 0 for steps of constant size; between 1/2 and 1 for samples that converge
}

// Name is langevin.
func (Langevin) Name() string { return "langevin" }

func (l Langevin) String() string {
	if l.Decay == 0 {
		return "Langevin"
	}
	return fmt.Sprintf("Langevin(1 + t/%g)^-%g", l.Delay, l.Decay)
}

// Draws is false: weights are their means.
func (Langevin) Draws() (Stream, bool) { return StreamDynamics, false }

// Layer is a Fluctuate.
func (Langevin) Layer(g Gradient) Instruction { return Fluctuate{g} }

// Shared is nil: phi stays as it is.
func (Langevin) Shared(Law) Instruction { return nil }

// Check reports whether delay and decay define step sizes.
func (l Langevin) Check() error {
	if l.Decay != 0 && !(l.Decay > 0 && l.Delay > 0 && !math.IsInf(l.Decay+l.Delay, 0)) {
		return fmt.Errorf("kernels: Langevin: delay %g, decay %g: want both above 0, or a decay of 0", l.Delay, l.Decay)
	}
	return nil
}

// Schedule is eps_t / eps.
func (l Langevin) Schedule(step int) float64 {
	if l.Decay == 0 {
		return 1
	}
	return math.Pow(1+float64(step)/l.Delay, -l.Decay)
}
