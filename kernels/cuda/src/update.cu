// dW[r][k] = sum_b dy[b][r] x[b][k]
// dL/dmu   = dW + lambda B/N sign(mu)
// dL/dphi  = (dW xi - k B/N sigma^-(rho+1)) dsigma/dphi
//
// and Adam on both. dW never leaves the registers and xi is drawn again, so that a synapse costs the reading and writing of
// its two parameters and their four moments: 48 bytes. A block takes 16 rows and 64 columns, a thread one row and the four
// columns of one block of Philox. Where sigma is shared, mu alone moves, and the row's share of sum dW xi goes to
// sums[member][row of the network][column group].
//
// One launch does all layers: block x belongs to the layer of updates whose tiles it falls into.
// grid (sum over layers of ceil(columns/64) ceil(out/16), 1, members), block 256
#include "adam.cuh"
#include "noise.cuh"

constexpr int blockRows = 16;

enum Kind { means, shared, synapse };

// Update is a layer to be updated. Pointers are those of member 0, or of slot 0.
struct Update {
  const float *x;   // of its input
  const int *xslot; // of each member, in x
  const float *dy;  // gradient at its output
  int in, out, muOffset, phiOffset;
  int layer, firstRow, firstTile;
  float magnitudeTerms, reliabilityTerms;
  int parity; // numbers between the two halves of x that steps take turns with, or 0
};

