// Package train drives a run: it turns a configuration and a data set into a compiled network on a virtual machine,
// trains it for its epochs, and measures the results.
//
// What enters: a [Config] and a data set of package mnist, and for a resumed run a checkpoint. What leaves: an Epoch
// per epoch and a Checkpoint from time to time, passed to an observer ([Events]), and a [Summary].
//
// # Objective
//
// The objective of a minibatch of B of N examples is
//
//	L = sum_b NLL_b + (B/N) ( lambda sum_i |mu_i| + c sum_i sigma_i^-rho )
//
// where N is the number of training examples after a validation split; a last partial minibatch is dropped. The sums
// over i run over all synapses, biases included. rho = 0 is written as entropic and has the cost -c sum_i log sigma_i.
//
// The setting cost replaces both terms by others: (B/N) sum_i f(mu_i, sigma_i) for each formula f ([Costs]), which
// reads c, rho, lambda and the numbers of the setting set ([Numbers]). Numbers may differ by layer ([Layers], 0.1x0.1x1
// as text). A network without noise has the terms that do not read sigma.
//
// The setting rule says how parameters follow the gradient, lr-schedule how the learning rate changes, and weight-decay
// how means decay besides: mu -= lr decay mu (as AdamW). activation is that of the hidden layers.
//
// With a patience a network stops at the end of the epoch after which its loss on the held-out examples, one draw per
// 20 of them, has not fallen below its least for so many epochs, and is measured as it then is: stopped_epoch says
// when.
//
// Synapses of kind quantal learn n, p and q in place of mu and sigma, mu = n p q and sigma^2 = n p (1-p) q^2, by the
// chain rule; costs may read all five. They start with the n and p of the settings, and the q that makes the initial
// mean.
//
// # Reported figures
//
// The objective of the whole data set, which (N/B) L estimates, in its three terms:
//
//	objective = objective_nll + objective_magnitude + objective_reliability
//	objective_nll         = N times the mean NLL of the training examples, one draw of the weights per minibatch
//	objective_magnitude   = lambda sum_i |mu_i|
//	objective_reliability = c sum_i sigma_i^-rho
//
// so that none of them depends on B. Under other costs objective is objective_nll and the sum of objective_costs, which
// has sum_i f(mu_i, sigma_i) by the name of each, and the last two are null. In the line of an epoch the NLL is that of
// the epoch's own training steps; in a summary it is measured on the final network, with one draw per 20 training
// examples. accuracy_sampled and loss_sampled are the test figures with one draw per 20 test images, accuracy_mean and
// loss_mean those with the weights at mu, accuracy_predictive by the mean probability over K draws,
// accuracy_expected_log by the mean log-probability. sigma_rms is sqrt(mean sigma^2), and reliability_cost is (1/rho)
// sum sigma^-rho, both over weights without biases; the latter is null under costs without a single power of sigma.
//
// All of these except the times are functions of the settings and the kernel set, to the last digit: sums go from step
// to step, however the steps are divided by a clock, by interruptions or among threads. seconds are those of training
// steps, measuring_seconds those of evaluation, both over all processes that worked on the run.
//
// # Trained networks
//
// [Open] opens them once for all their uses, in a [Session], which compiles the same graph under other rules:
// [Session.Gradients] adds up gradients with frozen parameters, [Session.PhiGradients] samples those of phi,
// [Session.Curvature] is the importance of synapses without labels, [Session.OptimiseNoise] trains only the standard
// deviations, and [Session.Fluctuate] lets the means fluctuate, by the gradient of the objective without the
// reliability cost and by noise. [Session.Activations] and [Session.Probabilities] are the outputs of a network with
// its weights at mu, and a [Tester] evaluates any weights.
package train
