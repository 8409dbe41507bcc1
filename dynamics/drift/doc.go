// Package drift lets the synapses of a trained network keep fluctuating, and follows the responses of its units: the
// representation drifts while the task is still solved (ISD, "A link to another dynamics in the brain: representational
// drift").
//
// What enters: a trained network of package dynamics with its data, and a [Config]. What leaves: [Findings], with a row
// for each look at each layer, and figures.
//
// # The model
//
// ISD reviews models in which extrinsic dynamics, the gradient of a learning criterion, keep a network where it solves
// its task, and intrinsic dynamics, random changes without direction, move it: directions that the task leaves free
// drift (ISD refs. 71 and 107, Kappel et al. 2018 and Kalle Kossio et al. 2020). Kappel et al. write both as one
// diffusion, ISD's synaptic sampling, with theta the synapses' parameters:
//
//	dtheta = b d/dtheta log p*(theta) dt + sqrt(2 b T) dB
//
// Here theta are the means mu of the network's synapses, which are its weights, p*(theta) is proportional to
// exp(-U(theta)), where U has the likelihood of the data set and a normal prior of precision alpha for each synapse,
// bias or not, in place of the costs with which the network was trained,
//
//	U(theta) = sum NLL + alpha/2 sum theta^2
//
// and a step is that of stochastic gradient Langevin dynamics on minibatches (Welling and Teh 2011; kernels.Langevin),
// with eps = b dt:
//
//	theta <- theta - eps dU/dtheta + sqrt(2 eps T) xi
//
// The stationary distribution is exp(-U/T). A direction that the data leave free reaches it in 1/(eps alpha) steps,
// whatever its layer, and one of Fisher information h in 1/(eps (h + alpha)). The network fluctuates for a burn-in of
// many times that; its state then is the reference, from which three networks continue, with the same minibatches and
// xi:
//
//	drift     gradient and noise
//	control   the noise without the gradient: nothing corrects it
//	gradient  the gradient of the same minibatches without the noise, T = 0
//
// # Is it stationary?
//
// Loss, on the training minibatches and on the test images, and accuracy are level if the straight line of least
// squares through the looks after the reference does not rise: its change from the first look to the last, mean over
// networks, is 0 within its interval. Within one network the looks are not independent, so that the line has no
// interval of its own. Aging compares the similarity of hidden units a quarter of the time apart in the second half
// of the looks with the first: in a stationary process it depends on the lag only, and aging is 0 within its interval.
//
// # Measures
//
// The similarity of a layer at two times is the Pearson correlation, over fixed probe images, of each unit's responses
// (after the rectifier) at the one time with those at the other, mean over units. A unit with equal responses to all
// probes at one of the times counts as 0, one with equal responses at both is left out. Similarity is measured with the
// reference, and between any two looks over their lag. Accuracy and loss are those on all test images with the present
// weights.
//
// Displacement from the reference is measured along the eigenvectors of the Fisher information there, which has no
// labels in it and is also the Gauss-Newton part of the Hessian of sum NLL. For a network of this size the matrix
// cannot be formed; its products with vectors can, and Lanczos' method turns some 60 of them into the Gauss quadrature
// of how the squared length of a vector is distributed over the eigenvalues. The displacement of the control is an
// isotropic random vector, whose distribution is that of the eigenvalues themselves. From it follows what to expect if
// the loss were quadratic around the reference: in a direction of eigenvalue h a squared displacement, after many
// steps, of
//
//	2 T / (h + alpha)
//
// in full in [Motion], with the length of the steps and, separately, with the noise of the minibatches, which adds eps
// N/B to it where h is large. Eigenvalues are counted in units of alpha: above 1 the data determine a direction more
// than the prior does. Deciles of the spectrum would not show anything: of a large network nine are free, or all ten.
//
// Small eigenvalues need more images than large ones: from the default 2500, with one network of MNIST, the effective
// number of parameters is a quarter lower (1286) than from 10,000 (1729), shares above 1 are 5 to 7 % lower, and the
// ratio of drift to free diffusion there differs by 1.5 %. Twice as many products change that by less than 0.1 %.
//
// # How the regime was chosen
//
// On MNIST, all 60,000 training images, minibatches of 100, eps = 1e-6. Loss and accuracy after burn-in, one network of
// each kind; similarity of hidden layers 1 and 2 and of the outputs with the reference after the given steps:
//
//	hidden   T  alpha        loss   accuracy  similarity         after    came out
//	100x100  1  784,100,100  0.101  96.6 %    0.22  0.13  0.92   160,000  1 over the inputs of each layer; level
//	100x100  1  200          0.086  96.8 %    0.55  0.44  0.93    15,000  level within noise; relaxation 5,000 steps
//	100x100  2  400          0.137  95.9 %    0.39  0.24  0.92    16,000  level within noise; relaxation 2,500 steps
//	100x100  4  800          0.212  94.0 %    0.19  0.10  0.93    16,000  the defaults; relaxation 1,250 steps
//	30x30    1  100          0.074  96.8 %    0.78  0.73  0.92    75,000  loss still falls after 12 relaxations
//	20x20    1  100          0.089  96.5 %    0.85  0.78  0.91    75,000  the same, and more
//
// T and alpha rise together, so that free weights always have the same standard deviation, sqrt(T/alpha) = 0.07, near
// that of trained weights; then T is by how much the data count less. There is no threshold: the smaller T, the higher
// accuracy, and the slower drift. The defaults are the fastest of these, so that several networks can be followed.
// Wide networks drift more, because they are less determined. A prior that is much wider, such as the magnitude cost of
// lambda = 0.01 with which the network was trained, has no stationary regime within reach: weights spread for as long
// as one computes, and the test loss rises (from 0.1 to 1.65 nats in 280,000 steps at T = 0.3).
//
// # As published, and not
//
// As published: the diffusion, and that representations drift while the network's behaviour stays. Our choice:
// everything else: feed-forward networks that classify images instead of Kappel et al.'s spiking network and reward,
// theta = mu rather than log weights, the normal prior, and all measures and numbers.
//
// References: D. Kappel et al., eNeuro 5 (2018); Y. F. Kalle Kossio et al., bioRxiv 2020.08.31.276147; M. Welling and
// Y. W. Teh, ICML 2011; G. H. Golub and G. Meurant, Matrices, Moments and Quadrature (1994); S. Ubaru, J. Chen and Y.
// Saad, SIAM J. Matrix Anal. Appl. 38 (2017).
package drift
