package graph

import (
	"fmt"
	"math"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// problem is a Spec with numbers: a member, parameters and a minibatch, in the regime in which the noise matters (sigma
// between 0.05 and 0.5, the largest gradients of noise and cost of equal size). Parameters are as in Model.
type problem struct {
	spec     Spec
	member   kernels.Member
	fraction float64
	step     int
	x        []float64
	labels   []int
	targets  []float64
	mu, phi  [][]float64
}

// stream returns reproducible numbers in (lo, hi).
type stream struct{ noise kernels.Noise }

func (s *stream) uniform(n int, lo, hi float64) []float64 {
	u := make([]float64, n)
	s.noise.Draw++
	kernels.Uniforms(u, s.noise, 0)
	for i := range u {
		u[i] = lo + (hi-lo)*u[i]
	}
	return u
}

// newProblem draws a problem for a Spec.
func newProblem(t *testing.T, spec Spec, rho float64) *problem {
	t.Helper()
	if len(spec.Costs) > 0 {
		spec.Costs = costsFor(rho, spec.Sharing)
	}
	r := stream{kernels.Noise{Seed: 77, Stream: kernels.StreamAnalysis, Layer: uint16(len(spec.Sizes)),
		Step: uint32(spec.Sharing)}}
	p := &problem{
		spec: spec, fraction: 0.03, step: 1234,
		member: kernels.Member{Seed: 0xdeadbeefcafe, C: 1, Rho: rho, Lambda: 0.4, LearningRate: 1e-3, NoiseVariance: 0.3},
	}
	outputs := spec.Sizes[len(spec.Sizes)-1]
	p.x = r.uniform(spec.Batch*spec.Sizes[0], -1, 2)
	p.targets = r.uniform(spec.Batch*outputs, -1, 1)
	for _, u := range r.uniform(spec.Batch, 0, float64(outputs)) {
		p.labels = append(p.labels, int(u))
	}
	layout := spec.Layout()
	for i, l := range layout.Layers {
		mu := r.uniform(l.Synapses(), -0.6, 0.6)
		for k := range mu {
			mu[k] += math.Copysign(0.05, mu[k]) // away from the kink of |mu|
		}
		p.mu = append(p.mu, mu)
		if spec.Sharing == kernels.NoNoise || (spec.Sharing == kernels.PerNetwork && i > 0) {
			continue
		}
		phi := r.uniform(sigmaShape(l, spec.Sharing).TotalSize(), math.Log(0.05), math.Log(0.5))
		for k := range phi {
			phi[k] = kernels.SoftplusInverse(math.Exp(phi[k]))
		}
		p.phi = append(p.phi, phi)
	}
	if spec.Sharing != kernels.NoNoise {
		p.balance(t)
	}
	return p
}

// balance chooses c such that the largest gradient of the cost is 0.4 times that of the noise, so that neither hides
// the other, and a single sigma's do not cancel.
func (p *problem) balance(t *testing.T) {
	t.Helper()
	likelihood, cost := *p, *p
	likelihood.spec.Costs = p.spec.Costs[:1]
	noise := largest(likelihood.fused(t, tensor.Float64).dphi)
	cost.member.C = 1
	both := cost.fused(t, tensor.Float64).dphi
	only := likelihood.fused(t, tensor.Float64).dphi
	for i := range both {
		for k := range both[i] {
			both[i][k] -= only[i][k]
		}
	}
	if noise == 0 {
		t.Fatal("the noise has no gradient")
	}
	p.member.C = 0.4 * noise / largest(both)
}

func largest(parts [][]float64) float64 {
	m := 0.0
	for _, part := range parts {
		for _, v := range part {
			m = max(m, math.Abs(v))
		}
	}
	return m
}

// gradients are a loss and its derivatives, shaped like the parameters.
type gradients struct {
	loss      float64
	dmu, dphi [][]float64
}

// asTensor makes a tensor of either dtype.
func asTensor(dt tensor.Dtype, x []float64, shape ...int) *tensor.Dense {
	if dt == tensor.Float64 {
		return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(append([]float64{}, x...)))
	}
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(y))
}

func asFloat64(v gorgonia.Value) []float64 {
	switch x := v.Data().(type) {
	case []float64:
		return append([]float64{}, x...)
	case []float32:
		y := make([]float64, len(x))
		for i := range x {
			y[i] = float64(x[i])
		}
		return y
	case float64:
		return []float64{x}
	case float32:
		return []float64{float64(x)}
	}
	return nil
}

func let(t *testing.T, n *gorgonia.Node, v any) {
	t.Helper()
	if err := gorgonia.Let(n, v); err != nil {
		t.Fatalf("%v: %v", n, err)
	}
}

func run(t *testing.T, g *gorgonia.ExprGraph) {
	t.Helper()
	vm := gorgonia.NewTapeMachine(g)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
}

