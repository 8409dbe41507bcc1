// x[b][k] = scale byte[example(b)][k] + shift, or the floats as they are.
//
// example(b) = order[first + b] of the slot's order; without an order (test data) slot s holds the examples
// first + s batch + b. Slots past the last example are zero. One slot serves all members that have its seed.
// grid (ceil(width/256), batch, slots), block 256
#include "common.cuh"

template <typename T>
DEVICE void gather(float *x, const T *data, const int *order, const Step *steps, const int *base, int t, int n, int width,
                   int stride, int batch, float scale, float shift) {
  int k = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y, slot = blockIdx.z;
  if (k >= width) return;
  int first = steps[*base + t].first;
  int example = order ? order[(size_t)slot * n + first + b] : first + slot * batch + b;
  float v = 0.f;
  if (example < n) v = fmaf((float)data[(size_t)example * width + k], scale, shift);
  x[((size_t)slot * batch + b) * stride + k] = v;
}

KERNEL gather_bytes(float *x, const unsigned char *data, const int *order, const Step *steps, const int *base, int t, int n,
                    int width, int stride, int batch, float scale, float shift) {
  gather(x, data, order, steps, base, t, n, width, stride, batch, scale, shift);
}

KERNEL gather_floats(float *x, const float *data, const int *order, const Step *steps, const int *base, int t, int n,
                     int width, int stride, int batch, float scale, float shift) {
  gather(x, data, order, steps, base, t, n, width, stride, batch, scale, shift);
}

// advance moves the index of the current step, so that a recorded set of steps can be replayed. grid 1, block 1
KERNEL advance(int *base, int steps) { *base += steps; }
