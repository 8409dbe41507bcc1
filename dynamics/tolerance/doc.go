// Package tolerance asks how well a trained network tolerates changes of its synapses, and of which (ISD, section "Some
// synaptic fluctuations might be harmless", and Fig. 2A).
//
// What enters: a [Config] and a trained [dynamics.Network]. What leaves: [Findings]: accuracy and loss on the test set
// over the size of a perturbation, for subsets of synapses, with intervals over draws of the perturbation; figures; and
// how the fluctuation of the network's outputs depends on the number of contacts per connection. Nothing is trained
// here. The network's weights are its means mu, changed as follows; biases are not connections and do not change,
// except in the comparison of profiles. Functions that make perturbed weights and subsets can be used separately; all
// lists have the layout of kernels.State.Mu.
//
// # Perturbations
//
//	relative        w = mu + a |mu| xi       fluctuations in proportion to the strength, as of spines (package spines)
//	additive        w = mu + a m_l xi        the same for all synapses of layer l; m_l^2 = mean mu^2 there, so that
//	                                         a layer as a whole fluctuates as much as with relative
//	rewired-neuron  w_i = mu_p(i)            p permutes the synapses that are hit among those that one neuron receives
//	rewired-layer   w_i = mu_p(i)            the same within a layer
//	deleted         w_i = 0                  for synapses that are hit
//
// with xi standard normal, a the amplitude, and a share of the subset hit, drawn in each layer. Rewiring keeps
// strengths and changes which synapses have them. It does so within the subset: the positive synapses, say, exchange
// strengths with each other and remain positive, where random ones change signs. This is rewiring of excitatory or
// inhibitory connections under Dale's law, and not what happens to random synapses.
//
// # Subsets
//
// In each layer, so that subsets differ in their kind and not in their depth:
//
//	all
//	fisher-most, fisher-least         half (or Share) with the largest, smallest diagonal of the empirical Fisher
//	                                  information, sum_b g_b^2 over the training examples, at w = mu
//	                                  (train.Session.Gradients)
//	magnitude-most, magnitude-least   by |mu|
//	snr-most, snr-least               by |mu|/sigma, if there is a sigma for each synapse
//	random                            equally many, different ones in each draw
//	positive, negative                by the sign of mu
//	random-as-positive, -negative     as many as those in each layer
//
// Of equal values the later one counts as larger. The subsets of one size differ in their share of |mu|^2, and
// therefore in how far a perturbation moves the network: the column displacement of the table has |w - mu| / |mu|, all
// synapses taken together.
//
// In ISD's example (ref. 36, Mongillo, Rumpel and Loewenstein 2018), rewiring inhibitory connections of a balanced
// recurrent network with high and diverse inhibitory rates disrupts it, and rewiring excitatory ones does not. The
// networks here are layered, without inhibitory neurons, and positive and negative are signs of synapses: the
// experiment shows which subsets matter in them, not that result.
//
// # Several contacts per connection
//
// A connection of strength mu is the sum of n contacts, each of mean mu/n with its own relative fluctuation (ISD, after
// its refs. 41-43):
//
//	w = sum_k (mu/n) (1 + a xi_k),   Var w = n (a mu/n)^2 = a^2 mu^2 / n
//
// That is so because fluctuations are proportional to the size of a contact. If their variance were proportional to it,
// that of w would not depend on n; if they were additive, it would grow as n. For a small amplitude the outputs y are
// linear in the weights, and their variance falls as 1/n too:
//
//	Var y_j = (a^2/n) sum_i mu_i^2 (dy_j/dw_i)^2
//
// Both are measured: the variance over draws of the network, mean over probes and outputs, and the sum
// (train.Session.OutputSquares). law in summary.json is n Var(n) / Var(1).
//
// # One weight for all connections
//
// The wiring is kept and the strengths are not (ISD, after its ref. 52, Gaier and Ha 2019): the sign of mu for the
// share of each layer's synapses with the largest |mu|, and one strength for all of them. Gaier and Ha search for
// wirings that do well with any shared weight; here the wiring is the result of training, without a search. As theirs,
// the score is the mean accuracy over all shared weights, those of the setting, on data held out; beside it is that of
// the best weight. The test examples are halved for that, every other one: the best weight is chosen on one half
// (validation_accuracy of the table), and both scores are those on the other half (held_out_accuracy). The weights are
// positive, unlike theirs, because the signs belong to the wiring. As a control, each neuron gets the same signs on
// other inputs. Without biases the strength would only scale the outputs of a network of rectified linear units: the
// accuracy could not depend on it. So the result shows the balance between biases and connections.
//
// # Profiles of sigma
//
// A network trained with a sigma for each synapse has learned where reliability is worth its cost (EES Eq. 4), sum_i
// sigma_i^-rho over all synapses, biases included. At w = mu + f sigma_i xi_i three profiles with the same cost at
// every factor f are compared:
//
//	heterogeneous  sigma_i as trained
//	homogeneous    one sigma for all, sigma^-rho = mean sigma_i^-rho (for rho = 0, the entropic cost, the geometric mean)
//	shuffled       the trained sigma_i, those of each layer on other synapses at random
//
// The means are the same in all three, those of the network that was trained with its own profile. A network trained
// with homogeneous noise would adapt its means to that: results/published/fig2and3.md has both.
//
// # Table
//
// table.csv has a row for each perturbation, subset and amount: perturbation (as above; none, contacts, shared-weight,
// profile); subset (or number of contacts, wiring, profile); synapses in it; amount (amplitude, share that is hit,
// shared weight, or factor); draws; accuracy and loss (nats per test example), means over draws, with half of their 95
// % intervals (t(n-1) s/sqrt(n), empty for one draw); displacement; accuracy on the halves of the test examples.
//
// # Noise
//
// Stream dynamics; step is the draw, Draw>>24 the use. Subsets and amounts of a perturbation share the noise of a draw,
// so that differences between them are not due to chance; synapses that are hit at a share are hit at every larger one.
//
// # As published, and not
//
// ISD prints no equations and no numbers here. As published: the questions, and that contacts fluctuate independently.
// Our choice: all perturbations and measures of importance, halves, networks of rectified linear units on images, and a
// drop of five percentage points as the limit of tolerance.
package tolerance
