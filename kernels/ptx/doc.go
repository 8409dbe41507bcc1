// Package ptx interprets PTX, the assembly language of NVIDIA GPUs, so that CUDA kernels run where there is no GPU.
package ptx
