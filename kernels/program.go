package kernels

import (
	"context"
	"fmt"
	"math"
	"strings"
)

// Buffer numbers an activation of the Program. A buffer holds one row per example, or one for each position of a
// picture; rows are Stride(width) slots apart, with the constant 1 after the values. Each buffer has a twin of the same
// shape for the gradient of the loss.
type Buffer int

// Instruction is one step of a Program.
type Instruction interface {
	fmt.Stringer
	instruction()
}

// Gradient names the operands of dW of a layer, and is part of every instruction that forms it:
//
//	dW[r][k] = sum_b dy[b][r] x[b][k],   x = buffer Src, dy = the gradient of buffer Dst
//
// and what each synapse of the layer pays. Of a Convolve, x is what its Window sees of Src, and b also counts
// positions.
type Gradient struct {
	Layer    int
	Src, Dst Buffer
	Window   *Window // nil but of a Convolve
	Law
}

// The instructions, in the order in which a step uses them.
type (
	// Gather copies the inputs of the minibatch, scaled and shifted, into a buffer.
	Gather struct{ Dst Buffer }
	// Sample draws the weights of a layer: w = mu + sigma xi, or what its Forward adds if every example has its own noise.
	// Without a Sample weights are mu.
	Sample struct{ Layer int }
	// Forward multiplies a buffer by the weights of a layer and applies the activation.
	Forward struct {
		Layer      int
		Src, Dst   Buffer
		Activation Activation
	}
	// Loss compares a buffer with the labels or targets and starts the gradient there. Activation is that of Src.
	Loss struct {
		Likelihood Likelihood
		Src        Buffer
		Activation Activation
	}
	// Backward propagates the gradient of buffer Dst of a Forward to its Src. Activation is that of Src.
	Backward struct {
		Layer      int
		Src, Dst   Buffer
		Activation Activation
	}
	// Update forms dW of a layer from its input and the gradient at its output, adds the costs, and moves mu and, where it
	// is per synapse, phi.
	Update struct{ Gradient }
	// UpdateSynapses forms dW of a layer whose synapses have parameters of their own, moves these, and sets mu and phi to
	// what follows from them.
	UpdateSynapses struct{ Gradient }
	// UpdateShared moves the phis that layers have in common, after all their Updates.
	UpdateShared struct{ Law }
	// SumGradient forms dW of a layer and the squared gradients of the examples, adds them to the Sums of the network, and
	// also the layer's input. The costs are left out.
	SumGradient struct{ Gradient }
	// Fluctuate forms dW of a layer, adds the magnitude cost, and moves mu down this gradient, with noise. It comes after
	// every Backward, which uses the mu from the beginning of the step.
	Fluctuate struct{ Gradient }
)

func (Gather) instruction()         {}
func (Sample) instruction()         {}
func (Forward) instruction()        {}
func (Loss) instruction()           {}
func (Backward) instruction()       {}
func (Update) instruction()         {}
func (UpdateShared) instruction()   {}
func (UpdateSynapses) instruction() {}
func (SumGradient) instruction()    {}
func (Fluctuate) instruction()      {}

func (i Gather) String() string { return fmt.Sprintf("b%d = gather", i.Dst) }
func (i Sample) String() string { return fmt.Sprintf("w%d = sample", i.Layer) }
func (i Forward) String() string {
	return fmt.Sprintf("b%d = %v(b%d w%d)", i.Dst, i.Activation, i.Src, i.Layer)
}
func (i Loss) String() string {
	return fmt.Sprintf("d%d = %v loss(b%d), through %v", i.Src, i.Likelihood, i.Src, i.Activation)
}
func (i Backward) String() string {
	return fmt.Sprintf("d%d = d%d w%d, through %v", i.Src, i.Dst, i.Layer, i.Activation)
}
func (i Update) String() string {
	return fmt.Sprintf("update layer %d with %s%s", i.Layer, i.operands(), i.paid())
}
func (i UpdateSynapses) String() string {
	return fmt.Sprintf("update %s of layer %d with %s%s", strings.Join(i.Parameters, ", "), i.Layer, i.operands(),
		i.paid())
}
func (i UpdateShared) String() string { return "update shared phi" + i.paid() }

func (i SumGradient) String() string {
	return fmt.Sprintf("sum gradient of layer %d with %s, without costs", i.Layer, i.operands())
}

