// dW[r][k] = sum_b dy[b][r] x[b][k]
// dL/dmu   = dW + lambda B/N sign(mu)
// dL/dphi  = (dW xi - k B/N sigma^-(rho+1)) dsigma/dphi
//
// and Adam on both. dW never leaves the registers and xi is drawn again, so that a synapse costs the reading and writing of
// its two parameters and their four moments: 48 bytes. A block takes 16 rows and 64 columns, a thread one row and the four
// columns of one block of Philox. Where sigma is shared, mu alone moves, and the row's share of sum dW xi goes to
// sums[member][row of the network][column group].
// grid (ceil(columns/64), ceil(out/16), members), block 256
#include "adam.cuh"
#include "noise.cuh"

constexpr int blockRows = 16;

enum Kind { means, shared, synapse };

template <Kind kind>
DEVICE void update(float *state, float *sums, Halt *halts, int *bad, const float *x, const int *xslot, const float *dy,
                   const Member *members, const Step *steps, const int *base, int t, int stateSize, int muSlots,
                   int phiSlots, int muOffset, int phiOffset, int in, int out, int batch, int layer, int layers,
                   int firstRow, int rows, int sumGroups, unsigned streamLayer, float magnitudeTerms,
                   float reliabilityTerms) {
  __shared__ float4 xs[batchTile][lanes];            // the four columns of a thread side by side
  __shared__ float4 dys[blockRows][batchTile / 4];
  int member = blockIdx.z, index = *base + t;
  if (halted(halts, member, index)) return;
  int lane = threadIdx.x % lanes, row = threadIdx.x / lanes;
  int r = blockIdx.y * blockRows + row, k0 = blockIdx.x * groupColumns;
  int columns = in + 1, stride = (columns + 15) / 16 * 16, dyStride = (out + 1 + 15) / 16 * 16;
  float *mu = state + (size_t)member * stateSize + muOffset + r * stride + k0 + lane;
  float *phi = state + (size_t)member * stateSize + phiOffset + r * stride + k0 + lane;

  // All reads of the state go out before the barrier.
  bool valid[4];
  float MU[4], MUM[4], MUV[4], PHI[4], PHIM[4], PHIV[4];
#pragma unroll
  for (int j = 0; j < 4; j++) {
    valid[j] = r < out && k0 + lane + j * lanes < columns;
    MU[j] = valid[j] ? mu[j * lanes] : 0.f;
    MUM[j] = valid[j] ? mu[muSlots + j * lanes] : 0.f;
    MUV[j] = valid[j] ? mu[2 * muSlots + j * lanes] : 0.f;
    if (kind == synapse) {
      PHI[j] = valid[j] ? phi[j * lanes] : 0.f;
      PHIM[j] = valid[j] ? phi[phiSlots + j * lanes] : 0.f;
      PHIV[j] = valid[j] ? phi[2 * phiSlots + j * lanes] : 0.f;
    }
  }
  Member m = members[member];
  Step s = steps[index];
  Adam adam = adamOf(s, m);

  float dw[4] = {0.f, 0.f, 0.f, 0.f};
  for (int b0 = 0; b0 < batch; b0 += batchTile) {
    if (b0 > 0) __syncthreads();
    const float *xb = x + ((size_t)xslot[member] * batch + b0) * stride + k0;
    for (int i = threadIdx.x; i < batchTile * groupColumns; i += blockDim.x) {
      int b = i / groupColumns, k = i % groupColumns;
      float v = 0.f;
      if (b0 + b < batch && k0 + k < columns) v = k0 + k == in ? 1.f : xb[b * stride + k];
      ((float *)&xs[b][k % lanes])[k / lanes] = v;
    }
    const float *dyb = dy + ((size_t)member * batch + b0) * dyStride + blockIdx.y * blockRows;
    for (int i = threadIdx.x; i < batchTile * blockRows; i += blockDim.x) {
      int b = i / blockRows, k = i % blockRows;
      bool inside = b0 + b < batch && (int)blockIdx.y * blockRows + k < out;
      ((float *)&dys[k])[b] = inside ? dyb[b * dyStride + k] : 0.f;
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

  float xi[4];
  if (kind != means) {
    Noise noise = {m.key0, m.key1, s.step, streamLayer, 0u};
    normals(xi, noise, firstBlock(r, columns) + blockIdx.x * 16 + lane);
  }
  float magnitude = m.magnitude * magnitudeTerms, reliability = m.reliability * reliabilityTerms;
  float sum = 0.f;
  bool good = true;
#pragma unroll
  for (int j = 0; j < 4; j++) {
    if (!valid[j]) continue;
    float g = dw[j];
    if (kind == synapse) {
      float slope, sigma = softplus(PHI[j], &slope);
      float gPhi = fmaf(g, xi[j], -reliability * inversePower(sigma, m.rho)) * slope;
      phi[j * lanes] = PHI[j] - move(adam, &PHIM[j], &PHIV[j], gPhi);
      phi[phiSlots + j * lanes] = PHIM[j];
      phi[2 * phiSlots + j * lanes] = PHIV[j];
      good = good && finite(PHIV[j]);
    }
    if (kind == shared) sum = fmaf(g, xi[j], sum);
    mu[j * lanes] = MU[j] - move(adam, &MUM[j], &MUV[j], fmaf(magnitude, sign(MU[j]), g));
    mu[muSlots + j * lanes] = MUM[j];
    mu[2 * muSlots + j * lanes] = MUV[j];
    good = good && finite(MUV[j]);
  }
  if (!good) { // whoever writes here writes the same
    halts[member].gradient = index + 1;
    bad[member * layers + layer] = index + 1;
  }
  if (kind == shared) {
#pragma unroll
    for (int bit = 8; bit; bit >>= 1) sum += __shfl_xor_sync(allLanes, sum, bit);
    if (lane == 0 && r < out) sums[((size_t)member * rows + firstRow + r) * sumGroups + blockIdx.x] = sum;
  }
}

#define PARAMETERS                                                                                                         \
  float *state, float *sums, Halt *halts, int *bad, const float *x, const int *xslot, const float *dy,                     \
      const Member *members, const Step *steps, const int *base, int t, int stateSize, int muSlots, int phiSlots,          \
      int muOffset, int phiOffset, int in, int out, int batch, int layer, int layers, int firstRow, int rows,              \
      int sumGroups, unsigned streamLayer, float magnitudeTerms, float reliabilityTerms
#define ARGUMENTS                                                                                                          \
  state, sums, halts, bad, x, xslot, dy, members, steps, base, t, stateSize, muSlots, phiSlots, muOffset, phiOffset, in,   \
      out, batch, layer, layers, firstRow, rows, sumGroups, streamLayer, magnitudeTerms, reliabilityTerms

KERNEL __launch_bounds__(256, 4) update_means(PARAMETERS) { update<means>(ARGUMENTS); }
KERNEL __launch_bounds__(256, 4) update_shared(PARAMETERS) { update<shared>(ARGUMENTS); }
KERNEL __launch_bounds__(256, 4) update_synapse(PARAMETERS) { update<synapse>(ARGUMENTS); }
