package graph

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// quantalSynapse is the release of n vesicles of size q, each with probability p.
func quantalSynapse(t *testing.T) *Synapse {
	t.Helper()
	s, err := ParseSynapse("quantal", "n*p*q", "sqrt(n*p*(1 - p))*abs(q)", "n = softplus(n_raw)", "p = sigmoid(p_raw)",
		"q = q")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustLaws(texts ...string) (laws []Law) {
	for _, text := range texts {
		l, err := ParseTerm(text)
		if err != nil {
			panic(err)
		}
		laws = append(laws, l)
	}
	return laws
}

func quantalSpec(t *testing.T, costs ...string) Spec {
	return Spec{Sizes: []int{3, 4, 2}, Batch: 5, Activation: kernels.Tanh, Synapse: quantalSynapse(t),
		Costs: mustLaws(costs...)}
}

// The gradient of each parameter is the chain rule's, as derived by hand.
func TestSynapseHasItsSlopes(t *testing.T) {
	spec := quantalSpec(t, "calcium = a*(p/(1 - p))^(1/4)", "membrane = b*n*abs(q)^(2/3)", "actin = c*n*abs(q)^(1/3)",
		"trafficking = d*n*p", "magnitude = lambda*abs(mu)", "reliability = e*sigma^-2")
	p, err := CompileSpec(spec, kernels.DefaultAdam())
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(p.Layout.Parameters, " "); got != "n_raw p_raw q" {
		t.Fatalf("the parameters are %s", got)
	}
	g := p.Gradients()[0]
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		v := map[string]float64{}
		for _, name := range []string{"n_raw", "p_raw", "q", "dmu", "dsigma"} {
			v[name] = 2 * random.NormFloat64()
		}
		for _, name := range []string{"a", "b", "c", "d", "e", "lambda", "batch_fraction"} {
			v[name] = 0.1 + random.Float64()
		}
		in := func(f kernels.Formula) (all []float64) {
			for _, name := range f.Inputs {
				all = append(all, v[name])
			}
			return all
		}
		n, pr, q := math.Log1p(math.Exp(v["n_raw"])), 1/(1+math.Exp(-v["p_raw"])), v["q"]
		perN, size, sign := 1/(1+math.Exp(-v["n_raw"])), math.Abs(q), math.Copysign(1, q)
		mu, sigma := n*pr*q, math.Sqrt(n*pr*(1-pr))*size
		close := func(what string, got, want float64) {
			t.Helper()
			if math.Abs(got-want) > 1e-9*(math.Abs(want)+1) {
				t.Fatalf("%s is %v, want %v, at %v", what, got, want, v)
			}
		}
		moments := kernels.Eval(p.Synapse.Moments, v["n_raw"], v["p_raw"], q)
		close("mu", moments[0], mu)
		close("sigma", moments[1], sigma)
		f := v["batch_fraction"]
		dmu := v["dmu"] + f*v["lambda"]*math.Copysign(1, mu)
		dsigma := v["dsigma"] - 2*f*v["e"]*math.Pow(sigma, -3)
		calcium := v["a"] * math.Exp(v["p_raw"]/4)
		membrane, actin := v["b"]*math.Pow(size, 2./3), v["c"]*math.Cbrt(size)
		want := []float64{
			perN * (dmu*pr*q + dsigma*sigma/(2*n) + f*(membrane+actin+v["d"]*pr)),
			dmu*q*n*pr*(1-pr) + dsigma*sigma*(1-2*pr)/2 + f*(calcium/4+v["d"]*n*pr*(1-pr)),
			dmu*n*pr + dsigma*sigma/q + f*n*(membrane*2/3+actin/3)/size*sign,
		}
		for i, got := range kernels.Eval(g.Slopes, in(g.Slopes)...) {
			close("the slope over "+p.Layout.Parameters[i], got, want[i])
		}
		// The gradient over sigma by way of phi is the same.
		machine := kernels.Member{C: v["c"], Lambda: v["lambda"], Numbers: v}.Bind(g.Slopes).
			Bind(map[string]float64{kernels.InputFraction: f})
		machine = p.Synapse.FromPhi(machine)
		v["dsigma"] *= 1 - math.Exp(-sigma)
		for i, got := range kernels.Eval(machine, in(machine)...) {
			close("by phi, the slope over "+p.Layout.Parameters[i], got, want[i])
		}
		phi := kernels.Eval(p.Synapse.MuPhi(), v["n_raw"], v["p_raw"], q)
		close("softplus of phi", math.Log1p(math.Exp(phi[1])), sigma)
	}
}

