// A convolution is a product of what its window sees with weights that all positions share. Weights were drawn before
// (forward.cu), because many blocks use the same. Sums have a fixed order, so that results do not depend on that of blocks.
#include "backward.cuh"
#include "forward.cuh"
#include "window.cuh"

constexpr int forwardThreads = 160, forwardRows = forwardThreads / lanes * rowsPerThread;

// y[n][r] = a( sum_k seen[n][k] w[r][k] ) for the positions n of all examples.
// grid (ceil(out/20) ceil(batch positions/20), 1, instances), block 160
KERNEL __launch_bounds__(forwardThreads, 3) convolve(ConvolveParameters p) {
  __shared__ Inputs xs;
  __shared__ Spot rows[batchTile], columns[sliceColumns];
  const Window &w = p.window;
  int z = blockIdx.z;
  if (halted(p.clock, z / p.groups)) return;
  int rowBlocks = (p.out + forwardRows - 1) / forwardRows, count = p.batch * w.outHeight * w.outWidth;
  int n0 = blockIdx.x / rowBlocks * batchTile;
  int r0 = blockIdx.x % rowBlocks * forwardRows + threadIdx.x / lanes * rowsPerThread;
  const float *x = p.x + (size_t)p.xslot[z] * p.batch * w.slots;
  Weights from = {0, 0, 0, p.w + (size_t)z * p.wSize, {0, 0, 0, 0, 0}};
  float sum[values];
#pragma unroll
  for (int i = 0; i < values; i++) sum[i] = 0.f;
  for (int k0 = 0; k0 <= p.in; k0 += sliceColumns) {
    __syncthreads();
    look(rows, columns, batchTile, sliceColumns, w, n0, k0);
    __syncthreads();
    for (int i = threadIdx.x; i < batchTile * sliceColumns; i += forwardThreads) {
      int n = i / sliceColumns, k = i % sliceColumns;
      float v = n0 + n < count ? seen(w, x, rows[n], columns[k], k0 + k, p.in) : 0.f;
      ((float *)&xs[n][k / groupColumns][k % lanes])[k % groupColumns / lanes] = v;
    }
    __syncthreads();
    accumulate<stored>(sum, xs, from, false, p.in, p.out, r0, k0);
  }
  size_t at = (size_t)z * count * strideOf(p.out);
  finish(sum, p.y + at, p.slope ? p.slope + at : 0, 0, p.out, count, r0, n0, p.activation);
}

// dx[m][c] = a'( x[m][c] ) sum_(i,j,r) dy[n][r] w[r][(i columns + j) channels + c] for the positions m of the picture, n being the
// output position that sees m at row i and column j of its window, if there is one.
// grid (ceil(channels/32) ceil(batch positions/20), 1, members), block 128
KERNEL __launch_bounds__(128) convolve_back(ConvolveBackParameters p) {
  __shared__ Gradients dys;
  __shared__ float sums[128 * batchTile];
  __shared__ Spot positions[batchTile], terms[stagedRows]; // of a term: its weight of channel 0, row and column in the window
  __shared__ int rows[stagedRows];                         // of the weights of a term
  const Window &w = p.window;
  int member = blockIdx.z;
  if (halted(p.clock, member)) return;
  int blocks = (w.channels + 128 / rowParts - 1) / (128 / rowParts), size = w.height * w.width, count = p.batch * size;
  int m0 = blockIdx.x / blocks * batchTile, stride = strideOf(w.rows * w.columns * w.channels), dyStride = strideOf(p.out);
  const float *dy = p.dy + (size_t)member * p.batch * w.outHeight * w.outWidth * dyStride, *weights = p.w + (size_t)member * p.wSize;
  size_t at = (size_t)member * count * strideOf(w.channels);
  for (int i = threadIdx.x; i < batchTile; i += blockDim.x) {
    int m = m0 + i, b = m / size;
    positions[i] = {b * w.outHeight * w.outWidth, m % size / w.width + w.pad, m % w.width + w.pad};
  }
  auto stage = [&](int t0) {
    for (int i = threadIdx.x; i < stagedRows; i += blockDim.x) {
      int place = (t0 + i) / p.out;
      rows[i] = (t0 + i) % p.out;
      terms[i] = {rows[i] * stride + place * w.channels, place / w.columns, place % w.columns};
    }
    __syncthreads();
    for (int i = threadIdx.x; i < stagedRows * batchTile; i += blockDim.x) {
      int m = i / stagedRows, t = i % stagedRows, line = positions[m].line - terms[t].line,
          column = positions[m].column - terms[t].column;
      bool seen = m0 + m < count && t0 + t < w.rows * w.columns * p.out && line >= 0 && column >= 0;
      if (seen && w.step > 1) {
        seen = line % w.step == 0 && column % w.step == 0;
        line /= w.step;
        column /= w.step;
      }
      seen = seen && line < w.outHeight && column < w.outWidth;
      ((float *)&dys[t])[m] = seen ? dy[(positions[m].at + line * w.outWidth + column) * dyStride + rows[t]] : 0.f;
    }
  };
  backwardTile(
      dys, sums, w.channels, w.rows * w.columns * p.out, count, blockIdx.x % blocks * (128 / rowParts), m0, stage,
      [&](int, int t, int k) { return weights[terms[t].at + k]; },
      [&](int i, float sum) { p.dx[at + i] = activationGradient(p.activation, sum, p.x[at + i]); });
}

