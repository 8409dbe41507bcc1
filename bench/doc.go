// Package bench says what this machine does for quantal: how fast it trains with each kernel set, what limits each
// instruction of a step, and whether its GPUs work and agree with the CPU.
//
// The speed of training is a mean over whole epochs, shuffles and all, or, where the time is too short for one, over
// steps with their share of what the beginning of an epoch takes longer.
//
// What enters: how long to measure, or a device. What leaves: a [Report], or a [Diagnosis]. The folder peers beside it
// compares with other programs on the CPU, the script gpu.sh with those in the folder gpu on a GPU; results holds what
// was measured where.
package bench
