package graph

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// Stock is the model of a Spec written only with Gorgonia's own operations, with separate weights and biases. Its noise
// enters as tensors and its numbers are constants. It shares no arithmetic with the fused operations and exists to
// check them.
type Stock struct {
	Graph  *gorgonia.ExprGraph
	Loss   *gorgonia.Node
	X      *gorgonia.Node // [batch, inputs]
	Y      *gorgonia.Node // one-hot labels, or targets: [batch, outputs]
	Layers []StockLayer
}

// StockLayer holds the inputs of one layer. Phi is per synapse [out, in] and [out, 1]; otherwise Phi is [out, 1] per
// neuron or [1, 1] per layer or network, shared by weights and biases, and PhiBias is nil.
type StockLayer struct {
	Mu, MuBias   *gorgonia.Node // [out, in], [out, 1]
	Phi, PhiBias *gorgonia.Node
	// Xi and XiBias are the noise, of the shapes of Mu and MuBias; if every example has its own, Xi is [batch, out].
	Xi, XiBias *gorgonia.Node
}

// stock builds expressions and keeps the first error.
type stock struct {
	g   *gorgonia.ExprGraph
	dt  tensor.Dtype
	err error
}

func (s *stock) input(name string, shape ...int) *gorgonia.Node {
	return gorgonia.NewMatrix(s.g, s.dt, gorgonia.WithShape(shape...), gorgonia.WithName(name))
}

func (s *stock) number(x float64) *gorgonia.Node {
	if s.dt == tensor.Float32 {
		return gorgonia.NewConstant(float32(x))
	}
	return gorgonia.NewConstant(x)
}

// ones is a constant matrix of ones, which spreads a vector over a matrix.
func (s *stock) ones(rows, columns int) *gorgonia.Node {
	return gorgonia.NewConstant(tensor.Ones(s.dt, rows, columns),
		gorgonia.WithName(fmt.Sprintf("ones%dx%d", rows, columns)))
}

func (s *stock) keep(n *gorgonia.Node, err error) *gorgonia.Node {
	if s.err == nil {
		s.err = err
	}
	return n
}

func (s *stock) unary(f func(*gorgonia.Node) (*gorgonia.Node, error), a *gorgonia.Node) *gorgonia.Node {
	if s.err != nil {
		return nil
	}
	return s.keep(f(a))
}

func (s *stock) binary(f func(a, b *gorgonia.Node) (*gorgonia.Node, error), a, b *gorgonia.Node) *gorgonia.Node {
	if s.err != nil {
		return nil
	}
	return s.keep(f(a, b))
}

func (s *stock) transpose(a *gorgonia.Node) *gorgonia.Node {
	return s.unary(func(n *gorgonia.Node) (*gorgonia.Node, error) { return gorgonia.Transpose(n) }, a)
}

func (s *stock) sum(a *gorgonia.Node) *gorgonia.Node {
	return s.unary(func(n *gorgonia.Node) (*gorgonia.Node, error) { return gorgonia.Sum(n) }, a)
}

// times multiplies by a number.
func (s *stock) times(a *gorgonia.Node, x float64) *gorgonia.Node {
	return s.binary(gorgonia.Mul, a, s.number(x))
}

