// Package explore asks whether learned noise on synapses explores, and whether fixed noise does, as intrinsic
// fluctuation would be: agents learn the values of actions by reinforcement, with their noise on synapses, on actions,
// or nowhere (ISD, "Exploration via intrinsic dynamics?").
//
// What enters: a [Config], which lists strategies and the sizes of the worlds. What leaves: [Findings], the return of
// agents over their episodes and how deep each strategy explores, with intervals over agents, and figures.
//
// # The question
//
// ISD names two works that put noise on the parameters of a policy: NoisyNet (its ref. 100, M. Fortunato et al. 2018),
// where a network has a learned sigma for each weight, w = mu + sigma xi, and parameter-space noise (ref. 101, M.
// Plappert et al. 2018). The first is quantal's own noisy synapse, so nothing must be added: xi is held for an episode,
// as a fluctuation that is slow compared with behaviour, and redrawn between episodes.
//
// # The worlds
//
// Deep sea (I. Osband et al., J. Mach. Learn. Res. 20, 124, 2019; bsuite, 2020): N x N cells, an episode starts in the
// upper left and takes N steps down, each to the right or to the left. A step right costs 0.01/N, and an episode of N
// of them reaches a reward of 1: the best return is 0.99, and all others are 0 or less. The effect of an action is
// drawn for each cell, so that cells say nothing about each other. Random actions reach the reward with probability
// 2^-N in an episode; and what is learned on the way, the cost, discourages it.
//
// The contextual bandit: the ten-armed testbed of R. S. Sutton and A. G. Barto (Reinforcement Learning, 2nd ed., 2018,
// section 2.3), once for each of some contexts: mean rewards ~ Normal(0, 1), rewards ~ Normal(mean, 1). An episode is
// one choice in a random context.
//
// # The agents
//
// A network of one layer: a unit for each state, of which one is active (as a place cell), synapses to a unit for each
// action, whose activity is the action's value Q(s, a) = w[a][s]. After each episode it learns by Q-learning (C. J. C.
// H. Watkins and P. Dayan 1992) with replay (V. Mnih et al. 2015; the last episode is always included: S. Zhang and R.
// S. Sutton 2017): minibatches of steps (s, a, r, s'), and the Gaussian negative log-likelihood, with variance 1, of
// the targets
//
//	y = r + max_b Q(s', b)    (r at the end of an episode),    L = sum (Q(s, a) - y)^2 / 2,
//
// where y is held fixed. One draw of the weights serves a minibatch, for values and for targets; dL/dmu = dW, dL/dphi =
// dW xi dsigma/dphi, and a step of Adam. Weights, softplus, gradients, noise and Adam are the portable kernels of
// package kernels, in 64-bit floats. All agents learn in this way, with the same rates, replay and number of steps.
// They differ in where noise is, and have one number for its strength:
//
//	synapses   sigma learned for each synapse, greedy actions by this episode's weights; strength: sigma at the start
//	frozen     the same with one fixed sigma for all synapses, as intrinsic fluctuation would be; strength: that sigma
//	linear     one sigma for all synapses, which falls linearly to 0 over the episodes; strength: its start
//	falling    the same, which falls exponentially to a hundredth
//	softmax    w = mu, action a with probability ~ exp(Q(s, a)/T); strength: the temperature T
//	epsilon    w = mu, greedy, but random with probability epsilon, which falls linearly to 0; strength: its start
//	greedy     w = mu, greedy
//
// The strength is chosen in the same way for all: of those listed in the configuration the one with the largest mean
// return over all episodes of other agents ([Tuning]), separately for the two worlds. Agents with the same seed have
// the same world and the same random events.
//
// # Deep sea
//
// The gradient of phi is, on average over xi, that of sigma^2/2: every use of a synapse lowers its sigma, and one that
// is not used keeps it. With small steps of plain gradient descent 1/sigma^2 grows by twice the step in each use, like
// the precision of an estimate with the number of measurements. So noise stays where nothing has been tried. There the
// largest of two noisy values is positive on average, and because the targets use it, this propagates back to the start
// of the agent: cells from which something untried can be reached have a higher value. That leads the agent repeatedly
// to the edge of what it knows, and further, while noise on actions is as large in known cells as in unknown ones.
//
// How long xi is held does not matter for that: a cell has its own synapses, and an episode visits a cell once. It
// matters if synapses are shared. Before anything is learned, with one more unit that is active in all cells, with all
// sigmas equal, and in a deep sea where an action means the same everywhere, held noise goes N steps to the right with
// the probability that of N+1 equal normal numbers a given one is the largest, 1/(N+1); redrawn in every step it is
// 2^-N. The experiment also counts that ([Untrained]). This common unit, the bias of package kernels, is silent in the
// agents that learn: the errors of all cells would move its synapses, and that alone makes a network explore: in a
// trial with it, greedy agents reached the reward of a deep sea of 20 in 3 of 4 cases.
//
// # As published, and not
//
// As published: learned sigma per weight, its gradient, greedy actions by drawn weights and targets from drawn weights
// (NoisyNet-DQN); noise held for an episode (Plappert et al.; NoisyNet-DQN redraws for each step, NoisyNet-A3C holds);
// no cost on sigma, which is kept by not being used (NoisyNet); deep sea; the testbed. Our choice: one layer and one
// active unit instead of a deep network; sigma at the start (NoisyNet: 0.017) from a list, as for all strategies;
// softplus; one draw for values and targets, no target network, no discount; means start at 0, so that without noise
// there is no other source of chance; Adam with beta1 = 0, because old momentum would keep moving a rarely active
// synapse, and with epsilon = 0.1, so that small gradients make small steps.
package explore
