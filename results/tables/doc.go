// Package tables makes tables, figures and reports of what package store keeps: groups of networks that differ only in
// the seed, the comparison with published values, Fig. 2 and 3 of a grid, the learning curve and the sigmas of a run,
// pages for a browser.
//
// What enters: records of a grid ([Grid]), epochs, checkpoints, run folders, published values. What leaves: table.csv,
// table.jsonl, means.csv, NumPy archives, HTML, and figures (package draw). [WriteRows] writes the tables of other
// packages.
//
// # Tables of a grid
//
// Package grid leaves a Record for each network that has finished. Everything else is derived from them, by
// WriteTables, Grid.Figures, Grid.Report, Compare and ExportGrid, and can be made again at any time.
//
// table.csv and table.jsonl have a row for each record, in the order of Settings.Compare, and these columns. An
// empty cell, null in JSON, means that there is no value; numbers are written so that they read back the same. In CSV,
// text that a spreadsheet would take for a formula starts with an apostrophe.
//
//	id                             of the network
//	data, hidden, noise            data set; units of the hidden layers; which synapses share a sigma
//	rho, rho_value, c              exponent as written, and as a number (0 for entropic); multiplier in nats; empty
//	                               without noise, or if no cost reads them
//	lambda, lr, batch, epochs      multiplier of the magnitude cost in nats; learning rate; examples per minibatch;
//	                               passes through the training set
//	mu_init, sigma_init            in units of a weight
//	validation                     held-out examples
//	normalise, classes, rule, ...  how pixels became inputs; number of classes, if given; the rule; and every setting
//	                               that was added later, under the name of its flag with _ for -
//	cost, set, set_NAME            what synapses pay, by name = formula; the numbers that costs read besides rho, c and
//	                               lambda, as k=0.3,n=2; and each of them as a number of its own, 0.3 in set_k
//	c_layers, lr_layers, ...       only where layers differ in a number, whose own column is then empty: 0.1x0.1x1
//	seed                           of everything random
//	status, kernels                done or diverged; the kernel set that ran
//	accuracy_...                   fractions of the test set: sampled, with one draw of the weights per 20 examples;
//	                               mean, with weights at mu; predictive and expected_log, by the mean probability and
//	                               the mean log-probability over draws
//	loss_...                       nats per test example, likewise
//	draws                          K of the predictive and expected_log figures
//	validation_accuracy_sampled    of the held-out examples, as validation_loss_sampled
//	sigma_rms, sigma_rms_layers    units of a weight, over weights without biases; of each layer, joined by semicolons
//	                               in CSV
//	reliability_cost               (1/rho) sum sigma^-rho over weights without biases (EES Eq. 4 with s = 1); empty if
//	                               the costs have no single power of sigma
//	objective                      nats, summed over the training set: the sum of objective_nll and the costs, which are
//	                               objective_magnitude and objective_reliability, or
//	cost_NAME                      the terms of other costs by their names, over all synapses with biases
//	steps                          of training
//	stopped_epoch                  after which patience with the validation loss was over; a column only where it was
//	converged                      how sigma was taken to its optimum afterwards; a column of converged networks only
//	diverged_...                   step, layer and what: where a number of a diverged network was no longer finite
//
// Grid.Chart draws any of these columns over any setting. Where costs have numbers of their own, fig2 and fig3 are over
// c or over the number with most values, and a number that is the same in all networks of a cost counts as part of it.
//
// curves.csv and curves.jsonl (WriteCurves) have a row for each line of the learning curve of each network of a grid:
//
//	id, lambda, ...                of the network, and the settings in which the networks differ
//	epoch, step                    done; at most 200 epochs of a training, evenly apart
//	nll                            of the training examples, a mean over the epoch; the only measurement of every line
//	accuracy_..., loss_...         as above, but of the first test_examples of the test set: up to 500. They, and what
//	                               follows, are measured after the first epoch, the last, and others that are at least
//	                               3,000 steps apart, on a GPU 30,000, or of a short training on the CPU a fifth of it:
//	                               as many as cost the training no more than about a hundredth of its time
//	sigma_rms, sigma_rms_layers_N  over weights without biases; of layer N, counted from 1
//	sigma_qNN_layers_N             its quantiles over the weights of a layer, to 0.2 %: 5, 25, 50, 75 and 95 %
//	objective, objective_..., cost_NAME
//	                               nats, with the nll of the epoch
//
// A network that diverged has the lines up to then; one of a grid of an earlier version has none.
//
// means.csv has a row for each Group, the networks that differ only in the seed: the settings without the seed; seeds,
// how many finished; diverged, how many did not and are not in the means; then for each figure its mean over seeds, and
// under its name with _ci95 half of the 95 % interval of that mean, t(n-1) s / sqrt(n). That is empty for a single
// seed. The interval is over seeds: the test set and all settings are the same.
package tables