template <Kind kind>
DEVICE void update(float *state, float *sums, Halt *halts, int *bad, const Update *updates, int layers, const Member *members,
                   const Step *steps, const int *base, int t, int stateSize, int muSlots, int phiSlots, int batch, int rows,
                   int sumGroups, unsigned stream) {
  __shared__ float4 xs[batchTile][lanes];            // the four columns of a thread side by side
  __shared__ float4 dys[blockRows][batchTile / 4];
  int member = blockIdx.z, index = *base + t;
  if (halted(halts, member, index)) return;
  int which = 0;
  while (which + 1 < layers && (int)blockIdx.x >= updates[which + 1].firstTile) which++;
  const Update *u = updates + which;
  int columns = u->in + 1, stride = strideOf(u->in), dyStride = strideOf(u->out);
  int columnGroups = (columns + groupColumns - 1) / groupColumns, tile = blockIdx.x - u->firstTile;
  int group = tile % columnGroups, r0 = tile / columnGroups * blockRows, k0 = group * groupColumns;
  int lane = threadIdx.x % lanes, row = threadIdx.x / lanes, r = r0 + row;
  float *mu = state + (size_t)member * stateSize + u->muOffset + r * stride + k0 + lane;
  float *phi = state + (size_t)member * stateSize + u->phiOffset + r * stride + k0 + lane;

  // The reads of mu and its moments go out before the barrier and arrive during dW; those of phi arrive while mu moves
  // and xi is drawn.
  bool valid[4];
  float MU[4], MUM[4], MUV[4], PHI[4], PHIM[4], PHIV[4];
#pragma unroll
  for (int j = 0; j < 4; j++) {
    valid[j] = r < u->out && k0 + lane + j * lanes < columns;
    MU[j] = valid[j] ? mu[j * lanes] : 0.f;
    MUM[j] = valid[j] ? mu[muSlots + j * lanes] : 0.f;
    MUV[j] = valid[j] ? mu[2 * muSlots + j * lanes] : 0.f;
  }

  float dw[4] = {0.f, 0.f, 0.f, 0.f};
  for (int b0 = 0; b0 < batch; b0 += batchTile) {
    if (b0 > 0) __syncthreads();
    const float *xb = u->x + (size_t)(index & 1) * u->parity + ((size_t)u->xslot[member] * batch + b0) * stride + k0;
    for (int i = threadIdx.x; i < batchTile * groupColumns; i += blockDim.x) {
      int b = i / groupColumns, k = i % groupColumns;
      float v = 0.f;
      if (b0 + b < batch && k0 + k < columns) v = k0 + k == u->in ? 1.f : xb[b * stride + k];
      ((float *)&xs[b][k % lanes])[k / lanes] = v;
    }
    const float *dyb = u->dy + ((size_t)member * batch + b0) * dyStride + r0;
    for (int i = threadIdx.x; i < batchTile * blockRows; i += blockDim.x) {
      int b = i / blockRows, k = i % blockRows;
      bool inside = b0 + b < batch && r0 + k < u->out;
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

  if (kind == synapse) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
      PHI[j] = valid[j] ? phi[j * lanes] : 0.f;
      PHIM[j] = valid[j] ? phi[phiSlots + j * lanes] : 0.f;
      PHIV[j] = valid[j] ? phi[2 * phiSlots + j * lanes] : 0.f;
    }
  }
  if (r0 + (int)threadIdx.x / warp * (warp / lanes) >= u->out) return; // neither row of this warp exists
  Member m = members[member];
  Step s = steps[index];
  Adam adam = adamOf(s, m);
  float magnitude = m.magnitude * u->magnitudeTerms;
  float check = 0.f; // NaN unless all second moments are finite
#pragma unroll
  for (int j = 0; j < 4; j++) { // no branches around the arithmetic, so that the compiler can interleave the four
    MU[j] -= move(adam, &MUM[j], &MUV[j], fmaf(magnitude, sign(MU[j]), dw[j]));
    check += valid[j] ? MUV[j] - MUV[j] : 0.f;
  }
#pragma unroll
  for (int j = 0; j < 4; j++) {
    if (!valid[j]) continue;
    mu[j * lanes] = MU[j];
    mu[muSlots + j * lanes] = MUM[j];
    mu[2 * muSlots + j * lanes] = MUV[j];
  }
  float xi[4], sum = 0.f;
  if (kind != means) {
    Noise noise = {m.key0, m.key1, s.step, stream | (unsigned)u->layer, 0u};
    normals(xi, noise, firstBlock(r, columns) + group * 16 + lane);
  }
  if (kind == shared) {
#pragma unroll
    for (int j = 0; j < 4; j++) sum = fmaf(dw[j], xi[j], sum); // dW is 0 where x is
  }
  if (kind == synapse) {
    float reliability = m.reliability * u->reliabilityTerms, slope[4], sigma[4], power[4];
#pragma unroll
    for (int j = 0; j < 4; j++) sigma[j] = softplus(PHI[j], &slope[j]);
    inversePowers<4>(power, sigma, m.rho);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      PHI[j] -= move(adam, &PHIM[j], &PHIV[j], fmaf(dw[j], xi[j], -reliability * power[j]) * slope[j]);
      check += valid[j] ? PHIV[j] - PHIV[j] : 0.f;
    }
#pragma unroll
    for (int j = 0; j < 4; j++) {
      if (!valid[j]) continue;
      phi[j * lanes] = PHI[j];
      phi[phiSlots + j * lanes] = PHIM[j];
      phi[2 * phiSlots + j * lanes] = PHIV[j];
    }
  }
  if (check != 0.f) { // whoever writes here writes the same
    halts[member].gradient = index + 1;
    bad[member * layers + u->layer] = index + 1;
  }
  if (kind == shared) {
#pragma unroll
    for (int bit = 8; bit; bit >>= 1) sum += __shfl_xor_sync(allLanes, sum, bit);
    if (lane == 0 && r < u->out) sums[((size_t)member * rows + u->firstRow + r) * sumGroups + group] = sum;
  }
}

#define PARAMETERS                                                                                                         \
  float *state, float *sums, Halt *halts, int *bad, const Update *updates, int layers, const Member *members,              \
      const Step *steps, const int *base, int t, int stateSize, int muSlots, int phiSlots, int batch, int rows,            \
      int sumGroups, unsigned stream
#define ARGUMENTS                                                                                                          \
  state, sums, halts, bad, updates, layers, members, steps, base, t, stateSize, muSlots, phiSlots, batch, rows, sumGroups, \
      stream

KERNEL __launch_bounds__(256, 4) update_means(PARAMETERS) { update<means>(ARGUMENTS); }
KERNEL __launch_bounds__(256, 4) update_shared(PARAMETERS) { update<shared>(ARGUMENTS); }
KERNEL __launch_bounds__(256, 4) update_synapse(PARAMETERS) { update<synapse>(ARGUMENTS); }
