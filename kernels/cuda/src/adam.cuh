// The update rule of Kingma and Ba (2015) and the slopes of the costs.
#pragma once
#include "math.cuh"

struct Adam {
  float beta1, gain1, beta2, gain2;
  float rate, root, epsilon;
};

DEVICE Adam adamOf(const Step &s, const Member &m) {
  return {s.beta1, s.gain1, s.beta2, s.gain2, m.rate * s.rate, s.root, s.epsilon};
}

// move updates the moments m and v with gradient g and returns how far the parameter goes down.
DEVICE float move(const Adam &a, float *m, float *v, float g) {
  *m = fmaf(a.beta1, *m, a.gain1 * g);
  *v = fmaf(a.beta2, *v, a.gain2 * (g * g));
  return divide(a.rate * *m, fmaf(squareRoot(*v), a.root, a.epsilon));
}

DEVICE float sign(float x) { return x > 0.f ? 1.f : x < 0.f ? -1.f : 0.f; }

// inversePowers are sigma^-(rho+1) of n sigmas. The branches are outside of the loops, so that the compiler can interleave.
template <int n>
DEVICE void inversePowers(float power[n], const float sigma[n], float rho) {
#pragma unroll
  for (int j = 0; j < n; j++) power[j] = divide(1.f, sigma[j]);
  if (rho == 0.f) return;
  if (rho == 0.5f) {
#pragma unroll
    for (int j = 0; j < n; j++) power[j] *= squareRoot(power[j]);
  } else if (rho == 1.f) {
#pragma unroll
    for (int j = 0; j < n; j++) power[j] *= power[j];
  } else if (rho == 2.f) {
#pragma unroll
    for (int j = 0; j < n; j++) power[j] *= power[j] * power[j];
  } else {
#pragma unroll
    for (int j = 0; j < n; j++) power[j] = exp32(-(rho + 1.f) * logAny(sigma[j]));
  }
}
