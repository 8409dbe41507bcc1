package graph

import (
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// architectures are small networks of every kind of layer, with the pictures that they read: (channels, rows, columns).
var architectures = []struct {
	network string
	input   [3]int
}{
	{"conv 3 3x3 relu, dense", [3]int{1, 5, 6}},
	{"conv 3 3x3 relu, pool 2, dense", [3]int{1, 6, 6}},
	{"conv 4 3x3 relu, pool 2, conv 5 2x2 relu, pool 2, dense 6 relu, dense", [3]int{1, 8, 8}},
	{"conv 4 3x2 stride 2 pad 1 tanh, conv 3 2x2 sigmoid, dense", [3]int{2, 6, 5}},
	{"conv 3 3x3 pad 1 softplus, pool 2 average, dense 5 tanh, dense", [3]int{3, 4, 4}},
	{"conv 3 3x3 leaky-relu, pool 2 stride 1, dense", [3]int{2, 5, 5}},
	{"dense 6 tanh as a, dense 6, add a tanh, dense", [3]int{7, 1, 1}},
	{"conv 3 3x3 pad 1 relu as a, conv 3 3x3 pad 1, add a relu, pool 2, dense", [3]int{1, 4, 4}},
	{"conv 3 3x3 pad 1 as a, conv 4 1x1 tanh from a, conv 3 1x1, add a tanh as b, conv 3 1x1 from b, add b a, dense",
		[3]int{2, 3, 3}},
	{"conv 2 3x3 tanh as a, conv 2 3x3 sigmoid from input as b, conv 2 3x3 from input, add a b tanh, dense",
		[3]int{1, 5, 5}},
	{"dense 3 as a, add a tanh, dense 4 gelu as b, dense 3 from a, dense 4, add b, dense", [3]int{6, 1, 1}},
	{"conv 3 2x2 relu, pool 3x2 average, conv 2 1x1 relu, pool 1 stride 2, dense", [3]int{2, 7, 6}},
	{"lenet5", [3]int{1, 12, 12}},
}

// networks are the architectures with the sharings, likelihoods and batches in turn.
func networks(t *testing.T) []Spec {
	var all []Spec
	for i, a := range architectures {
		n, err := ParseNetwork(a.network)
		if err != nil {
			t.Fatal(err)
		}
		in := Input{kernels.Picture{Channels: a.input[0], Height: a.input[1], Width: a.input[2]}, kernels.ByPlane}
		if in.Positions() == 1 {
			in.Arrangement = kernels.ByPosition
		}
		for j := range 2 {
			sharing := kernels.Sharing((2*i + j) % 5)
			spec := Spec{Sizes: []int{in.Units(), 3}, Batch: 1 + 2*j, Network: n, Input: in, Sharing: sharing,
				Likelihood: kernels.Likelihood((i + j) % 2), Costs: PaperCosts(sharing), CostPer: kernels.CostPer(j)}
			all = append(all, spec)
			if spec.Draw = kernels.PerExample; sharing != kernels.NoNoise {
				all = append(all, spec)
			}
		}
	}
	return all
}

// withoutStock are architectures with a draw per example of which Gorgonia's own gradients are wrong: they differ from
// finite differences by more than the gradients' size, while ours agree, and so does the loss.
var withoutStock = []string{architectures[3].network, architectures[9].network}

// The gradients of every kind of layer are those of Gorgonia's own operations in float64, and of finite differences.
func TestNetworksAgainstStockOperations(t *testing.T) {
	worst := 0.0
	for i, spec := range networks(t) {
		t.Run(spec.Network.String()+" "+spec.title(2), func(t *testing.T) {
			p := newProblem(t, spec, 2)
			got := p.fused(t, tensor.Float64)
			if spec.Layout().Synapses() < 1000 { // a graph is run twice per parameter
				if e, where := distance(got, p.finite(t)); !(e <= finiteTolerance) {
					t.Errorf("error %.3g at %s from finite differences, want at most %g", e, where, finiteTolerance)
				}
			}
			if spec.Draw == kernels.PerExample && slices.Contains(withoutStock, spec.Network.String()) {
				return
			}
			e, where := distance(got, p.stock(t, noFault))
			if !(e <= stockTolerance) {
				t.Errorf("error %.3g at %s, want at most %g", e, where, stockTolerance)
			}
			worst = max(worst, e)
			if i%4 == 0 { // a stock model for each planted fault takes long
				noticed(t, p, got, stockTolerance)
			}
		})
	}
	t.Logf("worst error %.3g", worst)
}

// With costs per position a synapse of a convolution pays at each of them: the gradients are those of stock operations
// and of finite differences, a count per synapse is noticed, and the program says how often a layer pays.
func TestCostPerPosition(t *testing.T) {
	n, err := ParseNetwork("conv 2 2x2 tanh, conv 2 2x2 pad 1 tanh, dense")
	if err != nil {
		t.Fatal(err)
	}
	in := Input{kernels.Picture{Height: 3, Width: 3, Channels: 1}, kernels.ByPlane}
	for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
		spec := Spec{Sizes: []int{9, 2}, Batch: 2, Network: n, Input: in, Sharing: sharing, Costs: PaperCosts(sharing),
			CostPer: kernels.CostPerPosition}
		t.Run(spec.title(2), func(t *testing.T) {
			p := newProblem(t, spec, 2)
			got := p.fused(t, tensor.Float64)
			if e, where := distance(got, p.stock(t, noFault)); !(e <= stockTolerance) {
				t.Errorf("error %.3g at %s, want at most %g", e, where, stockTolerance)
			}
			if e, where := distance(got, p.finite(t)); !(e <= finiteTolerance) {
				t.Errorf("finite differences: error %.3g at %s, want at most %g", e, where, finiteTolerance)
			}
			once := *p
			once.spec.CostPer = kernels.CostPerSynapse
			if e, _ := distance(got, once.stock(t, noFault)); e < 10*finiteTolerance {
				t.Errorf("costs per synapse go unnoticed: error %.3g", e)
			}
			program, err := CompileSpec(spec, kernels.DefaultAdam())
			if err != nil {
				t.Fatal(err)
			}
			for layer, want := range []int{4, 9, 1} {
				if got := program.Times(layer); got != want {
					t.Errorf("layer %d pays %d times, want %d", layer, got, want)
				}
			}
			if !strings.Contains(program.String(), ", costs per position, ") {
				t.Errorf("the listing does not say it: %v", program)
			}
		})
	}
	for _, change := range []func(op gorgonia.Op){
		func(op gorgonia.Op) {
			if cost, ok := op.(*TotalCost); ok && cost.Times == 9 {
				cost.Times = 1
			}
		},
		func(op gorgonia.Op) {
			if weight, ok := op.(*CostWeight); ok && weight.Times == 9 {
				weight.Times = 4
			}
		},
	} {
		m, err := Build(Spec{Sizes: []int{9, 2}, Batch: 2, Network: n, Input: in, Costs: PaperCosts(0),
			CostPer: kernels.CostPerPosition}, tensor.Float64)
		if err == nil {
			err = m.Grad()
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range m.Graph.AllNodes() {
			change(n.Op())
		}
		if _, err := Compile(m.Graph, m.Loss, kernels.DefaultAdam()); err == nil ||
			!strings.Contains(err.Error(), "layer 1") {
			t.Errorf("a layer that pays otherwise: %v", err)
		}
	}
}

// What is a chain of dense layers compiles to the same program in either form.
func TestNetworkOfDenseLayersIsAChain(t *testing.T) {
	n, err := ParseNetwork("mlp-6-5")
	if err != nil {
		t.Fatal(err)
	}
	chain := Spec{Sizes: []int{7, 6, 5, 3}, Batch: 4, Activation: kernels.ReLU, Costs: PaperCosts(0)}
	spec := chain
	spec.Sizes, spec.Activation, spec.Network, spec.Input = []int{7, 3}, 0, n, Row(7)
	want, err := CompileSpec(chain, kernels.DefaultAdam())
	if err != nil {
		t.Fatal(err)
	}
	got, err := CompileSpec(spec, kernels.DefaultAdam())
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != want.String() || got.Rows != nil {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
	if hidden, a, ok := n.Chain(); !ok || a != kernels.ReLU || len(hidden) != 2 || hidden[0] != 6 || hidden[1] != 5 {
		t.Errorf("the chain is %v, %v, %v", hidden, a, ok)
	}
}

func TestCompileListingOfANetwork(t *testing.T) {
	for network, want := range map[string]string{
		"conv 4 3x3 relu as a, conv 4 3x3 pad 1, add a tanh, pool 2, dense": `b0 = gather
w0 = sample
b1 = relu(b0 * w0), 3x3 of 1x6x6
b2, b3 = b1
w1 = sample
b4 = linear(b2 * w1), 3x3 of 4x4x4 pad 1
b5 = tanh(b4 + b3)
b6 = max(b5), 2x2 of 4x4x4 stride 2
b7 = flat b6, 4x2x2
w2 = sample
b8 = linear(b7 w2)
d8 = categorical loss(b8), through linear
d7 = d8 w2, through linear
d6 = d7 as 4x2x2, through linear
d5 = gradient of max(b5) at d6, 2x2 of 4x4x4 stride 2, through tanh
d4 = d5, through linear
d3 = d5, through linear
d2 = d4 * w1, 3x3 of 4x4x4 pad 1, through linear
d1 = d2 + d3, through relu
`} {
		n, err := ParseNetwork(network)
		if err != nil {
			t.Fatal(err)
		}
		p, err := CompileSpec(Spec{Sizes: []int{36, 3}, Batch: 2, Network: n,
			Input: Input{kernels.Picture{Height: 6, Width: 6, Channels: 1}, kernels.ByPlane}}, kernels.DefaultAdam())
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, i := range p.Instructions {
			if _, moves := kernels.GradientOf(i); !moves {
				got.WriteString(i.String() + "\n")
			}
		}
		if got.String() != want {
			t.Errorf("%s: got\n%s\nwant\n%s", network, got.String(), want)
		}
	}
}

// What is read is written again, in one form.
func TestParseNetwork(t *testing.T) {
	for text, want := range map[string]string{
		"mlp-100-100": "dense 100 relu, dense 100 relu, dense", "mlp-7": "dense 7 relu, dense",
		" dense  5 as a ,dense 5 relu,add a tanh,dense": "dense 5 as a, dense 5 relu, add a tanh, dense",
		"conv 16 5x5 relu, pool 2, dense":               "conv 16 5x5 relu, pool 2, dense",
		"conv 3 3 as x pad 1 stride 2, pool 3x2 average stride 1, dense": "conv 3 3x3 stride 2 pad 1 as x, " +
			"pool 3x2 stride 1 average, dense",
		"dense 3 as x, add x from input, dense": "dense 3 as x, add x from input, dense",
		"pool 3 stride 3, dense":                "pool 3, dense", "dense": "dense",
	} {
		n, err := ParseNetwork(text)
		if err != nil || n.String() != want {
			t.Errorf("%q: got %q, %v, want %q", text, n, err, want)
		}
		if again, err := ParseNetwork(n.String()); err != nil || again.String() != want {
			t.Errorf("%q again: got %q, %v", want, again, err)
		}
	}
	for text, want := range map[string]string{
		"":                                  `layer 1, "": want one of dense, conv, pool, add`,
		"denze 5, dense":                    "did you mean dense?",
		"lenet5, dense":                     `layer 1, "lenet5": lenet5 is the name of a whole network`,
		"dense 5, mlp-5":                    `layer 2, "mlp-5": mlp-5 is the name of a whole network`,
		"mpl-5":                             `layer 1, "mpl-5": want one of dense, conv, pool, add, lenet5, mlp-N-N`,
		"dense 5 rellu, dense":              "did you mean relu?",
		"dense 5 relu":                      `the last layer, "dense 5 relu": want dense without a number`,
		"dense relu, dense":                 `layer 1, "dense relu": want a number of neurons`,
		"dense 0, dense":                    `want a number of neurons from 1 to 1073741824, got "0"`,
		"conv 5 3y3, dense":                 `want the size of a window, as in 5x5, got "3y3"`,
		"conv 5 3x0, dense":                 `want the size of a window, as in 5x5, got "3x0"`,
		"pool 2 relu, dense":                "want one of stride, pad, average, from, as",
		"pool 2 pad 1, dense":               "a pool layer has no pad",
		"dense 5 stride 2, dense":           "a dense layer has no stride",
		"dense 5, add, dense":               "want the names of the layers to add",
		"dense 5, add b, dense":             `layer 2, "add b": no layer before it is called b`,
		"dense 5 as a, dense 5 as a, dense": `layer 2, "dense 5 as a": another is already called a`,
		"dense 5 as input, dense":           "another is already called input",
		"dense 5 as relu, dense":            `that is no other word, got "relu"`,
		"lenet6":                            "did you mean lenet5?",
		"mlp-":                              "want a number of neurons",
	} {
		if n, err := ParseNetwork(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %q, %v, want %q", text, n, err, want)
		}
	}
}

// Sizes follow from the input, and what does not fit is refused.
func TestShapesOfNetworks(t *testing.T) {
	in := Input{kernels.Picture{Height: 28, Width: 28, Channels: 1}, kernels.ByPlane}
	n, err := ParseNetwork("lenet5")
	if err != nil {
		t.Fatal(err)
	}
	shaped, err := n.Shape(in, 10)
	if err != nil {
		t.Fatal(err)
	}
	synapses, want := 0, []string{"6x28x28", "6x14x14", "16x10x10", "16x5x5", "120x1x1", "84x1x1", "10x1x1"}
	for i, s := range shaped {
		if synapses += s.Synapses(); s.Output.String() != want[i] {
			t.Errorf("layer %d is %v, want %s", i+1, s.Output, want[i])
		}
	}
	if synapses != 61706 { // as in PyTorch
		t.Errorf("%d synapses, want 61706", synapses)
	}
	for text, want := range map[string]string{
		"conv 2 29x29, dense":                       `layer 1, "conv 2 29x29": window 29x29 of 1x28x28: it is larger`,
		"pool 2, dense":                             "want a conv or dense layer first",
		"dense 5, conv 2 3x3, dense":                "it reads 5 values without positions: want a picture",
		"conv 2 3x3 as a, conv 2 3x3, add a, dense": "it adds 2x24x24 and 2x26x26",
		"conv 1 3x3 pad 1, add input, dense":        "it adds the picture of the input",
		"dense 5, dense 4 from input, dense":        `layer 1, "dense 5": no layer reads it`,
		"conv 2 3x3 pad 3, dense":                   "want fewer zeros around the picture than the window is wide",
	} {
		n, err := ParseNetwork(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Shape(in, 10); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}
