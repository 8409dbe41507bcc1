// x[b][k] = scale byte[example(b)][k] + shift, or the floats as they are (gather.cuh).
//
// example(b) = order[first + b] of the slot's order; without an order (test data) slot s holds the examples
// first + s batch + b. One slot serves all members that have its seed. Steps take turns with halves of x that lie parity
// numbers apart.
// grid (ceil(width/256), batch, slots), block 256
#include "gather.cuh"

template <typename T>
DEVICE void gather(float *x, const T *data, const int *order, const Step *steps, const int *base, int t, int n, int width,
                   int batch, int parity, float scale, float shift) {
  int k = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y, slot = blockIdx.z, index = *base + t;
  if (k >= width) return;
  int first = steps[index].first;
  int example = order ? order[(size_t)slot * n + first + b] : first + slot * batch + b;
  x += (size_t)(index & 1) * parity + ((size_t)slot * batch + b) * strideOf(width);
  x[k] = gatherOne(data, example, k, n, width, scale, shift);
}

KERNEL gather_bytes(float *x, const unsigned char *data, const int *order, const Step *steps, const int *base, int t, int n,
                    int width, int batch, int parity, float scale, float shift) {
  gather(x, data, order, steps, base, t, n, width, batch, parity, scale, shift);
}

KERNEL gather_floats(float *x, const float *data, const int *order, const Step *steps, const int *base, int t, int n,
                     int width, int batch, int parity, float scale, float shift) {
  gather(x, data, order, steps, base, t, n, width, batch, parity, scale, shift);
}

// advance moves the index of the current step, so that a recorded set of steps can be replayed. grid 1, block 1
KERNEL advance(int *base, int steps) { *base += steps; }
