package graph

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// CompileSpec builds, differentiates and compiles a Spec.
func CompileSpec(s Spec, rule kernels.Rule) (*kernels.Program, error) {
	m, err := Build(s, tensor.Float64) // whose constants are exact
	if err != nil {
		return nil, err
	}
	if err := m.Grad(); err != nil {
		return nil, err
	}
	return Compile(m.Graph, m.Loss, rule)
}

// Compile turns a differentiated graph into a Program. It reads only the graph: which layers it has, what is between
// them, which costs the loss has and which gradients reach each parameter.
//
// It fuses an activation with the layer before it, its gradient with what comes after it, an Unfold with its layer, and
// all gradients of a layer's parameters with what the rule does with them: kernels.Adam trains, kernels.Accumulate
// measures, kernels.Langevin samples. For any rule, Compile refuses by name what it does not know, or cannot prove to
// be the training step of a network of noisy layers, pools and sums.
func Compile(g *gorgonia.ExprGraph, loss *gorgonia.Node, rule kernels.Rule) (*kernels.Program, error) {
	if rule == nil {
		return nil, fmt.Errorf("graph: Compile: there is no update rule: want one of package kernels")
	}
	c := compiler{
		program: &kernels.Program{Rule: rule},
		places:  map[*gorgonia.Node]*place{}, deltas: map[*gorgonia.Node]delta{}, readers: map[*gorgonia.Node]int{},
		unfolded: map[*gorgonia.Node]*unfolded{}, folded: map[*gorgonia.Node]*layer{},
		muOf: map[*gorgonia.Node]int{}, sigmaOf: map[*gorgonia.Node]int{}, thetaOf: map[*gorgonia.Node]int{},
	}
	sorted, err := gorgonia.Sort(g) // the roots first
	if err != nil {
		return nil, fmt.Errorf("graph: Compile: %w", err)
	}
	sorted = slices.DeleteFunc(sorted, func(n *gorgonia.Node) bool {
		return n.Type() == nil // a gorgonia.Read statement, which computes nothing
	})
	for _, n := range sorted {
		for _, x := range reads(n) {
			c.readers[x]++
		}
	}
	for _, n := range slices.Backward(sorted) {
		if err := c.visit(n); err != nil {
			return nil, fmt.Errorf("graph: Compile: %w", err)
		}
	}
	if err := c.finish(loss); err != nil {
		return nil, fmt.Errorf("graph: Compile: %w", err)
	}
	return c.program, nil
}

// delta is the meaning of a gradient node: the gradient of a place, before or after its activation.
type delta struct {
	of     *place
	passed bool             // after the activation's gradient
	parts  []kernels.Buffer // of the place's aliases, if it is only the sum of some of their gradients
}

// layer is what the compiler knows about one noisy layer.
type layer struct {
	op          *NoisyLinear
	mu, sigma   *gorgonia.Node
	x           *gorgonia.Node // its input
	src, dst    *place
	window      *kernels.Window // through which it sees src; nil of a dense one
	theta       gorgonia.Nodes  // the parameters of synapses that have their own, on which mu and sigma depend
	dmu, dsigma *gorgonia.Node  // the parts of the likelihood
	wentBack    bool
}

type compiler struct {
	program  *kernels.Program
	layers   []*layer // by number; nil until they are found
	first    *layer   // the one that was found first
	places   map[*gorgonia.Node]*place
	readers  map[*gorgonia.Node]int   // how many operations of the way forward read a node
	deltas   map[*gorgonia.Node]delta // which gradient a node is
	unfolded map[*gorgonia.Node]*unfolded
	folded   map[*gorgonia.Node]*layer // the gradient of what the layer's window sees
	muOf     map[*gorgonia.Node]int    // parameter -> layer
	sigmaOf  map[*gorgonia.Node]int    // sigma -> first layer
	thetaOf  map[*gorgonia.Node]int    // parameter of a synapse that has its own -> layer
	input    *gorgonia.Node
	output   *place
	loss     *gorgonia.Node // the likelihood
	pending  []pending
}

