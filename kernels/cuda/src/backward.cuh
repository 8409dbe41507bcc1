// dx[b][k] = a'( x[b][k] ) sum_r dy[b][r] w[r][k] for the columns of one thread and 20 examples. Where the activation keeps its slope
// that takes the place of x.
//
// Four threads share a column, each taking every fourth row; their sums are added in order. Rows are the terms of the sum: of a
// convolution they are more than its filters.
#pragma once
#include "math.cuh"

constexpr int rowParts = 4, stagedRows = 64;

// Gradients are those of 64 rows.
typedef float4 Gradients[stagedRows][batchTile / 4];

// backwardTile does blockDim.x/4 columns from k0 on. sums has room for 4 x 20 x that many numbers. All threads of the block
// must call it. stage(r0) fills dys with the gradients of 64 rows from r0 on, weight(r0, r, k) is that of row r0 + r and column k,
// and finish(at, sum) takes the sum of a slot of the input.
template <typename Stage, typename Weight, typename Finish>
DEVICE void backwardTile(Gradients &dys, float *sums, int in, int out, int batch, int k0, int b0, Stage stage, Weight weight,
                         Finish finish) {
  int columns = blockDim.x / rowParts, column = threadIdx.x % columns, part = threadIdx.x / columns, k = k0 + column;
  int stride = strideOf(in);
  float sum[batchTile];
#pragma unroll
  for (int b = 0; b < batchTile; b++) sum[b] = 0.f;
  for (int r0 = 0; r0 < out; r0 += stagedRows) {
    __syncthreads();
    stage(r0);
    __syncthreads();
    if (k >= in) continue;
    for (int r = part; r < stagedRows && r0 + r < out; r += rowParts) {
      float v = weight(r0, r, k);
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
    finish((b0 + b) * stride + k, total);
  }
}

// backwardTile of a dense layer; dy and w are the member's, too.
DEVICE void backwardTile(Gradients &dys, float *sums, float *dx, const float *dy, const float *w, const float *x, int in,
                         int out, int batch, int k0, int b0, int activation) {
  int stride = strideOf(in), dyStride = strideOf(out);
  auto stage = [&](int r0) {
    for (int i = threadIdx.x; i < stagedRows * batchTile; i += blockDim.x) {
      int b = i / stagedRows, r = i % stagedRows;
      ((float *)&dys[r])[b] = b0 + b < batch && r0 + r < out ? dy[(b0 + b) * dyStride + r0 + r] : 0.f;
    }
  };
  backwardTile(
      dys, sums, in, out, batch, k0, b0, stage, [&](int r0, int r, int k) { return w[(r0 + r) * stride + k]; },
      [&](int at, float sum) { dx[at] = activationGradient(activation, sum, x[at]); });
}
