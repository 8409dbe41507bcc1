// Package spines follows the sizes of dendritic spines that fluctuate by themselves, as a diffusion: where their
// skewed, heavy-tailed distribution comes from, how long a spine lives, and which plots show that (ISD Fig. 1B, 2C and
// 3).
//
// What enters: a [Config] with one or more [Condition]s, each a law of drift and noise between two bounds. What leaves:
// [Findings], the statistics of many simulated spines compared with the Fokker-Planck equation and the stationary
// density in closed form, and figures. [Coefficients] have the parts for other uses: Stationary, StationaryTurnover,
// FokkerPlanck, NewPopulation.
//
// # The model
//
// The size w of a spine, a volume in µm³, to which its synaptic weight is nearly proportional (ISD Fig. 1A), changes
// by
//
//	dw = mu(w) dt + sigma(w) dB                     (ISD, legend of Fig. 2C; after Yasumatsu et al. 2008)
//
// with t in days. ISD does not say in which sense; here it is Ito's, in which mu dt is the mean of a small change and
// sigma sqrt(dt) its standard deviation, which is what was measured. There are two kinds of bounds:
//
//   - reflecting: spines stay between them. The stationary density has no flux anywhere,
//     f(w) = const / sigma^2 exp( int 2 mu/sigma^2 dw ). With sigma = s0 + s1 w and mu = m0 + m1 w it falls as
//     w^-(2 - 2 m1/s1^2) where s1 w is much larger than s0: noise that grows with the size makes a heavy tail (ISD,
//     after Yasumatsu et al. 2008). With s1 = 0 it is a Gaussian.
//   - turnover: a spine that shrinks to the lower bound is lost, and an empty site gets a new, small one at a rate, so
//     a dendrite has a fixed number of possible sites for spines, like potential synapses in models of structural
//     plasticity (ISD ref. 41, Deger et al. 2012). The upper bound reflects.
//
// ISD Fig. 3 shows w f(w), the density of ln w, in which strong synapses of cell assemblies are a second peak while f
// falls throughout.
//
// # The conditions
//
// ISD draws three conditions in Fig. 2C and prints no coefficients; it calls its own curves schematic. All numbers here
// are illustrations, none is a coefficient of Yasumatsu et al. 2008 or Ishii et al. 2018 (take theirs with --mu,
// --sigma or --table), with the properties it describes: a drift to a mean size; noise nearly proportional to the size;
// a distribution with one peak, skewed and heavy-tailed under every condition, cut off at about 1 µm³; smaller spines
// in Fmr1 KO from a larger slope of sigma alone, as Ishii et al. 2018 represent its mice (their abstract: "by a single
// slope factor", with "a small but significant change in the average spine volume"). In µm³ and days:
//
//	          mu               sigma           bounds
//	control   0.008 - 0.06 w   0.010 + 0.22 w  0.02 to 1
//	silenced  0.005 - 0.04 w   0.005 + 0.22 w  0.02 to 1   less fluctuation of small spines (ISD Fig. 1B)
//	fmr1      0.008 - 0.06 w   0.010 + 0.30 w  0.02 to 1   a larger slope of sigma (Ishii et al. 2018, ISD ref. 84);
//	                                                       with turnover twice the control's births
//	additive  0.008 - 0.06 w   0.022           0.02 to 1   the control's drift, its noise at the mode for all sizes
//	network   0.00175 - 0.06 w 0.015 + 0.20 w  0.002 to 1  ISD Fig. 3 without assemblies: w f peaks near ln w = -3
//	assembly  and [Strong]     0.015 + 0.20 w  0.002 to 1  ISD Fig. 3 with assemblies: a pull towards strong synapses
//
// With turnover, births leave the distribution of sizes as it is: their rate decides only how many sites have a spine.
// Under fmr1 spines live half as long, and twice the births keep the control's number. What decides its mean is the
// size of new spines: each turnover brings in the difference between that and the lower bound, which faster turnover
// does more often. New spines of 0.025 to 0.035 µm³ leave the mean under fmr1 below the control's (0.1379 against
// 0.1392 µm³, median 0.092 against 0.103), as do reflecting bounds (0.1333 against 0.1365, 0.088 against 0.101); of
// 0.03 to 0.06 µm³ they would put it above (0.1444 against 0.1433).
//
// Measured drift and noise are read from a table ([ReadTable]) or given as coefficients. Between the rows of a table
// both are linear, beyond them constant. Everywhere a law that is not linear throughout is represented by its values at
// 1025 equally spaced sizes, linear in between.
//
// # Computation
//
// Population simulates each spine by Milstein's scheme, mirrored at reflecting bounds, with the probability that a path
// has touched an absorbing one between two steps; see kernels.Diffusion, also for the references. Sizes are float32.
// FokkerPlanck follows the density in time by Chang and Cooper's finite volumes, Stationary and StationaryTurnover are
// integrals. The steps have an error of the order of their length: at the default of 0.04 days it shifts the
// distribution functions by 0.002 or less under all named conditions. The error of the density is larger within the
// noise of one step from a reflecting bound: by 4 % in the lowest cell of a figure, at 0.01 days by 1.6 % (fmr1).
//
// All conditions draw the same noise: spine i of one is the counterpart of spine i of another.
//
// # As published, and not
//
// As published: the equation, the conditions' properties, and what the figures show. Our choice: all coefficients,
// Ito's sense, bounds at 0.02 and 1 µm³, turnover by sites with its rate and new sizes, the drift that represents
// assemblies (dynamics that produce one are another experiment), where spines start, and the tail exponent as the
// maximum-likelihood estimate between the 90 % quantile and the upper bound.
//
// References: N. Yasumatsu et al., J. Neurosci. 28, 13592 (2008); K. Ishii et al., eNeuro 5 (2018); M. Deger et al.,
// PLoS Comput. Biol. 8 (2012); J. Humble et al., Front. Comput. Neurosci. 13 (2019), the source of ISD Fig. 3.
package spines
