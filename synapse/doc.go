// Package synapse has the biophysics of the reliability cost: how quantal release makes a synapse unreliable, what
// reliability costs, and which reliability is optimal.
//
// What enters: a [Release], the quantal parameters of a connection (n vesicles, release probability p, quantal size q),
// or the numbers of the objective (c, rho) with a synapse's importance. What leaves: mean and variance of the
// postsynaptic potential, samples of it, the four costs of Malkin et al. 2024 and their exponents, the formulas of
// named [Laws], and the optimal standard deviation.
//
// # Release
//
// Each of n docked vesicles releases with probability p and then adds q to the potential (Katz and Miledi 1965; Eq. 1,
// 8, 9):
//
//	mean = n p q,   variance = n p (1-p) q^2
//
// Costs are compared at a fixed mean, so two of the three parameters must change together: one that sets the
// reliability, and one that compensates and keeps the mean (Appendix 1). The result depends only on the third, the one
// that is held: see [FromMoments].
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
// The volume of a vesicle is proportional to q and its radius to q^(1/3). These four laws hold for every p. With
// another choice of the changing parameter they may fail: trafficking that varies through p has the cost (1-p)/sigma^2
// (Eq. 18), whose exponent on log axes is 2 (1-p): about 2 only if p is small. [Tradeoff.Exponent] gives the exponent
// of any cost under any choice.
//
// Costs are in arbitrary units: the paper derives how they scale, not their size.
package synapse
