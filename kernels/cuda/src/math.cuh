// Elementary functions, with the polynomials of kernels/math.go. Relative errors are some 2e-7; only division and square
// root use the hardware's approximations (at most 2 ulp).
#pragma once
#include "common.cuh"

// divide and squareRoot treat numbers below the smallest normal one, 1.2e-38, as 0.
DEVICE float divide(float a, float b) {
  float y;
  asm("div.approx.ftz.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
  return y;
}

DEVICE float squareRoot(float x) {
  float y;
  asm("sqrt.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Adding 1.5 2^23 to a small number leaves its nearest integer, ties to even, in the low bits: this avoids the slow
// conversions.
constexpr float shifter = 12582912.f;
constexpr int shifterBits = 0x4b400000;

// expPolynomial is e^f for |f| <= ln(2)/2: the Taylor polynomial.
DEVICE float expPolynomial(float f) {
  float p = 1.f / 720;
  p = fmaf(p, f, 1.f / 120);
  p = fmaf(p, f, 1.f / 24);
  p = fmaf(p, f, 1.f / 6);
  p = fmaf(p, f, 0.5f);
  p = fmaf(p, f, 1.f);
  return fmaf(p, f, 1.f);
}

// exp32 is e^x: x = n ln 2 + f, 2^n in two factors because 2^128 overflows float32.
DEVICE float exp32(float x) {
  float s = fmaf(x, 1.44269504f, shifter), n = s - shifter;
  float f = fmaf(n, -0.693145752f, x); // ln 2 in two parts (Cody and Waite 1980)
  f = fmaf(n, -1.42860677e-6f, f);
  int i = __float_as_int(s) - shifterBits, h = i >> 1;
  float y = expPolynomial(f) * __int_as_float((h + 127) << 23) * __int_as_float((i - h + 127) << 23);
  y = x < -87.33f ? 0.f : y;
  return x > 88.72f ? __int_as_float(0x7f800000) : y;
}

// expNegative is e^x for x <= 0, where 2^n is always a normal number or the result is 0.
DEVICE float expNegative(float x) {
  float s = fmaf(x, 1.44269504f, shifter), n = s - shifter;
  float f = fmaf(n, -0.693145752f, x);
  f = fmaf(n, -1.42860677e-6f, f);
  float y = expPolynomial(f) * __int_as_float((__float_as_int(s) << 23) + 0x3f800000);
  return x < -87.33f ? 0.f : y;
}

// log32 is ln x of a normal number: x = 2^n (1 + f) with 1 + f in [sqrt(1/2), sqrt 2] (Cephes logf).
DEVICE float log32(float x) {
  int b = __float_as_int(x), n = (b - 0x3f3504f3) >> 23; // bits of sqrt(1/2)
  float f = __int_as_float(b - (n << 23)) - 1.f, z = f * f, e = (float)n;
  float p = 7.0376836292e-2f;
  p = fmaf(p, f, -1.1514610310e-1f);
  p = fmaf(p, f, 1.1676998740e-1f);
  p = fmaf(p, f, -1.2420140846e-1f);
  p = fmaf(p, f, 1.4249322787e-1f);
  p = fmaf(p, f, -1.6668057665e-1f);
  p = fmaf(p, f, 2.0000714765e-1f);
  p = fmaf(p, f, -2.4999993993e-1f);
  p = fmaf(p, f, 3.3333331174e-1f);
  p *= f * z;
  p = fmaf(e, -2.12194440e-4f, p); // ln 2 in two parts
  p = fmaf(z, -0.5f, p);
  return fmaf(e, 0.693359375f, f + p);
}

// logAny is ln x of any x. Subnormal numbers count as 0: exp32 makes none.
DEVICE float logAny(float x) {
  float y = log32(x);
  y = x < 1.17549435e-38f ? __int_as_float(0xff800000) : y; // below the smallest normal number: -Inf
  y = x < 0.f ? __int_as_float(0x7fc00000) : y;
  return x <= 3.40282347e38f ? y : x; // +Inf and NaN
}

// log1p32 is ln(1 + x) for x >= 0: the logarithm of u = fl(1 + x), corrected for the rounding.
DEVICE float log1p32(float x) {
  float u = 1.f + x;
  return log32(u) + divide(x - (u - 1.f), u);
}

// sinCosPi is sin(pi t) and cos(pi t) for t in [-1, 1]: minimax polynomials around the nearest multiple of 1/2.
DEVICE void sinCosPi(float t, float *sine, float *cosine) {
  float shifted = fmaf(t, 2.f, shifter), n = shifted - shifter, f = fmaf(n, -0.5f, t), z = f * f;
  float s = 0.08214588f;
  s = fmaf(s, z, -0.5992645f);
  s = fmaf(s, z, 2.5501640f);
  s = fmaf(s, z, -5.1677128f);
  s = fmaf(s, z, 3.1415927f);
  s *= f;
  float c = 0.2353306f;
  c = fmaf(c, z, -1.3352628f);
  c = fmaf(c, z, 4.0587121f);
  c = fmaf(c, z, -4.9348022f);
  c = fmaf(c, z, 1.f);
  int q = __float_as_int(shifted); // its low bits number the quadrant
  float a = q & 1 ? c : s, b = q & 1 ? s : c;
  *sine = __int_as_float(__float_as_int(a) ^ (q & 2) << 30);
  *cosine = __int_as_float(__float_as_int(b) ^ ((q + 1) & 2) << 30);
}

// softplus is sigma = ln(1 + e^phi).
DEVICE float softplus(float phi) { return log1p32(expNegative(-fabsf(phi))) + (phi > 0.f ? phi : 0.f); }

// softplus with its derivative 1 / (1 + e^-phi).
DEVICE float softplus(float phi, float *derivative) {
  float e = expNegative(-fabsf(phi));
  *derivative = divide(phi > 0.f ? 1.f : e, 1.f + e);
  return log1p32(e) + (phi > 0.f ? phi : 0.f);
}

// tanh32 is tanh x: a polynomial near 0 (Cephes tanhf), (1 - e^-2x) / (1 + e^-2x) elsewhere.
DEVICE float tanh32(float x) {
  float a = fabsf(x), z = x * x;
  float p = -5.70498872745e-3f;
  p = fmaf(p, z, 2.06390887954e-2f);
  p = fmaf(p, z, -5.37397155531e-2f);
  p = fmaf(p, z, 1.33314422036e-1f);
  p = fmaf(p, z, -3.33332819422e-1f);
  p = fmaf(p * z, x, x);
  float e = expNegative(-2.f * a), y = divide(1.f - e, 1.f + e);
  return a < 0.625f ? p : x < 0.f ? -y : y; // e restores a NaN
}

// oneMinusExp is 1 - e^-y for y >= 0: near 0 the Taylor polynomial.
DEVICE float oneMinusExp(float y) {
  float p = 1.f / 5040;
  p = fmaf(p, -y, 1.f / 720);
  p = fmaf(p, -y, 1.f / 120);
  p = fmaf(p, -y, 1.f / 24);
  p = fmaf(p, -y, 1.f / 6);
  p = fmaf(p, -y, 0.5f);
  return y < 0.34657359f ? fmaf(-p, y * y, y) : 1.f - expNegative(-y); // ln(2)/2
}

// normalCDF is Phi(y), and e = e^(-y^2/2). Phi(-t) = e q P(q) with q = 1 / (1 + 0.34 t) for t >= 0, and a polynomial P that the
// generator of the processor's kernels fits (gelu in kernels/cpu/gen/activation.go).
DEVICE float normalCDF(float y, float *e) {
  float t = fabsf(y), q = divide(1.f, fmaf(0.34f, t, 1.f));
  *e = expNegative(-0.5f * t * t);
  float p = -0.0278521329f;
  p = fmaf(p, q, 0.147556469f);
  p = fmaf(p, q, -0.288975567f);
  p = fmaf(p, q, 0.219317734f);
  p = fmaf(p, q, -0.0558257811f);
  p = fmaf(p, q, 0.119761042f);
  p = fmaf(p, q, 0.114159882f);
  p = fmaf(p, q, 0.136244878f);
  p = fmaf(p, q, 0.135613471f);
  float below = *e * (p * q);
  return y > 0.f ? 1.f - below : below;
}

// straight is a(y) of the activations that are straight lines; the others leave y to curved.
DEVICE float straight(int activation, float y) {
  float below = activation == relu ? 0.f : activation == leakyRelu ? leakySlope * y : y;
  return y < 0.f ? below : y; // a NaN stays NaN
}

DEVICE bool isStraight(int activation) { return activation == relu || activation == linear || activation == leakyRelu; }

// curved is a(y) of the others. One whose derivative is no function of that leaves the derivative in slope, unless slope is null.
DEVICE float curved(int activation, float y, float *slope) {
  if (activation == tanhActivation) return tanh32(y);
  if (activation == gelu) {
    float e, p = normalCDF(y, &e);
    if (slope) *slope = fmaf(0.398942280f * y, e, p); // 1 / sqrt(2 pi)
    return y * p;
  }
  float derivative, value = softplus(y, &derivative);
  return activation == softplusActivation ? value : derivative;
}

// activationGradient takes the gradient d with respect to a(y) to the one with respect to y, given a(y), or the slope where that
// is kept.
DEVICE float activationGradient(int activation, float d, float a) {
  if (activation == relu) return a > 0.f ? d : 0.f;
  if (activation == linear) return d;
  if (activation == tanhActivation) return d * (1.f - a * a);
  if (activation == leakyRelu) return a > 0.f ? d : leakySlope * d;
  if (activation == sigmoidActivation) return d * (a * (1.f - a));
  return d * (activation == gelu ? a : oneMinusExp(a));
}