// bind sets the inputs of the fused graph.
func (p *problem) bind(t *testing.T, m *Model) {
	t.Helper()
	dt := m.X.Dtype()
	let(t, m.X, asTensor(dt, p.x, m.X.Shape()...))
	if p.spec.Likelihood == kernels.Gaussian {
		let(t, m.Y, asTensor(dt, p.targets, m.Y.Shape()...))
	} else {
		let(t, m.Y, tensor.New(tensor.WithShape(len(p.labels)), tensor.WithBacking(append([]int{}, p.labels...))))
	}
	if err := m.Scalars.Let(p.member, p.fraction, p.step); err != nil {
		t.Fatal(err)
	}
	for i, mu := range m.Mu {
		let(t, mu, asTensor(dt, p.mu[i], mu.Shape()...))
	}
	for i, phi := range m.Phi {
		let(t, phi, asTensor(dt, p.phi[i], phi.Shape()...))
	}
}

// fused runs the graph of fused operations.
func (p *problem) fused(t *testing.T, dt tensor.Dtype) gradients {
	t.Helper()
	m, err := Build(p.spec, dt)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Grad(); err != nil {
		t.Fatal(err)
	}
	p.bind(t, m)
	run(t, m.Graph)
	g := gradients{loss: asFloat64(m.Loss.Value())[0]}
	for _, mu := range m.Mu {
		g.dmu = append(g.dmu, asFloat64(mu.Deriv().Value()))
	}
	for _, phi := range m.Phi {
		g.dphi = append(g.dphi, asFloat64(phi.Deriv().Value()))
	}
	return g
}

// loss runs the forward part of the graph in float64 only.
func (p *problem) loss(t *testing.T) float64 {
	t.Helper()
	m, err := Build(p.spec, tensor.Float64)
	if err != nil {
		t.Fatal(err)
	}
	p.bind(t, m)
	run(t, m.Graph)
	return asFloat64(m.Loss.Value())[0]
}

// A fault is a possible error in a build of the model that a test must notice.
type fault string

const (
	noFault       fault = ""
	zeroXi        fault = "xi = 0"
	wrongCounter  fault = "a wrong counter"
	wrongLayer    fault = "the counter of another layer"
	doubleCost    fault = "the reliability cost counted twice"
	missingFactor fault = "B/N missing"
)

var faults = []fault{zeroXi, wrongCounter, wrongLayer, doubleCost, missingFactor}

// stock runs the model of stock operations in float64, with a planted fault.
func (p *problem) stock(t *testing.T, f fault) gradients {
	t.Helper()
	member, fraction := p.member, p.fraction
	switch f {
	case doubleCost:
		member.C *= 2
	case missingFactor:
		fraction = 1
	}
	s, err := BuildStock(p.spec, tensor.Float64, member, fraction)
	if err != nil {
		t.Fatal(err)
	}
	var params gorgonia.Nodes
	for i, l := range s.Layers {
		params = append(params, l.Mu, l.MuBias)
		if l.Phi != nil && !(i > 0 && p.spec.Sharing == kernels.PerNetwork) {
			params = append(params, l.Phi)
		}
		if l.PhiBias != nil {
			params = append(params, l.PhiBias)
		}
	}
	if _, err := gorgonia.Grad(s.Loss, params...); err != nil {
		t.Fatal(err)
	}
	dt := tensor.Float64
	let(t, s.X, asTensor(dt, p.x, s.X.Shape()...))
	y := p.targets
	if p.spec.Likelihood == kernels.Categorical {
		y = make([]float64, len(p.targets))
		for b, label := range p.labels {
			y[b*s.Y.Shape()[1]+label] = 1
		}
	}
	let(t, s.Y, asTensor(dt, y, s.Y.Shape()...))
	layers := p.spec.Layout().Layers
	for i, l := range s.Layers {
		w, b := split(p.mu[i], layers[i])
		let(t, l.Mu, asTensor(dt, w, l.Mu.Shape()...))
		let(t, l.MuBias, asTensor(dt, b, l.MuBias.Shape()...))
		if l.Xi == nil {
			continue
		}
		if l.XiBias == nil {
			let(t, l.Xi, asTensor(dt, p.xiOfExamples(i, l.Xi.Shape().TotalSize(), f), l.Xi.Shape()...))
		} else {
			w, b = split(p.xi(i, f), layers[i])
			let(t, l.Xi, asTensor(dt, w, l.Xi.Shape()...))
			let(t, l.XiBias, asTensor(dt, b, l.XiBias.Shape()...))
		}
		if l.PhiBias != nil {
			w, b = split(p.phi[i], layers[i])
			let(t, l.Phi, asTensor(dt, w, l.Phi.Shape()...))
			let(t, l.PhiBias, asTensor(dt, b, l.PhiBias.Shape()...))
		} else if i < len(p.phi) {
			let(t, l.Phi, asTensor(dt, p.phi[i], l.Phi.Shape()...))
		}
	}
	run(t, s.Graph)
	g := gradients{loss: asFloat64(s.Loss.Value())[0]}
	for i, l := range s.Layers {
		g.dmu = append(g.dmu, join(asFloat64(l.Mu.Deriv().Value()), asFloat64(l.MuBias.Deriv().Value()), layers[i]))
		if l.PhiBias != nil {
			g.dphi = append(g.dphi, join(asFloat64(l.Phi.Deriv().Value()), asFloat64(l.PhiBias.Deriv().Value()), layers[i]))
		} else if i < len(p.phi) {
			g.dphi = append(g.dphi, asFloat64(l.Phi.Deriv().Value()))
		}
	}
	return g
}

