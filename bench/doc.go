// Package bench measures this machine: how fast it trains with each kernel set, what limits each instruction of a step,
// and whether its GPUs work and agree with the CPU.
//
// The speed of training is a mean over whole epochs, including shuffles, or, if the time is too short for one, over
// steps with their share of the extra time at the beginning of an epoch.
//
// What enters: how long to measure, or a device. What leaves: a [Report], or a [Diagnosis]. The folder peers compares
// with other programs on the CPU, the script gpu.sh with those in the folder gpu on a GPU; results holds reports of
// measurements.
package bench
