// Package cpu runs a [kernels.Program] on the processor.
//
// What enters: a Program, its Members and the training data. What leaves: trained states, sums and scores. Networks
// spread over threads, each thread taking one network through many steps with its own workspace, so that a network's
// state stays in the nearest cache. If there are fewer networks than threads, several threads work on one. Within a
// network every sum has a fixed order: the result has the same bytes for any number of threads, any other networks, and
// any division of the steps into calls.
//
// # Kernel sets
//
// The parts of a step that take time come in four sets with one struct of functions: avx512, avx2 and, for arm64, neon,
// assembly that the program in the folder gen writes from one description, and portable, the plain Go of package
// kernels, which runs on every processor and is the reference for the others. [Open] takes the fastest that the
// processor has. The environment variable QUANTAL_KERNELS=portable|avx2|avx512|neon forces one. Each set is
// deterministic by itself and uses only operations that IEEE 754 rounds exactly, so that its bytes are the same on
// every processor that runs it; between sets, xi agrees within a few units in the last place.
//
// The kernels of neon write the bytes of avx2's: they have the same operations, and the same order of every sum. So do
// whole steps, and those of portable on every processor: Go may round a product and a sum once, and does on arm64, but
// not where the product is converted explicitly, as in all arithmetic of training (internal/arm64/check.sh looks for
// what is left). Two things remain. arm64 decides before rounding whether a result is too small to be normal, and has
// another NaN. And functions of package math in float64, which few settings need (GELU, tanh, powers of other
// exponents, a cosine schedule), may differ in their last digit, which float32 hides but once in some hundred million
// numbers.
//
// One network of 784-100-100-10 has 92,320 slots in each of six fields, 2.2 megabytes: about one core's second-level
// cache. So what matters is how often they are read and written, and that transcendental functions are evaluated once:
//
//   - The draw of the weights (Philox, Box-Muller, softplus) has sigma in registers, and stores what the update needs:
//     dw/dphi = xi sigma', and the derivative of the reliability cost. The update is then
//     dL/dphi = dW dw/dphi + dcost/dphi.
//   - Costs that are formulas are computed by the draw as well, a row at a time, while sigma, 1/sigma and sigma' are in
//     the nearest cache; dcost/dmu, but for lambda sign(mu), then takes one more field. The formula's products are
//     formed anew (Formula.Reduce), and each operation, or several in one, is a kernel on rows.
//   - Rows are drawn in blocks, each multiplied by the minibatch while it is in the first-level cache. The weights of a
//     layer through which no gradient is propagated are not stored any further.
//   - The update forms dW of a tile in registers, which it never leaves, adds the costs and makes the step of Adam. It
//     takes the rows in the opposite order of the draw, so that each starts with the rows that the other has just left
//     in the cache.
//   - Products are tiled so that one load serves several multiplications: forward 4 rows x 5 examples of partial sums
//     along the inputs (2 x 5 with AVX2's sixteen registers, 2 x 5 pairs of vectors with NEON), backward 5 examples x 4
//     (2) vectors of inputs, update 4 rows x 2 (4) vectors.
//   - Polynomials are chains in which each step waits for the last: two vectors are computed side by side.
//   - With frozen parameters (the rule Accumulate) sigma is computed once, and instead of the update a kernel of the
//     same tiles adds up, in float64, dW and a second product, of squared inputs and squared errors.
//   - Under the rule Langevin the kernel of SGD moves mu down the gradient, and the draw with one sigma for all adds
//     the noise to the rows that have just moved. No sigma is computed, and a step costs half as much as with Adam.
//   - Divisions and square roots are slow: 1/sigma and sigma' share a division, and so do the two steps of Adam.
//
// [Diffuser] moves numbers by a diffusion with the same sets: normals and Milstein's step in one pass, coefficients
// that are linear throughout as constants, those of a table gathered per lane.
//
// [SpikeKernels] are for networks of spiking neurons: spikes through contacts of one weight are counted in rows of
// bits, 64 targets an instruction, and potentials of neighbours move together. These have the same bytes in all sets.
//
// The pads after each row stay zero: inputs are zero there, and so is the derivative of the cost.
//
// Tests compare the elementary functions with float64 over the range in use, Philox with its published vectors by way
// of package kernels, and every kernel with its portable twin on random shapes and divisions. The tests of the VM run
// under each set. The generated files carry the hash of the generator's sources, and a test runs the generator again.
// To change a kernel, edit gen and run go generate ./kernels/cpu.
package cpu
