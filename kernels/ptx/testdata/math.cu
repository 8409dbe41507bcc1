// The CUDA math functions, as nvcc writes them out: y[i] = f(x[i]). In double, sin and pow call functions, which are refused.
#define F(name, expr) extern "C" __global__ void f_##name(float *y, const float *xs, int n) { \
  int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) { float x = xs[i]; y[i] = expr; } }
F(exp, expf(x)) F(exp2, exp2f(x)) F(log, logf(x)) F(log2, log2f(x)) F(log1p, log1pf(x)) F(expm1, expm1f(x))
F(sin, sinf(x)) F(cos, cosf(x)) F(sinpi, sinpif(x)) F(tanh, tanhf(x)) F(sqrt, sqrtf(x)) F(rsqrt, rsqrtf(x))
F(recip, 1.0f / x) F(cbrt, cbrtf(x)) F(erf, erff(x)) F(pow, powf(fabsf(x), 1.7f)) F(softplus, x > 15.0f ? x : log1pf(expf(x)))
F(fast_exp, __expf(x)) F(fast_log, __logf(x)) F(fast_sin, __sinf(x)) F(fast_div, __fdividef(1.0f, x))
F(round, roundf(x)) F(floor, floorf(x)) F(fma_rd, __fmaf_rd(x, x, 0.1f)) F(add_rz, __fadd_rz(x, 0.3f)) F(mul_ru, __fmul_ru(x, 0.3f))
F(div_rd, __fdiv_rd(x, 3.0f)) F(sqrt_ru, __fsqrt_ru(x)) F(rcp_rz, __frcp_rz(x)) F(saturate, __saturatef(x)) F(half, (float)(int)(x * 2.0f) * 0.5f)
#define D(name, expr) extern "C" __global__ void d_##name(double *y, const double *xs, int n) { \
  int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) { double x = xs[i]; y[i] = expr; } }
D(exp, exp(x)) D(log, log(x)) D(sqrt, sqrt(x)) D(recip, 1.0 / x) D(tofloat, (double)(float)x)
