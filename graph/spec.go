package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// Spec is the structure of a network and its objective. It holds no number that could differ between the members of one
// Program.
type Spec struct {
	Sizes      []int // inputs, hidden layers, outputs; of a Network only inputs and outputs
	Batch      int
	Activation kernels.Activation // of the hidden layers; of a Network each layer has its own
	Network    Network            // nil for a chain of dense layers
	Input      Input              // of a Network
	Sharing    kernels.Sharing
	Draw       kernels.Draw
	CostPer    kernels.CostPer
	Likelihood kernels.Likelihood
	Costs      []Law    // what each synapse pays; the objective has their sum
	Synapse    *Synapse // nil for synapses that learn mu and phi
}

// MarshalJSON writes the structure in the form of checkpoints: costs as text, and those of the paper, for any exponent,
// as they were written before there were others.
func (s Spec) MarshalJSON() ([]byte, error) {
	var costs []string
	magnitude, reliability := false, false
	for _, c := range s.Costs {
		costs = append(costs, c.String())
		magnitude = magnitude || c.String() == magnitudeCost
		reliability = reliability || c.String() == powerCost || c.String() == entropicCost
	}
	if count(magnitude)+count(reliability) == len(costs) {
		costs = nil
	} else {
		magnitude, reliability = false, false
	}
	return json.Marshal(struct {
		Sizes       []int              `json:"sizes"`
		Batch       int                `json:"batch"`
		Activation  kernels.Activation `json:"activation"`
		Sharing     kernels.Sharing    `json:"sharing"`
		Likelihood  kernels.Likelihood `json:"likelihood"`
		Magnitude   bool               `json:"magnitude"`
		Reliability bool               `json:"reliability"`
		Costs       []string           `json:"costs,omitempty"`
		Synapse     *Synapse           `json:"synapse,omitempty"`
		Draw        kernels.Draw       `json:"draw,omitempty"`
		Network     *networkText       `json:"network,omitempty"`
		CostPer     kernels.CostPer    `json:"cost_per,omitempty"`
	}{s.Sizes, s.Batch, s.Activation, s.Sharing, s.Likelihood, magnitude, reliability, costs, s.Synapse, s.Draw,
		s.text(), s.CostPer})
}

// networkText is a Network in checkpoints.
type networkText struct {
	Layers   string `json:"layers"`
	Height   int    `json:"height"`
	Width    int    `json:"width"`
	Channels int    `json:"channels"`
	Pixels   bool   `json:"pixels,omitempty"` // the channels of a position are neighbours in the input
}

// InputOf is what a Network reads whose Spec a checkpoint has in the form of MarshalJSON.
func InputOf(spec string) (Input, error) {
	var s struct{ Network *networkText }
	if err := json.Unmarshal([]byte(spec), &s); err != nil {
		return Input{}, fmt.Errorf("graph: the structure of the network: %w", err)
	}
	n := s.Network
	if n == nil {
		return Input{}, errors.New("graph: the structure of the network does not say what it reads")
	}
	in := Input{kernels.Picture{Height: n.Height, Width: n.Width, Channels: n.Channels}, kernels.ByPlane}
	if n.Pixels {
		in.Arrangement = kernels.ByPixel
	}
	return in, nil
}

