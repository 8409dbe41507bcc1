// dx[b][k] = a'( x[b][k] ) sum_r dy[b][r] w[r][k]
//
// with the weights that the forward pass left in w. Four threads share a column, each taking every fourth row; their sums
// are added in order.
// grid (ceil(in/32), ceil(batch/20), members), block 128
#include "math.cuh"

constexpr int columnsPerBlock = 32, rowParts = 4, stagedRows = 64;

KERNEL __launch_bounds__(128) backward(float *dx, const float *dy, const float *w, const float *x, const int *base, int t,
                                       const Halt *halts, int in, int out, int batch, int wSize, int activation) {
  __shared__ float4 dys[stagedRows][batchTile / 4];
  __shared__ float sums[rowParts][batchTile][columnsPerBlock];
  int member = blockIdx.z, b0 = blockIdx.y * batchTile;
  if (halted(halts, member, *base + t)) return;
  int column = threadIdx.x % columnsPerBlock, part = threadIdx.x / columnsPerBlock;
  int k = blockIdx.x * columnsPerBlock + column;
  int stride = (in + 1 + 15) / 16 * 16, dyStride = (out + 1 + 15) / 16 * 16;
  const float *wm = w + (size_t)member * wSize, *dyb = dy + ((size_t)member * batch + b0) * dyStride;
  float sum[batchTile];
#pragma unroll
  for (int b = 0; b < batchTile; b++) sum[b] = 0.f;
  for (int r0 = 0; r0 < out; r0 += stagedRows) {
    __syncthreads();
    for (int i = threadIdx.x; i < stagedRows * batchTile; i += blockDim.x) {
      int b = i / stagedRows, r = i % stagedRows;
      ((float *)&dys[r])[b] = b0 + b < batch && r0 + r < out ? dyb[b * dyStride + r0 + r] : 0.f;
    }
    __syncthreads();
    if (k >= in) continue;
    for (int r = part; r < stagedRows && r0 + r < out; r += rowParts) {
      float v = wm[(r0 + r) * stride + k];
#pragma unroll
      for (int q = 0; q < batchTile / 4; q++) {
        float4 d = dys[r][q];
        sum[4 * q] = fmaf(d.x, v, sum[4 * q]);
        sum[4 * q + 1] = fmaf(d.y, v, sum[4 * q + 1]);
        sum[4 * q + 2] = fmaf(d.z, v, sum[4 * q + 2]);
        sum[4 * q + 3] = fmaf(d.w, v, sum[4 * q + 3]);
      }
    }
  }
#pragma unroll
  for (int b = 0; b < batchTile; b++) sums[part][b][column] = sum[b];
  __syncthreads();
  if (k >= in) return;
  for (int b = part; b < batchTile && b0 + b < batch; b += rowParts) {
    float total = 0.f;
#pragma unroll
    for (int p = 0; p < rowParts; p++) total += sums[p][b][column];
    size_t at = ((size_t)member * batch + b0 + b) * stride + k;
    dx[at] = activationGradient(activation, total, x[at]);
  }
}
