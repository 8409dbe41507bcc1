// Package ptx interprets PTX, the assembly language of NVIDIA GPUs, in pure Go, so that CUDA kernels run in `go test`
// on machines without a GPU, and are checked more strictly than on a GPU.
//
// What enters: the PTX text that nvcc 11.8 emits for compute_80, and launches of its kernels on a [Machine], which has
// global memory like a GPU's. What leaves: the memory the kernels have written, or a [Fault] that names the kernel, the
// line, the thread and what it did wrong. [Parse] refuses anything it does not know, so nothing runs on a guess.
//
// # Execution
//
// A kernel is decoded once into a compact form, in which every constant and special register has its own register. A
// warp runs one instruction after the other for all of its 32 threads. Threads that diverge at a branch form groups;
// the group with the lowest program counter runs, and groups at the same place join, so threads reconverge where
// branches join, given the order in which nvcc emits code. This is one of the orders that a GPU with independent thread
// scheduling (compute capability 7.0 and later) may take: code that relies on another order, such as one thread of a
// warp that spins until another one writes, does not end (see Machine.Limit). Instructions that several threads execute
// together (shfl.sync, vote.sync, match.sync, redux.sync, bar.warp.sync) wait until all threads that their mask names
// have arrived or exited. The warps of a block run in turn from barrier to barrier.
//
// Blocks run on all cores; kernels with atomics on global memory run theirs in the order of the grid, so results
// repeat to the bit.
//
// # Checks
//
//   - Global memory: accesses out of bounds, to freed allocations, misaligned, writes to constants. New memory holds
//     bytes 0xff, NaN as a float, so that results made from it show.
//   - Shared memory: the same; two threads that touch a word, one of them writing, without a barrier in between (on by
//     default, Machine.Race); reads of what the block has not written (Machine.Uninitialised). Warp barriers order the
//     threads they name; shuffles and fences order nothing, as CUDA says.
//   - Global memory shared between threads of a launch: the same, within and between blocks (Machine.GlobalRaces).
//     Atomics are not races with each other. Patterns in which blocks hand data over by a fence and an atomic are
//     reported although they are correct, because only barriers count as order.
//   - Barriers that only part of a block reaches, or at which threads wait at different places. Threads that have
//     exited count as missing: the hardware forgives this, and this package does not.
//   - Shuffles from lanes that do not take part, lanes outside of their own mask, lanes that wait for each other.
//
// # What is exact
//
// Integers, bits, comparisons, conversions, and IEEE arithmetic in single and double precision: add, sub, mul, fma
// (rounded once), div, rcp and sqrt, in single precision in all four rounding modes, with .ftz and .sat. NaN results
// of single-precision instructions are 0x7fffffff, as on the hardware.
//
// # What is approximate
//
// The .approx and .full instructions (ex2, lg2, sin, cos, tanh, rsqrt, rcp, sqrt, div) are computed in float64 and
// rounded. That is within the error that the PTX ISA documents for each, but a GPU differs in the last bits: about 2
// ulp for most, 2^-21 absolute for sin and cos in [-pi, pi], 2^-11 relative for tanh. So the results of the code that
// nvcc emits for expf, logf or tanhf may differ from a GPU's by an ulp or two, while those of sqrtf, division and fmaf
// do not.
//
// # What is not supported
//
// Calls of functions (all device functions must be inlined), textures and surfaces, tensor cores, asynchronous copies,
// clusters, barriers of a part of the block, packed and 16-bit arithmetic beyond conversion, clocks. Timing, caches,
// occupancy and register limits have no counterpart here.
//
// Reference: NVIDIA, Parallel Thread Execution ISA, version 7.8.
package ptx