// BuildStock writes the objective of a minibatch for one member; fraction is B/N.
func BuildStock(spec Spec, dt tensor.Dtype, m kernels.Member, fraction float64) (*Stock, error) {
	if err := spec.Check(); err != nil {
		return nil, err
	}
	if m.Layers != nil {
		return nil, fmt.Errorf("graph: a stock model has one number of each kind for all layers")
	}
	s := &stock{g: gorgonia.NewGraph(), dt: dt}
	model := &Stock{Graph: s.g}
	model.X = s.input("x", spec.Batch, spec.Sizes[0])
	model.Y = s.input("y", spec.Batch, spec.Sizes[len(spec.Sizes)-1])
	shaped, err := spec.shapes()
	if err != nil {
		return nil, err
	}
	var terms, outputs gorgonia.Nodes
	for _, n := range shaped {
		var in gorgonia.Nodes
		for _, from := range n.In {
			if from < 0 {
				in = append(in, s.picture(model.X, spec))
			} else {
				in = append(in, outputs[from])
			}
		}
		i, layer := len(model.Layers), n.Layer
		if layer.Out == 0 {
			outputs = append(outputs, s.activate(n.Activation, s.unweighted(n, in)))
			continue
		}
		l := StockLayer{
			Mu: s.input(fmt.Sprintf("mu%d", i), layer.Out, layer.In), MuBias: s.input(fmt.Sprintf("bias%d", i), layer.Out, 1),
		}
		w, b := l.Mu, l.MuBias
		var sigma, sigmaBias *gorgonia.Node
		if spec.Sharing != kernels.NoNoise {
			var first *StockLayer
			if i > 0 && spec.Sharing == kernels.PerNetwork {
				first = &model.Layers[0]
			}
			sigma, sigmaBias = s.sigmas(&l, i, layer, spec.Sharing, first)
		}
		affine := func(x, w, b *gorgonia.Node) *gorgonia.Node {
			if n.Kind == Conv {
				return s.convolve(n, x, w, b)
			}
			return s.binary(gorgonia.Add, s.binary(gorgonia.Mul, x, s.transpose(w)),
				s.binary(gorgonia.Mul, s.ones(spec.Batch, 1), s.transpose(b)))
		}
		y := in[0]
		if n.Kind == Dense {
			y = s.reshape(y, spec.Batch, layer.In)
		}
		switch {
		case spec.Sharing == kernels.NoNoise:
			y = affine(y, w, b)
		case spec.Draw == kernels.PerExample:
			out := n.Output
			l.Xi = s.input(fmt.Sprintf("xi%d", i), spec.Batch, out.Units())
			xi := l.Xi
			if n.Kind == Conv {
				xi = s.reshape(xi, spec.Batch, out.Channels, out.Height, out.Width)
			}
			square := func(n *gorgonia.Node) *gorgonia.Node { return s.binary(gorgonia.HadamardProd, n, n) }
			spread := s.unary(gorgonia.Sqrt, affine(square(y), square(sigma), square(sigmaBias)))
			y = s.binary(gorgonia.Add, affine(y, w, b), s.binary(gorgonia.HadamardProd, spread, xi))
		default:
			l.Xi = s.input(fmt.Sprintf("xi%d", i), layer.Out, layer.In)
			l.XiBias = s.input(fmt.Sprintf("xibias%d", i), layer.Out, 1)
			w = s.binary(gorgonia.Add, l.Mu, s.binary(gorgonia.HadamardProd, sigma, l.Xi))
			b = s.binary(gorgonia.Add, l.MuBias, s.binary(gorgonia.HadamardProd, sigmaBias, l.XiBias))
			y = affine(y, w, b)
		}
		outputs = append(outputs, s.activate(n.Activation, y))
		paid := fraction // in all uses of a synapse
		if spec.CostPer == kernels.CostPerPosition && n.Kind == Conv {
			paid *= float64(n.Output.Height * n.Output.Width)
		}
		for _, c := range spec.Costs {
			terms = append(terms, s.times(s.sum(s.cost(c.Formula, m, l.Mu, sigma)), paid),
				s.times(s.sum(s.cost(c.Formula, m, l.MuBias, sigmaBias)), paid))
		}
		model.Layers = append(model.Layers, l)
	}
	model.Loss = s.likelihood(outputs[len(outputs)-1], model.Y, spec, m)
	for _, term := range terms {
		model.Loss = s.binary(gorgonia.Add, model.Loss, term)
	}
	if s.err != nil {
		return nil, fmt.Errorf("graph: stock operations: %w", s.err)
	}
	return model, nil
}

// activate applies an activation.
func (s *stock) activate(a kernels.Activation, y *gorgonia.Node) *gorgonia.Node {
	switch a {
	case kernels.Linear:
		return y
	case kernels.ReLU:
		return s.unary(gorgonia.Rectify, y)
	case kernels.Tanh:
		return s.unary(gorgonia.Tanh, y)
	case kernels.LeakyReLU:
		above, below := s.unary(gorgonia.Rectify, y), s.unary(gorgonia.Rectify, s.unary(gorgonia.Neg, y))
		return s.binary(gorgonia.Sub, above, s.times(below, kernels.LeakySlope))
	case kernels.Sigmoid:
		return s.unary(gorgonia.Sigmoid, y)
	case kernels.SoftplusActivation:
		return s.unary(gorgonia.Softplus, y)
	case kernels.GELU:
		return s.binary(gorgonia.HadamardProd, y, s.normal(y))
	}
	return s.keep(nil, fmt.Errorf("no operation for the activation %v", a))
}

// normal is the distribution function of the standard normal, for which Gorgonia has no operation: with the density phi
// and n!! = n (n-2) (n-4) ...
//
//	Phi(y) = 1/2 + phi(y) (y + y^3/3!! + y^5/5!! + y^7/7!! + ...)
//
// (Marsaglia 2004). Up to |y| = 6 this many terms leave an error below the rounding of float64.
func (s *stock) normal(y *gorgonia.Node) *gorgonia.Node {
	const terms = 70
	square := s.binary(gorgonia.HadamardProd, y, y)
	series := s.binary(gorgonia.Add, s.times(square, 0), s.number(1))
	for n := terms; n > 0; n-- {
		next := s.binary(gorgonia.HadamardProd, series, s.times(square, 1/float64(2*n+1)))
		series = s.binary(gorgonia.Add, next, s.number(1))
	}
	density := s.times(s.unary(gorgonia.Exp, s.times(square, -0.5)), 1/math.Sqrt(2*math.Pi))
	above := s.binary(gorgonia.HadamardProd, density, s.binary(gorgonia.HadamardProd, y, series))
	return s.binary(gorgonia.Add, above, s.number(0.5))
}

