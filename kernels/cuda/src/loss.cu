// The loss of the minibatch and its gradient with respect to the outputs (loss.cuh). labels is null for a Gaussian
// likelihood, targets for a categorical one. Losses go to losses[step][member]; one that is not finite halts the member.
// grid (1, 1, members), block 256, shared memory 4 batch
#include "loss.cuh"

KERNEL __launch_bounds__(256) loss(float *d, float *losses, Halt *halts, const float *y, const unsigned char *labels,
                                   const float *targets, const int *order, const int *slots, const Member *members,
                                   const Step *steps, const int *base, int t, int n, int out, int batch, int activation,
                                   int closed) {
  extern __shared__ float nll[];
  int member = blockIdx.z, index = *base + t;
  if (halted(halts, member, index)) return;
  size_t offset = (size_t)member * batch * strideOf(out);
  const int *examples = order + (size_t)slots[member] * n + steps[index].first;
  float sum = lossOf(d + offset, nll, y + offset, labels, targets, examples, members[member], out, batch, activation, closed);
  if (threadIdx.x != 0) return;
  losses[(size_t)index * gridDim.z + member] = sum;
  if (!finite(sum)) halts[member].loss = index + 1;
}
