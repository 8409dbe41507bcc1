// Package spiking simulates networks of spiking neurons with synapses of their own, on processors, in steps of constant
// length.
//
// What enters: a [Model], which describes populations of leaky integrate-and-fire neurons ([Neuron]) or sources of
// spikes, and projections between them with their [Contacts], delays and rules of change. What leaves: the spikes, as
// [Network.OnSpikes] sees them, potentials and weights.
//
// # A step
//
// In step n, in this order,
//
//  1. potentials, currents and conductances move from time n to time n+1 steps: neurons with currents exactly (S.
//     Rotter, M. Diesmann, Biol. Cybern. 81, 381, 1999), those with conductances by the classical Runge-Kutta method,
//     of order 4, with exact conductances;
//  2. neurons whose potential has reached the threshold fire, or by chance ([Escape]), unless they are refractory;
//  3. spikes act that arrive in this step: those of the Poisson drives, then those of the projections, in their order
//     in the model and by presynaptic neuron; plasticity follows, presynaptic spikes before postsynaptic ones;
//  4. neurons that have fired are reset; a jump of their potential in step 3 is lost, as it is while they are
//     refractory.
//
// This is the order of Brian2 (M. Stimberg, R. Brette, D. F. M. Goodman, eLife 8, e47314, 2019). A spike in step n
// arrives in step n + delay. Delays are axonal: the whole delay lies before the synapse ([Projection]). Tests compare
// potentials, spikes and weights with those of Brian2, from the programs in bench/peers/brian, and rates, intervals and
// correlations in Brunel's states.
//
// # Synapses that change
//
// [Plasticity] by the times of spikes: additive, multiplicative or log-weight, with all pairs or the nearest ones,
// inhibitory plasticity. [Intrinsic] dynamics dw = mu(w) dt + sigma(w) dB, with births and losses of contacts, in
// blocks of time, through the diffusions of package kernels. Homeostatic [Scaling]. All that change a weight do so one
// after the other. [Sampling] of contacts by reward, with eligibility, onto neurons that fire at random ([Escape]); its
// tests compare it with numpy.
//
// # How it runs
//
// A [Network] has state in float32, or in float64 as a reference. Neurons are divided into shards of neighbours with
// all contacts onto them. As a spike needs at least the shortest delay to arrive, shards are independent for that long,
// and exchange their spikes then. Each input of a neuron is summed in one order, and noise is a pure function of the
// seed, the neuron or contact and the step; so results have the same bytes for any number of threads. Several networks
// (seeds, parameters) are several values, which share nothing but their Contacts, and run side by side.
//
// Contacts of one weight, unless they are few, are rows of bits, in which the arrivals of a step are counted; what a
// postsynaptic spike does to a weight waits until the weight is read; potentials, arrivals and Poisson spikes have
// kernels of each set (package kernels/cpu), all with the same bytes.
//
// BenchmarkBalanced is the network of bench/peers/brian/speed.py: 10,000 neurons with 1,000 contacts, one thread. It
// takes a sixth of the processor time of Brian2's C++ with AVX-512, a quarter with AVX2 and as much in plain Go; with
// plasticity, a quarter (bench/results/spiking.md).
package spiking