// sigmas adds the inputs phi of a layer and returns the standard deviations of its weights and biases.
func (s *stock) sigmas(l *StockLayer, i int, layer kernels.Layer, sharing kernels.Sharing,
	first *StockLayer) (w, b *gorgonia.Node) {
	name := fmt.Sprintf("phi%d", i)
	switch sharing {
	case kernels.PerSynapse:
		l.Phi, l.PhiBias = s.input(name, layer.Out, layer.In), s.input(fmt.Sprintf("phibias%d", i), layer.Out, 1)
		return s.unary(gorgonia.Softplus, l.Phi), s.unary(gorgonia.Softplus, l.PhiBias)
	case kernels.PerNeuron:
		l.Phi = s.input(name, layer.Out, 1)
		b = s.unary(gorgonia.Softplus, l.Phi)
	default:
		if first != nil {
			l.Phi = first.Phi
		} else {
			l.Phi = s.input(name, 1, 1)
		}
		b = s.binary(gorgonia.Mul, s.ones(layer.Out, 1), s.unary(gorgonia.Softplus, l.Phi))
	}
	return s.binary(gorgonia.Mul, b, s.ones(1, layer.In)), b
}

// cost writes a formula line by line. An expression of numbers alone is a number.
func (s *stock) cost(f kernels.Formula, m kernels.Member, mu, sigma *gorgonia.Node) *gorgonia.Node {
	variables := map[string]*gorgonia.Node{kernels.InputMu: mu, kernels.InputSigma: sigma}
	nodes, numbers := make([]*gorgonia.Node, len(f.Lines)), make([]float64, len(f.Lines))
	for i, l := range f.Lines {
		var in gorgonia.Nodes
		var v [3]float64
		for j := range l.Op.Arity() {
			at := l.Args[j]
			if v[j] = numbers[at]; nodes[at] == nil {
				in = append(in, s.number(numbers[at]))
			} else {
				in = append(in, nodes[at])
			}
		}
		scalar := !slices.ContainsFunc(l.Args[:l.Op.Arity()], func(at int) bool { return nodes[at] != nil })
		switch {
		case l.Op == kernels.OpNumber:
			numbers[i] = l.Num
		case l.Op == kernels.OpInput:
			name := f.Inputs[l.Args[0]]
			nodes[i] = variables[name]
			numbers[i], _ = m.Number(name)
		case scalar:
			numbers[i] = kernels.Operate(l.Op, v[0], v[1], v[2])
		case stockUnary[l.Op] != nil:
			nodes[i] = s.unary(stockUnary[l.Op], in[0])
		case l.Op == kernels.OpMul && (in[0].IsScalar() || in[1].IsScalar()): // the Hadamard product needs two tensors
			nodes[i] = s.binary(gorgonia.Mul, in[0], in[1])
		case stockBinary[l.Op] != nil:
			nodes[i] = s.binary(stockBinary[l.Op], in[0], in[1])
		default:
			return s.keep(nil, fmt.Errorf("no stock operation for %v", l.Op))
		}
	}
	return nodes[f.Outputs[0]]
}

// stockUnary and stockBinary are Gorgonia's own operations.
var (
	stockUnary = map[kernels.Op]func(*gorgonia.Node) (*gorgonia.Node, error){
		kernels.OpNeg: gorgonia.Neg, kernels.OpAbs: gorgonia.Abs, kernels.OpSquare: gorgonia.Square,
		kernels.OpSqrt: gorgonia.Sqrt, kernels.OpExp: gorgonia.Exp, kernels.OpLog: gorgonia.Log,
		kernels.OpLog1p: gorgonia.Log1p, kernels.OpExpm1: gorgonia.Expm1, kernels.OpTanh: gorgonia.Tanh,
		kernels.OpSigmoid: gorgonia.Sigmoid, kernels.OpSoftplus: gorgonia.Softplus,
	}
	stockBinary = map[kernels.Op]func(a, b *gorgonia.Node) (*gorgonia.Node, error){
		kernels.OpAdd: gorgonia.Add, kernels.OpSub: gorgonia.Sub, kernels.OpMul: gorgonia.HadamardProd,
		kernels.OpDiv: gorgonia.HadamardDiv, kernels.OpPow: gorgonia.Pow,
	}
)

func (s *stock) likelihood(y, answers *gorgonia.Node, spec Spec, m kernels.Member) *gorgonia.Node {
	outputs := spec.Sizes[len(spec.Sizes)-1]
	if spec.Likelihood == kernels.Gaussian {
		e := s.binary(gorgonia.Sub, y, answers)
		nll := s.times(s.sum(s.binary(gorgonia.HadamardProd, e, e)), 1/(2*m.NoiseVariance))
		constant := kernels.GaussianNLL(nil, []float64{0}, []float64{0}, m.NoiseVariance)
		return s.binary(gorgonia.Add, nll, s.number(constant*float64(spec.Batch*outputs)))
	}
	// log sum exp over the classes, as a matrix product with ones.
	total := s.binary(gorgonia.Mul, s.unary(gorgonia.Exp, y), s.ones(outputs, 1))
	return s.binary(gorgonia.Sub, s.sum(s.unary(gorgonia.Log, total)), s.sum(s.binary(gorgonia.HadamardProd, y, answers)))
}