// pending is an instruction that forms dW, at its position in the program. Its costs are known only after the sums have
// been read.
type pending struct {
	at int
	kernels.Gradient
}

func (c *compiler) emit(i kernels.Instruction) {
	c.program.Instructions = append(c.program.Instructions, i)
}

// visit emits the instruction of a node. Sums and costs are checked in finish.
func (c *compiler) visit(n *gorgonia.Node) error {
	in := operands(n)
	switch op := n.Op().(type) {
	case nil:
		return nil
	case *NoisyLinear:
		return c.forward(n, op, in)
	case *Unfold:
		return c.unfold(n, op, in)
	case *Pool:
		return c.pool(n, op, in)
	case *Join:
		return c.join(n, op, in)
	case *Flatten:
		return c.flatten(n, op, in)
	case *Activate:
		return c.activate(n, op, in)
	case *CrossEntropy:
		return c.likelihood(n, kernels.Categorical, in)
	case *GaussianNLL:
		if err := named(in[2], nameNoiseVariance); err != nil {
			return fmt.Errorf("%v: %w", op, err)
		}
		return c.likelihood(n, kernels.Gaussian, in)
	case *CrossEntropyGradient:
		return c.lossGradient(n, in[0], in[2])
	case *GaussianGradient:
		return c.lossGradient(n, in[0], in[3])
	case *ActivateGradient:
		return c.activateGradient(n, op, in)
	case *Fold:
		return c.fold(n, op, in)
	case *PoolGradient:
		return c.poolGradient(n, op, in)
	case *JoinGradient:
		return c.joinGradient(n, op, in)
	case *FlattenGradient:
		return c.flattenGradient(n, op, in)
	case *NoisyLinearInputGradient:
		return c.inputGradient(n, op, in)
	case *NoisyLinearMuGradient:
		return c.muGradient(n, op, in)
	case *NoisyLinearSigmaGradient:
		return c.sigmaGradient(n, op, in)
	case *Sigma, *SigmaGradient, *Spread, *Collect, *TotalCost, *CostWeight:
		return nil
	default:
		if isSum(op) {
			if _, ok := c.deltas[in[0]]; ok {
				return c.addGradients(n, in)
			}
		}
		if _, ok := new(lowering).known(n); ok || isSum(op) || isConstant(n) {
			return nil
		}
		return fmt.Errorf("operation %q of node %v is not one that it knows", op, n)
	}
}

// isSum reports whether an operation is Gorgonia's own addition, which joins the terms of the loss and the gradients of
// a parameter. Its type is not exported; its name is.
func isSum(op gorgonia.Op) bool { return op.Arity() == 2 && op.String() == "+ false" }

func isConstant(n *gorgonia.Node) bool {
	return n.Op() != nil && n.Op().Arity() == 0 && n.Value() != nil
}

// named checks that an operand is the scalar input with the given name.
func named(n *gorgonia.Node, name string) error {
	if !n.IsVar() || n.Name() != name {
		return fmt.Errorf("want the scalar input %q as operand, got %v", name, n)
	}
	return nil
}

// isOne checks that a gradient is that of the loss itself: an objective times a factor is not the objective.
func isOne(n *gorgonia.Node) error {
	if isConstant(n) {
		switch v := n.Value().Data().(type) {
		case float32:
			if v == 1 {
				return nil
			}
		case float64:
			if v == 1 {
				return nil
			}
		}
	}
	return fmt.Errorf("the loss is not a plain sum of its terms: a term's gradient is %v, want 1", n)
}

