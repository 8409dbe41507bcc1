// Everything between the first layer's product and the updates, one block per member: the small layers forward, the
// loss, and the backward pass. The weights were drawn ahead (forward.cu). Each operation starts with a barrier, after
// which it reads what the one before wrote to memory. This is for networks whose later layers are small; the others use
// the kernels of single operations.
//
// Blocks past those of the members gather the minibatch of the next step at the same time, into the other half of x: an
// equal number for each slot. grid members + slots gathering, block 512, shared memory 4 batch
#include "backward.cuh"
#include "forward.cuh"
#include "gather.cuh"
#include "loss.cuh"

constexpr int threads = 512;

enum Operations { activateOp, forwardOp, lossOp, backwardOp };

// gatherNext gathers the minibatch of step index, with the given number of blocks, of which this is one.
DEVICE void gatherNext(const Minibatch &m, const Step *steps, int index, int block, int blocks, int slots) {
  int slot = block % slots, stride = strideOf(m.width);
  const int *examples = m.order + (size_t)slot * m.n + steps[index].first;
  float *x = m.x + (size_t)(index & 1) * m.parity + (size_t)slot * m.batch * stride;
  for (int i = block / slots * threads + threadIdx.x; i < m.batch * m.width; i += blocks / slots * threads) {
    int b = i / m.width, k = i % m.width;
    x[b * stride + k] = m.bytes ? gatherOne(m, m.bytes, examples[b], k) : gatherOne(m, m.floats, examples[b], k);
  }
}

KERNEL __launch_bounds__(threads, 1) middle(MiddleParameters p) {
  extern __shared__ float nll[];
  __shared__ union {
    Inputs inputs;
    struct {
      Gradients gradients;
      float sums[threads * batchTile];
    } back;
  } buffer;
  __shared__ int bad;
  int member = blockIdx.x, index = indexOf(p.clock), batch = p.next.batch;
  if (member >= p.memberCount) {
    gatherNext(p.next, p.clock.steps, index + 1, member - p.memberCount, gridDim.x - p.memberCount, p.slotCount);
    return;
  }
  if (halted(p.clock, member)) return;
  float *mine = p.w + (size_t)member * p.wSize;
  for (int i = 0; i < p.operationCount; i++) {
    Operation o = p.operations[i];
    size_t atIn = (size_t)member * batch * strideOf(o.in), atOut = (size_t)member * batch * strideOf(o.out);
    if (o.kind == activateOp) { // only the first operation: it reads the output of another kernel
      for (int e = threadIdx.x; e < batch * o.out; e += threads)
        activateSlices(o.y + atOut, o.slope ? o.slope + atOut : 0, p.part + (size_t)member * o.slices * batch * o.out, e, o.out, batch, o.slices,
                       o.activation);
    } else if (o.kind == forwardOp) {
      Weights from = {0, 0, 0, mine + o.wOffset, {0, 0, 0, 0, 0}};
      for (int b0 = 0; b0 < batch; b0 += batchTile)
        for (int r = 0; r < o.out; r += threads / lanes * rowsPerThread) {
          int r0 = r + threadIdx.x / lanes * rowsPerThread;
          float sum[values];
#pragma unroll
          for (int v = 0; v < values; v++) sum[v] = 0.f;
          for (int k0 = 0; k0 <= o.in; k0 += sliceColumns) {
            __syncthreads();
            stage(buffer.inputs, o.x + atIn, o.in, batch, b0, k0);
            __syncthreads();
            accumulate<stored>(sum, buffer.inputs, from, false, o.in, o.out, r0, k0);
          }
          finish(sum, o.y + atOut, o.slope ? o.slope + atOut : 0, 0, o.out, batch, r0, b0, o.activation);
        }
    } else if (o.kind == lossOp) {
      __syncthreads();
      const int *examples = p.next.order + (size_t)p.slots[member] * p.next.n + p.clock.steps[index].first;
      float sum = lossOf(o.y + atOut, nll, o.x + atOut, o.slope + atOut, p.answers, examples, p.members[member], o.out, batch,
                         o.activation, p.closed);
      if (threadIdx.x == 0) {
        p.losses[(size_t)index * p.memberCount + member] = sum;
        bad = !finite(sum);
        if (bad) p.clock.halts[member].loss = index + 1;
      }
      __syncthreads();
      if (bad) return;
    } else {
      for (int b0 = 0; b0 < batch; b0 += batchTile)
        for (int k0 = 0; k0 < o.in; k0 += threads / rowParts)
          backwardTile(buffer.back.gradients, buffer.back.sums, o.dx + atIn, o.dy + atOut, mine + o.wOffset, o.x + atIn, o.in,
                       o.out, batch, k0, b0, o.activation);
    }
  }
}
