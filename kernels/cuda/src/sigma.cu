// dL/dphi = (sum dW xi - synapses k B/N sigma^-(rho+1)) dsigma/dphi for a phi that many synapses share, and the step of
// the rule.
//
// Group g has the rows rowsOf[g] to rowsOf[g+1] of the network. Their sums are added in two stages: 16 rows at a time
// by one thread, then the 16-row sums in order. grid (groups, 1, members), block 64
#include "mover.cuh"

constexpr int blockRows = 16, threads = 64;

template <typename Mover>
DEVICE void updateSigma(const UpdateSigmaParameters &p) {
  __shared__ float partial[threads];
  int group = blockIdx.x, member = blockIdx.z, index = indexOf(p.clock), phiSlots = p.phiSlots;
  if (halted(p.clock, member)) return;
  int first = p.rowsOf[group], end = p.rowsOf[group + 1], sumGroups = p.sumGroups;
  const float *s = p.sums + (size_t)member * p.rows * sumGroups;
  float total = 0.f;
  for (int r0 = first; r0 < end; r0 += blockRows * threads) {
    int from = r0 + threadIdx.x * blockRows, to = min(from + blockRows, end);
    float sum = 0.f;
    for (int r = from; r < to; r++)
      for (int c = 0; c < sumGroups; c++) sum += s[(size_t)r * sumGroups + c];
    __syncthreads();
    partial[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x == 0)
      for (int i = 0; i < threads && r0 + i * blockRows < end; i++) total += partial[i];
  }
  if (threadIdx.x != 0) return;
  Price law = p.prices[member * p.layers.count + p.layerOf[group]]; // that of all layers where they share a sigma
  Mover mover(p.clock.steps[index], law);
  float *phi = p.state + (size_t)member * p.stateSize + p.phiOffset + group;
  float slope, sigma = softplus(*phi, &slope), power;
  inversePowers<1>(&power, &sigma, law.rho);
  float cost = law.reliability * p.synapses[group] * power;
  float moment1 = Mover::moments > 0 ? phi[phiSlots] : 0.f, moment2 = Mover::moments > 1 ? phi[2 * phiSlots] : 0.f;
  float g = (total - cost) * slope, moved = *phi - mover.move(&moment1, &moment2, g);
  *phi = moved;
  if (Mover::moments > 0) phi[phiSlots] = moment1;
  if (Mover::moments > 1) phi[2 * phiSlots] = moment2;
  if (Mover::bad(moment1, moment2, g) + (moved - moved) != 0.f) notFinite(p.clock, p.layers, member, p.layerOf[group]);
}

KERNEL __launch_bounds__(64) update_sigma(UpdateSigmaParameters p) { updateSigma<Adam>(p); }
KERNEL __launch_bounds__(64) update_sgd_sigma(UpdateSigmaParameters p) { updateSigma<SGD>(p); }
KERNEL __launch_bounds__(64) update_momentum_sigma(UpdateSigmaParameters p) { updateSigma<Momentum>(p); }
KERNEL __launch_bounds__(64) update_rmsprop_sigma(UpdateSigmaParameters p) { updateSigma<RMSprop>(p); }