func (c *compiler) forward(n *gorgonia.Node, op *NoisyLinear, in gorgonia.Nodes) error {
	x, mu, i := in[0], in[1], op.Index
	for len(c.layers) <= i {
		c.layers = append(c.layers, nil)
	}
	if c.first == nil {
		c.first = &layer{op: op, mu: mu}
		c.program.Layout.Sharing, c.program.Draw = op.Sharing, op.Draw
	}
	switch {
	case c.layers[i] != nil:
		return fmt.Errorf("%v: its noise is that of layer %d, as is the noise of %v", op, i, c.layers[i].op)
	case op.Sharing != c.first.op.Sharing:
		return fmt.Errorf("%v shares sigma per %v, the layers before it per %v: want one sharing", op, op.Sharing,
			c.first.op.Sharing)
	case op.Draw != c.first.op.Draw:
		return fmt.Errorf("%v has a draw per %v, the layers before it per %v: want one", op, op.Draw, c.first.op.Draw)
	case own(mu, i) != own(c.first.mu, c.first.op.Index):
		return fmt.Errorf("%v and the layers before it have synapses of two kinds: want one", op)
	}
	if j, used := c.muOf[mu]; used {
		return fmt.Errorf("%v: its mu, %v, already belongs to layer %d", op, mu, j)
	}
	l := &layer{op: op, mu: mu, x: x}
	rows := 1
	if u := c.unfolded[x]; u != nil {
		if c.readers[x] > 1 {
			return fmt.Errorf("%v: %v is also read by something else: want an Unfold for each layer", op, x)
		}
		l.src, l.window, rows = u.src, &u.window, u.window.Output().Positions()
	} else {
		var err error
		if l.src, err = c.read(op, x); err != nil {
			return err
		}
		if l.src.rows != 1 {
			return fmt.Errorf("%v: its input %v has %d positions: want them flattened, or seen through a window", op, x,
				l.src.rows)
		}
	}
	if op.Sharing != kernels.NoNoise {
		l.sigma = in[2]
		if err := c.noise(op, mu, in[2:]); err != nil {
			return err
		}
	}
	if !own(mu, i) {
		c.muOf[mu] = i
	} else if err := c.synapse(l, i); err != nil {
		return fmt.Errorf("%v: %w", op, err)
	}
	c.layers[i] = l
	if c.first.op == op {
		c.first = l
	}
	if _, drawn := c.program.Rule.Draws(); drawn {
		c.emit(kernels.Sample{Layer: i})
	}
	l.dst = c.newPlace(n, rows, op.Out)
	f := kernels.Forward{Layer: i, Src: l.src.buffer, Dst: l.dst.buffer}
	if l.window != nil {
		c.emit(kernels.Convolve{Forward: f, Window: *l.window})
	} else {
		c.emit(f)
	}
	return nil
}

// own reports whether the mu of layer i follows from parameters that synapses have of their own.
func own(mu *gorgonia.Node, i int) bool {
	_, named := parameterOf(mu, i)
	return named || !mu.IsVar()
}

// synapse reads mu and sigma of layer i as formulas of the parameters of its synapses.
func (c *compiler) synapse(l *layer, i int) error {
	if l.sigma == nil || l.op.Sharing != kernels.PerSynapse {
		return fmt.Errorf("its mu, %v, is not an input of the graph, and noise is per %v: want it per synapse", l.mu,
			l.op.Sharing)
	}
	var names []string
	f, err := lower(gorgonia.Nodes{l.mu, l.sigma}, func(n *gorgonia.Node) (string, bool) {
		name, ok := parameterOf(n, i)
		if !ok || !n.IsVar() || !n.Shape().Eq(l.mu.Shape()) {
			return "", false
		}
		if j, used := c.thetaOf[n]; used {
			return name, j == i
		}
		c.thetaOf[n] = i
		names, l.theta = append(names, name), append(l.theta, n)
		return name, true
	})
	if err != nil {
		return fmt.Errorf("its mu and sigma: %w", err)
	}
	if c.first.op == l.op {
		c.program.Synapse.Moments, c.program.Layout.Parameters = f, names
	} else if !f.Equal(c.program.Synapse.Moments) {
		return fmt.Errorf("its synapses are not those of the layers before it")
	}
	return nil
}

