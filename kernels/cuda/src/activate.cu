// y[b][r] = a( sum_s part[s][b][r] ), the slices s in order.
// grid (ceil(batch out/256), 1, instances), block 256
#include "math.cuh"

KERNEL activate(float *y, const float *part, const int *base, int t, const Halt *halts, int out, int batch, int groups,
                int slices, int activation) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, z = blockIdx.z;
  if (i >= batch * out || halted(halts, z / groups, *base + t)) return;
  const float *p = part + (size_t)z * slices * batch * out + i;
  float sum = 0.f;
  for (int s = 0; s < slices; s++) sum += p[(size_t)s * batch * out];
  int yStride = (out + 1 + 15) / 16 * 16;
  y[((size_t)z * batch + i / out) * yStride + i % out] = activate(activation, sum);
}
