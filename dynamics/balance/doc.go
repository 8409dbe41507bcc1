// Package balance asks which contacts of a balanced network of spiking neurons determine its pattern of rates: contacts
// of one type are redrawn, and the rates of all neurons before and after are correlated, beside mean-field theory (ISD
// Fig. 2A, after G. Mongillo, S. Rumpel, Y. Loewenstein, Nat. Neurosci. 21, 1463, 2018).
//
// What enters: a [Config]. What leaves: [Findings], with a row for each network and change of its contacts, and
// figures. [Theory] has the mean-field theory for other uses.
//
// # The model
//
// N_E excitatory and N_I = N_E/4 inhibitory leaky integrate-and-fire neurons, simulated by package spiking, with spikes
// that add to the potential at once, after a delay. From each population b a neuron has a contact from each neuron with
// probability p_b = K/N_b, independently, K = Contacts on average. A spike adds J_ab = +-Efficacies/sqrt(K) to a neuron
// of population a: balanced scaling, with which excitation and inhibition are of order sqrt(K) and cancel (C. van
// Vreeswijk, H. Sompolinsky, Science 274, 1724, 1996; Neural Comput. 10, 1321, 1998). Each neuron also has a constant
// input and external noise, a Poisson process of its own.
//
// # Mean-field theory
//
// For large N and K the mean input of a neuron of population a over time, in mV, is normal over neurons, with mean u_a
// and standard deviation Delta_a. As contacts are independent of the rates nu_j of their sources at leading order, the
// sum over j of c_ij J nu_j, where c_ij is 1 with probability p and else 0, has the variance J^2 p (1-p) sum_j nu_j^2,
// so that
//
//	Delta_a^2 = sum_b K (tau_a J_ab)^2 (1 - p_b) <nu_b^2>
//
// where <> is the mean over neurons. Spikes of a neuron's sources are nearly independent Poisson processes; the input
// varies in time with
//
//	sigma_a^2 = tau_a sum_b K J_ab^2 <nu_b> + External^2
//
// and a neuron z standard deviations above the mean fires with the rate of Siegert and of Brunel's white-noise
// approximation, nu_a(z) = phi_a(u_a + Delta_a z, sigma_a). From requested mean rates <nu_a> follow sigma_a, and then,
// together, Delta_a, <nu_a^2> and u_a; u_a minus the recurrent and external mean input is the constant input. So the
// rates that a simulation has test the theory.
//
// Redraw a share f_ab of the contacts from b onto a: each possible contact is decided anew with probability f_ab. Old
// and new contacts have the covariance p (1-p) (1 - f_ab). Means and variances stay as they were, so the network has
// the same statistics, and the inputs of a neuron before and after are jointly normal with the correlation
//
//	q_a = sum_b (1 - f_ab) K (tau_a J_ab)^2 (1 - p_b) <nu_b nu'_b> / Delta_a^2
//
// because the mean product of rates enters as <nu_b^2> does in the variance. It depends on q_b in turn:
//
//	<nu_b nu'_b> = int Dz ( int Dx phi_b(u_b + Delta_b (sqrt(q_b) z + sqrt(1 - q_b) x), sigma_b) )^2
//
// with standard normals z and x. q_E and q_I are solved together, by iteration from 1. The correlation of the rates is
// (<nu nu'> - <nu>^2) / (<nu^2> - <nu>^2). If no rate changed, redrawing all contacts E to E would leave q_E = the
// share of inhibitory contacts in Delta_E^2, which summary.json states as inhibitory_share.
//
// If each neuron had exactly K contacts from each population, numbers of contacts would not vary, the sum over j would
// have the variance J^2 K (1-p) Var(nu) and covariances likewise: variances and covariances of rates in place of mean
// squares and mean products. Then diversity alone counts, and not the rate. This is not simulated here.
//
// # Measures
//
// Rates are counted over Seconds, after Settle. What limited counting takes from a correlation is measured: the same
// network is simulated twice, from other potentials and with other external noise, and correlations are divided by that
// of these two. This corrects means; it is meaningful while the correlation of the two is not small.
//
// # Volatility
//
// Contacts that turn over at a rate, of one type or of all, are redrawn by the share 1 - exp(-turnover) between
// measurements, where turnover is the rate times the time between them: contacts change in days and rates are counted
// in seconds, so wiring stands still meanwhile. At a lag of k measurements 1 - f = exp(-k turnover) in the formula for
// q. The rates of all pairs of measurements at a lag are correlated.
//
// # Memory
//
// Each pattern has Active = f of the neurons of both populations, drawn at random. It changes the efficacy of each
// contact of a type, from j to i, by the factor
//
//	1 +- Strength sum_patterns (x_i - f) (x_j - f) / (f (1 - f)),   not below 0
//
// with x = 1 for neurons of the pattern and else 0: + for E to E (Hebbian), - for I to E (anti-Hebbian: inhibition
// becomes weaker between neurons of a pattern). Half of a pattern's neurons, of both populations, get the cue, a
// constant input. Recall is by how much the rates of its other excitatory neurons rise, less that of the neurons
// outside the pattern, over the mean rate; lingering is the same after the cue. Redrawn contacts have no pattern.
//
// # Range
//
// All contacts E to E, or all I to E, are redrawn at several ratios of the mean rates of I and of E, sizes, and factors
// of all efficacies; the rates of E before and after are correlated, beside theory.
//
// # As published, and not
//
// As published: balanced networks of excitatory and inhibitory spiking neurons; that volatility of E to E contacts has
// little effect, and of inhibitory contacts a large one, where inhibitory rates are higher and more diverse (the
// abstract of Mongillo et al., ISD). Ours: all numbers, equal numbers of contacts from both populations, white external
// noise, the even regime, and the form in which the theory is written here. Networks without external noise, or with
// j_EI j_IE < j_EE j_II, synchronise or leave the low rates for these numbers. Also as published: that memories can be
// in E to E, Hebbian, or in I to E, anti-Hebbian, and that inhibitory contacts store them better; how patterns are
// embedded and cued, and the measure of recall, are ours.
//
// For the same seed and kernel set table and figures have the same bytes for any number of threads.
package balance