func (i Fluctuate) String() string {
	return fmt.Sprintf("fluctuate layer %d with %s%s, at fixed sigma", i.Layer, i.operands(), i.paid())
}

// operands are those of dW.
func (g Gradient) operands() string {
	if g.Window != nil {
		return fmt.Sprintf("d%d b%d, %v", g.Dst, g.Src, *g.Window)
	}
	return fmt.Sprintf("d%d b%d", g.Dst, g.Src)
}

// paid lists the costs.
func (l Law) paid() string {
	text := ""
	for _, c := range l.Costs {
		text += ", " + c.String()
	}
	return text
}

// Program is a compiled step: what a VM runs. It holds structure only; the numbers come with each Member.
type Program struct {
	Layout       Layout
	Batch        int
	Draw         Draw // of every Sample
	CostPer      CostPer
	Likelihood   Likelihood
	Widths       []int // of the buffers; 0 is the input
	Rows         []int // of the buffers, for each example; nil if all have one
	Output       Buffer
	Instructions []Instruction
	Rule         Rule
	Synapse      Synapse // what mu and sigma are, where synapses have parameters of their own
}

// Gradients returns the operands of dW of every layer.
func (p *Program) Gradients() []Gradient {
	gradients := make([]Gradient, len(p.Layout.Layers))
	for _, instruction := range p.Instructions {
		if g, ok := GradientOf(instruction); ok {
			gradients[g.Layer] = g
		}
	}
	return gradients
}

// RowsOf is the number of rows that a buffer has for each example.
func (p *Program) RowsOf(b Buffer) int {
	if p.Rows == nil {
		return 1
	}
	return p.Rows[b]
}

// Slots is the number of slots that a buffer has for each example.
func (p *Program) Slots(b Buffer) int { return p.RowsOf(b) * Stride(p.Widths[b]) }

// KeepsSlope reports whether the activation that makes a buffer keeps its slope for the way back.
func (p *Program) KeepsSlope(b Buffer) bool {
	for _, instruction := range p.Instructions {
		if dst, a, ok := makes(instruction); ok && dst == b {
			return a.KeepsSlope()
		}
	}
	return false
}

// makes says which buffer an instruction makes, and by which activation.
func makes(instruction Instruction) (dst Buffer, a Activation, ok bool) {
	switch i := instruction.(type) {
	case Gather:
		return i.Dst, Linear, true
	case Forward:
		return i.Dst, i.Activation, true
	case Convolve:
		return i.Dst, i.Activation, true
	case Pool:
		return i.Dst, Linear, true
	case Flatten:
		return i.Dst, Linear, true
	case Join:
		return i.Dst, i.Activation, true
	}
	return 0, Linear, false
}

// Makes returns the buffer that an instruction of the way from the inputs to the outputs makes.
func Makes(instruction Instruction) (dst Buffer, ok bool) {
	dst, _, ok = makes(instruction)
	return dst, ok
}

// Infers reports whether an instruction takes part in the way from the inputs to the outputs. A Split moves nothing.
func Infers(instruction Instruction) bool {
	_, _, ok := makes(instruction)
	return ok
}

// String lists the instructions, one per line.
func (p *Program) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v, batch %d, sigma per %v, ", p.Rule, p.Batch, p.Layout.Sharing)
	if p.Draw != PerMinibatch {
		fmt.Fprintf(&b, "a draw per %v, ", p.Draw)
	}
	if p.CostPer != CostPerSynapse {
		fmt.Fprintf(&b, "costs per %v, ", p.CostPer)
	}
	fmt.Fprint(&b, "layers")
	for _, l := range p.Layout.Layers {
		fmt.Fprintf(&b, " %dx%d", l.Out, l.In)
	}
	for _, i := range p.Instructions {
		fmt.Fprintf(&b, "\n%v", i)
	}
	return b.String()
}

// Data is a set of examples. Inputs are either Bytes, read as Scale*byte + Shift, or Floats; the answers are Labels for
// a categorical likelihood and Targets for a Gaussian one.
type Data struct {
	N, Width     int
	Bytes        []byte    // N x Width
	Scale, Shift float32   //
	Floats       []float32 // N x Width
	Labels       []byte    // N
	Targets      []float32 // N x outputs
	// Order fills dst with the order of the N = len(dst) examples in an epoch. Only training data need one. A VM calls it
	// from several goroutines at once.
	Order func(dst []int32, seed uint64, epoch int)
}

