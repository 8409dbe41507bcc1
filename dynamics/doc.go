// Package dynamics makes experiments on synapses that change by themselves: the models of Shimizu, Yoshida, Kasai and
// Toyoizumi, Computational roles of intrinsic synaptic dynamics (2021), ISD in what follows. Each experiment is a
// separate package:
//
//	dynamics/spines      sizes of dendritic spines as a diffusion (ISD Fig. 1B, 2C, 3)
//	dynamics/sampling    Langevin chains that sample posteriors (ISD, inference via synaptic stochasticity)
//	dynamics/drift       a trained network that keeps fluctuating: drift of its representations (ISD)
//	dynamics/tolerance   how a trained network tolerates synapses that fluctuate, are rewired or deleted (ISD Fig. 2A)
//	dynamics/assemblies  cell assemblies under Hebbian plasticity and fluctuation (ISD Fig. 3)
//	dynamics/explore     noise on synapses as exploration (ISD, "Exploration via intrinsic dynamics?")
//	dynamics/balance     which contacts of a balanced spiking network determine its rates (ISD Fig. 2A)
//	dynamics/reward      contacts that sample by reward: performance stays while the network drifts (ISD Fig. 2B)
//
// Package dynamics/spiking simulates networks of spiking neurons with such synapses; it is no experiment.
//
// What they share is here. The function Experiment of each package describes it to the command line and to other
// programs: [Experiment.Setup] has the default configuration, which files and flags change, and [Setup.Make] makes the
// experiment, with the trained network that it starts from. An experiment takes its configuration and a [Job], reports
// its progress, keeps its finished parts, and leaves [Findings], which go into a run folder of package store:
//
//	config.toml        everything resolved, enough to repeat the experiment
//	environment.json   program, processor, kernels
//	summary.json       the results, with the time that it took
//	table.csv          the same numbers in rows
//	NAME.svg, .png     each figure, with its caption in NAME.txt and the numbers drawn in NAME.json
//	parts/             while it is unfinished: its finished parts ([Parts]), from which the same command continues
//
// An experiment that starts from a trained network may start from several ([Start]), which differ only in the seed. It
// is then made with each, in a folder of its own within that of the experiment, NETWORK/, with all of the above; what
// needs no network is made once, in alone/. Noise differs too: the seed of the experiment is there further by the
// network's less 1. The folder of the experiment has, of all networks,
//
//	summary.json       the summaries of the networks, and the means of means.csv
//	table.csv          the rows of all tables, with the columns network and seed
//	means.csv          for each outcome of the experiment: networks, mean, half of its 95 % interval over networks by the
//	                   t distribution, and standard deviation; also of differences within a network ([Outcome])
//
// Noise comes from stream dynamics of the noise of package kernels, a pure function of the seed and of where it is
// used: table and figures have the same bytes for the same seed and kernel set, with any number of threads. Experiments
// may share words of that stream, because they are never combined in a figure; within an experiment no two uses do.
package dynamics
