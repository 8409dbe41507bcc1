// Categorical: NLL = log sum_o e^(y_o) - y_label,                   d = softmax(y) - onehot(label)
// Gaussian:    NLL = sum_o ((y_o - t_o)^2 / (2 v) + log(2 pi v)/2), d = (y - t) / v
//
// and d goes through the activation that made y. One warp takes an example; the NLLs of the minibatch are added in order.
// grid (1, 1, members), block 256, shared memory 4 batch
#include "math.cuh"

DEVICE float sumOfWarp(float v) {
#pragma unroll
  for (int bit = 16; bit; bit >>= 1) v += __shfl_xor_sync(allLanes, v, bit);
  return v;
}

DEVICE float maxOfWarp(float v) { // a NaN may get lost: the sum of exponentials brings it back
#pragma unroll
  for (int bit = 16; bit; bit >>= 1) v = fmaxf(v, __shfl_xor_sync(allLanes, v, bit));
  return v;
}

enum Likelihood { categorical, gaussian };

template <Likelihood likelihood, typename Answer>
DEVICE void loss(float *d, float *losses, Halt *halts, const float *y, const Answer *answers, const int *order,
                 const int *slots, const Member *members, const Step *steps, const int *base, int t, int n, int out,
                 int batch, int activation) {
  extern __shared__ float nll[];
  int member = blockIdx.z, lane = threadIdx.x % warp, index = *base + t;
  if (halted(halts, member, index)) return;
  int stride = (out + 1 + 15) / 16 * 16, first = steps[index].first;
  Member m = members[member];
  for (int b = threadIdx.x / warp; b < batch; b += blockDim.x / warp) {
    int example = order[(size_t)slots[member] * n + first + b];
    const float *yb = y + ((size_t)member * batch + b) * stride;
    float *db = d + ((size_t)member * batch + b) * stride;
    float l = 0.f;
    if (likelihood == categorical) {
      int label = answers[example];
      float top = -3.402823466e38f, sum = 0.f;
      for (int o = lane; o < out; o += warp) top = fmaxf(top, yb[o]);
      top = maxOfWarp(top);
      for (int o = lane; o < out; o += warp) sum += exp32(yb[o] - top);
      sum = sumOfWarp(sum);
      for (int o = lane; o < out; o += warp) {
        float p = divide(exp32(yb[o] - top), sum);
        db[o] = activationGradient(activation, o == label ? p - 1.f : p, yb[o]);
      }
      l = logAny(sum) + (top - yb[label]);
    } else {
      float sum = 0.f;
      for (int o = lane; o < out; o += warp) {
        float e = yb[o] - (float)answers[(size_t)example * out + o];
        sum = fmaf(e, e, sum);
        db[o] = activationGradient(activation, divide(e, m.variance), yb[o]);
      }
      l = divide(sumOfWarp(sum), 2.f * m.variance) + m.constant;
    }
    if (lane == 0) nll[b] = l;
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  float sum = 0.f;
  for (int b = 0; b < batch; b++) sum += nll[b];
  losses[(size_t)index * gridDim.z + member] = sum;
  if (!finite(sum)) halts[member].loss = index + 1;
}

KERNEL loss_categorical(float *d, float *losses, Halt *halts, const float *y, const unsigned char *labels, const int *order,
                        const int *slots, const Member *members, const Step *steps, const int *base, int t, int n, int out,
                        int batch, int activation) {
  loss<categorical>(d, losses, halts, y, labels, order, slots, members, steps, base, t, n, out, batch, activation);
}

KERNEL loss_gaussian(float *d, float *losses, Halt *halts, const float *y, const float *targets, const int *order,
                     const int *slots, const Member *members, const Step *steps, const int *base, int t, int n, int out,
                     int batch, int activation) {
  loss<gaussian>(d, losses, halts, y, targets, order, slots, members, steps, base, t, n, out, batch, activation);
}
