// Package synapse is the biophysics behind the reliability cost: how quantal release makes a synapse unreliable, what
// reliability costs it, and how reliable it is best to be.
//
// What enters: a [Release], the quantal parameters of a connection (n vesicles, release probability p, quantal size q),
// or the numbers of the objective (c, rho) with a synapse's importance. What leaves: mean and variance of the
// postsynaptic potential, samples of it, the four costs of Malkin et al. 2024 and their exponents, and the optimal
// standard deviation.
//
// # Release
//
// Each of n docked vesicles releases with probability p and then adds q to the potential (Katz and Miledi 1965; Eq. 1,
// 8, 9):
//
//	mean = n p q,   variance = n p (1-p) q^2
//
// Reliability at a fixed mean is what costs are compared at, so that two of the three parameters have to change
// together: one that sets the reliability, and one that compensates and keeps the mean (Appendix 1). Where that leads
// depends on the third only, the one that is held: see [FromMoments].
//
// # Costs
//
// With q compensating, each mechanism gives a power law, cost ~ sigma^-rho at fixed mean:
//
//	calcium      (p/(1-p))^(1/4)   p changes, n held   rho = 1/2   Eq. 12, 13
//	membrane     n q^(2/3)         n changes, p held   rho = 2/3   Eq. 14, 15
//	actin        n q^(1/3)         n changes, p held   rho = 4/3   Eq. 16
//	trafficking  n p               n changes, p held   rho = 2     Eq. 17
//
// The volume of a vesicle goes as q and its radius as q^(1/3). These four laws hold for every p. What fails is another
// choice of what changes: trafficking that varies through p has the cost (1-p)/sigma^2 (Eq. 18), whose exponent on log
// axes is 2 (1-p): about 2 only where p is small. [Tradeoff.Exponent] gives the exponent of any cost under any choice.
//
// Costs are in units of their own: the paper derives how they scale, not what they amount to.
package synapse
