// Package assemblies simulates cell assemblies in a recurrent network whose synapses learn by Hebb's rule and fluctuate
// by themselves: their effect on the distribution of synaptic weights, and how long they last (ISD Fig. 3).
//
// What enters: a [Config]. What leaves: [Findings], with a row for each network under each condition and in how many
// networks each of the [Claims] holds, and figures. [Network], [Life] and [Tally] have the parts for other uses.
// [RunSpiking] is the same with spiking neurons.
//
// # The model
//
// Weights w_ij, from neuron j to neuron i, are spine volumes in µm³ as in package spines; t is in days. Two processes
// change them, one after the other, in steps of Step days.
//
// Activity-dependent plasticity. In each step there are a few patterns of activity, Patterns in number: each neuron
// gets a normal random input of standard deviation Noise, and the rates settle, which takes negligible time compared
// with days,
//
//	dr_i/ds = -r_i + phi(h_i),   phi(h) = min(max(h, 0), 1)
//	h_i = (Excitation/S) sum_j w_ij r_j - (Inhibition/S) sum_j r_j + e_i + input_i
//
// with S neurons in an assembly and s in time constants. Inhibition is global and has no separate neurons. Then
//
//	dw_ij = K (Step/Patterns) sum_patterns (r_i - a) (r_j - a),   K = Plasticity, a = S/N
//
// Hebb's rule in its covariance form (T. J. Sejnowski, J. Math. Biol. 4, 303, 1977). It does not depend on w, so it
// acts equally on small and large spines, while fluctuation grows with their size (ISD Fig. 1B). The excitability e_i
// keeps each neuron's mean rate at a: after each pattern
//
//	de_i = Homeostasis (a - r_i)
//
// Intrinsic dynamics. dw = mu(w) dt + sigma(w) dB (ISD, legend of Fig. 2C) with mu and sigma linear in w, reflecting at
// the bounds, in Moves steps to one of plasticity: kernels.Diffusion, as for spines. By default it is the condition
// network of package spines. A strength other than 1 multiplies sigma.
//
// Memory. The neurons are divided into assemblies. A network starts with weights from the stationary density of the
// intrinsic dynamics, and for Imprint days a stimulus to one assembly after the other is added to the random input.
// Then, for Alone days, there is only random input: the network determines its activity. Plasticity can keep a memory
// only by the patterns that return.
//
// # The conditions
//
//	together               plasticity and intrinsic dynamics, as during the imprint
//	plasticity alone       mu = sigma = 0 after the imprint
//	fluctuation alone      no plasticity after the imprint
//	never imprinted        together, without a stimulus at any time: the network without assemblies
//	fluctuation times x    together, with x sigma instead of sigma after the imprint; with 0 the drift stays
//
// # Measures
//
//   - Recall: half of an assembly is stimulated, without random input; the mean rate of its other half minus that of
//     the neurons outside. 1 if it activates all of the assembly and nothing else, around 0 by chance. The mean over
//     both halves of all assemblies.
//   - Separation: the probability that a synapse within an assembly is stronger than one between two; 1/2 by chance.
//   - Interconversion: of the synapses above the separation point, the share that is below it at the next measurement,
//     and the reverse, per day, over the second half of the time. A synapse that crosses and returns in between does
//     not count, so rates depend on the days between measurements. The separation point is the weight at which synapses
//     within and between assemblies have equal densities in the closed form below.
//   - Retention: days until recall is below 1/2, or all of them.
//   - f(w) falls throughout if, its lowest cell left out, no cell has significantly more synapses than one before it
//     ([Tally.Rise]).
//   - A second peak: in cells of ln w, the highest number beyond the valley after the main peak ([Tally.SecondPeak]).
//   - The distribution has run away if almost nothing is left in the middle third of ln w between the bounds, where
//     most synapses are under the intrinsic dynamics.
//
// # Why it works
//
// If each pattern is one assembly at its highest rate, and all occur equally often, the mean of (r_i-a)(r_j-a) is
// a(1-a) within assemblies and -a^2 between them. So plasticity is a constant drift on average, and the weights have
// the stationary density of the intrinsic dynamics with mu + K a(1-a), and with mu - K a^2. The figures show these
// closed forms beside the simulation. The first has its peak at large weights, is broad because the fluctuation is
// proportional to the weight, and so is not visible in f(w). This drift is not put in by hand: it exists as long as
// assemblies are replayed, for which they need strong synapses. Stronger fluctuation spreads the weights until the
// bounds bring their means so close that assemblies are no longer replayed; then the drift vanishes, too. Single
// synapses are not bistable, assemblies are (ISD, after Humble et al. 2019).
//
// # As published, and not
//
// As published: that recurrent networks with pure Hebbian plasticity do not keep assemblies and a distribution like the
// measured one; that intrinsic dynamics with fluctuation roughly proportional to the weight stabilise both; f falling
// and w f with a second peak (ISD Fig. 3); that too strong fluctuation, as in models of autism spectrum disorder,
// impairs memory (ISD; J. Humble, K. Hiratsuka, H. Kasai, T. Toyoizumi, Front. Comput. Neurosci. 13, 38, 2019, whose
// network spikes and learns by spike timing, and who study learning).
//
// Our choice: rates instead of spikes, covariance instead of spike timing, patterns that settle, all-to-all
// connections, assemblies that do not overlap and share all neurons, global inhibition, the homeostasis of
// excitability, all numbers, the measures, and retention as the quantity that strong fluctuation impairs. Numbers are
// chosen so that the memory lasts at strength 1 and is lost at about 1.5.
//
// What keeps what: Plasticity alone keeps recall, with weights at the bounds, but assemblies may merge in pairs; so
// fluctuation is not what keeps the memory here. Homeostasis is: without it assemblies compete, and most are lost
// within weeks. Fluctuation keeps the shape of the distribution. It also converts strong synapses into weak ones and
// back, which plasticity makes rarer and the lack of fluctuation prevents (ISD, after Humble et al. 2019: the
// combination creates a separation point "to minimize their interconversion"). Unlike in ISD Fig. 3, the main peak of w
// f(w) moves to smaller weights when there are assemblies, by the drift -K a^2.
//
// # Spiking neurons
//
// [RunSpiking], `--spiking`, has the same question for spikes (Humble et al. 2019), in package spiking, in steps of 1
// ms. A day of the synapses is Day seconds of the neurons, so their time is compressed 86400/Day times. Excitatory and
// inhibitory neurons are leaky integrate-and-fire neurons with exponential currents,
//
//	tau dV/dt = -V + x + constant,   V = 15 mV: a spike, V = 0 for the refractory time
//
// with tau 20 and 10 ms, refractory times 10 and 1 ms, currents of 5 ms, but of 20 ms between excitatory neurons, all
// of which have contacts onto each other; from and onto inhibitory ones there is a contact with probability 1/2. Each
// neuron has a Poisson drive of 500 Hz. In each window of 100 ms each excitatory neuron has a normal random current of
// standard deviation Spread and, while the assemblies are imprinted, those of one assembly drawn at random have
// Stimulus more. A neuron's excitability rises by Homeostasis (Target 0.1 s - spikes) after each window, in mV: it
// keeps the mean rate, and ends the activity of an assembly.
//
// A weight w of a contact between excitatory neurons adds Efficacy w to the current. STDP is that of all pairs
// ([spiking.Plasticity]): with traces x and y of TauSTDP,
//
//	at an arrival   w <- w - Depression Plasticity y - Plasticity (1 - Depression) TauSTDP Target
//	at a spike      w <- w + Plasticity x
//
// where the last term of the first line, which each arrival causes (R. Kempter, W. Gerstner, J. L. van Hemmen, Phys.
// Rev. E 59, 4498, 1999), makes uncorrelated spikes at the rate Target change nothing on average. Intrinsic dynamics is
// the same law as above, in blocks of 100 ms ([spiking.Intrinsic]).
//
// The conditions are together, plasticity alone, fluctuation alone, never imprinted, and together with fluctuation of
// other Strengths; and, instead of them, for each strength, learning: right after the imprint assemblies 1 and 2, 3 and
// 4, ... are stimulated together, with twice the Stimulus, for Learn days. Association is the probability that a
// synapse between such partners is stronger than one between other assemblies. Measurements interrupt the network,
// whose potentials start at rest after them. For recall, half of an assembly has twice the Stimulus for 200 ms, while
// all neurons have the median excitability and synapses stay: the rate of the other half less that of other assemblies,
// in units of that of the stimulated half; so it may exceed 1. The separation point is that at the end of the imprint.
//
// What falls short: in networks with strong assemblies homeostasis makes excitability so low that half of an assembly
// often does not respond in the test of recall, so claims on recall are counted as not true, or, for plasticity alone,
// as faded, although separation is perfect. An active assembly fires near the limit that the refractory time sets, and
// with these numbers its weights lean on the upper bound, so that f(w) rises there.
//
// From ISD and the abstract of Humble et al.: spiking neurons, STDP with dw = mu dt + sigma dB, and the claims. Ours:
// all else, including all numbers, which were chosen so that imprinted assemblies become active by themselves one after
// the other; the slow excitatory current is what lets them, with fast ones all neurons fire in one rhythm.
//
// Networks with the same seed draw the same noise under all conditions. For the same seed and kernel set table and
// figures have the same bytes for any number of threads.
package assemblies
