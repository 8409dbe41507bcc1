// y[b][r] = a( sum_s part[s][b][r] ), the slices s in order.
// grid (ceil(batch out/256), 1, instances), block 256
#include "forward.cuh"

KERNEL activate(float *y, const float *part, const int *base, int t, const Halt *halts, int out, int batch, int groups,
                int slices, int activation) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, z = blockIdx.z;
  if (i >= batch * out || halted(halts, z / groups, *base + t)) return;
  activateSlices(y + (size_t)z * batch * strideOf(out), part + (size_t)z * slices * batch * out, i, out, batch, slices,
                 activation);
}
