// Package kernels holds what a machine needs to train a network of unreliable synapses: the definition of the noise,
// the layout of the parameters, the Program that package graph compiles, and the kernels a Program is made of.
//
// What enters: a [Program] (instructions over numbered activation buffers), [Data] (examples as bytes or floats, labels
// or targets) and one [Member] per network (seed and the numbers of the objective). What leaves: trained parameters as
// a [State], the training loss per run as [Progress], test figures as a [Score], and sums of gradients as [Sums].
//
// The functions in this package are the portable kernels: plain Go, generic over float32 and float64, written to be
// read. They are the reference for every other implementation. A virtual machine ([VM]) that runs a Program has its own
// folder: kernels/cpu for processors, kernels/cuda for NVIDIA GPUs (kernels/ptx interprets its kernels where there is
// none). What all VMs do alike is in [Networks].
//
// # The model
//
// Synapse i has mean mu_i and standard deviation sigma_i = softplus(phi_i). One weight is drawn per synapse and
// minibatch, shared by all examples of the minibatch:
//
//	w_i = mu_i + sigma_i xi_i,   xi_i ~ Normal(0, 1)
//
// or, with a [Draw] per example, anew for every example. The objective of a minibatch of B of N examples is, in
// minibatch-sum units (Malkin et al. 2024, Eq. 2-4),
//
//	L = sum_b NLL_b + (B/N) ( lambda sum_i |mu_i| + c sum_i sigma_i^-rho )
//
// so that (N/B) L estimates the objective of the whole data set. In the entropic limit, rho -> 0,
// the last term is -c sum_i log sigma_i. A cost may have any other form: a [Law] is a list of named [Formula]s of mu,
// sigma and numbers. Machines recognise the form above ([Standard]) and have kernels for it.
//
// A synapse may learn other parameters than mu and phi, such as the number of its vesicles, the probability of their
// release and the quantal size: [Layout.Parameters] names them, mu and sigma follow by a formula ([Synapse]), and they
// move by the chain rule from the gradients of mu and sigma and from costs, which may read them.
//
// # Networks that are no chains
//
// A buffer may have a row for each position of a picture. [Convolve] applies a layer of weights through a [Window] at
// every position, with the same draw; [Pool], [Flatten] and [Join] have no weights. What several instructions read has
// a name for each of them ([Split]), whose gradients are then added ([Merge]).
//
// # The rule
//
// What a step does with its gradients is an argument of the compiler: a [Rule]. [Adam] trains, as do [SGD] and
// [Momentum]. [Accumulate] leaves the parameters as they are and adds up the gradients of the likelihood, from which
// analyses start: with noise, a draw per minibatch, or at w = mu. [Langevin] samples: mu moves down the gradient at w =
// mu, and by noise. All rules share one graph and one way to form dW.
//
// # The noise
//
// Noise is a pure function of where it is used, never a stream: see [Noise].
//
// # Diffusions
//
// [Diffusion] does not belong to a network: it describes many independent numbers that move by dw = mu(w) dt + sigma(w)
// dB, with the same noise.
//
// # Spiking neurons
//
// [SpikeKernels] are what package dynamics/spiking is fast by; their synapses are not those of a Program.
package kernels
