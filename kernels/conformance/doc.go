// Package conformance tests machines: everything that runs a [kernels.Program] must pass [Test].
//
// What enters: one [Machine] for each way of running Programs, from the tests of its own package. What leaves:
// failures. A machine is compared with a [Reference], which trains, measures and tests a network in float64, written
// straight from the equations; it shares the noise with the machines, and nothing else. How much it may deviate is
// measured: by runs of the reference with random rounding, as float32 has it. Tests of a single machine take their
// networks from here: [Design] and [Network].
//
// Each comparison is repeated on each machine with faults planted in the reference, which must deviate far more: in
// training xi = 0, a wrong word of the counter, a cost counted twice, B/N missing, dsigma/dphi missing and sign(mu)
// missing; sums, schedules and Langevin have their own.
package conformance
