// Package conformance tests machines: everything that runs a [kernels.Program] must pass [Test].
//
// What enters: one [Machine] for each way of running Programs, from the tests of its own package. What leaves:
// failures. A machine is compared with a [Reference], which trains, measures and tests a network in float64, written
// straight from the equations; it shares the noise with the machines, and nothing else. Each comparison is repeated
// with a fault planted in the reference, which must be noticed. Tests of a single machine take their networks from
// here: [Design] and [Network].
package conformance
