// All that lies between the first layer's product and the updates, one block per member: the small layers forward, the loss,
// and the way back. The weights were drawn ahead (forward.cu); what one operation writes to memory the next one reads after the
// barrier with which it starts. This is for networks whose later layers are small; the others use the kernels of single operations.
//
// Blocks past those of the members gather the minibatch of the next step meanwhile, into the other half of x: an equal number
// for each slot.
// grid members + slots gathering, block 512, shared memory 4 batch
#include "backward.cuh"
#include "forward.cuh"
#include "gather.cuh"
#include "loss.cuh"

constexpr int threads = 512;

enum Operations { activateOp, forwardOp, lossOp, backwardOp };

// Operation is one of them. Pointers are those of member 0.
struct Operation {
  int kind, in, out, activation;
  int wOffset, slices; // of the weights in w; of the sums in part
  const float *x;      // of the layer's input
  float *y;            // of its output, or of the gradient of the loss
  const float *dy;     // gradient at its output
  float *dx;           // gradient at its input
};

// gatherNext gathers the minibatch of step index, with the given number of blocks, of which this is one.
DEVICE void gatherNext(float *x, const unsigned char *bytes, const float *floats, const int *order, const Step *steps,
                       int index, int n, int width, int batch, int parity, int block, int blocks, int slots, float scale,
                       float shift) {
  int slot = block % slots, stride = strideOf(width);
  const int *examples = order + (size_t)slot * n + steps[index].first;
  x += (size_t)(index & 1) * parity + (size_t)slot * batch * stride;
  for (int i = block / slots * threads + threadIdx.x; i < batch * width; i += blocks / slots * threads) {
    int b = i / width, k = i % width;
    x[b * stride + k] = bytes ? gatherOne(bytes, examples[b], k, n, width, scale, shift)
                              : gatherOne(floats, examples[b], k, n, width, 1.f, 0.f);
  }
}

KERNEL __launch_bounds__(threads, 1) middle(const Operation *operations, int count, float *part, float *w, float *losses,
                                            Halt *halts, const unsigned char *labels, const float *targets, const int *order,
                                            const int *slots, const Member *members, const Step *steps, const int *base, int t,
                                            int n, int batch, int wSize, float *input, const unsigned char *bytes,
                                            const float *floats, int width, int parity, int memberCount,
                                            int slotCount, float scale, float shift, int closed) {
  extern __shared__ float nll[];
  __shared__ union {
    Inputs inputs;
    struct {
      Gradients gradients;
      float sums[threads * batchTile];
    } back;
  } buffer;
  __shared__ int bad;
  int member = blockIdx.x, index = *base + t;
  if (member >= memberCount) {
    gatherNext(input, bytes, floats, order, steps, index + 1, n, width, batch, parity, member - memberCount,
               gridDim.x - memberCount, slotCount, scale, shift);
    return;
  }
  if (halted(halts, member, index)) return;
  float *mine = w + (size_t)member * wSize;
  for (int i = 0; i < count; i++) {
    Operation o = operations[i];
    size_t atIn = (size_t)member * batch * strideOf(o.in), atOut = (size_t)member * batch * strideOf(o.out);
    if (o.kind == activateOp) { // only ever the first: what it reads is of another kernel
      for (int e = threadIdx.x; e < batch * o.out; e += threads)
        activateSlices(o.y + atOut, part + (size_t)member * o.slices * batch * o.out, e, o.out, batch, o.slices, o.activation);
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
          finish(sum, o.y + atOut, 0, o.out, batch, r0, b0, o.activation);
        }
    } else if (o.kind == lossOp) {
      __syncthreads();
      const int *examples = order + (size_t)slots[member] * n + steps[index].first;
      float sum = lossOf(o.y + atOut, nll, o.x + atOut, labels, targets, examples, members[member], o.out, batch, o.activation,
                         closed);
      if (threadIdx.x == 0) {
        losses[(size_t)index * memberCount + member] = sum;
        bad = !finite(sum);
        if (bad) halts[member].loss = index + 1;
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
