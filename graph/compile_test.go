package graph

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

func TestCompileListing(t *testing.T) {
	for _, c := range []struct {
		rule kernels.Rule
		want string
	}{
		{kernels.DefaultAdam(), `Adam(0.9, 0.999, 1e-08), batch 4, sigma per layer, layers 5x7 3x5
b0 = gather
w0 = sample
b1 = relu(b0 w0)
w1 = sample
b2 = linear(b1 w1)
d2 = categorical loss(b2), through linear
d1 = d2 w1, through relu
update layer 1 with d2 b1, magnitude lambda*abs(mu), reliability c*sigma^-rho
update layer 0 with d1 b0, magnitude lambda*abs(mu), reliability c*sigma^-rho
update shared phi, magnitude lambda*abs(mu), reliability c*sigma^-rho`},
		{kernels.Accumulate{}, `accumulate, batch 4, sigma per layer, layers 5x7 3x5
b0 = gather
w0 = sample
b1 = relu(b0 w0)
w1 = sample
b2 = linear(b1 w1)
d2 = categorical loss(b2), through linear
d1 = d2 w1, through relu
sum gradient of layer 1 with d2 b1, without costs
sum gradient of layer 0 with d1 b0, without costs`},
		{kernels.Accumulate{AtMu: true}, `accumulate at mu, batch 4, sigma per layer, layers 5x7 3x5
b0 = gather
b1 = relu(b0 w0)
b2 = linear(b1 w1)
d2 = categorical loss(b2), through linear
d1 = d2 w1, through relu
sum gradient of layer 1 with d2 b1, without costs
sum gradient of layer 0 with d1 b0, without costs`},
		{kernels.Langevin{Delay: 100, Decay: 0.55}, `Langevin(1 + t/100)^-0.55, batch 4, sigma per layer, layers 5x7 3x5
b0 = gather
b1 = relu(b0 w0)
b2 = linear(b1 w1)
d2 = categorical loss(b2), through linear
d1 = d2 w1, through relu
fluctuate layer 1 with d2 b1, magnitude lambda*abs(mu), reliability c*sigma^-rho, at fixed sigma
fluctuate layer 0 with d1 b0, magnitude lambda*abs(mu), reliability c*sigma^-rho, at fixed sigma`},
	} {
		p, err := CompileSpec(Spec{
			Sizes: []int{7, 5, 3}, Batch: 4, Activation: kernels.ReLU, Sharing: kernels.PerLayer,
			Costs: PaperCosts(kernels.PerLayer),
		}, c.rule)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.String(); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}

// rules are those that a program can be compiled for.
var rules = []kernels.Rule{kernels.DefaultAdam(), kernels.Accumulate{}, kernels.Accumulate{AtMu: true},
	kernels.Langevin{}}

// hand builds a graph of two layers by hand, so that a test can replace parts of it.
type hand struct {
	g              *gorgonia.ExprGraph
	x, y           *gorgonia.Node
	mu, phi, sigma gorgonia.Nodes
	Scalars
}

func newHand() *hand {
	g := gorgonia.NewGraph()
	h := &hand{g: g, Scalars: NewScalars(g, tensor.Float32, "c", "rho", "lambda")}
	h.x = gorgonia.NewMatrix(g, tensor.Float32, gorgonia.WithShape(4, 7), gorgonia.WithName("x"))
	h.y = gorgonia.NewVector(g, tensor.Int, gorgonia.WithShape(4), gorgonia.WithName("labels"))
	return h
}

func (h *hand) layer(t *testing.T, x *gorgonia.Node, out int) *gorgonia.Node {
	t.Helper()
	i, in := len(h.mu), x.Shape()[1]
	param := func(name string) *gorgonia.Node {
		return gorgonia.NewMatrix(h.g, tensor.Float32, gorgonia.WithShape(out, in+1),
			gorgonia.WithName(name+string(rune('0'+i))))
	}
	h.mu, h.phi = append(h.mu, param("mu")), append(h.phi, param("phi"))
	h.sigma = append(h.sigma, must(t)(ApplySigma(h.phi[i])))
	return must(t)(ApplyNoisyLinear(i, kernels.PerSynapse, kernels.PerMinibatch, x, h.mu[i], h.sigma[i], h.Seed, h.Step))
}

// cost adds a cost of layer i to the loss, with another factor instead of B/N.
func (h *hand) cost(t *testing.T, text string, i int, loss, fraction *gorgonia.Node) *gorgonia.Node {
	t.Helper()
	l := mustLaw(text)
	inputs := map[string]*gorgonia.Node{"mu": h.mu[i], "sigma": h.sigma[i]}
	maps.Copy(inputs, h.Numbers)
	return must(t)(gorgonia.Add(loss, must(t)(ApplyTotalCost(l.Name, 1, must(t)(l.Apply(inputs)), fraction))))
}

func must(t *testing.T) func(n *gorgonia.Node, err error) *gorgonia.Node {
	return func(n *gorgonia.Node, err error) *gorgonia.Node {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}

func (h *hand) compile(t *testing.T, loss *gorgonia.Node, rule kernels.Rule) (*kernels.Program, error) {
	t.Helper()
	if _, err := gorgonia.Grad(loss, append(append(gorgonia.Nodes{}, h.mu...), h.phi...)...); err != nil {
		t.Fatal(err)
	}
	return Compile(h.g, loss, rule)
}

// Editing the graph changes the Program, for every rule.
func TestCompileFollowsTheGraph(t *testing.T) {
	magnitude := func(t *testing.T, h *hand, i int, loss *gorgonia.Node) *gorgonia.Node {
		return h.cost(t, "magnitude = lambda*abs(mu)", i, loss, h.Fraction)
	}
	reliability := func(t *testing.T, h *hand, i int, loss *gorgonia.Node) *gorgonia.Node {
		return h.cost(t, "reliability = c*sigma^-rho", i, loss, h.Fraction)
	}
	for _, c := range []struct {
		name  string
		build func(t *testing.T, h *hand) *gorgonia.Node
		want  []string // lines of the listing
	}{
		{"no costs", func(t *testing.T, h *hand) *gorgonia.Node {
			return must(t)(ApplyCrossEntropy(h.layer(t, h.x, 3), h.y))
		}, []string{"b1 = linear(b0 w0)", "update layer 0 with d1 b0"}},
		{"costs of one layer only", func(t *testing.T, h *hand) *gorgonia.Node {
			y := h.layer(t, h.layer(t, h.x, 5), 3)
			return reliability(t, h, 0, magnitude(t, h, 1, must(t)(ApplyCrossEntropy(y, h.y))))
		}, []string{"update layer 1 with d2 b1, magnitude lambda*abs(mu)",
			"update layer 0 with d1 b0, reliability c*sigma^-rho"}},
		{"a cost twice", func(t *testing.T, h *hand) *gorgonia.Node {
			loss := must(t)(ApplyCrossEntropy(h.layer(t, h.x, 3), h.y))
			return reliability(t, h, 0, reliability(t, h, 0, loss))
		}, []string{"update layer 0 with d1 b0, reliability c*sigma^-rho, reliability c*sigma^-rho"}},
		{"another activation", func(t *testing.T, h *hand) *gorgonia.Node {
			a := must(t)(ApplyActivation(kernels.Tanh, h.layer(t, h.x, 5)))
			return must(t)(ApplyCrossEntropy(h.layer(t, a, 3), h.y))
		}, []string{"b1 = tanh(b0 w0)", "d1 = d2 w1, through tanh"}},
		{"a rectified readout", func(t *testing.T, h *hand) *gorgonia.Node {
			return must(t)(ApplyCrossEntropy(must(t)(ApplyActivation(kernels.ReLU, h.layer(t, h.x, 3))), h.y))
		}, []string{"b1 = relu(b0 w0)", "d1 = categorical loss(b1), through relu"}},
		{"one more layer", func(t *testing.T, h *hand) *gorgonia.Node {
			y := h.layer(t, h.layer(t, h.layer(t, h.x, 5), 6), 3)
			return must(t)(ApplyCrossEntropy(y, h.y))
		}, []string{"b3 = linear(b2 w2)", "update layer 2 with d3 b2"}},
	} {
		for _, rule := range rules {
			t.Run(fmt.Sprintf("%s/%v", c.name, rule), func(t *testing.T) {
				h := newHand()
				p, err := h.compile(t, c.build(t, h), rule)
				if err != nil {
					t.Fatal(err)
				}
				listing := p.String() + "\n"
				for _, line := range c.want {
					if strings.HasPrefix(line, "update") {
						line = inWordsOf(rule, line)
					}
					if !strings.Contains(listing, "\n"+line+"\n") {
						t.Errorf("want %q in\n%s", line, listing)
					}
				}
			})
		}
	}
}

// inWordsOf is the line of an Update in the words of the rule's instruction.
func inWordsOf(rule kernels.Rule, update string) string {
	of := strings.TrimPrefix(update, "update")
	switch rule.(type) {
	case kernels.Accumulate:
		what, _, _ := strings.Cut(of, ", ")
		return "sum gradient of" + what + ", without costs"
	case kernels.Langevin:
		return "fluctuate" + of + ", at fixed sigma"
	}
	return update
}

// Without draws the weights are the parameters themselves, so the instructions that move them come last, in a network
// of any depth. This also holds if the graph is sorted differently: the order of Gorgonia's roots is not defined.
func TestCompileMovesMuLast(t *testing.T) {
	for depth := 1; depth < 7; depth++ {
		sizes := []int{3}
		for i := range depth {
			sizes = append(sizes, 2+i)
		}
		p, err := CompileSpec(Spec{Sizes: sizes, Batch: 2, Activation: kernels.ReLU, Costs: PaperCosts(0)[:1]},
			kernels.Langevin{})
		if err != nil {
			t.Fatal(err)
		}
		moves := 0
		for _, instruction := range p.Instructions {
			if _, ok := instruction.(kernels.Fluctuate); ok {
				moves++
			} else if moves > 0 {
				t.Errorf("%v comes after something has moved:\n%v", instruction, p)
			}
		}
		if moves != depth {
			t.Errorf("%d layers of %d move:\n%v", moves, depth, p)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(t *testing.T, h *hand) *gorgonia.Node
		want  string
	}{
		{"an unknown activation", func(t *testing.T, h *hand) *gorgonia.Node {
			a := must(t)(gorgonia.Sigmoid(h.layer(t, h.x, 5)))
			return must(t)(ApplyCrossEntropy(h.layer(t, a, 3), h.y))
		}, `is not the output of a layer, a pool or a Join`},
		{"a residual connection", func(t *testing.T, h *hand) *gorgonia.Node {
			a := h.layer(t, h.x, 5)
			b := h.layer(t, a, 5)
			return must(t)(ApplyCrossEntropy(must(t)(gorgonia.Add(a, b)), h.y))
		}, "is not the output of a layer that nothing else reads"},
		{"an unknown cost", func(t *testing.T, h *hand) *gorgonia.Node {
			loss := must(t)(ApplyCrossEntropy(h.layer(t, h.x, 3), h.y))
			return must(t)(gorgonia.Add(loss, must(t)(gorgonia.Sum(must(t)(gorgonia.Square(h.mu[0]))))))
		}, `does not know|is not one that it knows`},
		{"a cost with an unknown operation", func(t *testing.T, h *hand) *gorgonia.Node {
			loss := must(t)(ApplyCrossEntropy(h.layer(t, h.x, 3), h.y))
			return must(t)(gorgonia.Add(loss, must(t)(ApplyTotalCost("sine", 1, must(t)(gorgonia.Sin(h.mu[0])), h.Fraction))))
		}, `operation "sin" of node`},
		{"a cost of two layers", func(t *testing.T, h *hand) *gorgonia.Node {
			loss := must(t)(ApplyCrossEntropy(h.layer(t, h.layer(t, h.x, 7), 7), h.y))
			both := must(t)(gorgonia.HadamardProd(h.mu[0], h.sigma[1]))
			return must(t)(gorgonia.Add(loss, must(t)(ApplyTotalCost("both", 1, both, h.Fraction))))
		}, `neither a variable of a synapse nor a number|operation "Sigma`},
		{"a scaled loss", func(t *testing.T, h *hand) *gorgonia.Node {
			loss := must(t)(ApplyCrossEntropy(h.layer(t, h.x, 3), h.y))
			return must(t)(gorgonia.Mul(loss, gorgonia.NewConstant(float32(2))))
		}, "a plain sum"},
		{"a cost without B/N", func(t *testing.T, h *hand) *gorgonia.Node {
			loss := must(t)(ApplyCrossEntropy(h.layer(t, h.x, 3), h.y))
			return h.cost(t, "reliability = c*sigma^-rho", 0, loss, h.Numbers["lambda"])
		}, `want the scalar input "batch_fraction"`},
		{"the likelihood twice", func(t *testing.T, h *hand) *gorgonia.Node {
			loss := must(t)(ApplyCrossEntropy(h.layer(t, h.x, 3), h.y))
			return must(t)(gorgonia.Add(loss, loss))
		}, "want once|a plain sum"},
		{"noise of another layer", func(t *testing.T, h *hand) *gorgonia.Node {
			h.layer(t, h.x, 3)
			y := must(t)(ApplyNoisyLinear(1, kernels.PerSynapse, kernels.PerMinibatch, h.x, h.mu[0], h.sigma[0], h.Seed, h.Step))
			return must(t)(ApplyCrossEntropy(y, h.y))
		}, "its noise is that of layer 1|already belongs to layer 0|a second input"},
		{"seed and step exchanged", func(t *testing.T, h *hand) *gorgonia.Node {
			h.Seed, h.Step = h.Step, h.Seed
			return must(t)(ApplyCrossEntropy(h.layer(t, h.x, 3), h.y))
		}, `want the scalar input "seed"`},
	} {
		for _, rule := range rules {
			t.Run(fmt.Sprintf("%s/%v", c.name, rule), func(t *testing.T) {
				h := newHand()
				p, err := h.compile(t, c.build(t, h), rule)
				if err == nil {
					t.Fatalf("compiled to\n%v", p)
				}
				for _, want := range strings.Split(c.want, "|") {
					if strings.Contains(err.Error(), want) {
						return
					}
				}
				t.Errorf("error %q, want it to say %q", err, c.want)
			})
		}
	}
	t.Run("no gradient", func(t *testing.T) {
		m, err := Build(Spec{Sizes: []int{3, 2}, Batch: 1}, tensor.Float32)
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range rules {
			if _, err := Compile(m.Graph, m.Loss, rule); err == nil || !strings.Contains(err.Error(), "no gradient for mu0") {
				t.Errorf("%v: error %v, want it to say that there is no gradient", rule, err)
			}
		}
	})
	t.Run("no rule", func(t *testing.T) {
		h := newHand()
		if _, err := h.compile(t, must(t)(ApplyCrossEntropy(h.layer(t, h.x, 3), h.y)), nil); err == nil ||
			!strings.Contains(err.Error(), "no update rule") {
			t.Errorf("error %v, want it to say that there is no update rule", err)
		}
	})
}

func TestSpecCheck(t *testing.T) {
	good := Spec{Sizes: []int{4, 3}, Batch: 2}
	for name, change := range map[string]func(*Spec){
		"one size": func(s *Spec) { s.Sizes = []int{4} }, "an empty layer": func(s *Spec) { s.Sizes = []int{4, 0, 3} },
		"no batch": func(s *Spec) { s.Batch = 0 }, "too many classes": func(s *Spec) { s.Sizes = []int{4, 257} },
	} {
		s := good
		change(&s)
		if s.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
}
