#!/usr/bin/env bash
# Tests the program for arm64 in an emulator: the packages with arithmetic, and commands that train. Debian: apt-get install
# qemu-user-static binutils-aarch64-linux-gnu
#
# Left out, because the emulator runs no program that a program starts, or does not trace: scripts and tests that start
# quantal other than through the variable below, strace, a browser, a Slurm, Python. Left out, because it takes too long:
# other tests of conformance, train, graph and grid; results/draw, dynamics, analysis, synapse, serve, kernels/ptx and
# kernels/cuda; scripts that do not train.
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

# emulated PACKAGE ARGUMENTS... runs tests of a package.
emulated() {
	local name=${1//\//_}
	GOARCH=arm64 go test -c -o "$dir/$name" "./$1"
	echo "arm64: $*"
	(cd "$1" && TIMEFORMAT="arm64: %U s" && time qemu-aarch64-static "$dir/$name" -test.short "${@:2}")
}
emulated kernels
emulated mnist -test.run 'Normal|Glyphs'
emulated kernels/cpu -test.run \
	'^Test(Kernels|Vector|NEON|Formula|Fused|Activations|Diffusions|Sum|Update|Choice)'
QUANTAL_KERNELS=neon emulated kernels/cpu -test.run \
	'^TestConformance/^(Steps|Movers|Schedules|Laws|PlainLaws|Layers|RandomLaws|Quantal|SingularLaw)'
emulated graph -test.run '^TestFixedRuns'
QUANTAL_KERNELS=neon emulated train -test.run '^Test(Seed|Likelihoods|Regression|NumbersByLayer)'
emulated results/store -test.skip '^Test(NothingIsLostAtTheSizeLimit|LockEndsWithItsProcess|KilledWhileSaving)'
QUANTAL_KERNELS=neon emulated grid -test.run '^Test(PointEquals|OldIDs|Points|ParseAxis|InterruptedGrid)'

# Commands: a script runs the program for arm64 in the emulator.
GOARCH=arm64 go build -o "$dir/quantal" ./cmd/quantal
printf '#!/bin/sh\nexec qemu-aarch64-static %s "$@"\n' "$dir/quantal" >"$dir/emulated"
chmod +x "$dir/emulated"
QUANTAL_TEST_PROGRAM=$dir/emulated go test -count=1 ./cmd/quantal -run '^TestScripts/^(point|regression)$'

# A training ends with the same bytes as on this machine's processor with kernels of its own.
awk 'BEGIN { OFS = ","; print "a,b,c,d,y"; for (i = 0; i < 600; i++) print i%7/7, i%11/11, i%13/13, i%17/17, (i%7 > 3) + (i%11 > 5) }' \
	>"$dir/data.csv"
options="--data $dir/data.csv --hidden 40,20 --noise heterogeneous --batch 20 --epochs 5 --draws 3 --threads 1"
go build -o "$dir/native" ./cmd/quantal
for kernels in neon/avx2 portable/portable; do
	QUANTAL_KERNELS=${kernels%/*} "$dir/emulated" train $options --out "$dir/there" >"$dir/log" 2>&1
	QUANTAL_KERNELS=${kernels#*/} "$dir/native" train $options --out "$dir/here" >"$dir/log" 2>&1
	for file in "$dir"/here/checkpoints/*.safetensors; do
		cmp "$file" "$dir/there${file#"$dir/here"}"
	done
	rm -r "$dir/here" "$dir/there"
done
echo "arm64: a training ends with the bytes of amd64"
