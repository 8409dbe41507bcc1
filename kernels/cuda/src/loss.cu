// The loss of the minibatch and its gradient with respect to the outputs (loss.cuh). labels is null for a Gaussian
// likelihood, targets for a categorical one. Losses go to losses[step][member]; one that is not finite halts the member.
// grid (1, 1, members), block 256, shared memory 4 batch
#include "loss.cuh"

KERNEL __launch_bounds__(256) loss(LossParameters p) {
  extern __shared__ float nll[];
  int member = blockIdx.z, index = indexOf(p.clock);
  if (halted(p.clock, member)) return;
  size_t offset = (size_t)member * p.batch * strideOf(p.out);
  const int *examples = p.order + (size_t)p.slots[member] * p.n + p.clock.steps[index].first;
  float sum = lossOf(p.d + offset, nll, p.y + offset, p.slope + offset, p.answers, examples, p.members[member], p.out, p.batch,
                     p.activation, p.closed);
  if (threadIdx.x != 0) return;
  p.losses[(size_t)index * gridDim.z + member] = sum;
  if (!finite(sum)) p.clock.halts[member].loss = index + 1;
}