// noise checks sigma, seed and step of a layer.
func (c *compiler) noise(op *NoisyLinear, mu *gorgonia.Node, in gorgonia.Nodes) error {
	sigma, i := in[0], op.Index
	if _, ok := sigma.Op().(*Sigma); !own(mu, i) && (!ok || !operands(sigma)[0].IsVar()) {
		return fmt.Errorf("%v: its sigma, %v, is not that of an input of the graph", op, sigma)
	}
	_, used := c.sigmaOf[sigma]
	perNetwork := c.program.Layout.Sharing == kernels.PerNetwork
	if used != (perNetwork && c.first.op != op) {
		return fmt.Errorf("%v: sigma is per %v, which does not fit its sigma, %v", op, c.program.Layout.Sharing, sigma)
	}
	if !used {
		c.sigmaOf[sigma] = i
	}
	if err := named(in[1], nameSeed); err != nil {
		return fmt.Errorf("%v: %w", op, err)
	}
	if err := named(in[2], nameStep); err != nil {
		return fmt.Errorf("%v: %w", op, err)
	}
	return nil
}

func (c *compiler) likelihood(n *gorgonia.Node, kind kernels.Likelihood, in gorgonia.Nodes) error {
	if c.loss != nil {
		return fmt.Errorf("%v is a second likelihood in addition to %v", n.Op(), c.loss.Op())
	}
	p := c.places[in[0]]
	if p == nil || p.node != in[0] || c.readers[in[0]] != 1 || p.rows != 1 || in[0] == c.input {
		return fmt.Errorf("%v: its input %v is not the output of a layer that nothing else reads", n.Op(), in[0])
	}
	if !in[1].IsVar() {
		return fmt.Errorf("%v: its answers, %v, are not an input of the graph", n.Op(), in[1])
	}
	c.loss, c.output = n, p
	c.program.Likelihood, c.program.Output = kind, p.buffer
	c.emit(kernels.Loss{Likelihood: kind, Src: p.buffer, Activation: p.activation})
	return nil
}

// lossGradient notes that n is the gradient at the output; the Loss instruction computes it.
func (c *compiler) lossGradient(n, y, grad *gorgonia.Node) error {
	if c.output == nil || c.output.node != y {
		return fmt.Errorf("%v: its input %v is not the output of the network", n.Op(), y)
	}
	if err := isOne(grad); err != nil {
		return fmt.Errorf("%v: %w", n.Op(), err)
	}
	c.deltas[n] = delta{of: c.output}
	return nil
}

// outputGradient checks that n is the gradient of a layer's output before its activation.
func (c *compiler) outputGradient(op gorgonia.Op, index int, n *gorgonia.Node) (*layer, error) {
	if index >= len(c.layers) || c.layers[index] == nil {
		return nil, fmt.Errorf("%v: there is no layer %d", op, index)
	}
	l := c.layers[index]
	if p, err := c.gradientAt(op, n); err != nil || p != l.dst {
		return nil, fmt.Errorf("%v: %v is not the gradient of the output of layer %d", op, n, index)
	}
	return l, nil
}

func (c *compiler) inputGradient(n *gorgonia.Node, op *NoisyLinearInputGradient, in gorgonia.Nodes) error {
	l, err := c.outputGradient(op, op.Index, in[0])
	if err != nil {
		return err
	}
	if l.wentBack || in[1] != l.mu || (l.sigma != nil && in[2] != l.sigma) ||
		op.Draw == kernels.PerExample && in[5] != l.x {
		return fmt.Errorf("%v is not the gradient of layer %d", op, op.Index)
	}
	l.wentBack = true
	if l.window != nil {
		c.folded[n] = l
		return nil
	}
	c.emit(c.backward(n, l))
	return nil
}

// backward notes that n is the gradient of what a layer reads, and returns the instruction for it.
func (c *compiler) backward(n *gorgonia.Node, l *layer) kernels.Backward {
	return kernels.Backward{Layer: l.op.Index, Src: l.src.buffer, Dst: l.dst.buffer, Activation: c.arrives(n, l.src)}
}

