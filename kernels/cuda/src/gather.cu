// x[b][k] = scale byte[example(b)][k] + shift, or the floats as they are (gather.cuh).
//
// example(b) = order[first + b] of the slot's order; without an order (test data) slot s holds the examples
// first + s batch + b. One slot serves all members that have its seed. Steps alternate between halves of x that are
// parity numbers apart. grid (ceil(width/256), batch, slots), block 256
#include "gather.cuh"

template <typename T>
DEVICE void gather(const Clock &c, const Minibatch &m, const T *data) {
  int k = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y, slot = blockIdx.z, index = indexOf(c);
  if (k >= m.width) return;
  int first = c.steps[index].first;
  int example = m.order ? m.order[(size_t)slot * m.n + first + b] : first + slot * m.batch + b;
  float *x = m.x + (size_t)(index & 1) * m.parity + ((size_t)slot * m.batch + b) * strideOf(m.width);
  x[k] = gatherOne(m, data, example, k);
}

KERNEL gather_bytes(GatherParameters p) { gather(p.clock, p.minibatch, p.minibatch.bytes); }
KERNEL gather_floats(GatherParameters p) { gather(p.clock, p.minibatch, p.minibatch.floats); }

// advance moves the index of the current step, so that a recorded set of steps can be replayed. grid 1, block 1
KERNEL advance(AdvanceParameters p) { *p.base += p.steps; }
