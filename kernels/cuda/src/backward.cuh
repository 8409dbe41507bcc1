// dx[b][k] = a'( x[b][k] ) sum_r dy[b][r] w[r][k] for the columns of one thread and 20 examples. Where the activation keeps its slope
// that takes the place of x.
//
// Four threads share a column, each taking every fourth row; their sums are added in order.
#pragma once
#include "math.cuh"

constexpr int rowParts = 4, stagedRows = 64;

// Gradients are those of 64 rows.
typedef float4 Gradients[stagedRows][batchTile / 4];

// backwardTile does blockDim.x/4 columns from k0 on. sums has room for 4 x 20 x that many numbers. All threads of the block
// must call it; x, dx, dy and w are the member's.
DEVICE void backwardTile(Gradients &dys, float *sums, float *dx, const float *dy, const float *w, const float *x, int in,
                         int out, int batch, int k0, int b0, int activation) {
  int columns = blockDim.x / rowParts, column = threadIdx.x % columns, part = threadIdx.x / columns, k = k0 + column;
  int stride = strideOf(in), dyStride = strideOf(out);
  float sum[batchTile];
#pragma unroll
  for (int b = 0; b < batchTile; b++) sum[b] = 0.f;
  for (int r0 = 0; r0 < out; r0 += stagedRows) {
    __syncthreads();
    for (int i = threadIdx.x; i < stagedRows * batchTile; i += blockDim.x) {
      int b = i / stagedRows, r = i % stagedRows;
      ((float *)&dys[r])[b] = b0 + b < batch && r0 + r < out ? dy[(b0 + b) * dyStride + r0 + r] : 0.f;
    }
    __syncthreads();
    if (k >= in) continue;
    for (int r = part; r < stagedRows && r0 + r < out; r += rowParts) {
      float v = w[(r0 + r) * stride + k];
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
  for (int b = 0; b < batchTile; b++) sums[(part * batchTile + b) * columns + column] = sum[b];
  __syncthreads();
  if (k >= in) return;
  for (int b = part; b < batchTile && b0 + b < batch; b += rowParts) {
    float total = 0.f;
#pragma unroll
    for (int p = 0; p < rowParts; p++) total += sums[(p * batchTile + b) * columns + column];
    int at = (b0 + b) * stride + k;
    dx[at] = activationGradient(activation, total, x[at]);
  }
}
