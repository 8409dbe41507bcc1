// The pass that forms dW and moves the parameters, as update.cu and priced.cu compile it.
#pragma once
#include "gradient.cuh"
#include "mover.cuh"
#include "noise.cuh"

enum Kind { means, shared, synapse };

// price marks the place where the host writes the slopes of a law's cost, made from its formula and the numbers of the
// member in that layer (formula.go). The registers of the comment are those of the arguments.
DEVICE void price(float *muSlope, float *sigmaSlope, float mu, float sigma, const float *numbers) {
  asm volatile("// price %0, %1, %2, %3, %4;" : "=f"(*muSlope), "=f"(*sigmaSlope) : "f"(mu), "f"(sigma), "l"(numbers));
}

template <typename Mover, Kind kind, bool priced>
DEVICE void update(const UpdateParameters &p) {
  int member = blockIdx.z, index = indexOf(p.clock), muSlots = p.muSlots, phiSlots = p.phiSlots;
  if (halted(p.clock, member)) return;
  Tile at = tileOf(p.layers);
  const Gradient *u = at.u;
  int columns = at.columns, lane = at.lane, r = at.r;
  float *mu = p.state + (size_t)member * p.stateSize + u->muOffset + at.slot;
  float *phi = p.state + (size_t)member * p.stateSize + u->phiOffset + at.slot;

  // The reads of mu and its moments are issued before the barrier and arrive during dW; those of phi arrive while mu is
  // updated and xi is drawn.
  bool valid[4];
  float MU[4], MUM[4], MUV[4], PHI[4], PHIM[4], PHIV[4];
#pragma unroll
  for (int j = 0; j < 4; j++) {
    valid[j] = at.valid(j);
    MU[j] = valid[j] ? mu[j * lanes] : 0.f;
    MUM[j] = Mover::moments > 0 && valid[j] ? mu[muSlots + j * lanes] : 0.f;
    MUV[j] = Mover::moments > 1 && valid[j] ? mu[2 * muSlots + j * lanes] : 0.f;
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
      PHIM[j] = Mover::moments > 0 && valid[j] ? phi[phiSlots + j * lanes] : 0.f;
      PHIV[j] = Mover::moments > 1 && valid[j] ? phi[2 * phiSlots + j * lanes] : 0.f;
    }
  }
  if (at.r0 + (int)threadIdx.x / warp * (warp / lanes) >= u->out) return; // neither row of this warp exists
  Member m = p.members[member];
  Step s = p.clock.steps[index];
  Price law = p.prices[member * p.layers.count + u->layer];
  Mover mover(s, law);
  float sigma[4], slope[4], muSlope[4], sigmaSlope[4];
  if (priced) {
    if (kind == synapse) {
#pragma unroll
      for (int j = 0; j < 4; j++) sigma[j] = softplus(PHI[j], &slope[j]);
    }
    const float *numbers = p.numbers + (member * p.layers.count + u->layer) * p.numberCount;
    float all = kind == shared ? softplus(p.state[(size_t)member * p.stateSize + u->phiOffset + at.r * p.phiStride]) : 0.f;
#pragma unroll
    for (int j = 0; j < 4; j++) price(&muSlope[j], &sigmaSlope[j], MU[j], kind == synapse ? sigma[j] : all, numbers);
  }
  float decay = law.decay * s.schedule; // of the weights
  float check = 0.f; // NaN unless all gradients, parameters and moments are finite
#pragma unroll
  for (int j = 0; j < 4; j++) { // no branches around the arithmetic, so that the compiler can interleave the four
    float g = priced ? dw[j] + muSlope[j] : fmaf(law.magnitude, sign(MU[j]), dw[j]);
    MU[j] = fmaf(-decay, MU[j], MU[j]) - mover.move(&MUM[j], &MUV[j], g);
    check += valid[j] ? Mover::bad(MUM[j], MUV[j], g) + (MU[j] - MU[j]) : 0.f;
  }
#pragma unroll
  for (int j = 0; j < 4; j++) {
    if (!valid[j]) continue;
    mu[j * lanes] = MU[j];
    if (Mover::moments > 0) mu[muSlots + j * lanes] = MUM[j];
    if (Mover::moments > 1) mu[2 * muSlots + j * lanes] = MUV[j];
  }
  float xi[4], sum = 0.f;
  if (kind != means) {
    if (p.spread) { // every example has its own noise: the gradient of sigma is there
#pragma unroll
      for (int j = 0; j < 4; j++) {
        xi[j] = valid[j] ? p.spread[(size_t)member * muSlots + u->muOffset + at.slot + j * lanes] : 0.f;
        dw[j] = 1.f;
      }
    } else {
      Noise noise = {m.key0, m.key1, s.step, p.stream | (unsigned)u->layer, 0u};
      normals(xi, noise, firstBlock(r, columns) + at.group * 16 + lane);
    }
  }
  if (kind == shared) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
      sum = fmaf(dw[j], xi[j], sum); // dW is 0 where x is
      if (priced && valid[j]) sum += sigmaSlope[j];
    }
  }
  if (kind == synapse) {
    float power[4];
    if (!priced) {
#pragma unroll
      for (int j = 0; j < 4; j++) sigma[j] = softplus(PHI[j], &slope[j]);
      inversePowers<4>(power, sigma, law.rho);
    }
#pragma unroll
    for (int j = 0; j < 4; j++) {
      float g = fmaf(dw[j], xi[j], priced ? sigmaSlope[j] : -law.reliability * power[j]) * slope[j];
      PHI[j] -= mover.move(&PHIM[j], &PHIV[j], g);
      check += valid[j] ? Mover::bad(PHIM[j], PHIV[j], g) + (PHI[j] - PHI[j]) : 0.f;
    }
#pragma unroll
    for (int j = 0; j < 4; j++) {
      if (!valid[j]) continue;
      phi[j * lanes] = PHI[j];
      if (Mover::moments > 0) phi[phiSlots + j * lanes] = PHIM[j];
      if (Mover::moments > 1) phi[2 * phiSlots + j * lanes] = PHIV[j];
    }
  }
  if (check != 0.f) notFinite(p.clock, p.layers, member, u->layer);
  if (kind == shared) {
#pragma unroll
    for (int bit = 8; bit; bit >>= 1) sum += __shfl_xor_sync(allLanes, sum, bit);
    if (lane == 0 && r < u->out) p.sums[((size_t)member * p.rows + u->firstRow + r) * p.sumGroups + at.group] = sum;
  }
}
