package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// Spec is the structure of a network and its objective. It holds no number that could differ between the members of one
// Program.
type Spec struct {
	Sizes      []int              `json:"sizes" toml:"sizes"` // inputs, hidden layers, outputs
	Batch      int                `json:"batch" toml:"batch"`
	Activation kernels.Activation `json:"activation" toml:"activation"` // of the hidden layers
	Sharing    kernels.Sharing    `json:"sharing" toml:"sharing"`
	Likelihood kernels.Likelihood `json:"likelihood" toml:"likelihood"`
	// whether lambda sum |mu| stands in the objective
	Magnitude   bool `json:"magnitude" toml:"magnitude"`
	Reliability bool `json:"reliability" toml:"reliability"` // whether c sum sigma^-rho does
}

// Check reports what is wrong with the Spec.
func (s Spec) Check() error {
	if len(s.Sizes) < 2 {
		return fmt.Errorf("graph: sizes %v: want at least inputs and outputs", s.Sizes)
	}
	for i, n := range s.Sizes {
		if n < 1 || n > kernels.MaxUnits {
			return fmt.Errorf("graph: sizes %v: want 1 to %d units in layer %d, got %d", s.Sizes, kernels.MaxUnits, i, n)
		}
	}
	for i, l := range s.Layout().Layers {
		if !l.Countable() {
			return fmt.Errorf("graph: layer %d of %d inputs and %d outputs is too large: want less than 2^34 synapses, "+
				"with rows rounded up to multiples of 64, for noise is counted in 32 bits", i+1, l.In, l.Out)
		}
	}
	if len(s.Sizes) > 1<<16 {
		return fmt.Errorf("graph: want at most %d layers, got %d", 1<<16-1, len(s.Sizes)-1)
	}
	if s.Batch < 1 {
		return fmt.Errorf("graph: want a batch of 1 or more, got %d", s.Batch)
	}
	if err := s.Activation.Check(); err != nil {
		return fmt.Errorf("graph: %w", err)
	}
	if s.Likelihood == kernels.Categorical && s.Sizes[len(s.Sizes)-1] > 256 {
		return fmt.Errorf("graph: want at most 256 classes, got %d", s.Sizes[len(s.Sizes)-1])
	}
	return nil
}

// Layout is the layout of the parameters.
func (s Spec) Layout() kernels.Layout {
	l := kernels.Layout{Sharing: s.Sharing}
	for i := range len(s.Sizes) - 1 {
		l.Layers = append(l.Layers, kernels.Layer{In: s.Sizes[i], Out: s.Sizes[i+1]})
	}
	return l
}

// The names of the scalar inputs, by which Compile knows them.
const (
	nameC             = "c"
	nameRho           = "rho"
	nameLambda        = "lambda"
	nameLearningRate  = "learning_rate"
	nameFraction      = "batch_fraction"
	nameNoiseVariance = "noise_variance"
	nameSeed          = "seed"
	nameStep          = "step"
)

// Scalars are the scalar inputs of a graph.
type Scalars struct {
	C, Rho, Lambda, LearningRate *gorgonia.Node
	Fraction                     *gorgonia.Node // B/N
	NoiseVariance                *gorgonia.Node
	Seed, Step                   *gorgonia.Node // int64; the bits of the unsigned numbers
}

// NewScalars adds the scalar inputs to a graph.
func NewScalars(g *gorgonia.ExprGraph, dt tensor.Dtype) Scalars {
	scalar := func(name string, dt tensor.Dtype) *gorgonia.Node {
		return gorgonia.NewScalar(g, dt, gorgonia.WithName(name))
	}
	return Scalars{
		C: scalar(nameC, dt), Rho: scalar(nameRho, dt), Lambda: scalar(nameLambda, dt),
		LearningRate: scalar(nameLearningRate, dt), Fraction: scalar(nameFraction, dt),
		NoiseVariance: scalar(nameNoiseVariance, dt),
		Seed:          scalar(nameSeed, tensor.Int64), Step: scalar(nameStep, tensor.Int64),
	}
}

// Let binds the numbers of a member at a step; fraction is B/N.
func (s Scalars) Let(m kernels.Member, fraction float64, step int) error {
	for _, b := range []struct {
		node  *gorgonia.Node
		value float64
	}{
		{s.C, m.C}, {s.Rho, m.Rho}, {s.Lambda, m.Lambda}, {s.LearningRate, m.LearningRate},
		{s.Fraction, fraction}, {s.NoiseVariance, m.NoiseVariance},
	} {
		var v any = b.value
		if b.node.Dtype() == tensor.Float32 {
			v = float32(b.value)
		}
		if err := gorgonia.Let(b.node, v); err != nil {
			return fmt.Errorf("graph: %s: %w", b.node.Name(), err)
		}
	}
	if err := gorgonia.Let(s.Seed, int64(m.Seed)); err != nil {
		return fmt.Errorf("graph: seed: %w", err)
	}
	if err := gorgonia.Let(s.Step, int64(step)); err != nil {
		return fmt.Errorf("graph: step: %w", err)
	}
	return nil
}