// Gorgonia's gradients are those of its loss.
func TestSynapseAgainstFiniteDifferences(t *testing.T) {
	spec := quantalSpec(t, "trafficking = c*n*p", "membrane = c*n*abs(q)^(2/3)", "magnitude = lambda*abs(mu)")
	m, err := Build(spec, tensor.Float64)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Grad(); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	values := func(n, scale float64) []float64 {
		all := make([]float64, int(n))
		for i := range all {
			all[i] = scale * random.NormFloat64()
		}
		return all
	}
	let(t, m.X, tensor.New(tensor.WithShape(5, 3), tensor.WithBacking(values(15, 1))))
	let(t, m.Y, tensor.New(tensor.WithShape(5), tensor.WithBacking([]int{0, 1, 1, 0, 1})))
	if err := m.Let(kernels.Member{Seed: 7, C: 0.3, Lambda: 0.2, LearningRate: 1}, 0.5, 11); err != nil {
		t.Fatal(err)
	}
	var params [][]float64
	for _, n := range m.Params() {
		x := values(float64(n.Shape().TotalSize()), 0.7)
		params = append(params, x)
		let(t, n, tensor.New(tensor.WithShape(n.Shape()...), tensor.WithBacking(x)))
	}
	var loss gorgonia.Value
	gorgonia.Read(m.Loss, &loss)
	total := func() float64 {
		run(t, m.Graph)
		return asFloat64(loss)[0]
	}
	total()
	var gradients [][]float64
	for _, n := range m.Params() {
		gradients = append(gradients, append([]float64(nil), asFloat64(n.Deriv().Value())...))
	}
	const h = 1e-5
	seen := 0
	for i, x := range params {
		for k := range x {
			at := x[k]
			x[k] = at - h
			before := total()
			x[k] = at + h
			after := total()
			x[k] = at
			if want := (after - before) / (2 * h); math.Abs(gradients[i][k]-want) > 1e-6*(1+math.Abs(want)) {
				t.Fatalf("%v[%d]: the gradient is %v, differences give %v", m.Params()[i], k, gradients[i][k], want)
			}
			seen++
		}
	}
	if seen != 3*(4*4+2*5) {
		t.Fatalf("%d parameters", seen)
	}
}

// A kind of synapse is a line of text: one parameter here, for a weight of fixed relative noise.
func TestSynapseOfOneParameter(t *testing.T) {
	s, err := ParseSynapse("steady", "w", "abs(w)/4", "w = w")
	if err != nil {
		t.Fatal(err)
	}
	spec := quantalSpec(t, "magnitude = lambda*abs(w)")
	spec.Synapse = s
	p, err := CompileSpec(spec, kernels.SGD{})
	if err != nil {
		t.Fatal(err)
	}
	g := p.Gradients()[1]
	got := kernels.Eval(g.Slopes, -2., 3, 5, 0.5, 0.1) // w, dmu, dsigma, the fraction, lambda
	if names := strings.Join(g.Slopes.Inputs, " "); names != "w dmu dsigma batch_fraction lambda" &&
		names != "w dmu dsigma lambda batch_fraction" {
		t.Fatalf("the slopes read %s", names)
	}
	if want := 3 - 5./4 - 0.05; math.Abs(got[0]-want) > 1e-12 {
		t.Errorf("the slope is %v, want %v", got[0], want)
	}
	want := "update w of layer 1 with d2 b1, magnitude lambda*abs(w)"
	if !strings.Contains(p.String(), want) {
		t.Errorf("no line %q in\n%v", want, p)
	}
}

func TestSynapseRefusals(t *testing.T) {
	for _, c := range []struct {
		mu, sigma string
		links     []string
		want      string
	}{
		{"n*p", "n", []string{"n = n"}, "mu reads p: want only its quantities, n"},
		{"n", "n", nil, "want 1 to 4 parameters, got 0"},
		{"a", "b", []string{"a = a", "b = b", "c = c", "d = d", "e = e"}, "want 1 to 4 parameters, got 5"},
		{"n", "n", []string{"n = a + b"}, "want a quantity as a function of one parameter"},
		{"n", "n", []string{"softplus(n)"}, "want a quantity as a function of one parameter"},
		{"n", "n +", []string{"n = n"}, "sigma: "},
	} {
		_, err := ParseSynapse("odd", c.mu, c.sigma, c.links...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c, err, c.want)
		}
	}
	spec := quantalSpec(t, "c*n*p")
	spec.Sharing = kernels.PerLayer
	if err := spec.Check(); err == nil || !strings.Contains(err.Error(), "the noise is per layer: want it per synapse") {
		t.Errorf("noise per layer: %v", err)
	}
	spec.Sharing = kernels.PerSynapse
	p, err := CompileSpec(spec, kernels.Accumulate{})
	if err != nil {
		t.Fatal(err)
	}
	if err := (kernels.Capabilities{Rules: []kernels.Rule{kernels.Accumulate{}},
		Instructions: []kernels.Instruction{kernels.Gather{}, kernels.Sample{}, kernels.Forward{}, kernels.Loss{},
			kernels.Backward{}, kernels.SumGradient{}}, Activations: []kernels.Activation{kernels.Tanh, kernels.Linear},
		Operations: kernels.Ops(), Sharings: []kernels.Sharing{kernels.PerSynapse},
		Draws:       []kernels.Draw{kernels.PerMinibatch},
		CostPers:    []kernels.CostPer{kernels.CostPerSynapse},
		Likelihoods: []kernels.Likelihood{kernels.Categorical}}).Check(p, make([]kernels.Member, 1), nil); err == nil ||
		!strings.Contains(err.Error(), "synapses learn n_raw, p_raw, q, and its rule") {
		t.Errorf("a rule that measures: %v", err)
	}
}
