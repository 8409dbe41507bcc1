// dx[b][k] = a'( x[b][k] ) sum_r dy[b][r] w[r][k], with the weights that the forward pass left in w.
// grid (ceil(in/32), ceil(batch/20), members), block 128
#include "backward.cuh"

constexpr int threads = 128;

KERNEL __launch_bounds__(threads) backward(BackwardParameters p) {
  __shared__ Gradients dys;
  __shared__ float sums[threads * batchTile];
  int member = blockIdx.z;
  if (halted(p.clock, member)) return;
  size_t at = (size_t)member * p.batch * strideOf(p.in);
  backwardTile(dys, sums, p.dx + at, p.dy + (size_t)member * p.batch * strideOf(p.out), p.w + (size_t)member * p.wSize, p.x + at,
               p.in, p.out, p.batch, blockIdx.x * (threads / rowParts), blockIdx.y * batchTile, p.activation);
}
