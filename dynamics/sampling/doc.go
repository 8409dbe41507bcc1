// Package sampling takes the noise of synapses for a sampler: chains that follow a gradient and fluctuate visit
// parameters as often as a posterior distribution says (ISD, "Statistical inference via synaptic stochasticity"). It
// does so on regressions, whose posterior can be computed in another way, with the same rule in the compiled graph, and
// on trained quantal networks.
//
// What enters: a [Config], and a trained network for the part about networks. What leaves: [Findings]. The chains are
// there for other uses: [Langevin.Sample] takes any [Target]; [Calibrate] judges predicted probabilities.
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
// # What steps of finite length do
//
// Where the posterior is Normal(m, H^-1), as in linear regression, grad U = H (theta - m), and along an eigenvector of
// H with eigenvalue h a step is x <- (1 - eps h) x + sqrt(2 eps T) xi. A variance v stays as it is if
//
//	v = (1 - eps h)^2 v + 2 eps T,   that is   v = T / (h - eps h^2 / 2)
//
// so that the chains have the covariance T (H - eps H^2/2)^-1 in place of T H^-1: too large by the factor 1/(1 - eps
// h/2), and by nearly the same eps T/2 in all directions where eps h is small. Steps with eps h of 2 or more are
// unstable. The autocorrelation is (1 - eps h)^lag: steps that are half as long have half the bias and take twice as
// many for an independent sample. [Modes] has both covariances.
//
// Minibatches add noise of their own. With H_B and g_B, the estimates of H and H m by a minibatch drawn with
// replacement, the covariance C solves
//
//	C = E[(I - eps H_B) C (I - eps H_B)] + eps^2 Var(H_B m - g_B) + 2 eps T I
//
// which is linear in C and has one solution where the steps are short enough ([Linear.MinibatchCovariance]); nothing is
// neglected. The noise of minibatches goes with eps^2, that of the chains with eps: shorter steps make less of both
// errors.
//
// # What it is compared with
//
//   - linear regression, y = X theta + noise, theta ~ Normal(0, p I): H = X'X/v + I/p and m = H^-1 X'y/v.
//   - logistic regression with two parameters: quadrature on a grid. With more: chains of the same kind that accept or
//     reject each step
//     (MALA: Roberts and Tweedie 1996), whose law is exact for any length of step; they have the gradient in common with what they check,
//     but a wrong gradient would only slow them. The Laplace approximation, Normal(mode, T H^-1), is shown beside both, and is seen to be
//     one.
//
// The effective number of samples is that of the vectors taken over the integrated autocorrelation time (Geyer's
// initial monotone sequence), along each eigenvector of H; the least is stated. The relative error of a covariance of d
// directions from n independent samples is about sqrt((d+1)/n), 5 % for d = 50 and n = 20,000.
//
// # The compiled graph, and trained networks
//
// The update rule kernels.Langevin takes the same step with the parameters of a network: theta are the means mu,
// weights are at w = mu, and U is the objective without the cost of reliability, sum NLL + lambda sum |mu|, so that the
// prior is exp(-lambda sum |mu|). Each chain is a member of one Program, in float32. A network of one output without
// hidden layers, with a Gaussian likelihood of variance v and lambda = 0, is linear regression with a flat prior, whose
// posterior is Normal(m, v (X'X)^-1): that is checked first, with all examples in a minibatch.
//
// Then chains start from a trained network, at several temperatures side by side, with minibatches and steps eps_t =
// eps (1 + t/delay)^-decay (Welling and Teh ask for a decay between 1/2 and 1). After a burn-in each chain gives a
// sample per epoch, and the class probabilities that the samples predict for the test set are averaged with weights
// eps_t, as those authors do. The average is judged by accuracy, NLL (mean of -ln p of the right class, nats) and ECE
// (15 bins of equal width, Guo et al. 2017), beside
//
//   - the trained network at w = mu, one point estimate;
//   - the average over draws of the network's own synaptic noise, w = mu + sigma xi, as many as there are samples;
//   - T = 0, which is descent from the trained network: the end of a chain is a point estimate of the posterior
//     sampled, and the average over
//     its path shows what minibatches do by themselves.
//
// Differences from both point estimates come with 95 % intervals over test images, which are the same for both.
//
// Such chains do not reach the stationary law of a network. The prior of the preset is wide (lambda = 0.01 is a scale
// of 100), and in the many directions that the data do not determine theta goes on diffusing; what is averaged is where
// the chains have been, around the trained network. summary.json says how far that is (moved, spread), and how large
// the noise of minibatches is beside that of the rule (minibatch_noise, the mean over synapses).
//
// # The table
//
// table.csv has a row for each run of chains and each thing it is compared with, and one for each predictor: part,
// problem, method, reference; parameters, examples; temperature, step (eps), step_share (eps times the largest
// eigenvalue of H), batch; chains, samples, effective_samples, accepted; mean_error, covariance_error, variance_ratio;
// accuracy, nll, ece.
//
// # As published and not
//
// As published: the equation; minibatches, schedule and weights of Welling and Teh. Our choice: all problems, which are
// made up from a seed; b the same for all parameters; that minibatches of regressions are drawn with replacement, those
// of networks by a shuffle in each epoch; and that networks are sampled at w = mu. ISD has no figure of this: what is
// shown here are the checks that make the claim, that fluctuating synapses represent the posterior, a measured one.
//
// References: D. Kappel, S. Habenschuss, R. Legenstein, W. Maass, PLoS Comput. Biol. 11, e1004485 (2015), and with M.
// Hsieh, eNeuro 5 (2018); M. Welling, Y. W. Teh, ICML (2011); C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, ICML (2017);
// G. O. Roberts, R. L. Tweedie, Bernoulli 2, 341 (1996); C. J. Geyer, Stat. Sci. 7, 473 (1992).
package sampling
