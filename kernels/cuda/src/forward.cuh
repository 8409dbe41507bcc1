// A layer's product on one tile: y[b][r] = a( sum_k x[b][k] w[r][k] ), w = mu + sigma xi.
//
// Sixteen threads share two rows. A thread holds four columns of each row (one block of Philox) and 2 x 20 sums; the sums of
// the sixteen are added by a butterfly that halves the number of values at each exchange.
#pragma once
#include "noise.cuh"

constexpr int rowsPerThread = 2;
constexpr int sliceColumns = 128, sliceGroups = sliceColumns / groupColumns; // columns that a block has in shared memory
constexpr int values = rowsPerThread * batchTile;

// Where weights come from: mu, mu + sigma xi with a sigma for many or for one, or memory; or sigma^2 in their place, with a sigma
// for many or for one.
enum Kind { means, shared, synapse, stored, sharedSquare, synapseSquare };

// Inputs is a slice of the inputs of 20 examples, the four columns of a thread side by side.
typedef float4 Inputs[batchTile][sliceGroups][lanes];

// stage reads the columns k0, k0+1, ... of the examples b0, b0+1, ... of x; column in is the constant 1.
DEVICE void stage(Inputs &xs, const float *x, int in, int batch, int b0, int k0) {
  int stride = strideOf(in);
  for (int i = threadIdx.x; i < batchTile * sliceColumns; i += blockDim.x) {
    int b = i / sliceColumns, k = i % sliceColumns;
    float v = 0.f;
    if (b0 + b < batch && k0 + k < in) v = x[(b0 + b) * stride + k0 + k];
    if (k0 + k == in) v = 1.f;
    ((float *)&xs[b][k / groupColumns][k % lanes])[k % groupColumns / lanes] = v;
  }
}

// Weights says where the weights of a layer are, for one member.
struct Weights {
  const float *mu, *phi; // of the layer's first row
  int phiStride;         // distance between the rows' phis where one serves many
  float *w;              // weights: read if stored, else written unless null
  Noise noise;
};

// draw makes the four weights of this thread in row r, columns k, k+16, k+32, k+48. Those past the bias have no
// meaning: their inputs are 0. There are no branches, so that the compiler can interleave the four.
template <Kind kind>
DEVICE void draw(float weight[4], const Weights &from, float rowSigma, int r, int k, int columns, int stride) {
  float mean[4], spread[4], xi[4];
#pragma unroll
  for (int j = 0; j < 4; j++) {
    bool valid = k + j * lanes < columns;
    const float *base = kind == stored ? from.w : from.mu;
    mean[j] = valid ? base[r * stride + k + j * lanes] : 0.f;
    if (kind == synapse || kind == synapseSquare) spread[j] = valid ? from.phi[r * stride + k + j * lanes] : 0.f;
  }
  if (kind == shared || kind == synapse)
    normals(xi, from.noise, firstBlock(r, columns) + k / groupColumns * 16 + k % lanes);
#pragma unroll
  for (int j = 0; j < 4; j++) {
    weight[j] = mean[j];
    if (kind == shared) weight[j] = fmaf(rowSigma, xi[j], mean[j]);
    if (kind == synapse) weight[j] = fmaf(softplus(spread[j]), xi[j], mean[j]);
    if (kind == sharedSquare) weight[j] = rowSigma * rowSigma;
    if (kind == synapseSquare) {
      float sigma = softplus(spread[j]);
      weight[j] = sigma * sigma;
    }
  }
}

DEVICE void store(float *w, const float weight[4], int r, int k, int columns, int stride) {
#pragma unroll
  for (int j = 0; j < 4; j++)
    if (k + j * lanes < columns) w[r * stride + k + j * lanes] = weight[j];
}