func (c *compiler) muGradient(n *gorgonia.Node, op *NoisyLinearMuGradient, in gorgonia.Nodes) error {
	l, err := c.outputGradient(op, op.Index, in[0])
	if err != nil {
		return err
	}
	if l.dmu != nil || in[1] != l.x {
		return fmt.Errorf("%v is not the gradient of layer %d", op, op.Index)
	}
	l.dmu = n
	g := kernels.Gradient{Layer: op.Index, Src: l.src.buffer, Dst: l.dst.buffer, Window: l.window}
	c.pending = append(c.pending, pending{len(c.program.Instructions), g})
	c.emit(nil) // see fillTerms
	return nil
}

func (c *compiler) sigmaGradient(n *gorgonia.Node, op *NoisyLinearSigmaGradient, in gorgonia.Nodes) error {
	if op.Index >= len(c.layers) || c.layers[op.Index] == nil {
		return fmt.Errorf("%v: there is no layer %d", op, op.Index)
	}
	l := c.layers[op.Index]
	of := in[0] == l.dmu
	if op.Draw == kernels.PerExample {
		if _, err := c.outputGradient(op, op.Index, in[0]); err != nil {
			return err
		}
		of = in[1] == l.x && in[2] == l.mu && in[3] == l.sigma
	}
	if l.dsigma != nil || !of {
		return fmt.Errorf("%v is not the gradient of the sigma of layer %d", op, op.Index)
	}
	l.dsigma = n
	return nil
}

// terms splits a tree of sums into its terms.
func (c *compiler) terms(n *gorgonia.Node) gorgonia.Nodes {
	if n.Op() == nil || !isSum(n.Op()) {
		return gorgonia.Nodes{n}
	}
	var all gorgonia.Nodes
	for _, operand := range operands(n) {
		all = append(all, c.terms(operand)...)
	}
	return all
}

