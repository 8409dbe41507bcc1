package graph_test

import (
	"fmt"

	"quantal/graph"
	"quantal/kernels"
)

// A Spec becomes a graph, the graph is differentiated, and the compiler writes a step of training.
func ExampleCompileSpec() {
	p, err := graph.CompileSpec(graph.Spec{
		Sizes: []int{5, 3, 2}, Batch: 4, Activation: kernels.ReLU, Costs: graph.PaperCosts(kernels.PerSynapse),
	}, kernels.DefaultAdam())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p)
	// Output:
	// Adam(0.9, 0.999, 1e-08), batch 4, sigma per synapse, layers 3x5 2x3
	// b0 = gather
	// w0 = sample
	// b1 = relu(b0 w0)
	// w1 = sample
	// b2 = linear(b1 w1)
	// d2 = categorical loss(b2), through linear
	// d1 = d2 w1, through relu
	// update layer 1 with d2 b1, magnitude lambda*abs(mu), reliability c*sigma^-rho
	// update layer 0 with d1 b0, magnitude lambda*abs(mu), reliability c*sigma^-rho
}

// A cost is a formula of mu and sigma; other names are numbers.
func ExampleParseLaw() {
	law, err := graph.ParseLaw("price = c * exp(-k * sigma)")
	if err != nil {
		fmt.Println(err)
		return
	}
	slopes, err := law.Slopes() // as Gorgonia makes them
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(law, law.Numbers())
	fmt.Printf("%.4f\n", kernels.Eval(slopes, 0, 0.5, 2, 3.)) // of mu, sigma, c, k: value, over mu, over sigma
	// Output:
	// price = c*exp(-k*sigma) [c k]
	// [0.4463 0.0000 -1.3388]
}
