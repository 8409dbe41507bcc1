// The rules that train, as kernels/mover.go writes them, and the slopes of the costs.
//
// A rule is constructed from the numbers of a step. Its move updates a parameter's moments with the gradient g, and
// returns how much the parameter decreases; moments that the rule does not have are not read. bad is a NaN unless
// moments and gradient are finite: the caller checks the parameter.
#pragma once
#include "math.cuh"

// Kingma and Ba (2015).
struct Adam {
  static constexpr int moments = 2;
  float beta1, gain1, beta2, gain2;
  float rate, root, epsilon;
  DEVICE Adam(const Step &s, const Price &p)
      : beta1(s.beta1), gain1(s.gain1), beta2(s.beta2), gain2(s.gain2), rate(p.rate * s.rate), root(s.root), epsilon(s.epsilon) {}
  DEVICE float move(float *m, float *v, float g) const {
    *m = fmaf(beta1, *m, gain1 * g);
    *v = fmaf(beta2, *v, gain2 * (g * g));
    return divide(rate * *m, fmaf(squareRoot(*v), root, epsilon));
  }
  static DEVICE float bad(float, float v, float) { return v - v; } // g is finite if v is
};

struct SGD {
  static constexpr int moments = 0;
  float rate;
  DEVICE SGD(const Step &s, const Price &p) : rate(p.rate * s.rate) {}
  DEVICE float move(float *, float *, float g) const { return rate * g; }
  static DEVICE float bad(float, float, float g) { return g - g; }
};

// The velocity is the first moment.
struct Momentum {
  static constexpr int moments = 1;
  float rate, factor;
  DEVICE Momentum(const Step &s, const Price &p) : rate(p.rate * s.rate), factor(s.beta1) {}
  DEVICE float move(float *v, float *, float g) const {
    *v = fmaf(factor, *v, g);
    return rate * *v;
  }
  static DEVICE float bad(float v, float, float) { return v - v; }
};

// The mean square is the first moment.
struct RMSprop {
  static constexpr int moments = 1;
  float rate, alpha, gain, epsilon;
  DEVICE RMSprop(const Step &s, const Price &p) : rate(p.rate * s.rate), alpha(s.beta2), gain(s.gain2), epsilon(s.epsilon) {}
  DEVICE float move(float *v, float *, float g) const {
    *v = fmaf(alpha, *v, gain * (g * g));
    return divide(rate * g, squareRoot(*v) + epsilon);
  }
  static DEVICE float bad(float v, float, float) { return v - v; }
};

DEVICE float sign(float x) { return x > 0.f ? 1.f : x < 0.f ? -1.f : 0.f; }

// inversePowers are sigma^-(rho+1) of n sigmas. The branches are outside the loops, so that the compiler can
// interleave.
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
