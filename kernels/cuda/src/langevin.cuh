// The step of the rule Langevin, as langevin.cu and priced.cu compile it.
#pragma once
#include "update.cuh"

template <bool priced>
DEVICE void langevin(const LangevinParameters &p) {
  int member = blockIdx.z, index = indexOf(p.clock);
  if (halted(p.clock, member)) return;
  Tile at = tileOf(p.layers);
  float *mu = p.state + (size_t)member * p.stateSize + at.u->muOffset + at.slot;
  float MU[4]; // read before the barrier, to arrive during dW
#pragma unroll
  for (int j = 0; j < 4; j++) MU[j] = at.valid(j) ? mu[j * lanes] : 0.f;

  float dw[4] = {0.f, 0.f, 0.f, 0.f};
  eachExample(at, member, index, p.layers.batch, [&](float g, float4 v) {
    dw[0] = fmaf(g, v.x, dw[0]);
    dw[1] = fmaf(g, v.y, dw[1]);
    dw[2] = fmaf(g, v.z, dw[2]);
    dw[3] = fmaf(g, v.w, dw[3]);
  });

  Member m = p.members[member];
  Langevin w = p.langevin[member * p.layers.count + at.u->layer];
  Step s = p.clock.steps[index];
  float rate = w.rate * s.rate, amplitude = w.amplitude * s.root;
  float magnitude = p.prices[member * p.layers.count + at.u->layer].magnitude;
  const float *phi = p.state + (size_t)member * p.stateSize + at.u->phiOffset;
  const float *numbers = p.numbers + (member * p.layers.count + at.u->layer) * p.numberCount;
  float xi[4] = {0.f, 0.f, 0.f, 0.f};
  if (amplitude != 0.f) {
    Noise noise = {m.key0, m.key1, s.step, p.stream | (unsigned)at.u->layer, 0u};
    normals(xi, noise, firstBlock(at.r, at.columns) + at.group * 16 + at.lane);
  }
  float check = 0.f; // NaN unless gradients and parameters are finite
#pragma unroll
  for (int j = 0; j < 4; j++) {
    if (!at.valid(j)) continue;
    float g = fmaf(magnitude, sign(MU[j]), dw[j]);
    if (priced) {
      float sigma = p.noise == synapse  ? softplus(phi[at.slot + j * lanes])
                    : p.noise == shared ? softplus(phi[at.r * p.phiStride])
                                        : 0.f;
      float muSlope, sigmaSlope;
      price(&muSlope, &sigmaSlope, MU[j], sigma, numbers);
      g = dw[j] + muSlope;
    }
    float moved = fmaf(-rate, g, MU[j]);
    mu[j * lanes] = fmaf(amplitude, xi[j], moved);
    check += (g - g) + (moved - moved);
  }
  if (check != 0.f) notFinite(p.clock, p.layers, member, at.u->layer);
}
