// dW[r][k] = sum_b dy[b][r] x[b][k]
// dL/dmu   = dW + lambda B/N sign(mu)
// dL/dphi  = (dW xi - k B/N sigma^-(rho+1)) dsigma/dphi
//
// and Adam on both. dW never leaves the registers and xi is drawn again, so that a synapse costs the reading and writing of
// its two parameters and their four moments: 48 bytes. A block takes 16 rows and 64 columns (gradient.cuh). Where sigma is
// shared, mu alone moves, and the row's share of sum dW xi goes to sums[member][row of the network][column group].
// grid (sum over layers of ceil(columns/64) ceil(out/16), 1, members), block 256
#include "adam.cuh"
#include "gradient.cuh"
#include "noise.cuh"

enum Kind { means, shared, synapse };

template <Kind kind>
DEVICE void update(const UpdateParameters &p) {
  int member = blockIdx.z, index = indexOf(p.clock), muSlots = p.muSlots, phiSlots = p.phiSlots;
  if (halted(p.clock, member)) return;
  Tile at = tileOf(p.layers);
  const Gradient *u = at.u;
  int columns = at.columns, lane = at.lane, r = at.r;
  float *mu = p.state + (size_t)member * p.stateSize + u->muOffset + at.slot;
  float *phi = p.state + (size_t)member * p.stateSize + u->phiOffset + at.slot;

  // The reads of mu and its moments go out before the barrier and arrive during dW; those of phi arrive while mu moves
  // and xi is drawn.
  bool valid[4];
  float MU[4], MUM[4], MUV[4], PHI[4], PHIM[4], PHIV[4];
#pragma unroll
  for (int j = 0; j < 4; j++) {
    valid[j] = at.valid(j);
    MU[j] = valid[j] ? mu[j * lanes] : 0.f;
    MUM[j] = valid[j] ? mu[muSlots + j * lanes] : 0.f;
    MUV[j] = valid[j] ? mu[2 * muSlots + j * lanes] : 0.f;
  }

  float dw[4] = {0.f, 0.f, 0.f, 0.f};
  eachExample(at, member, index, p.layers.batch, [&](float g, float4 v) {
    dw[0] = fmaf(g, v.x, dw[0]);
    dw[1] = fmaf(g, v.y, dw[1]);
    dw[2] = fmaf(g, v.z, dw[2]);
    dw[3] = fmaf(g, v.w, dw[3]);
  });

  if (kind == synapse) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
      PHI[j] = valid[j] ? phi[j * lanes] : 0.f;
      PHIM[j] = valid[j] ? phi[phiSlots + j * lanes] : 0.f;
      PHIV[j] = valid[j] ? phi[2 * phiSlots + j * lanes] : 0.f;
    }
  }
  if (at.r0 + (int)threadIdx.x / warp * (warp / lanes) >= u->out) return; // neither row of this warp exists
  Member m = p.members[member];
  Step s = p.clock.steps[index];
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
    Noise noise = {m.key0, m.key1, s.step, p.stream | (unsigned)u->layer, 0u};
    normals(xi, noise, firstBlock(r, columns) + at.group * 16 + lane);
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
  if (check != 0.f) notFinite(p.clock, p.layers, member, u->layer);
  if (kind == shared) {
#pragma unroll
    for (int bit = 8; bit; bit >>= 1) sum += __shfl_xor_sync(allLanes, sum, bit);
    if (lane == 0 && r < u->out) p.sums[((size_t)member * p.rows + u->firstRow + r) * p.sumGroups + at.group] = sum;
  }
}

KERNEL __launch_bounds__(256, 4) update_means(UpdateParameters p) { update<means>(p); }
KERNEL __launch_bounds__(256, 4) update_shared(UpdateParameters p) { update<shared>(p); }
KERNEL __launch_bounds__(256, 4) update_synapse(UpdateParameters p) { update<synapse>(p); }
