#!/bin/sh
# Compiles each .cu here to .ptx with nvcc 11.8 (Debian: nvidia-cuda-toolkit), with the hash of its source on top.
set -eu
cd "$(dirname "$0")"
for cu in *.cu; do
  nvcc -arch=compute_80 -lineinfo -ptx "$cu" -o "$cu.tmp"
  { echo "// source sha256 $(sha256sum "$cu" | cut -d' ' -f1)"; cat "$cu.tmp"; } | sed "s|\"[^\"]*/\([^/\"]*\)\"|\"\1\"|" >"${cu%.cu}.ptx"
  rm "$cu.tmp"
done
