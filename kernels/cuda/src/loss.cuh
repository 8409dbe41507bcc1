// Categorical: NLL = log sum_o e^(y_o) - y_label,                   d = softmax(y) - onehot(label)
// Gaussian:    NLL = sum_o ((y_o - t_o)^2 / (2 v) + log(2 pi v)/2), d = (y - t) / v
//
// and d is propagated through the activation that gave y. One warp takes an example; the NLLs of the minibatch are
// added in order.
//
// Where the network is almost certain, softmax(y) - 1 has lost its digits. For programs that add up gradients, closed
// says that the label's d is minus the sum of the others.
#pragma once
#include "math.cuh"

DEVICE float sumOfWarp(float v) {
#pragma unroll
  for (int bit = 16; bit; bit >>= 1) v += __shfl_xor_sync(allLanes, v, bit);
  return v;
}

DEVICE float maxOfWarp(float v) { // a NaN may be lost here: the sum of exponentials restores it
#pragma unroll
  for (int bit = 16; bit; bit >>= 1) v = fmaxf(v, __shfl_xor_sync(allLanes, v, bit));
  return v;
}

// lossOf does a minibatch with all warps of the block; y, d and slope, which is y unless the activation keeps its slope, are the
// member's, and
// examples is where the minibatch starts in the order. nll has room for batch numbers. The result is valid in thread 0.
DEVICE float lossOf(float *d, float *nll, const float *y, const float *slope, const Answers &answers, const int *examples,
                    const Member &m, int out, int batch, int activation, bool closed) {
  int lane = threadIdx.x % warp, stride = strideOf(out);
  for (int b = threadIdx.x / warp; b < batch; b += blockDim.x / warp) {
    int example = examples[b];
    const float *yb = y + b * stride, *sb = slope + b * stride;
    float *db = d + b * stride, l, sum = 0.f;
    if (answers.labels) {
      int label = answers.labels[example];
      float top = -3.402823466e38f, others = 0.f;
      for (int o = lane; o < out; o += warp) top = fmaxf(top, yb[o]);
      top = maxOfWarp(top);
      for (int o = lane; o < out; o += warp) sum += exp32(yb[o] - top);
      sum = sumOfWarp(sum);
      for (int o = lane; o < out; o += warp) {
        float p = divide(exp32(yb[o] - top), sum);
        db[o] = o == label ? p - 1.f : p;
        others += o == label ? 0.f : p;
      }
      if (closed) {
        others = sumOfWarp(others);
        if (lane == label % warp) db[label] = -others;
      }
      l = logAny(sum) + (top - yb[label]);
    } else {
      for (int o = lane; o < out; o += warp) {
        float e = yb[o] - answers.targets[(size_t)example * out + o];
        sum = fmaf(e, e, sum);
        db[o] = divide(e, m.variance);
      }
      l = divide(sumOfWarp(sum), 2.f * m.variance) + m.constant;
    }
    if (activation != linear)
      for (int o = lane; o < out; o += warp) db[o] = activationGradient(activation, db[o], sb[o]);
    if (lane == 0) nll[b] = l;
  }
  __syncthreads();
  float sum = 0.f;
  if (threadIdx.x == 0)
    for (int b = 0; b < batch; b++) sum += nll[b];
  return sum;
}