// Model is the expression graph of a Spec, before or after differentiation.
type Model struct {
	Spec  Spec
	Graph *gorgonia.ExprGraph
	Loss  *gorgonia.Node
	X     *gorgonia.Node // [batch, inputs]
	Y     *gorgonia.Node // labels [batch] of int, or targets [batch, outputs]
	Scalars
	Mu  gorgonia.Nodes // per layer [out, in+1]
	Phi gorgonia.Nodes // per layer [out, in+1], [out] or [1, 1]; a single [1, 1] for the whole network; none without noise
}

// Build writes the Spec as a graph of fused operations, in float32 or float64.
func Build(s Spec, dt tensor.Dtype) (*Model, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	g := gorgonia.NewGraph()
	m := &Model{Spec: s, Graph: g, Scalars: NewScalars(g, dt)}
	layout := s.Layout()
	m.X = gorgonia.NewMatrix(g, dt, gorgonia.WithShape(s.Batch, s.Sizes[0]), gorgonia.WithName("x"))

	var terms gorgonia.Nodes
	y := m.X
	for i, layer := range layout.Layers {
		mu := gorgonia.NewMatrix(g, dt, gorgonia.WithShape(layer.Out, layer.Columns()),
			gorgonia.WithName(fmt.Sprintf("mu%d", i)))
		m.Mu = append(m.Mu, mu)
		phi := m.phi(i, layer, dt)
		var err error
		if y, err = ApplyNoisyLinear(i, s.Sharing, y, mu, phi, m.Seed, m.Step); err != nil {
			return nil, err
		}
		if last := i == len(layout.Layers)-1; !last && s.Activation != kernels.Linear {
			if y, err = ApplyActivation(s.Activation, y); err != nil {
				return nil, err
			}
		}
		if s.Magnitude {
			cost, err := ApplyMagnitudeCost(mu, m.Lambda, m.Fraction)
			if err != nil {
				return nil, err
			}
			terms = append(terms, cost)
		}
	}
	likelihood, err := m.likelihood(y, dt)
	if err != nil {
		return nil, err
	}
	terms = append(gorgonia.Nodes{likelihood}, terms...)
	if s.Reliability {
		for i, phi := range m.Phi {
			cost, err := ApplyReliabilityCost(sharers(layout, i), phi, m.C, m.Rho, m.Fraction)
			if err != nil {
				return nil, err
			}
			terms = append(terms, cost)
		}
	}
	m.Loss = terms[0]
	for _, term := range terms[1:] {
		if m.Loss, err = gorgonia.Add(m.Loss, term); err != nil {
			return nil, fmt.Errorf("graph: sum of the objective: %w", err)
		}
	}
	return m, nil
}

// phi returns the phi of layer i, a new input unless the whole network has one; nil without noise.
func (m *Model) phi(i int, layer kernels.Layer, dt tensor.Dtype) *gorgonia.Node {
	switch {
	case m.Spec.Sharing == kernels.NoNoise:
		return nil
	case m.Spec.Sharing == kernels.PerNetwork && i > 0:
		return m.Phi[0]
	}
	name := gorgonia.WithName(fmt.Sprintf("phi%d", i))
	shape := phiShape(layer, m.Spec.Sharing)
	phi := gorgonia.NewTensor(m.Graph, dt, shape.Dims(), gorgonia.WithShape(shape...), name)
	m.Phi = append(m.Phi, phi)
	return phi
}

func (m *Model) likelihood(y *gorgonia.Node, dt tensor.Dtype) (*gorgonia.Node, error) {
	if m.Spec.Likelihood == kernels.Gaussian {
		m.Y = gorgonia.NewMatrix(m.Graph, dt, gorgonia.WithShape(y.Shape()...), gorgonia.WithName("targets"))
		return ApplyGaussianNLL(y, m.Y, m.NoiseVariance)
	}
	m.Y = gorgonia.NewVector(m.Graph, tensor.Int, gorgonia.WithShape(m.Spec.Batch), gorgonia.WithName("labels"))
	return ApplyCrossEntropy(y, m.Y)
}

// sharers is the number of synapses behind each entry of the i-th phi.
func sharers(l kernels.Layout, i int) int {
	switch l.Sharing {
	case kernels.PerNeuron:
		return l.Layers[i].Columns()
	case kernels.PerLayer:
		return l.Layers[i].Synapses()
	case kernels.PerNetwork:
		return l.Synapses()
	}
	return 1
}

// Params are the nodes that training changes, the means before the phis.
func (m *Model) Params() gorgonia.Nodes { return append(append(gorgonia.Nodes{}, m.Mu...), m.Phi...) }

// Grad differentiates the loss with respect to the parameters.
func (m *Model) Grad() error {
	if _, err := gorgonia.Grad(m.Loss, m.Params()...); err != nil {
		return fmt.Errorf("graph: gradient: %w", err)
	}
	return nil
}
