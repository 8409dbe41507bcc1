// Package reward makes a network of spiking neurons learn by reward through contacts that form, move and are lost by
// themselves (ISD, Fig. 2B and "A link to another dynamics in the brain: representational drift", after D. Kappel, R.
// Legenstein, S. Habenschuss, M. Hsieh, W. Maass, eNeuro 5, ENEURO.0301-17.2018).
//
// What enters: a [Config]. What leaves: [Findings], with a row for each network, temperature and period, and figures.
//
// # The model
//
// Inputs, which are Poisson sources, have up to Sites contacts onto each of two pools of neurons. Neurons fire at
// random with the rate Rate exp(u + b); u is the sum of the contacts' potentials, w tau_s/(tau_m - tau_s)
// (exp(-t/tau_m) - exp(-t/tau_s)) after each spike, tau_m = 20 ms and tau_s = 2 ms, and b is a slow bias that keeps the
// mean rate near Target. A contact has a parameter theta:
//
//	w = W0 exp(theta - Theta0) if theta > 0, else no contact
//	d theta = Speed ( (PriorMean - theta)/PriorSD^2 + Gain g ) dt + sqrt(2 Speed Temperature) dB
//	TauGradient dg/dt = -g + (R/r + Offset) e
//	de/dt = -e/TauEligibility + w y (z - f)
//	TauReward dr/dt = -r + R
//
// R is the reward, r its running mean, y what a weight of 1 would add to u, z the neuron's spikes and f its rate. g
// estimates the derivative of log V by theta, V being the expected reward discounted with TauEligibility: that of the
// log probability of the spikes is w y (z - f), and reward that comes s later counts exp(-s/TauEligibility). So theta
// moves up the gradient of the log of prior times V^Gain, and with noise of temperature T the network samples from
//
//	p(theta) ~ (prior(theta) V(theta)^Gain)^(1/T)
//
// Package spiking computes this in steps of 1 ms ([spiking.Sampling], [spiking.Escape]), theta every Every steps.
//
// # The task
//
// One of two patterns is shown for a Trial, at random. In each pattern a random half of the inputs fires at High, the
// others at Low. Pattern 1 demands spikes of pool 1, pattern 2 of pool 2. Every Window the reward becomes
//
//	R = (1 + (n - m)/(n + m))/2
//
// with n spikes of the demanded pool and m of the other one in the window before; 1/2 without spikes and on average by
// chance. Three phases have Seconds each: the task is learnt; it goes on; the demands are swapped. The same network and
// inputs also live without noise (temperature 0) and without reward (gain 0: free diffusion in the prior), from the
// same start, which is the prior at the Temperature; and, for the range in which the claims hold, with other
// Temperatures, and with other Speeds, there also without noise.
//
// # Measures
//
// In each period: the mean reward; the number of contacts; of the contacts at the end of the first phase, the share
// that is still there or there again; the correlation of all weights with those then; and that of the response pattern.
// The response is the rate of each neuron under each pattern, less the mean of its pool under that pattern, so it is
// what the task does not ask for. Rates of a period are of finitely many spikes, which lowers its correlations also
// without drift: they are compared between early and late in the second phase. At the Temperature about half of all
// contacts are there at any time, so a share of about half says that no memory of the old ones is left.
//
// # As published, and not
//
// From the abstract of Kappel et al. and from ISD: the idea, that reward is kept while the network drifts in dimensions
// that the task does not depend on, and that it adapts to changes. From the authors' program
// (github.com/IGITUGraz/spore-nest-module), equations and its default values: w of theta with Theta0 = 3, theta between
// -2 and 5, moved in steps of 100 ms; the kernel with 2 and 20 ms; neurons with an exponential rate and a bias that
// each spike lowers and time raises; eligibility with n - p, which is 0 in the refractory time, and 1 s; a gradient of
// 50 s; T = 0.1; a Gaussian prior; and that a retracted contact forgets eligibility and gradient. There the kernel's
// constant is tau_m/(tau_m - tau_s), so that W0 = 10 here is a scale of the weights of 1 there, its default. Recalled,
// not looked up in the paper: prior mean 0 and standard deviation 2, division by the running mean of the reward, two
// patterns and two pools.
//
// Ours: sizes and rates; the reward's form; Speed, with which a contact forgets in PriorSD^2/Speed = 400 s, 200 times
// faster than by that program's default; Gain, which the many contacts need that share the gradient of one reward;
// Offset -1, which takes noise from g and, as e has the mean 0, nothing from its mean; swapping pools rather than
// patterns. As in that program, and unlike the equations above, a weight acts at the time when a spike arrives, so that
// a potential does not change with the weight afterwards.
//
// For the same seed and kernel set table and figures have the same bytes for any number of threads.
package reward
