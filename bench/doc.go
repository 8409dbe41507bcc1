// Package bench measures what quantal does on this machine: steps per second for each kernel set, for some sizes and numbers
// of networks, and what limits each instruction of a step.
//
// What enters: how long to measure. What leaves: a [Report]. The folder peers beside it compares with other programs; results
// holds what was measured where.
package bench