// xi is the noise of layer i as [out, in+1].
func (p *problem) xi(i int, f fault) []float64 {
	l := p.spec.Layout().Layers[i]
	xi := make([]float64, l.Synapses())
	for r := range l.Out {
		p.normals(xi[r*l.Columns():][:l.Columns()], p.noise(i), r, f)
	}
	return xi
}

// xiOfExamples is the noise of the n outputs of layer i as [batch, out, positions], if every example has its own.
func (p *problem) xiOfExamples(i, n int, f fault) (xi []float64) {
	out := p.spec.Layout().Layers[i].Out
	positions := n / p.spec.Batch / out
	row := make([]float64, out+1)
	xi = make([]float64, n)
	for r := range n / out { // examples, and their positions
		p.normals(row, p.noise(i).OfExamples(), r, f)
		for c, v := range row[:out] {
			xi[(r/positions*out+c)*positions+r%positions] = v
		}
	}
	return xi
}

func (p *problem) noise(layer int) kernels.Noise {
	return kernels.Noise{Seed: p.member.Seed, Stream: kernels.StreamTrain, Layer: uint16(layer), Step: uint32(p.step)}
}

func (p *problem) normals(xi []float64, n kernels.Noise, row int, f fault) {
	switch f {
	case wrongCounter:
		n.Step++
	case wrongLayer:
		n.Layer++
	}
	if kernels.Normals(xi, n, row); f == zeroXi {
		clear(xi)
	}
}

// split divides [out, in+1] into weights and biases; join is its inverse.
func split(a []float64, l kernels.Layer) (w, b []float64) {
	for r := range l.Out {
		row := a[r*l.Columns():][:l.Columns()]
		w, b = append(w, row[:l.In]...), append(b, row[l.In])
	}
	return w, b
}

func join(w, b []float64, l kernels.Layer) (a []float64) {
	for r := range l.Out {
		a = append(append(a, w[r*l.In:][:l.In]...), b[r])
	}
	return a
}

// distance is the worst error of any gradient of got, relative to that gradient's largest entry in want, or that of the
// loss. Phis of one entry each, one per layer, count as one gradient: for a single entry in which noise and cost happen
// to cancel there would be no scale.
func distance(got, want gradients) (worst float64, where string) {
	note := func(e float64, name string) {
		if e > worst || e != e {
			worst, where = e, name
		}
	}
	note(math.Abs(got.loss-want.loss)/math.Abs(want.loss), "loss")
	for kind, pair := range map[string][2][][]float64{"mu": {got.dmu, want.dmu}, "phi": {got.dphi, want.dphi}} {
		for i := range pair[1] {
			scale := largest(pair[1][i : i+1])
			if len(pair[1][i]) == 1 {
				scale = largest(pair[1])
			}
			for k, v := range pair[1][i] {
				note(math.Abs(pair[0][i][k]-v)/scale, fmt.Sprintf("%s%d[%d]", kind, i, k))
			}
		}
	}
	return worst, where
}

// specs lists the structures that the gradient tests go through.
func specs() []Spec {
	var all []Spec
	for _, sizes := range [][]int{{7, 4}, {9, 6, 3}, {17, 5, 8, 4}, {6, 7, 5, 6, 3}} {
		for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
			for _, likelihood := range []kernels.Likelihood{kernels.Categorical, kernels.Gaussian} {
				for _, batch := range []int{1, 6} {
					all = append(all, Spec{
						Sizes: sizes, Batch: batch, Activation: kernels.ReLU, Sharing: sharing, Likelihood: likelihood,
						Costs: PaperCosts(sharing),
					})
				}
			}
		}
	}
	for i, own := range all { // with noise of every example
		if own.Draw = kernels.PerExample; own.Sharing != kernels.NoNoise && (i/4+i)%4 == 0 {
			all = append(all, own)
		}
	}
	for _, activation := range kernels.Activations() {
		if other := all[0]; activation != kernels.ReLU {
			other.Sizes, other.Activation, other.Batch = []int{5, 6, 3}, activation, 4
			all = append(all, other)
		}
	}
	return all
}

func (s Spec) title(rho float64) string {
	if s.Draw != kernels.PerMinibatch {
		rest := s
		rest.Draw = kernels.PerMinibatch
		return rest.title(rho) + " draw per " + s.Draw.String()
	}
	return fmt.Sprintf("%v %v %v %v B=%d rho=%.3g", s.Sizes, s.Activation, s.Sharing, s.Likelihood, s.Batch, rho)
}

// exponents are those of the paper, and 0 for the entropic limit.
var exponents = []float64{0.5, 2. / 3, 4. / 3, 2, 0}

func costsFor(rho float64, s kernels.Sharing) []Law {
	if rho == 0 {
		return EntropicCosts(s)
	}
	return PaperCosts(s)
}
