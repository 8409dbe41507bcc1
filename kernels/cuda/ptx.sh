#!/usr/bin/env bash
# Compiles src/*.cu to ptx/*.ptx. The first line of each holds the hash of the flags, the headers and its source, so
# that TestPTXMatchesSources detects drift without a compiler. Any nvcc from 11.8 on will do; the committed files come
# from 11.8.
set -euo pipefail
cd "$(dirname "$0")/src"
mkdir -p ../ptx
for source in *.cu; do
	hash=$(cat flags *.cuh "$source" | sha256sum | cut -d' ' -f1)
	read -ra flags <flags
	nvcc "${flags[@]}" -o /tmp/quantal-$$.ptx "$source"
	{ echo "// quantal $hash" && cat /tmp/quantal-$$.ptx; } >"../ptx/${source%.cu}.ptx"
	rm /tmp/quantal-$$.ptx
done
