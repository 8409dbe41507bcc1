// Package analysis makes the quantitative figures of Malkin et al. 2024 from numbers: the pattern of optimised noise,
// and how close it is to Bayesian inference.
//
// What enters: quantal parameters (package synapse), problems small enough to be solved in closed form or by
// quadrature, networks trained on the spot through package graph and the CPU's virtual machine, and the files of two
// experiments. What leaves: numbers with bootstrap intervals ([Slope]), and a [draw.Illustration] of each figure, drawn
// in the style of package draw, with a caption that states data, seeds, configuration and slopes.
//
// Nothing here trains or runs a network by itself: training uses graph.Spec and kernels.VM, predictions the compiled
// Program, and the gradients of trained networks package train, with the same graph under another rule.
//
// # Patterns of noise
//
// [MeasurePatterns] passes the training set through trained networks with frozen parameters, and fits ln sigma^2 over
// the logarithm of each [Signature], for each layer, without biases. With N the number of examples in the training set,
// B that in a minibatch, g the gradient of a minibatch's summed negative log-likelihood, and g_b that of an example:
//
//	hessian           (N/B) mean g^2 over minibatches, each with a draw of the weights, as the authors ran it
//	hessian_examples  N mean g_b^2 over examples at w = mu, as the paper's text says
//	learning_rate     eta / mean |g|, with Adam's eta
//	input_rate        mean |x| of the presynaptic unit; x is what the layer reads, normalised pixels in the first
//	input_square      mean x^2
//
// Both Hessians are in units of the objective summed over the data, as Eq. 66 needs them; the costs are not in them. If
// the weights do not vary and B = 1 they are the same. The first includes the mean of a minibatch's gradient and the
// second does not, which matters most if a network has not converged, or its noise is large.
//
// The columns of slopes.csv are id, data, hidden, rho, rho_value, c, seed: the network; layer (from 1), inputs,
// outputs; signature; slope, low, high: least squares and its 95 % interval; intercept (natural logarithm of sigma^2
// where the signature is 1), correlation (of the logarithms); points, dropped: synapses, and those for which
// logarithms are undefined, such as those of a unit that is never active; resamples: of the bootstrap; analytic:
// -2/(rho+2), 4/(rho+2) or -2/(rho+2) of Eq. 67 and 68; variance_ratio: median of sigma^2 over the optimum of Eq. 66,
// or of its like for other costs, for hessian, or for hessian_examples in its row; note: why there is no slope; cost:
// what synapses pay, if not the costs of the paper; interval: what low and high are about; networks: how many.
//
// If interval is units, the row is one network's, and the interval is over resamples of the presynaptic and of the
// postsynaptic units ([FitLayerSlope]): it says how well these units determine the slope, and nothing about another
// network. If it is networks, the row, without id and seed, is the mean over networks that differ only in the seed,
// with Student's interval of n - 1 degrees of freedom, which is what a statement about a mechanism needs. There
// within_half_width is the mean half-width of the intervals
// within the networks, correlation and variance_ratio (the geometric mean) have intervals over networks too, and points
// and dropped are sums.
//
// # Where the analytic lines hold
//
// [Converge] takes sigma to its optimum with mu frozen, and measures how near it is. The H of Eq. 66 is then the
// curvature of the expected negative log-likelihood, sum_b E[p (1-p)] x^2, which contains no labels
// ([train.Session.Curvature]). The empirical Fisher information is that curvature if the labels are drawn from the
// network (Eq. 35); on real labels it deviates by as much as the network's confidence deviates from its accuracy. For a
// network without hidden layers a damped fixed point of Eq. 66 gets there in some ten rounds whatever c is, where
// training phi takes hundreds of epochs, and more the smaller c is, as more of its gradient is noise.
//
// That the slope of sigma^2 over this H is the analytic one then says no more than that the fixed point was reached.
// What shows that it is the optimum of the objective is the gradient of phi, sampled by the Program that trains
// networks ([train.Session.PhiGradients]), which knows no H: it is zero in every decile of H within its error, and the
// slope that it asks for is the analytic one within its own.
//
// With hidden layers the curvature is not known in closed form. Training comes close to Eq. 66 for the empirical Fisher
// information, but in the networks tried the mean gradient stayed at some tenth of its part from the reliability cost.
//
// converged.csv has a row for each network and layer: slope, low, high and so on as in slopes.csv; sampled_slope and
// its standard error, the slope after a step of each decile to where its sampled gradient is zero; largest_z, the
// largest of the deciles' gradients in units of its error. deciles.csv has gradient, the mean gradient of phi over the
// mean of its part from the reliability cost, by decile of H.
//
// In the paper's setting (s = 0.001, 50 epochs, learning rate 1e-4, sigma 1e-4 at the start) the slopes have the
// analytic signs and order, and are flatter: sigma has not converged. The drift of phi is small compared with the noise
// of its gradient, in one step sigma sqrt(B H/N) to one or less, and Adam divides by the size of the noise, so that phi
// moves by a small part of the learning rate per step towards an optimum some units away, which is farther for less
// important synapses.
//
// # The posterior
//
// [TrainRegression] has, beside variational Bayes and the power laws of Appendix 4, the posterior that they
// approximate, by Hamiltonian chains ([ChainPlan]). Its weights have many equal modes, so that predictions are
// compared, and [RHat] and [EffectiveDraws] are those of predictions. Independent noise around one mode has no place
// for the functions between the examples that the posterior allows: there it is several times too certain.
//
// # Energy
//
// [MeasureEnergy] finds the release (n, p, q) whose mean and standard deviation are |mu| and sigma of a synapse, with n
// or p held ([synapse.FromMoments]), and its ATP for a presynaptic spike ([synapse.Release.Energy]). The mechanism is
// that of the network's rho, or of the law of package synapse which its price is proportional to, from calcium to
// trafficking_p; it says what is held. Synapses that learn n, p and q have what they learned. An image costs
//
//	sum over synapses, without biases, of spikes mean |x_k| ATP per spike
//
// where x_k is what synapse k reads: the mean is over the test images, with the weights at mu, and spikes is a
// constant, the spikes of a unit for an image and unit of |activation|. So a dark pixel, which normalisation puts below
// 0, sends spikes too. One quantum, the vesicle of the usual size, is by default the mean |mu| of the network: a
// synapse of that weight releases as much as TypicalN sites of that size with p = TypicalP do, one vesicle a spike. For
// comparisons of networks whose weights differ in size it has to be given.
//
// In energy.csv n_05 to q_95 are quantiles over the layer's synapses; inhibitory, n_below_1, p_near_1 and silent count
// those with mu < 0, n < 1, p > synapse.NearCertain and mu = 0; rate is the mean of spikes mean |x_k|; mechanism_cost,
// in the units of [synapse.Mechanism.Cost], and atp_per_spike are means over synapses; atp_per_image is the layer's
// sum, and calcium to postsynaptic are its parts. Those with n < 1 count like others, though no such synapse exists:
// their weight is too noisy for a vesicle at that p.
//
// energy-networks.csv has a row for each network of a grid: its settings (set has the numbers that its cost reads),
// accuracy_sampled and sigma_rms of its record, and the ATP of an image, in all and in two parts: atp_reliability,
// calcium and the vesicle cycle, which depend on sigma, and atp_transmission, which goes as the mean.
package analysis
