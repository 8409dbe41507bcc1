// Package cpu runs a [kernels.Program] on the processor.
//
// What enters: a Program, its Members and the training data. What leaves: trained states and scores. Networks spread over
// threads, each thread taking one network through many steps with a workspace of its own, so that a network's state stays
// in the nearest cache. Within a network every sum has a fixed order: the result has the same bytes for any number of
// threads, any other networks beside it, and any division of the steps into calls.
package cpu
