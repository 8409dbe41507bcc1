// C[m,n] = A[m,k] B[k,n] in 16x16 tiles of shared memory. Grid (ceil(n/16), ceil(m/16)), block (16,16).
// The variants without one of the barriers, and with an index past the end, are planted faults.
#define T 16
#define MATMUL(name, before, after, extra)                                                       \
  extern "C" __global__ void name(float *c, const float *a, const float *b, int m, int n, int k) { \
    __shared__ float as[T][T + 1], bs[T][T + 1];                                                 \
    int x = threadIdx.x, y = threadIdx.y, col = blockIdx.x * T + x, row = blockIdx.y * T + y;    \
    float sum = 0.0f;                                                                            \
    for (int k0 = 0; k0 < k; k0 += T) {                                                          \
      as[y][x] = row < m && k0 + x < k ? a[row * k + k0 + x] : 0.0f;                             \
      bs[y][x] = col < n && k0 + y < k extra ? b[(k0 + y) * n + col] : 0.0f;                     \
      before;                                                                                    \
      for (int j = 0; j < T; j++) sum = fmaf(as[y][j], bs[j][x], sum);                           \
      after;                                                                                     \
    }                                                                                            \
    if (row < m && col < n) c[row * n + col] = sum;                                              \
  }
MATMUL(matmul, __syncthreads(), __syncthreads(), )
MATMUL(matmul_without_first_barrier, , __syncthreads(), )
MATMUL(matmul_without_second_barrier, __syncthreads(), , )
MATMUL(matmul_one_row_too_far, __syncthreads(), __syncthreads(), + 1)
