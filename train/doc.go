// Package train drives a run: it turns a configuration and a data set into a compiled network on a virtual machine,
// takes it through its epochs, and measures what it reached.
//
// What enters: a [Config] and a data set of package mnist, and for a resumed run a checkpoint. What leaves: an Epoch
// per epoch and a Checkpoint now and then, handed to whoever watches ([Events]), and a [Summary].
//
// # What is minimised
//
// The objective of a minibatch of B of N examples is
//
//	L = sum_b NLL_b + (B/N) ( lambda sum_i |mu_i| + c sum_i sigma_i^-rho )
//
// N being the training examples after a validation split; a last partial minibatch is dropped. The sums over i run over
// all synapses, biases included. rho = 0 is written as entropic and has the cost -c sum_i log sigma_i.
//
// # What is reported
//
// The objective of the whole data set, which (N/B) L estimates, in its three terms:
//
//	objective = objective_nll + objective_magnitude + objective_reliability
//	objective_nll         = N times the mean NLL of the training examples, one draw of the weights per minibatch
//	objective_magnitude   = lambda sum_i |mu_i|
//	objective_reliability = c sum_i sigma_i^-rho
//
// so that none of them depends on B. In the line of an epoch the NLL is that of the epoch's own training steps; in a
// summary it is measured on the final network, with one draw per 20 training examples. accuracy_sampled and
// loss_sampled are the test figures with one draw per 20 test images, accuracy_mean and loss_mean those with the
// weights at mu, accuracy_predictive by the mean probability over K draws, accuracy_expected_log by the mean
// log-probability. sigma_rms is sqrt(mean sigma^2), and reliability_cost is (1/rho) sum sigma^-rho, both over weights
// without biases.
//
// All of these but the times are functions of the settings and the kernel set, to the last digit: sums go from step to
// step, however the steps are cut by a clock, by interruptions or among threads. seconds are those of training steps,
// measuring_seconds those of tests, both of all processes that worked on the run.
//
// # What else is done with trained networks
//
// [Open] opens them once for all that is asked of them, in a [Session]. The same graph, compiled under other rules:
// [Session.Gradients] adds up gradients with the parameters as they are, [Session.OptimiseNoise] trains the standard
// deviations alone, and [Session.Fluctuate] lets the means fluctuate on, by the gradient of the objective without the
// reliability cost and by noise. [Session.Activations] and [Session.Probabilities] are what a network answers with its
// weights at mu, and a [Tester] tests any weights.
package train
