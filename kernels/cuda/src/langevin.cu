// dW[r][k] = sum_b dy[b][r] x[b][k]
// mu      <- mu - rate (dW + lambda B/N sign(mu)) + amplitude xi,   rate = eps_t N/B, amplitude = sqrt(2 eps_t T)
//
// instead of the update, with xi from the stream of dynamics; nothing else in the state changes. A thread takes one row
// and the four columns of one block of Philox (gradient.cuh), so that a synapse costs the reading and writing of mu: 8
// bytes. grid (sum over layers of ceil(columns/64) ceil(out/16), 1, members), block 256
#include "gradient.cuh"
#include "mover.cuh"
#include "noise.cuh"

KERNEL __launch_bounds__(256, 4) langevin(LangevinParameters p) {
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
  Langevin w = p.langevin[member];
  Step s = p.clock.steps[index];
  float rate = w.rate * s.rate, amplitude = w.amplitude * s.root, magnitude = m.magnitude * at.u->magnitudeTerms;
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
    float moved = fmaf(-rate, g, MU[j]);
    mu[j * lanes] = fmaf(amplitude, xi[j], moved);
    check += (g - g) + (moved - moved);
  }
  if (check != 0.f) notFinite(p.clock, p.layers, member, at.u->layer);
}
