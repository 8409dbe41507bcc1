// Package sampling uses the noise of synapses as a sampler: chains that follow a gradient and fluctuate visit
// parameters according to a posterior distribution (ISD, "Statistical inference via synaptic stochasticity"). It does
// so on regressions, whose posterior can be computed in another way, with the same rule in the compiled graph, and on
// trained quantal networks.
//
// What enters: a [Config], and a trained network for the part about networks. What leaves: [Findings]. The chains have
// other uses: [Langevin.Sample] takes any [Target]; [Calibrate] evaluates predicted probabilities.
//
// # The model
//
// Parameters theta move by synaptic sampling (Kappel et al. 2015 and 2018, ISD refs. 70, 71),
//
//	dtheta = b grad log p*(theta) dt + sqrt(2 b T) dW
//
// whose stationary law is p*^(1/T), for T = 1 the posterior p*. With U = -log p*, the sum over all examples and the
// prior, and eps = b dt, a step is
//
//	theta <- theta - eps grad U + sqrt(2 eps T) xi,   xi ~ Normal(0, I)
//
// and with the gradient of a minibatch, N/B times the sum over its B examples and the prior, that of Welling and Teh
// (ISD ref. 72). T = 0 is gradient descent, bit for bit.
//
// # Steps of finite length
//
// If the posterior is Normal(m, H^-1), as in linear regression, grad U = H (theta - m), and along an eigenvector of H
// with eigenvalue h a step is x <- (1 - eps h) x + sqrt(2 eps T) xi. A variance v is stationary if
//
//	v = (1 - eps h)^2 v + 2 eps T,   that is   v = T / (h - eps h^2 / 2)
//
// so the chains have the covariance T (H - eps H^2/2)^-1 instead of T H^-1: too large by the factor 1/(1 - eps h/2),
// and by nearly the same eps T/2 in all directions where eps h is small. Steps with eps h of 2 or more are unstable.
// The autocorrelation is (1 - eps h)^lag: with steps half as long, the bias is half as large and an independent sample
// takes twice as many. [Modes] has both covariances.
//
// Minibatches add their own noise. With H_B and g_B, the estimates of H and H m by a minibatch drawn with
// replacement, the covariance C solves
//
//	C = E[(I - eps H_B) C (I - eps H_B)] + eps^2 Var(H_B m - g_B) + 2 eps T I
//
// which is linear in C and has one solution if the steps are short enough ([Linear.MinibatchCovariance]); nothing is
// neglected. The noise of minibatches scales with eps^2, that of the chains with eps: shorter steps reduce both errors.
//
// # Comparisons
//
//   - linear regression, y = X theta + noise, theta ~ Normal(0, p I): H = X'X/v + I/p and m = H^-1 X'y/v.
//   - logistic regression with two parameters: quadrature on a grid. With more: chains of the same kind that accept or
//     reject each step (MALA: Roberts and Tweedie 1996), whose law is exact for any length of step; they share the
//     gradient with the chains that they check, but a wrong gradient would only slow them. The Laplace approximation,
//     Normal(mode, T H^-1), is shown with both, and deviates visibly.
//
// The effective number of samples is that of the vectors taken over the integrated autocorrelation time (Geyer's
// initial monotone sequence), along each eigenvector of H; the smallest is stated. The relative error of a covariance
// of d directions from n independent samples is about sqrt((d+1)/n), 5 % for d = 50 and n = 20,000.
//
// # The compiled graph, and trained networks
//
// The update rule kernels.Langevin takes the same step with the parameters of a network: theta are the means mu,
// weights are at w = mu, and U is the objective without the cost of reliability, sum NLL + lambda sum |mu|, so that the
// prior is exp(-lambda sum |mu|). Each chain is a member of one Program, in float32. A network of one output without
// hidden layers, with a Gaussian likelihood of variance v and lambda = 0, is linear regression with a flat prior, whose
// posterior is Normal(m, v (X'X)^-1): that is checked first, with all examples in a minibatch.
//
// Then chains start from a trained network, at several temperatures at the same time, with minibatches and steps eps_t
// = eps (1 + t/delay)^-decay (Welling and Teh require a decay between 1/2 and 1). After a burn-in each chain gives a
// sample per epoch, and the class probabilities that the samples predict for the test set are averaged with weights
// eps_t, as those authors do. The average is evaluated by accuracy, NLL (mean of -ln p of the right class, nats) and
// ECE (15 bins of equal width, Guo et al. 2017), in comparison with
//
//   - the trained network at w = mu, one point estimate;
//   - the average over draws of the network's own synaptic noise, w = mu + sigma xi, equally many as samples;
//   - T = 0, which is descent from the trained network: the end of a chain is a point estimate of the posterior
//     sampled, and the average over its path shows the effect of minibatches alone.
//
// Differences from both point estimates come with 95 % intervals over test images, which are the same for both. With
// several networks, means.csv has these differences, and those from the average at T = 0, as means with intervals over
// networks; network.svg shows the averages, and noise.svg what noise adds to that at T = 0.
//
// Such chains do not reach the stationary law of a network. The prior of the preset is wide (lambda = 0.01 is a scale
// of 100), and in the many directions that the data do not determine theta keeps diffusing; the average is over the
// region around the trained network that the chains have visited. summary.json says how large that is (moved, spread),
// and how large the noise of minibatches is compared with that of the rule (minibatch_noise, the mean over synapses).
//
// # The table
//
// table.csv has a row for each run of chains and each comparison, and one for each predictor: part, problem, method,
// reference; parameters, examples; temperature, step (eps), step_share (eps times the largest eigenvalue of H), batch;
// chains, samples, effective_samples, accepted; mean_error, covariance_error, variance_ratio; accuracy, nll, ece.
//
// # As published, and not
//
// As published: the equation; minibatches, schedule and weights of Welling and Teh. Our choice: all problems, which are
// generated from a seed; b the same for all parameters; that minibatches of regressions are drawn with replacement,
// those of networks by a shuffle in each epoch; and that networks are sampled at w = mu. ISD has no figure of this: the
// figures here are checks that measure the claim that fluctuating synapses represent the posterior.
//
// References: D. Kappel, S. Habenschuss, R. Legenstein, W. Maass, PLoS Comput. Biol. 11, e1004485 (2015), and with M.
// Hsieh, eNeuro 5 (2018); M. Welling, Y. W. Teh, ICML (2011); C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, ICML (2017);
// G. O. Roberts, R. L. Tweedie, Bernoulli 2, 341 (1996); C. J. Geyer, Stat. Sci. 7, 473 (1992).
package sampling
