// dW[r][k] = sum_b dy[b][r] x[b][k], which several kernels form in registers and use in their own way.
//
// A block takes 16 rows and 64 columns of a layer, a thread one row and the four columns of one block of Philox: k, k+16, k+32
// and k+48. One launch does all layers: block x belongs to the layer whose tiles contain it.
#pragma once
#include "common.cuh"

constexpr int blockRows = 16;

// Tile is the part of a layer that a block takes, and within it the part of a thread.
struct Tile {
  const Gradient *u;
  int columns, stride, dyStride;
  int group, r0, k0; // the block's group of columns, its first row and column
  int lane, row, r;  // the thread's first column and its row, in the block; its row in the layer
  int slot;          // of the thread's first column, from the layer's first
  DEVICE bool valid(int j) const { return r < u->out && k0 + lane + j * lanes < columns; }
};

DEVICE Tile tileOf(const Layers &l) {
  int which = 0;
  while (which + 1 < l.count && (int)blockIdx.x >= l.gradients[which + 1].firstTile) which++;
  Tile at;
  at.u = l.gradients + which;
  at.columns = at.u->in + 1;
  at.stride = strideOf(at.u->in);
  at.dyStride = strideOf(at.u->out);
  int columnGroups = (at.columns + groupColumns - 1) / groupColumns, tile = blockIdx.x - at.u->firstTile;
  at.group = tile % columnGroups;
  at.r0 = tile / columnGroups * blockRows;
  at.k0 = at.group * groupColumns;
  at.lane = threadIdx.x % lanes;
  at.row = threadIdx.x / lanes;
  at.r = at.r0 + at.row;
  at.slot = at.r * at.stride + at.k0 + at.lane;
  return at;
}

// eachExample calls f(dy, x) for every example of the minibatch, with dy of the thread's row and x at its four columns.
// Both are 0 past the last example, row or column. All 256 threads of the block must call it. Of a convolution, whose dW is there
// (convolve.cu), the block's rows of that are the examples, and dy are unit vectors; unless all layers are dense.
template <bool dense = false, typename F>
DEVICE void eachExample(const Tile &at, int member, int index, int batch, F f) {
  __shared__ float4 xs[batchTile][lanes]; // the four columns of a thread side by side
  __shared__ float4 dys[blockRows][batchTile / 4];
  const Gradient *u = at.u;
  int stride = at.stride, dyStride = at.dyStride, k0 = at.k0, r0 = at.r0, first = 0, bias = u->in;
  if (!dense && u->dySize == 0) {
    bias = -1;
    first = r0;
    r0 = 0;
    dyStride = blockRows;
    batch = min(blockRows, u->out - first);
  }
  for (int b0 = 0; b0 < batch; b0 += batchTile) {
    if (b0 > 0) __syncthreads();
    const float *xb = u->x + (size_t)(index & 1) * u->parity + (size_t)u->xslot[member] * u->xSize + (first + b0) * stride + k0;
    for (int i = threadIdx.x; i < batchTile * groupColumns; i += blockDim.x) {
      int b = i / groupColumns, k = i % groupColumns;
      float v = 0.f;
      if (b0 + b < batch && k0 + k < at.columns) v = k0 + k == bias ? 1.f : xb[b * stride + k];
      ((float *)&xs[b][k % lanes])[k / lanes] = v;
    }
    const float *dyb = u->dy + (size_t)member * u->dySize + b0 * dyStride + r0;
    for (int i = threadIdx.x; i < batchTile * blockRows; i += blockDim.x) {
      int b = i / blockRows, k = i % blockRows;
      bool inside = b0 + b < batch && r0 + k < u->out;
      ((float *)&dys[k])[b] = inside ? dyb[b * dyStride + k] : 0.f;
    }
    __syncthreads();
#pragma unroll
    for (int q = 0; q < batchTile / 4; q++) {
      float4 d = dys[at.row][q];
      float g[4] = {d.x, d.y, d.z, d.w};
#pragma unroll
      for (int i = 0; i < 4; i++) f(g[i], xs[4 * q + i][at.lane]);
    }
  }
}