// dW[r][k] = sum_n dy[n][r] seen[n][k], in parts of the positions n, which convolve_reduce adds: a layer with few weights has many
// positions. A block takes 16 rows and 64 columns of one part. The kernels that use dW read it (gradient.cuh).
// grid (ceil(columns/64) ceil(out/16) parts, 1, members), block 256
KERNEL __launch_bounds__(256) convolve_gradient(ConvolveGradientParameters p) {
  __shared__ float4 xs[batchTile][lanes], dys[16][batchTile / 4];
  __shared__ Spot rows[batchTile], columns[groupColumns];
  const Window &w = p.window;
  int member = blockIdx.z;
  if (halted(p.clock, member)) return;
  int groups = (p.in + groupColumns) / groupColumns, tiles = groups * ((p.out + 15) / 16), part = blockIdx.x / tiles;
  int k0 = blockIdx.x % tiles % groups * groupColumns, r0 = blockIdx.x % tiles / groups * 16;
  int count = p.batch * w.outHeight * w.outWidth, steps = (count + batchTile - 1) / batchTile;
  int begin = (int)((long long)steps * part / p.parts), end = (int)((long long)steps * (part + 1) / p.parts);
  int lane = threadIdx.x % lanes, row = threadIdx.x / lanes, dyStride = strideOf(p.out), stride = strideOf(p.in);
  const float *x = p.x + (size_t)p.xslot[member] * p.batch * w.slots, *dy = p.dy + (size_t)member * count * dyStride;
  float dw[4] = {0.f, 0.f, 0.f, 0.f};
  for (int step = begin; step < end; step++) {
    int n0 = step * batchTile;
    __syncthreads();
    look(rows, columns, batchTile, step == begin ? groupColumns : 0, w, n0, k0);
    for (int i = threadIdx.x; i < batchTile * 16; i += blockDim.x) {
      int n = i / 16, r = i % 16;
      ((float *)&dys[r])[n] = n0 + n < count && r0 + r < p.out ? dy[(n0 + n) * dyStride + r0 + r] : 0.f;
    }
    __syncthreads();
    for (int i = threadIdx.x; i < batchTile * groupColumns; i += blockDim.x) {
      int n = i / groupColumns, k = i % groupColumns;
      float v = n0 + n < count ? seen(w, x, rows[n], columns[k], k0 + k, p.in) : 0.f;
      ((float *)&xs[n][k % lanes])[k / lanes] = v;
    }
    __syncthreads();
#pragma unroll
    for (int q = 0; q < batchTile / 4; q++) {
      float4 d = dys[row][q];
      float g[4] = {d.x, d.y, d.z, d.w};
#pragma unroll
      for (int i = 0; i < 4; i++) {
        float4 v = xs[4 * q + i][lane];
        dw[0] = fmaf(g[i], v.x, dw[0]);
        dw[1] = fmaf(g[i], v.y, dw[1]);
        dw[2] = fmaf(g[i], v.z, dw[2]);
        dw[3] = fmaf(g[i], v.w, dw[3]);
      }
    }
  }
  if (r0 + row >= p.out) return;
  float *to = p.dw + (size_t)member * p.dwSize + (size_t)part * p.out * stride + (r0 + row) * stride + k0 + lane;
#pragma unroll
  for (int j = 0; j < 4; j++)
    if (k0 + lane + j * lanes <= p.in) to[j * lanes] = dw[j];
}

// convolve_reduce adds the parts in order, to the first. grid (ceil(slots/256), 1, members), block 256
KERNEL convolve_reduce(ConvolveReduceParameters p) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, member = blockIdx.z;
  if (i >= p.slots || halted(p.clock, member)) return;
  float *dw = p.dw + (size_t)member * p.dwSize + i, sum = dw[0];
  for (int part = 1; part < p.parts; part++) sum += dw[(size_t)part * p.slots];
  dw[0] = sum;
}
