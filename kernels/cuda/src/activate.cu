// y[b][r] = a( sum_s part[s][b][r] ), the slices s in order.
// grid (ceil(batch out/256), 1, instances), block 256
#include "forward.cuh"

KERNEL activate(ActivateParameters p) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, z = blockIdx.z;
  if (i >= p.batch * p.out || halted(p.clock, z / p.groups)) return;
  size_t at = (size_t)z * p.batch * strideOf(p.out);
  activateSlices(p.y + at, p.slope ? p.slope + at : 0, p.part + (size_t)z * p.slices * p.batch * p.out, i, p.out, p.batch,
                 p.slices, p.activation);
}
