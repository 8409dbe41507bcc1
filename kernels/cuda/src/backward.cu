// dx[b][k] = a'( x[b][k] ) sum_r dy[b][r] w[r][k], with the weights that the forward pass left in w.
// grid (ceil(in/32), ceil(batch/20), members), block 128
#include "backward.cuh"

constexpr int threads = 128;

KERNEL __launch_bounds__(threads) backward(float *dx, const float *dy, const float *w, const float *x, const int *base, int t,
                                           const Halt *halts, int in, int out, int batch, int wSize, int activation) {
  __shared__ Gradients dys;
  __shared__ float sums[threads * batchTile];
  int member = blockIdx.z;
  if (halted(halts, member, *base + t)) return;
  size_t at = (size_t)member * batch * strideOf(in);
  backwardTile(dys, sums, dx + at, dy + (size_t)member * batch * strideOf(out), w + (size_t)member * wSize, x + at, in, out,
               batch, blockIdx.x * (threads / rowParts), blockIdx.y * batchTile, activation);
}
