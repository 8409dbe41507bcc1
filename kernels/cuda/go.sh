#!/usr/bin/env bash
# The go command for programs with GPU kernels: kernels/cuda/go.sh build, vet, test and so on, with the arguments of go. It sets
# the tag gpu and tells gorgonia.org/cu where its cuda.h and its libcuda are: both are in the folder libcuda, whose
# documentation says why.
set -euo pipefail
libcuda=$(cd "$(dirname "${BASH_SOURCE[0]}")/libcuda" && pwd)
# Go does not notice changed headers outside a package's folder. Their checksum among the flags makes it recompile cu.
sum=$(cat "$libcuda"/*.h | cksum | cut -d ' ' -f 1)
export CGO_ENABLED=1
export CGO_CFLAGS="${CGO_CFLAGS:--O2} '-I$libcuda' -DQUANTAL_CUDA_H=$sum"
export CGO_LDFLAGS="-Wl,--as-needed '-L$libcuda/stub' ${CGO_LDFLAGS:-}"
export GOFLAGS="${GOFLAGS:-} -tags=gpu"
exec "${GO:-go}" "$@"
