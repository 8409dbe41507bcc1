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

// inversePower is sigma^-(rho+1).
DEVICE float inversePower(float sigma, float rho) {
  float r = divide(1.f, sigma);
  if (rho == 0.f) return r;
  if (rho == 0.5f) return r * squareRoot(r);
  if (rho == 1.f) return r * r;
  if (rho == 2.f) return r * r * r;
  return exp32(-(rho + 1.f) * logAny(sigma));
}
