// Package analysis makes the quantitative figures of Malkin et al. 2024 from numbers: what optimised noise looks like, and how
// near it is to Bayesian inference.
//
// What enters: quantal parameters (package synapse), problems small enough to be solved in closed form or by quadrature, networks
// trained on the spot through package graph and the CPU's virtual machine, and the files of two experiments. What leaves: numbers
// with bootstrap intervals ([Slope]), and a [results.Illustration] of each figure, drawn in the house style of package results,
// with a caption that states data, seeds, configuration and slopes.
//
// Nothing here trains or runs a network of its own: training goes through graph.Spec and kernels.VM, and predictions through the
// compiled Program.
package analysis