// Check reports whether the data fits the program: counts agree, labels and targets are there and in range.
func (d *Data) Check(p *Program) error {
	inputs, outputs := p.Widths[0], p.Widths[p.Output]
	values := len(d.Bytes)
	if d.Bytes == nil {
		values = len(d.Floats)
	}
	switch {
	case d.N <= 0:
		return fmt.Errorf("kernels: data: want at least one example, got %d", d.N)
	case d.Width != inputs:
		return fmt.Errorf("kernels: data: the network has %d inputs, the examples have %d values", inputs, d.Width)
	case values != d.N*d.Width:
		return fmt.Errorf("kernels: data: want %d x %d input values, got %d", d.N, d.Width, values)
	case p.Likelihood == Gaussian && len(d.Targets) != d.N*outputs:
		return fmt.Errorf("kernels: data: want %d x %d target values, got %d", d.N, outputs, len(d.Targets))
	case p.Likelihood == Categorical && len(d.Labels) != d.N:
		return fmt.Errorf("kernels: data: want %d labels, got %d", d.N, len(d.Labels))
	}
	if p.Likelihood == Categorical {
		for i, label := range d.Labels {
			if int(label) >= outputs {
				return fmt.Errorf("kernels: data: label %d of example %d: the network has %d outputs", label, i, outputs)
			}
		}
	}
	return nil
}

// Divergence says where a number of a network was no longer finite.
type Divergence struct {
	Step  int
	Layer int
	What  string // "loss", "gradient" or "sigma"
}

func (d *Divergence) String() string {
	return fmt.Sprintf("%s is not finite at step %d in layer %d", d.What, d.Step, d.Layer)
}

// Progress is what a network did in a call of Run.
type Progress struct {
	// Losses has a number for each step: the negative log-likelihood, summed over its examples, in nats. Their sum in the
	// order of the steps does not depend on how the steps are split into calls.
	Losses   []float64
	Diverged *Divergence // nil unless the network has diverged; it then no longer changes
}

// NLL is the sum over the steps of the call.
func (p Progress) NLL() float64 {
	sum := 0.0
	for _, loss := range p.Losses {
		sum += loss
	}
	return sum
}

// EvaluationGroup is the number of test examples that share one draw of the weights.
const EvaluationGroup = 20

// MaxDraws is the largest number of draws of the weights for each group of n test examples: draws are numbered in 32
// bits.
func MaxDraws(n int) int { return math.MaxUint32 / max(1, (n+EvaluationGroup-1)/EvaluationGroup) }

// Score holds the test figures of one network. Losses are mean negative log-likelihoods in nats; accuracies are
// fractions and NaN for a Gaussian likelihood. Predictive and expected-log figures are NaN if no draws were requested.
type Score struct {
	AccuracySampled float64 // one draw of the weights per EvaluationGroup examples
	LossSampled     float64
	AccuracyMean    float64 // weights at mu
	LossMean        float64

	AccuracyPredictive  float64 // by the mean probability over K draws
	LossPredictive      float64 // -log of that mean
	AccuracyExpectedLog float64 // by the mean log-probability over K draws
	LossExpectedLog     float64
}

// VM runs a Program for M networks at once. A network's numbers do not depend on the others, nor on threads.
type VM interface {
	// Run takes every network through n steps from firstStep on. All networks are always at the same step: ctx is checked
	// only on entry, so a driver that must stop soon asks for few steps at a time. How the steps are split into calls does
	// not change the result.
	Run(ctx context.Context, firstStep, n int) ([]Progress, error)
	// Evaluate tests every network on data; step enters the noise. With draws = K > 0 it adds the K-draw figures.
	Evaluate(ctx context.Context, data *Data, step, draws int) ([]Score, error)
	// State returns a copy of a network's state. Load sets it, and resets the network's sums. Either fails only if the
	// device does.
	State(member int) (*State, error)
	Load(member int, s *State) error
	// Parameters returns a network's state without moments, to read until the next Run or Load: it may be the VM's own.
	Parameters(member int) (*State, error)
	// Sums returns a copy of a network's sums since its state was loaded. It is an error if the Program's rule is not
	// Accumulate, or if the network has diverged.
	Sums(member int) (*Sums, error)
	// Close frees the resources of the VM.
	Close() error
}
