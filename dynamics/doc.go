// Package dynamics makes experiments on synapses that change by themselves: the models of Shimizu, Yoshida, Kasai and
// Toyoizumi, Computational roles of intrinsic synaptic dynamics (2021), ISD in what follows. Each experiment is a
// package of its own:
//
//	dynamics/spines      sizes of dendritic spines as a diffusion (ISD Fig. 1B, 2C, 3)
//	dynamics/sampling    Langevin chains as samplers of posteriors (ISD, statistical inference via synaptic stochasticity)
//	dynamics/drift       a trained network that fluctuates on: its representations drift (ISD, representational drift)
//	dynamics/tolerance   what a trained network makes of synapses that fluctuate, are rewired or deleted (ISD Fig. 2A)
//	dynamics/assemblies  cell assemblies under Hebbian plasticity and fluctuation (ISD Fig. 3)
//	dynamics/explore     noise on synapses as exploration in reinforcement learning (ISD, "Exploration via intrinsic dynamics?")
//
// What they have in common is here. The function Experiment of each package describes it to the command line and to
// other programs: [Experiment.Setup] has the default configuration, which files and flags change, and [Setup.Make] makes
// the experiment, with the trained network that it starts from. An experiment takes its configuration and a [Job], tells
// how far it is, keeps its finished parts, and leaves [Findings], which go into a run folder of package store:
//
//	config.toml        everything resolved, enough to repeat the experiment
//	environment.json   program, processor, kernels
//	summary.json       what came out, with how long it took
//	table.csv          the same numbers in rows
//	NAME.svg, .png     each figure, with its caption in NAME.txt and the numbers drawn in NAME.json
//	parts/             while it is under way: what is finished of it ([Parts]), from which the same command goes on
//
// Noise comes from stream dynamics of the noise of package kernels, a pure function of the seed and of where it is
// used: table and figures have the same bytes for one seed and kernel set, with any number of threads. Experiments may
// share words of that stream, as they never run into one figure; within an experiment no two uses do.
package dynamics