func (s Spec) text() *networkText {
	if s.Network == nil {
		return nil
	}
	in := s.Input
	return &networkText{s.Network.String(), in.Height, in.Width, in.Channels, in.Arrangement == kernels.ByPixel}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Check reports an error in the Spec.
func (s Spec) Check() error {
	if len(s.Sizes) < 2 || s.Network != nil && (len(s.Sizes) > 2 || s.Sizes[0] != s.Input.Units()) {
		return fmt.Errorf("graph: sizes %v: want at least inputs and outputs, and of a network as many inputs as it reads",
			s.Sizes)
	}
	for i, n := range s.Sizes {
		if n < 1 || n > kernels.MaxUnits {
			return fmt.Errorf("graph: sizes %v: want 1 to %d units in layer %d, got %d", s.Sizes, kernels.MaxUnits, i, n)
		}
	}
	shaped, err := s.shapes()
	if err != nil {
		return fmt.Errorf("graph: %w", err)
	}
	layers := 0
	for _, n := range shaped {
		if l := n.Layer; l.Out > 0 {
			if layers++; l.In > kernels.MaxUnits || l.Out > kernels.MaxUnits || !l.Countable() {
				return fmt.Errorf("graph: layer %d of %d inputs and %d outputs is too large: want less than 2^34 synapses, "+
					"with rows rounded up to multiples of 64, because noise is counted in 32 bits", layers, l.In, l.Out)
			}
		}
		rows := int64(s.Batch) * int64(n.Output.Positions())
		if l := (kernels.Layer{In: n.Layer.Out, Out: int(rows)}); s.Draw == kernels.PerExample && l.In > 0 && !l.Countable() {
			return fmt.Errorf("graph: layer %q: %d examples of %d positions have too much noise of their own", n.Node, s.Batch,
				n.Output.Positions())
		}
		if n.Window.Rows > 0 && rows > kernels.MaxUnits {
			return fmt.Errorf("graph: layer %q: %d examples of %d positions are too many", n.Node, s.Batch, n.Output.Positions())
		}
		if err := n.Activation.Check(); err != nil {
			return fmt.Errorf("graph: %w", err)
		}
	}
	if layers > 1<<16-1 {
		return fmt.Errorf("graph: want at most %d layers, got %d", 1<<16-1, layers)
	}
	if s.Batch < 1 {
		return fmt.Errorf("graph: want a batch of 1 or more, got %d", s.Batch)
	}
	if err := s.Activation.Check(); err != nil {
		return fmt.Errorf("graph: %w", err)
	}
	if err := s.checkCosts(); err != nil {
		return fmt.Errorf("graph: %w", err)
	}
	if s.Likelihood == kernels.Categorical && s.Sizes[len(s.Sizes)-1] > 256 {
		return fmt.Errorf("graph: want at most 256 classes, got %d", s.Sizes[len(s.Sizes)-1])
	}
	return nil
}

func (s Spec) checkCosts() error {
	names := map[string]bool{}
	for _, c := range s.Costs {
		if names[c.Name] {
			return fmt.Errorf("two costs are called %s: want a name for each", c.Name)
		}
		names[c.Name] = true
		if !c.Varies() && !s.Synapse.Reads(c) {
			return fmt.Errorf("the cost %q depends on no variable of a synapse: want one of %s", c,
				strings.Join(append([]string{kernels.InputMu, kernels.InputSigma}, s.Synapse.Quantities()...), ", "))
		}
		if s.Sharing == kernels.NoNoise && c.Formula.Reads(kernels.InputSigma) {
			return fmt.Errorf("the cost %s reads sigma, and there is no noise", c.Name)
		}
	}
	if s.Synapse != nil && s.Sharing != kernels.PerSynapse {
		return fmt.Errorf("%s synapses learn their own %s, and the noise is per %v: want it per synapse", s.Synapse.Name,
			strings.Join(s.Synapse.Quantities(), ", "), s.Sharing)
	}
	return nil
}

// times is how often each synapse of a layer pays.
func (s Spec) times(layer Shaped) int {
	if layer.Kind != Conv {
		return 1
	}
	return s.CostPer.Times(&layer.Window)
}

// shapes says what each layer is.
func (s Spec) shapes() ([]Shaped, error) {
	n, in, last := s.Network, s.Input, len(s.Sizes)-1
	if n == nil {
		in = Row(s.Sizes[0])
		for _, units := range s.Sizes[1:last] {
			n = append(n, Node{Kind: Dense, Units: units, Activation: s.Activation})
		}
		n = append(n, Node{Kind: Dense})
	}
	return n.Shape(in, s.Sizes[last])
}

// Layout is the layout of the parameters.
func (s Spec) Layout() kernels.Layout {
	l := kernels.Layout{Sharing: s.Sharing, Parameters: s.Synapse.names()}
	shaped, _ := s.shapes() // Check reports the error
	for _, n := range shaped {
		if n.Layer.Out > 0 {
			l.Layers = append(l.Layers, n.Layer)
		}
	}
	return l
}

// The names of the scalar inputs that are not numbers of costs, by which Compile knows them.
const (
	nameFraction      = kernels.InputFraction
	nameNoiseVariance = "noise_variance"
	nameLearningRate  = "learning_rate"
	nameSeed          = "seed"
	nameStep          = "step"
)

// Scalars are the scalar inputs of a graph.
type Scalars struct {
	Numbers       map[string]*gorgonia.Node // that costs read: c, rho, lambda, ...
	Fraction      *gorgonia.Node            // B/N
	NoiseVariance *gorgonia.Node
	Seed, Step    *gorgonia.Node // int64; the bits of the unsigned numbers
}

// NewScalars adds the scalar inputs to a graph, and numbers with the given names.
func NewScalars(g *gorgonia.ExprGraph, dt tensor.Dtype, numbers ...string) Scalars {
	scalar := func(name string, dt tensor.Dtype) *gorgonia.Node {
		return gorgonia.NewScalar(g, dt, gorgonia.WithName(name))
	}
	s := Scalars{
		Numbers: map[string]*gorgonia.Node{}, Fraction: scalar(nameFraction, dt),
		NoiseVariance: scalar(nameNoiseVariance, dt),
		Seed:          scalar(nameSeed, tensor.Int64), Step: scalar(nameStep, tensor.Int64),
	}
	for _, name := range numbers {
		if s.Numbers[name] == nil {
			s.Numbers[name] = scalar(name, dt)
		}
	}
	return s
}

// Let binds the numbers of a member at a step; fraction is B/N.
func (s Scalars) Let(m kernels.Member, fraction float64, step int) error {
	let := func(n *gorgonia.Node, v float64) error {
		var value any = v
		if n.Dtype() == tensor.Float32 {
			value = float32(v)
		}
		if err := gorgonia.Let(n, value); err != nil {
			return fmt.Errorf("graph: %s: %w", n.Name(), err)
		}
		return nil
	}
	for name, node := range s.Numbers {
		v, ok := m.Number(name)
		if !ok {
			return fmt.Errorf("graph: no number for %s", name)
		}
		if err := let(node, v); err != nil {
			return err
		}
	}
	if err := errors.Join(let(s.Fraction, fraction), let(s.NoiseVariance, m.NoiseVariance)); err != nil {
		return err
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
	// Theta are the parameters of synapses that have their own, by layer, each [out, in+1]; Mu and Phi then are empty.
	Theta []gorgonia.Nodes
}

// Build writes the Spec as a graph of fused operations, in float32 or float64.
func Build(s Spec, dt tensor.Dtype) (*Model, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	g := gorgonia.NewGraph()
	var numbers []string
	for _, c := range s.Costs {
		numbers = append(numbers, s.Synapse.Numbers(c)...)
	}
	m := &Model{Spec: s, Graph: g, Scalars: NewScalars(g, dt, numbers...)}
	shaped, err := s.shapes()
	if err != nil {
		return nil, err
	}
	m.X = gorgonia.NewMatrix(g, dt, gorgonia.WithShape(s.Batch, s.Sizes[0]), gorgonia.WithName("x"))

	var terms, outputs gorgonia.Nodes
	var sigma *gorgonia.Node // of the layer
	layers := 0
	for _, n := range shaped {
		var in gorgonia.Nodes
		for _, from := range n.In {
			if from < 0 {
				in = append(in, m.X)
			} else {
				in = append(in, outputs[from])
			}
		}
		y, err := n.see(in)
		if err == nil && n.Layer.Out > 0 {
			i, layer := layers, n.Layer
			layers++
			quantities, mu, err := m.means(i, layer, dt)
			if err != nil {
				return nil, err
			}
			if s.Synapse != nil {
				sigma = quantities[kernels.InputSigma]
			} else if phi := m.phi(i, layer, dt); phi != nil && (sigma == nil || s.Sharing != kernels.PerNetwork) {
				if sigma, err = ApplySigma(phi); err != nil {
					return nil, err
				}
			}
			if y, err = ApplyNoisyLinear(i, s.Sharing, s.Draw, y, mu, sigma, m.Seed, m.Step); err != nil {
				return nil, err
			}
			if y, err = n.activate(y); err != nil {
				return nil, err
			}
			costs, err := m.costs(i, n, quantities, sigma)
			if err != nil {
				return nil, err
			}
			terms = append(terms, costs...)
		} else if err == nil {
			y, err = n.activate(y)
		}
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, y)
	}
	likelihood, err := m.likelihood(outputs[len(outputs)-1], dt)
	if err != nil {
		return nil, err
	}
	m.Loss = likelihood
	for _, term := range terms {
		if m.Loss, err = gorgonia.Add(m.Loss, term); err != nil {
			return nil, fmt.Errorf("graph: sum of the objective: %w", err)
		}
	}
	return m, nil
}

// see is what a layer computes from others, before its synapses.
func (s Shaped) see(in gorgonia.Nodes) (*gorgonia.Node, error) {
	switch {
	case s.Kind == Conv:
		return ApplyUnfold(s.Window, in[0])
	case s.Kind == Pools && s.Average:
		return ApplyPool(kernels.AveragePool, s.Window, in[0])
	case s.Kind == Pools:
		return ApplyPool(kernels.MaxPool, s.Window, in[0])
	case s.Kind == Add:
		return ApplyJoin(in...)
	case s.Flatten.Positions() > 1 && s.In[0] >= 0:
		return ApplyFlatten(s.Flatten, in[0])
	}
	return in[0], nil
}

// activate applies the activation of a layer.
func (s Shaped) activate(y *gorgonia.Node) (*gorgonia.Node, error) {
	if s.Activation == kernels.Linear {
		return y, nil
	}
	return ApplyActivation(s.Activation, y)
}

// means adds the parameters of layer i on which the means depend, and returns these, and all that costs may read of a
// synapse so far.
func (m *Model) means(i int, layer kernels.Layer, dt tensor.Dtype) (quantities map[string]*gorgonia.Node,
	mu *gorgonia.Node, err error) {
	if m.Spec.Synapse != nil {
		theta, quantities, err := m.Spec.Synapse.apply(m.Graph, i, layer, dt)
		if err != nil {
			return nil, nil, err
		}
		m.Theta = append(m.Theta, theta)
		return quantities, quantities[kernels.InputMu], nil
	}
	mu = gorgonia.NewMatrix(m.Graph, dt, gorgonia.WithShape(layer.Out, layer.Columns()),
		gorgonia.WithName(fmt.Sprintf("mu%d", i)))
	m.Mu = append(m.Mu, mu)
	return map[string]*gorgonia.Node{kernels.InputMu: mu}, mu, nil
}

// costs returns the terms that the synapses of layer i pay.
func (m *Model) costs(i int, of Shaped, quantities map[string]*gorgonia.Node,
	sigma *gorgonia.Node) (terms gorgonia.Nodes, err error) {
	inputs := maps.Clone(quantities)
	maps.Copy(inputs, m.Numbers)
	for _, c := range m.Spec.Costs {
		if inputs[kernels.InputSigma] == nil && c.Formula.Reads(kernels.InputSigma) {
			if inputs[kernels.InputSigma] = sigma; m.Spec.Sharing != kernels.PerSynapse {
				if inputs[kernels.InputSigma], err = ApplySpread(i, of.Layer, m.Spec.Sharing, sigma); err != nil {
					return nil, err
				}
			}
		}
		cost, err := c.Apply(inputs)
		if err != nil {
			return nil, fmt.Errorf("graph: cost %s: %w", c.Name, err)
		}
		term, err := ApplyTotalCost(c.Name, m.Spec.times(of), cost, m.Fraction)
		if err != nil {
			return nil, err
		}
		terms = append(terms, term)
	}
	return terms, nil
}

// phi returns the phi of layer i, a new input unless the whole network shares one; nil without noise.
func (m *Model) phi(i int, layer kernels.Layer, dt tensor.Dtype) *gorgonia.Node {
	switch {
	case m.Spec.Sharing == kernels.NoNoise:
		return nil
	case m.Spec.Sharing == kernels.PerNetwork && i > 0:
		return m.Phi[0]
	}
	name := gorgonia.WithName(fmt.Sprintf("phi%d", i))
	shape := sigmaShape(layer, m.Spec.Sharing)
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

// Params are the nodes that training changes, the means before the phis, or the other parameters layer by layer.
func (m *Model) Params() gorgonia.Nodes {
	params := append(append(gorgonia.Nodes{}, m.Mu...), m.Phi...)
	for _, theta := range m.Theta {
		params = append(params, theta...)
	}
	return params
}

// Grad differentiates the loss with respect to the parameters.
func (m *Model) Grad() error {
	if _, err := gorgonia.Grad(m.Loss, m.Params()...); err != nil {
		return fmt.Errorf("graph: gradient: %w", err)
	}
	return nil
}