// finish reads the sums: which costs the loss has, and whether each parameter's gradient follows from them.
func (c *compiler) finish(loss *gorgonia.Node) error {
	if c.loss == nil {
		return fmt.Errorf("the graph has no likelihood")
	}
	for i, l := range c.layers {
		if l == nil {
			return fmt.Errorf("there are layers after layer %d, but there is none with its noise", i)
		}
		c.program.Layout.Layers = append(c.program.Layout.Layers, l.op.Layer)
	}
	laws, err := c.laws(loss)
	if err != nil {
		return err
	}
	for i, l := range c.layers {
		read, check := c.slopes, checkSlopes
		if l.theta != nil {
			laws[i].Parameters = c.program.Layout.Parameters
			read, check = c.synapseSlopes, c.checkSynapse
		}
		if laws[i].Slopes, err = read(i, l); err != nil {
			return err
		}
		if err := check(laws[i]); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return c.fill(laws)
}

// variable is the name in formulas of a node within a cost of a layer. If *layer is negative, the first node that
// belongs to a layer sets it; nodes of other layers are then not variables.
func (c *compiler) variable(n *gorgonia.Node, layer *int) (name string, ok bool) {
	at, name := -1, ""
	if i, ok := c.thetaOf[n]; ok {
		at = i
		name, _ = parameterOf(n, i)
	} else if i, ok := c.muOf[n]; ok {
		at, name = i, kernels.InputMu
	} else if op, ok := n.Op().(*Spread); ok {
		if _, ok := c.sigmaOf[operands(n)[0]]; ok {
			at, name = op.Index, kernels.InputSigma
		}
	} else if i, ok := c.sigmaOf[n]; ok && c.program.Layout.Sharing == kernels.PerSynapse &&
		c.program.Layout.Parameters == nil {
		at, name = i, kernels.InputSigma
	} else if op, ok := n.Op().(*CostWeight); ok {
		in := operands(n)
		return kernels.InputFraction, named(in[0], nameFraction) == nil && isOne(in[1]) == nil &&
			*layer >= 0 && op.Times == c.times(*layer)
	} else if n.IsVar() && n.IsScalar() {
		return n.Name(), n.Name() != nameSeed && n.Name() != nameStep && n.Name() != nameFraction
	}
	if at < 0 || *layer >= 0 && *layer != at {
		return "", false
	}
	*layer = at
	return name, true
}

// laws reads the costs in the loss, by layer.
func (c *compiler) laws(loss *gorgonia.Node) ([]kernels.Law, error) {
	laws, costs := make([]kernels.Law, len(c.layers)), make([][]*TotalCost, len(c.layers))
	likelihoods := 0
	for _, term := range c.terms(loss) {
		switch op := term.Op().(type) {
		case *CrossEntropy, *GaussianNLL:
			likelihoods++
		case *TotalCost:
			in := operands(term)
			if err := named(in[1], nameFraction); err != nil {
				return nil, fmt.Errorf("cost %s: %w", op.Name, err)
			}
			layer := -1
			f, err := c.lower(in[:1], &layer)
			if err != nil {
				return nil, fmt.Errorf("cost %s: %w", op.Name, err)
			}
			if layer < 0 {
				return nil, fmt.Errorf("cost %s: it reads neither mu nor sigma of a layer", op.Name)
			}
			laws[layer].Costs = append(laws[layer].Costs, kernels.Cost{Name: op.Name, Formula: f})
			if costs[layer] = append(costs[layer], op); op.Times != 1 {
				c.program.CostPer = kernels.CostPerPosition
			}
		default:
			return nil, fmt.Errorf("the loss has a term it does not know: %v", term)
		}
	}
	if likelihoods != 1 {
		return nil, fmt.Errorf("the loss contains the likelihood %d times, want once", likelihoods)
	}
	for i, all := range costs {
		for _, op := range all {
			if want := c.times(i); op.Times != want {
				return nil, fmt.Errorf("cost %s: synapses of layer %d pay %d times: want %d with costs per %v", op.Name, i,
					op.Times, want, c.program.CostPer)
			}
		}
	}
	return laws, nil
}

// times is how often each synapse of a layer pays.
func (c *compiler) times(layer int) int { return c.program.CostPer.Times(c.layers[layer].window) }

// lower turns nodes of layer *layer into a formula.
func (c *compiler) lower(nodes gorgonia.Nodes, layer *int) (kernels.Formula, error) {
	return lower(nodes, func(n *gorgonia.Node) (string, bool) { return c.variable(n, layer) })
}

// slopes reads the terms that the costs add to the gradients of mu and sigma of a layer, after checking that the rest
// comes from the likelihood.
func (c *compiler) slopes(i int, l *layer) (kernels.Formula, error) {
	mu, err := c.rest(l.mu, l.dmu)
	if err != nil {
		return kernels.Formula{}, err
	}
	var sigma gorgonia.Nodes
	if l.sigma != nil {
		if sigma, err = c.sigmaTerms(i, l); err != nil {
			return kernels.Formula{}, err
		}
	}
	layer := i
	formula, err := c.lower(append(mu, sigma...), &layer)
	if err != nil {
		return formula, fmt.Errorf("gradient of the costs of layer %d: %w", i, err)
	}
	return summed(formula, len(mu)), nil
}

// synapseSlopes reads the gradients of the parameters of a layer's synapses, of the costs and, by way of mu and sigma,
// of the likelihood.
func (c *compiler) synapseSlopes(i int, l *layer) (kernels.Formula, error) {
	var gradients gorgonia.Nodes
	for _, n := range l.theta {
		if n.Deriv() == nil || l.dmu == nil || l.dsigma == nil {
			return kernels.Formula{}, fmt.Errorf(
				"there is no gradient for %v: differentiate the loss with respect to it first", n)
		}
		gradients = append(gradients, n.Deriv())
	}
	layer := i
	f, err := lower(gradients, func(n *gorgonia.Node) (string, bool) {
		switch n {
		case l.dmu:
			return kernels.InputDMu, true
		case l.dsigma:
			return kernels.InputDSigma, true
		}
		return c.variable(n, &layer)
	}, append(slices.Clone(c.program.Layout.Parameters), kernels.InputDMu, kernels.InputDSigma)...)
	if err != nil {
		return f, fmt.Errorf("gradient of the parameters of layer %d: %w", i, err)
	}
	return f, nil
}

// summed is the formula whose outputs are the sums of the first n outputs and of the others.
func summed(f kernels.Formula, n int) kernels.Formula {
	b := kernels.NewFormula(f.Inputs...)
	return b.Formula(b.Sum(f, f.Outputs[:n]), b.Sum(f, f.Outputs[n:]))
}

// rest returns the terms of a gradient other than that of the likelihood, which must occur once.
func (c *compiler) rest(n *gorgonia.Node, likelihood ...*gorgonia.Node) (rest gorgonia.Nodes, err error) {
	if n.Deriv() == nil || slices.Contains(likelihood, nil) {
		return nil, fmt.Errorf("there is no gradient for %v: differentiate the loss with respect to it first", n)
	}
	for _, term := range c.terms(n.Deriv()) {
		if i := slices.Index(likelihood, term); i >= 0 {
			likelihood = slices.Delete(slices.Clone(likelihood), i, i+1)
			continue
		}
		rest = append(rest, term)
	}
	if len(likelihood) > 0 {
		return nil, fmt.Errorf("the gradient of %v lacks the term %v", n, likelihood[0])
	}
	return rest, nil
}

// sigmaTerms returns the terms that the costs of layer i add to the gradient of its sigma, by synapse.
func (c *compiler) sigmaTerms(i int, l *layer) (terms gorgonia.Nodes, err error) {
	phi := operands(l.sigma)[0]
	if phi.Deriv() == nil {
		return nil, fmt.Errorf("there is no gradient for %v: differentiate the loss with respect to it first", phi)
	}
	if _, ok := phi.Deriv().Op().(*SigmaGradient); !ok || l.sigma.Deriv() == nil ||
		operands(phi.Deriv())[1] != l.sigma.Deriv() {
		return nil, fmt.Errorf("the gradient of %v is not that of its sigma, times the slope of sigma", phi)
	}
	var likelihood gorgonia.Nodes
	for _, other := range c.layers {
		if other.sigma == l.sigma {
			likelihood = append(likelihood, other.dsigma)
		}
	}
	rest, err := c.rest(l.sigma, likelihood...)
	if err != nil || c.program.Layout.Sharing == kernels.PerSynapse {
		return rest, err
	}
	for _, n := range rest {
		op, ok := n.Op().(*Collect)
		if !ok {
			return nil, fmt.Errorf("the gradient of %v has a term it does not know: %v", l.sigma, n)
		}
		if op.Index == i {
			terms = append(terms, c.terms(operands(n)[0])...)
		}
	}
	return terms, nil
}

// fill writes the costs into the instructions that form dW, and adds the one for the parameters that layers share.
func (c *compiler) fill(laws []kernels.Law) error {
	_, drawn := c.program.Rule.Draws()
	s := c.program.Layout.Sharing
	shared := s != kernels.PerSynapse && s != kernels.NoNoise
	for _, g := range c.pending {
		g.Law = laws[g.Layer]
		if shared && !g.Law.Equal(laws[0]) {
			return fmt.Errorf("layers %d and 0 have different costs: want the same if sigma is shared", g.Layer)
		}
		instruction := c.program.Rule.Layer(g.Gradient)
		if drawn {
			c.program.Instructions[g.at] = instruction
		} else { // weights are mu itself, which must not move before every Backward has read it
			c.emit(instruction)
		}
	}
	c.program.Instructions = slices.DeleteFunc(c.program.Instructions,
		func(i kernels.Instruction) bool { return i == nil })
	if c.program.Draw == kernels.PerExample {
		c.moveLast()
	}
	if shared {
		if instruction := c.program.Rule.Shared(laws[0]); instruction != nil {
			c.emit(instruction)
		}
	}
	return nil
}

// moveLast puts what moves a layer's parameters behind its Backward, which reads them if every example has its own
// noise.
func (c *compiler) moveLast() {
	for i := len(c.program.Instructions) - 1; i >= 0; i-- {
		b, ok := kernels.BackwardOf(c.program.Instructions[i])
		if !ok {
			continue
		}
		for at, other := range c.program.Instructions[:i] {
			if g, ok := kernels.GradientOf(other); ok && g.Layer == b.Layer {
				copy(c.program.Instructions[at:i], c.program.Instructions[at+1:i+1])
				c.program.Instructions[i] = other
				i--
				break
			}
		}
	}
}

// checkSlopes compares the slopes of a law with differences of its costs.
func checkSlopes(l kernels.Law) error {
	return checkGradient(l, []string{kernels.InputMu, kernels.InputSigma}, func(values map[string]float64) float64 {
		return priced(l, values)
	})
}

// checkSynapse compares the slopes of a law of synapses with parameters of their own with differences of the costs and
// of a likelihood of constant slopes over mu and sigma.
func (c *compiler) checkSynapse(l kernels.Law) error {
	return checkGradient(l, l.Parameters, func(values map[string]float64) float64 {
		of := eval(c.program.Synapse.Moments, values)
		return float64(values[kernels.InputDMu]*of[0]) + float64(values[kernels.InputDSigma]*of[1]) + priced(l, values)
	})
}

// priced is the price of a synapse in the objective.
func priced(l kernels.Law, values map[string]float64) (sum float64) {
	for _, c := range l.Costs {
		sum += eval(c.Formula, values)[0]
	}
	return float64(sum * values[kernels.InputFraction])
}

// checkGradient compares the slopes of a law with differences of what they are the slopes of, over the given inputs, at
// some points and for some numbers. Points where that has a kink or is not finite are skipped, and those where the
// differences are rounding: they do not grow with the step, as those of a slope do.
func checkGradient(l kernels.Law, over []string, total func(values map[string]float64) float64) error {
	const places, step, wide = 16, 1e-5, 32e-5
	of := append(slices.Clone(over), kernels.InputDMu, kernels.InputDSigma)
	each := 1 + len(of) + len(l.Numbers())
	u := make([]float64, places*each)
	kernels.Uniforms(u, kernels.Noise{Seed: 1, Stream: kernels.StreamAnalysis}, 0)
	for ; len(u) > 0; u = u[each:] {
		values := map[string]float64{kernels.InputFraction: 0.1 + u[2]}
		for i, name := range of {
			values[name] = math.Copysign(0.1+u[(3*i)%each], 0.5-u[(3*i+1)%each])
		}
		if l.Parameters == nil {
			values[kernels.InputSigma] = 0.1 + u[1]
		}
		for i, name := range l.Numbers() {
			values[name] = 0.2 + 2*u[1+len(of)+i]
		}
		shifted := func(name string, by float64) float64 {
			moved := maps.Clone(values)
			moved[name] += by
			return total(moved)
		}
		slopes := eval(l.Slopes, values)
		for i, name := range over {
			before, at, after := shifted(name, -step), total(values), shifted(name, step)
			rate := (after - before) / (2 * step)
			scale := math.Abs(rate) + math.Abs(before) + math.Abs(after)
			// A kink or a jump within a step is an error of bend / (2 step) in rate.
			if bend := math.Abs(after - 2*at + before); !(bend < 1e-3*step*scale) {
				continue // or NaN
			}
			if e := math.Abs((shifted(name, wide)-shifted(name, -wide))/(2*wide) - rate); !(e <= 1e-3*scale) {
				continue
			}
			if e := math.Abs(slopes[i] - rate); !(e <= 1e-3*scale) {
				return fmt.Errorf("the gradient is not that of the costs: their slope over %s is %g at %v, the gradient has %g",
					name, rate, values, slopes[i])
			}
		}
	}
	return nil
}

// eval evaluates a formula.
func eval(f kernels.Formula, values map[string]float64) []float64 {
	in := make([]float64, len(f.Inputs))
	for i, name := range f.Inputs {
		in[i] = values[name]
	}
	return kernels.Eval(f, in...)
}
