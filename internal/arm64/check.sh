#!/usr/bin/env bash
# Tests the program for arm64 in an emulator: the packages with arithmetic, and commands that train. Debian: apt-get install
# qemu-user-static binutils-aarch64-linux-gnu
#
# Left out, because an emulator cannot: tests with strace, a browser, a Slurm or Python (their scripts and packages run on
# this machine's own processor only). Left out, because it takes too long there: the conformance tests other than those of
# Networks below, the tests of dynamics, analysis and synapse, and fuzzing.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export CGO_ENABLED=0

# Go rounds a product and a sum once on arm64, unless the product is converted. That must not happen where numbers of
# training are computed. Left are estimates of memory and time, math.FMA, and math.Cos within NewMove.
arithmetic="kernels kernels/cpu graph train mnist"
GOARCH=arm64 go build -gcflags='quantal/...=-S' $(printf './%s ' $arithmetic) 2>&1 |
	sed -nE "s@.*\($PWD/(.*\.go:[0-9]+)\).*\sFN?M(ADD|SUB)[SD]\s.*@\1@p" | sort -u >"$dir/fused"
while IFS=: read -r file line; do
	[[ " $arithmetic " = *" ${file%/*} "* ]] || continue
	[[ " kernels/work.go kernels/cpu/vm.go train/curve.go train/train.go " != *" $file "* ]] || continue
	sed -n "${line}p" "$file" | grep -qE 'math\.FMA|NewMove\[' ||
		{ echo "$file:$line: Go rounds this product and sum once on arm64: convert the product explicitly"; touch "$dir/bad"; }
done <"$dir/fused"
test -s "$dir/fused" # math.FMA at least: otherwise this reads what the compiler no longer writes
test ! -e "$dir/bad"
