// y[b][r] = a( sum_k x[b][k] w[r][k] ),  w = mu + sigma xi,  sigma = softplus(phi)
//
// The weights are drawn here, in registers, and multiplied at once with all examples of the tile: a thread holds two rows
// and four columns (one block of Philox each) and 2 x 20 sums. Sixteen threads share a row; their sums are added by a
// butterfly that halves the number of values at each exchange. Layers with more than 256 columns are cut: each slice of
// columns leaves its sums in part, and activate adds them in order. Where w is not null the weights stay there for the
// backward pass.
//
// Block z is instance z: member z/groups, and within it the group z%groups of test examples (one group in training). Its
// input is slot xslot[z] of x; the noise's draw is draw0 + drawStride (z%groups).
// grid (ceil(out/20) ceil(batch/20), ceil(columns/256), instances), block 160
#include "noise.cuh"

constexpr int rowsPerThread = 2, rowPairs = 10, blockRows = rowsPerThread * rowPairs;
constexpr int sliceColumns = 256, sliceGroups = sliceColumns / groupColumns;
constexpr int values = rowsPerThread * batchTile;

enum Kind { means, shared, synapse };

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

template <Kind kind>
DEVICE void forward(float *y, float *part, float *w, const float *x, const int *xslot, const float *state,
                    const Member *members, const Step *steps, const int *base, int t, const Halt *halts, int stateSize,
                    int muOffset, int phiOffset, int phiStride, int in, int out, int batch, int groups, int wSize,
                    unsigned streamLayer, unsigned draw0, unsigned drawStride, int activation) {
  __shared__ float4 xs[batchTile][sliceGroups][lanes]; // the four columns of a thread side by side
  int z = blockIdx.z, member = z / groups, index = *base + t;
  if (halted(halts, member, index)) return;
  int rowBlocks = (out + blockRows - 1) / blockRows;
  int tile = blockIdx.x / rowBlocks, b0 = tile * batchTile;
  int lane = threadIdx.x % lanes, r0 = (blockIdx.x % rowBlocks) * blockRows + threadIdx.x / lanes * rowsPerThread;
  int columns = in + 1, stride = (columns + 15) / 16 * 16, k0 = blockIdx.y * sliceColumns;
  int width = min(sliceColumns, (columns - k0 + groupColumns - 1) / groupColumns * groupColumns);

  const float *xb = x + ((size_t)xslot[z] * batch + b0) * stride + k0;
  for (int i = threadIdx.x; i < batchTile * sliceColumns; i += blockDim.x) {
    int b = i / sliceColumns, k = i % sliceColumns;
    if (k >= width) continue;
    float v = 0.f;
    if (b0 + b < batch && k0 + k < in) v = xb[b * stride + k];
    if (k0 + k == in) v = 1.f;
    ((float *)&xs[b][k / groupColumns][k % lanes])[k % groupColumns / lanes] = v;
  }
  __syncthreads();

  Member m = members[member];
  Noise noise = {m.key0, m.key1, steps[index].step, streamLayer, draw0 + drawStride * (unsigned)(z % groups)};
  const float *mu = state + (size_t)member * stateSize + muOffset, *phi = state + (size_t)member * stateSize + phiOffset;
  float sum[values];
#pragma unroll
  for (int i = 0; i < values; i++) sum[i] = 0.f;

  float rowSigma[rowsPerThread];
  if (kind == shared) {
#pragma unroll
    for (int i = 0; i < rowsPerThread; i++) rowSigma[i] = softplus(phi[min(r0 + i, out - 1) * phiStride]);
  }
  if (r0 < out) {
#pragma unroll 1
    for (int g = 0; g * groupColumns < width; g++) {
      int k = k0 + g * groupColumns + lane;
      float weight[rowsPerThread][4];
#pragma unroll
      for (int i = 0; i < rowsPerThread; i++) {
        int r = r0 + i;
#pragma unroll
        for (int j = 0; j < 4; j++) weight[i][j] = 0.f;
        if (r >= out) continue;
        float mean[4], spread[4], xi[4];
#pragma unroll
        for (int j = 0; j < 4; j++) {
          bool valid = k + j * lanes < columns;
          mean[j] = valid ? mu[r * stride + k + j * lanes] : 0.f;
          if (kind == synapse) spread[j] = valid ? phi[r * stride + k + j * lanes] : 0.f;
        }
        if (kind != means) normals(xi, noise, firstBlock(r, columns) + (k0 / groupColumns + g) * 16 + lane);
#pragma unroll
        for (int j = 0; j < 4; j++) {
          if (kind == means) weight[i][j] = mean[j];
          if (kind == shared) weight[i][j] = fmaf(rowSigma[i], xi[j], mean[j]);
          if (kind == synapse) weight[i][j] = fmaf(softplus(spread[j]), xi[j], mean[j]);
        }
        if (w && tile == 0) {
#pragma unroll
          for (int j = 0; j < 4; j++)
            if (k + j * lanes < columns) w[(size_t)z * wSize + r * stride + k + j * lanes] = weight[i][j];
        }
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

  // Bit 3 of the lane chooses the row, bits 2 and 1 a quarter of the examples; bit 0 has the same values twice.
  exchange<values>(sum, 8);
  exchange<values / 2>(sum, 4);
  exchange<values / 4>(sum, 2);
  constexpr int left = values / 8;
#pragma unroll
  for (int i = 0; i < left; i++) sum[i] += __shfl_xor_sync(allLanes, sum[i], 1);
  int r = r0 + (lane >> 3 & 1), b1 = b0 + (lane >> 2 & 1) * 2 * left + (lane >> 1 & 1) * left;
  if (r >= out || lane & 1) return;
  int slices = gridDim.y, yStride = (out + 1 + 15) / 16 * 16;
#pragma unroll
  for (int i = 0; i < left; i++) {
    int b = b1 + i;
    if (b >= batch) continue;
    if (slices > 1)
      part[(((size_t)z * slices + blockIdx.y) * batch + b) * out + r] = sum[i];
    else
      y[((size_t)z * batch + b) * yStride + r] = activate(activation, sum[i]);
  }
}

#define PARAMETERS                                                                                                         \
  float *y, float *part, float *w, const float *x, const int *xslot, const float *state, const Member *members,            \
      const Step *steps, const int *base, int t, const Halt *halts, int stateSize, int muOffset, int phiOffset,            \
      int phiStride, int in, int out, int batch, int groups, int wSize, unsigned streamLayer, unsigned draw0,              \
      unsigned drawStride, int activation
#define ARGUMENTS                                                                                                          \
  y, part, w, x, xslot, state, members, steps, base, t, halts, stateSize, muOffset, phiOffset, phiStride, in, out, batch,  \
      groups, wSize, streamLayer, draw0, drawStride, activation

KERNEL __launch_bounds__(160, 3) forward_means(PARAMETERS) { forward<means>(ARGUMENTS); }
KERNEL __launch_bounds__(160, 3) forward_shared(PARAMETERS) { forward<shared>(ARGUMENTS); }
KERNEL __launch_bounds__(160, 3) forward_synapse(PARAMETERS) { forward<synapse>(ARGUMENTS); }
