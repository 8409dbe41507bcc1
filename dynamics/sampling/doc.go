// Package sampling takes the noise of synapses for a sampler: chains that follow a gradient and fluctuate visit parameters as often as a
// posterior distribution says (ISD, "Statistical inference via synaptic stochasticity"). It does so on regressions, whose posterior can be
// computed in another way, with the same rule in the compiled graph, and on trained quantal networks.
//
// What enters: a [Config], and a trained network for the part about networks. What leaves: [Findings]. The chains are there for other uses:
// [Langevin.Sample] takes any [Target]; [Calibrate] judges predicted probabilities.
//
// # The model
//
// Parameters theta move by synaptic sampling (Kappel et al. 2015 and 2018, ISD refs. 70, 71),
//
//	dtheta = b grad log p*(theta) dt + sqrt(2 b T) dW
//
// whose stationary law is p*^(1/T), for T = 1 the posterior p*. With U = -log p*, the sum over all examples and the prior, and eps = b dt, a
// step is
//
//	theta <- theta - eps grad U + sqrt(2 eps T) xi,   xi ~ Normal(0, I)
//
// and with the gradient of a minibatch, N/B times the sum over its B examples and the prior, that of Welling and Teh (ISD ref. 72). T = 0 is
// gradient descent, bit for bit.
//
// # What steps of finite length do
//
// Where the posterior is Normal(m, H^-1), as in linear regression, grad U = H (theta - m), and along an eigenvector of H with eigenvalue h a
// step is x <- (1 - eps h) x + sqrt(2 eps T) xi. A variance v stays as it is if
//
//	v = (1 - eps h)^2 v + 2 eps T,   that is   v = T / (h - eps h^2 / 2)
//
// so that the chains have the covariance T (H - eps H^2/2)^-1 in place of T H^-1: too large by the factor 1/(1 - eps h/2), and by nearly the
// same eps T/2 in all directions where eps h is small. Steps with eps h of 2 or more are unstable. The autocorrelation is (1 - eps h)^lag: steps that are half
// as long have half the bias and take twice as many for an independent sample. [Modes] has both covariances.
//
// Minibatches add noise of their own. With H_B and g_B, the estimates of H and H m by a minibatch drawn with replacement, the covariance C solves
//
//	C = E[(I - eps H_B) C (I - eps H_B)] + eps^2 Var(H_B m - g_B) + 2 eps T I
//
// which is linear in C and has one solution where the steps are short enough ([Linear.MinibatchCovariance]); nothing is neglected. The noise of minibatches goes
// with eps^2, that of the chains with eps: shorter steps make less of both errors.
//
// # What it is compared with
//
//   - linear regression, y = X theta + noise, theta ~ Normal(0, p I): H = X'X/v + I/p and m = H^-1 X'y/v.
//   - logistic regression with two parameters: quadrature on a grid. With more: chains of the same kind that accept or reject each step
//     (MALA: Roberts and Tweedie 1996), whose law is exact for any length of step; they have the gradient in common with what they check, but a
//     wrong gradient would only slow them. The Laplace approximation, Normal(mode, T H^-1), is shown beside both, and is seen to be one.
//
// The effective number of samples is that of the vectors taken over the integrated autocorrelation time (Geyer's initial monotone sequence),
// along each eigenvector of H; the least is stated. The relative error of a covariance of d directions from n independent samples is about
// sqrt((d+1)/n), 5 % for d = 50 and n = 20,000.
//
// # As published and not
//
// As published: the equation, minibatches. Our choice: all problems, which are made up from a seed; Ito's sense and the Euler-Maruyama step (noise
// that does not depend on theta has no other); b the same for all parameters; that minibatches of regressions are drawn with replacement.
//
// References: D. Kappel, S. Habenschuss, R. Legenstein, W. Maass, PLoS Comput. Biol. 11, e1004485 (2015), and with M. Hsieh, eNeuro 5 (2018); M.
// Welling, Y. W. Teh, ICML (2011); G. O. Roberts, R. L. Tweedie, Bernoulli 2, 341 (1996); C. J. Geyer, Stat. Sci. 7, 473 (1992).
package sampling
