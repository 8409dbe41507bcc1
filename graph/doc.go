// Package graph writes the network of unreliable synapses and its objective as a Gorgonia expression graph, and
// compiles the differentiated graph to a [kernels.Program].
//
// What enters: a [Spec], the structure of the network. [Build] turns it into a graph of fused operations,
// [gorgonia.Grad] differentiates it, and [Compile] visits the result in execution order and emits instructions; its
// argument, a kernels.Rule, says what they do with the gradients. What leaves: the Program, which a kernels.VM runs.
// gorgonia.TapeMachine can also run the graph as it is, in float32 or float64.
//
// The graph holds the structure; numbers are its scalar inputs, so that one Program serves networks that differ in c,
// rho, lambda, learning rate and seed:
//
//	L = sum_b NLL_b + (B/N) ( lambda sum_i |mu_i| + c sum_i sigma_i^-rho ),   sigma = softplus(phi)
//
// The network is a chain of dense layers, or any [Network] of dense layers, convolutions, pools and sums.
//
// With a [Synapse] in the Spec, mu and sigma are themselves formulas in the graph, of parameters that Gorgonia
// differentiates the objective by.
//
// [BuildStock] writes the same objective with only Gorgonia's own operations, as a check on everything else.
package graph
