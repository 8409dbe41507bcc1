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
// A network may learn these quantities themselves: [Kinds] of synapses say what a synapse learns.
//
// These costs are in arbitrary units: the paper derives how they scale, not their size.
//
// # Energy
//
// [Release.Energy] is the ATP of a presynaptic spike at a synapse, from the budget of Attwell and Laughlin 2001 (AL, J
// Cereb Blood Flow Metab 21:1133-1145) for a vesicle of a rodent's excitatory synapse, 1.64e5 ATP in all, which Harris,
// Jolivet and Attwell 2012 (HJA, Neuron 75:762-777) use too:
//
//	calcium              12000  AL, p. 1136; per vesicle, at p = 0.25: 1.2e4 ions, one ATP each
//	vesicle_cycle          820  per vesicle: exocytosis, endocytosis and uncoating; 0.5 % of the sum by AL: estimated
//	transmitter          11000  AL; per vesicle of one quantum: 4000 glutamate, 2.67 ATP each
//	ionotropic          137000  AL, p. 1136; per vesicle of one quantum: 2e5 + 2.1e5 Na+, 3 for an ATP
//	metabotropic          3000  per vesicle of one quantum; what the others leave of the sum, 2 % by AL: estimated
//	p                     0.25  AL; release probability
//	n                        4  release sites; these have p of 0.25 to 0.4 (HJA, p. 766); assumed to be typical
//	near_certain          0.95  assumed; p above it is near 1
//	calcium_exponent      0.25  Eq. 11, 12: calcium of a site goes as (p/(1-p))^(1/4); assumed: sites add up
//	quantum_exponent         1  assumed: ATP per vesicle of another size goes as |q| over the quantum, as its volume
//	inhibitory_price         1  assumed: of an excitatory synapse; an upper bound, HJA predict much less
//
// Action potentials, resting potentials and what a silent synapse costs are not in it. Transmitter and postsynaptic
// current go as n p q, the mean: there reliability is free, and what it costs is calcium and the vesicle cycle. With n
// held the former, and with p held the latter, are the costs of Eq. 12 and 17 with their rho.
package synapse
