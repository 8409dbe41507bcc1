// dW, and the step of synapses with parameters of their own:
//
//	dL/dtheta = dW dmu/dtheta + dW xi dsigma/dtheta + dcost/dtheta
//
// for each parameter theta, and mu and phi, sigma = softplus(phi), which follow from them. The host writes both formulas
// into the compiled text, in place of the marks that slopes and moments leave (formula.go).
// grid (tiles of all layers, 1, members), block 256
#include "gradient.cuh"
#include "mover.cuh"
#include "noise.cuh"

constexpr int maxParameters = 4;

DEVICE void slopes(float g[maxParameters], const float t[maxParameters], float dmu, float dsigma, const float *numbers) {
  asm volatile("// slopes %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10;"
               : "=f"(g[0]), "=f"(g[1]), "=f"(g[2]), "=f"(g[3])
               : "f"(t[0]), "f"(t[1]), "f"(t[2]), "f"(t[3]), "f"(dmu), "f"(dsigma), "l"(numbers));
}

DEVICE void moments(float *mu, float *phi, const float t[maxParameters]) {
  asm volatile("// moments %0, %1, %2, %3, %4, %5;" : "=f"(*mu), "=f"(*phi) : "f"(t[0]), "f"(t[1]), "f"(t[2]), "f"(t[3]));
}

template <typename Mover>
DEVICE void learn(const LearnParameters &p) {
  int member = blockIdx.z, index = indexOf(p.clock);
  if (halted(p.clock, member)) return;
  Tile at = tileOf(p.layers);
  const Gradient *u = at.u;
  float dw[4] = {0.f, 0.f, 0.f, 0.f};
  eachExample(at, member, index, p.layers.batch, [&](float g, float4 v) {
    dw[0] = fmaf(g, v.x, dw[0]);
    dw[1] = fmaf(g, v.y, dw[1]);
    dw[2] = fmaf(g, v.z, dw[2]);
    dw[3] = fmaf(g, v.w, dw[3]);
  });
  if (at.r >= u->out) return;
  Member m = p.members[member];
  Step s = p.clock.steps[index];
  Mover mover(s, p.prices[member * p.layers.count + u->layer]);
  const float *numbers = p.numbers + (member * p.layers.count + u->layer) * p.numberCount;
  float *state = p.state + (size_t)member * p.stateSize;
  float xi[4];
  Noise noise = {m.key0, m.key1, s.step, p.stream | (unsigned)u->layer, 0u};
  normals(xi, noise, firstBlock(at.r, at.columns) + at.group * 16 + at.lane);
  float check = 0.f; // NaN unless all gradients, parameters and moments are finite
#pragma unroll
  for (int j = 0; j < 4; j++) {
    if (!at.valid(j)) continue;
    int slot = at.slot + j * lanes;
    float *theta = state + p.thetaOffset + u->muOffset + slot;
    float t[maxParameters], g[maxParameters];
#pragma unroll
    for (int k = 0; k < maxParameters; k++) t[k] = k < p.parameters ? theta[k * (1 + Mover::moments) * p.slots] : 0.f;
    slopes(g, t, dw[j], p.spread ? p.spread[(size_t)member * p.slots + u->muOffset + slot] : dw[j] * xi[j], numbers);
#pragma unroll
    for (int k = 0; k < maxParameters; k++) {
      if (k >= p.parameters) break;
      float *of = theta + k * (1 + Mover::moments) * p.slots;
      float first = Mover::moments > 0 ? of[p.slots] : 0.f, second = Mover::moments > 1 ? of[2 * p.slots] : 0.f;
      t[k] -= mover.move(&first, &second, g[k]);
      check += Mover::bad(first, second, g[k]) + (t[k] - t[k]);
      of[0] = t[k];
      if (Mover::moments > 0) of[p.slots] = first;
      if (Mover::moments > 1) of[2 * p.slots] = second;
    }
    float mu, phi;
    moments(&mu, &phi, t);
    state[u->muOffset + slot] = mu;
    state[u->phiOffset + slot] = phi;
  }
  if (check != 0.f) notFinite(p.clock, p.layers, member, u->layer);
}

KERNEL __launch_bounds__(256) learn(LearnParameters p) { learn<Adam>(p); }
KERNEL __launch_bounds__(256) learn_sgd(LearnParameters p) { learn<SGD>(p); }
KERNEL __launch_bounds__(256) learn_momentum(LearnParameters p) { learn<Momentum>(p); }
KERNEL __launch_bounds__(256) learn_rmsprop(LearnParameters p) { learn<RMSprop>(p); }