// accumulate adds the products of the staged columns with rows r0 and r0+1.
template <Kind kind>
DEVICE void accumulate(float sum[values], const Inputs &xs, const Weights &from, bool keep, int in, int out, int r0, int k0) {
  if (r0 >= out) return;
  int lane = threadIdx.x % lanes, columns = in + 1, stride = strideOf(in);
  float rowSigma[rowsPerThread];
#pragma unroll
  for (int i = 0; i < rowsPerThread; i++)
    rowSigma[i] = kind == shared || kind == sharedSquare ? softplus(from.phi[min(r0 + i, out - 1) * from.phiStride]) : 0.f;
#pragma unroll 1
  for (int g = 0; g < sliceGroups && k0 + g * groupColumns < columns; g++) {
    int k = k0 + g * groupColumns + lane;
    float weight[rowsPerThread][4];
#pragma unroll
    for (int i = 0; i < rowsPerThread; i++) {
      draw<kind>(weight[i], from, rowSigma[i], min(r0 + i, out - 1), k, columns, stride); // finish drops rows past out
      if (keep && r0 + i < out) store(from.w, weight[i], r0 + i, k, columns, stride);
    }
#pragma unroll
    for (int b = 0; b < batchTile; b++) {
      float4 v = xs[b][g][lane];
#pragma unroll
      for (int i = 0; i < rowsPerThread; i++) {
        float s = sum[i * batchTile + b];
        s = fmaf(v.x, weight[i][0], s);
        s = fmaf(v.y, weight[i][1], s);
        s = fmaf(v.z, weight[i][2], s);
        sum[i * batchTile + b] = fmaf(v.w, weight[i][3], s);
      }
    }
  }
}

// exchange adds, over lanes that differ in the given bit, the lower half of the values for one and the upper for the other.
template <int n>
DEVICE void exchange(float v[values], int bit) {
  bool upper = threadIdx.x & bit;
#pragma unroll
  for (int i = 0; i < n / 2; i++) {
    float keep = upper ? v[i + n / 2] : v[i], send = upper ? v[i] : v[i + n / 2];
    v[i] = keep + __shfl_xor_sync(allLanes, send, bit);
  }
}

// finish adds the sums of the sixteen threads and writes them: to part as they are, or to y through the activation, whose slope
// goes to slope unless that is null. All threads of a warp must call it.
DEVICE void finish(float sum[values], float *y, float *slope, float *part, int out, int batch, int r0, int b0, int activation) {
  // Bit 3 of the lane chooses the row, bits 2 and 1 a quarter of the examples; bit 0 has the same values twice.
  int lane = threadIdx.x % lanes;
  exchange<values>(sum, 8);
  exchange<values / 2>(sum, 4);
  exchange<values / 4>(sum, 2);
  constexpr int left = values / 8;
#pragma unroll
  for (int i = 0; i < left; i++) sum[i] += __shfl_xor_sync(allLanes, sum[i], 1);
  int r = r0 + (lane >> 3 & 1), b1 = b0 + (lane >> 2 & 1) * 2 * left + (lane >> 1 & 1) * left, yStride = strideOf(out);
  if (r >= out || lane & 1) return;
#pragma unroll
  for (int i = 0; i < left; i++) {
    int b = b1 + i;
    if (b >= batch) continue;
    if (part)
      part[b * out + r] = sum[i];
    else
      y[b * yStride + r] = straight(activation, sum[i]);
  }
  if (part || isStraight(activation)) return;
#pragma unroll 1
  for (int b = b1; b < min(b1 + left, batch); b++) { // one copy of much code
    int at = b * yStride + r;
    y[at] = curved(activation, y[at], slope ? slope + at : 0);
  }
}

// activateSlices adds the slices of part in order: y[b][r] = a( sum_s part[s][b][r] ), for i = b out + r.
DEVICE void activateSlices(float *y, float *slope, const float *part, int i, int out, int batch, int slices, int activation) {
  float sum = 0.f;
  for (int s = 0; s < slices; s++) sum += part[(size_t)s * batch * out + i];
  int at = i / out * strideOf(out) + i % out;
  y[at] = isStraight(activation) ? straight(activation, sum) : curved(activation, sum, slope ? slope + at : 0);
}
