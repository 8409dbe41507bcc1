#!/usr/bin/env bash
# Measures quantal on a GPU beside its peers in PyTorch and JAX, and checks it there. The machine needs an NVIDIA GPU and, for the
# peers, python3 with PyTorch and JAX; it needs neither Go nor a network: build here, carry the binaries over, run.
#
#   make build-gpu && go test -c -tags gpu -o cuda.test ./kernels/cuda     # gzip -k or xz -k them if size matters
#   bench/gpu.sh                        # everything that fits into nine minutes
#   bench/gpu.sh --only time            # some stages, with commas: facts doctor checks repeat parity time grid sanitizer ways full
#   bench/gpu.sh --minutes 20 --out DIR
#
# Environment: QUANTAL (./quantal-gpu), CUDA_TEST (./cuda.test), each also found as .gz or .xz; MNIST, a folder with the four
# unpacked IDX files (otherwise built-in or made-up examples: a step takes as long); PYTHON (python3); OUT (as --out; by default
# bench/results/gpu-<date>); MEMBERS, SECONDS_EACH, ROUNDS. DEVICE=cpu rehearses the script without a GPU: its figures mean nothing.
#
# A stage that fails or runs out of time is recorded, and the rest goes on; what was measured until then is kept. Results, six
# files at most: gpu.md (the report), gpu.jsonl (what it is made from), doctor.json, parity.txt, sanitizer.txt, log.txt. Results of several calls
# become one report by: bench/gpu/report.py write DIR DIR...
#
# Exit status: 0 if every stage passed or was skipped, 1 if one failed, 2 for a mistake in the call.
set -uo pipefail

stages=(facts doctor checks repeat parity time grid sanitizer ways full)
# At most so many seconds for each; the total is what --minutes leaves. Correctness comes before speed, and what takes longest last.
declare -A most=([facts]=20 [doctor]=45 [checks]=150 [repeat]=45 [parity]=90 [time]=270 [grid]=30 [sanitizer]=75 [ways]=90 [full]=150)

minutes=9
only=
out=${OUT:-}
while (($#)); do
	case $1 in
	--only | --minutes | --out)
		(($# > 1)) || { echo "gpu.sh: $1 needs a value" >&2; exit 2; }
		case $1 in --only) only=$2 ;; --minutes) minutes=$2 ;; --out) out=$2 ;; esac
		shift 2
		;;
	-h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
	*) echo "gpu.sh: unknown argument $1; see --help" >&2; exit 2 ;;
	esac
done
[[ $minutes =~ ^[1-9][0-9]*$ ]] || { echo "gpu.sh: --minutes $minutes: want a whole number" >&2; exit 2; }
chosen=("${stages[@]}")
[[ -z $only ]] || IFS=, read -ra chosen <<<"$only"
for s in "${chosen[@]}"; do
	[[ -n ${most[$s]:-} ]] || { echo "gpu.sh: --only $s: the stages are ${stages[*]}" >&2; exit 2; }
done

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
gpu=$root/bench/gpu
python=${PYTHON:-python3}
device=${DEVICE:-cuda}
each=${SECONDS_EACH:-1}
read -ra members <<<"${MEMBERS:-240 1 120 8 64}" # the ones with goals first, should time run out
list=$(IFS=,; echo "${members[*]}")
out=${out:-$root/bench/results/gpu-$(date -u +%Y-%m-%d)}
mkdir -p "$out" || exit 2
out=$(cd "$out" && pwd)
lines=$out/gpu.jsonl log=$out/log.txt
touch "$lines"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'echo "gpu.sh: interrupted" >&2; exit 130' INT TERM
deadline=$((SECONDS + 60 * minutes - 10)) # the report takes a moment, too

# Later rounds need not compile again, and what is written stays in one place.
export TORCHINDUCTOR_CACHE_DIR=$scratch/inductor TRITON_CACHE_DIR=$scratch/triton CUDA_CACHE_PATH=$scratch/cuda
export JAX_COMPILATION_CACHE_DIR=$scratch/jax JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

# binary FILE: its path, unpacked if it was carried packed; fails if there is none.
binary() {
	local path=$1 plain
	plain=$scratch/$(basename "$path")
	if [[ -f $path ]]; then
		plain=$(cd "$(dirname "$path")" && pwd)/$(basename "$path")
	elif [[ -f $path.gz ]]; then
		gzip -dc "$path.gz" >"$plain"
	elif [[ -f $path.xz ]]; then
		xz -dc "$path.xz" >"$plain"
	else
		return 1
	fi
	chmod +x "$plain" 2>/dev/null
	echo "$plain"
}
quantal=$(binary "${QUANTAL:-./quantal-gpu}") || { quantal=; echo "gpu.sh: no ${QUANTAL:-./quantal-gpu}: only the peers are measured" >&2; }
cuda_test=$(binary "${CUDA_TEST:-./cuda.test}") || cuda_test=

# put KEY=VALUE...: a line of results.
put() { "$python" "$gpu/report.py" line "$@" >>"$lines"; }
fact() { [[ -z $2 ]] || put "fact=$1" "value=$2"; }

# within COMMAND...: as long as the stage has time; functions see to that themselves. Exit status 124: it had none (left).
within() {
	local left=$((stage_deadline - SECONDS))
	if declare -F "$1" >/dev/null; then
		"$@"
		return
	fi
	((left > 0)) || return 124
	timeout --kill-after=5 "$left" "$@"
}
# why STATUS: in words.
why() { case $1 in 124 | 137) echo "out of time" ;; 127) echo "not there" ;; 3) echo "a library is missing" ;; *) echo "exit status $1" ;; esac; }
# note TEXT: goes into the outcome of the stage.
note() { echo "$*" >&2; echo "$*" >>"$scratch/note"; }
# fail TEXT: fails the stage, which goes on.
fail() { note "$@"; : >"$scratch/bad"; }
# try NAME COMMAND...: runs it within the stage's time; a failure fails the stage.
try() {
	local name=$1 status=0
	shift
	within "$@" || status=$?
	((status == 0)) || fail "$name: $(why "$status")"
	return "$status"
}
# What a stage returns if it has nothing to work with.
skipped=99
skip() { note "$*"; exit "$skipped"; }
need_quantal() { [[ -n $quantal ]] || skip "no quantal binary"; }

# The three calls of quantal that measure; whoever changes its command line changes them here.
# quantal_bench NOISE MEMBERS: JSON, in it an object with noise, members and steps_per_second, of all networks together.
quantal_bench() { within "$quantal" bench --device "$device" --noise "$1" --rho 2 --members "$2" --each "${each}s" --json; }
# quantal_train FOLDER ARGUMENTS...: one epoch of one network in which the noise matters, into a run folder with checkpoints.
# shellcheck disable=SC2317 # try calls it
quantal_train() {
	local folder=$1
	shift
	within "$quantal" train --device "$device" --data "${MNIST:-glyphs}" --epochs 1 --draws 0 --sigma-init 0.1 --c 1e-4 --out "$folder" --json "$@"
}
# quantal_grid EPOCHS FOLDER: the authors' 240 networks.
# shellcheck disable=SC2317 # try calls it
quantal_grid() { within "$quantal" grid --preset fig2 --device "$device" --data "${MNIST:-glyphs}" --epochs "$1" --out "$2"; }

stage_facts() {
	fact date "$(date -u +'%Y-%m-%d %H:%M UTC')"
	if command -v nvidia-smi >/dev/null; then
		within nvidia-smi
		fact GPU "$(within nvidia-smi --query-gpu=name,memory.total --format=csv,noheader | head -n 1)"
		fact driver "$(within nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -n 1)"
		fact "clocks (SM, memory; limit)" "$(within nvidia-smi --query-gpu=clocks.sm,clocks.mem,clocks.max.sm --format=csv,noheader | head -n 1)"
	else
		fail "no nvidia-smi"
	fi
	fact CUDA "$(nvcc --version 2>/dev/null | grep -o 'release .*')"
	fact processor "$(grep -m 1 -o 'model name.*' /proc/cpuinfo | cut -d: -f2- | xargs), $(nproc) cores"
	fact system "$(uname -sr)"
	fact Python "$("$python" --version 2>&1)"
	[[ -z $quantal ]] || fact quantal "$(within "$quantal" version 2>&1 | head -n 1)"
	fact revision "$(git -C "$root" describe --always --dirty --abbrev=12 2>/dev/null)"
	fact data "${MNIST:-made up, of the size of MNIST}"
}

stage_doctor() {
	if [[ $device = cuda ]]; then
		within "$python" "$gpu/torch_one.py" --copy >>"$lines" || note "bandwidth by PyTorch: $(why $?)"
	fi
	need_quantal
	try "quantal doctor" "$quantal" doctor --json >"$out/doctor.json"
	! grep -q '"no_gpu"' "$out/doctor.json" || fail "the doctor finds no GPU"
	cat "$out/doctor.json"
}

# The peers do the same step as quantal: against a float64 reference, on the CPU in float64 and on the GPU in float32.
stage_checks() {
	local where
	try reference "$python" "$gpu/model.py"
	try report "$python" "$gpu/report.py" --self-test
	for where in cpu "$device"; do
		try "torch_one $where" "$python" "$gpu/torch_one.py" --check --device "$where"
		try "torch_stacked $where" "$python" "$gpu/torch_stacked.py" --check --device "$where" --way hand,autograd,compile
		try "jax_vmap $where" "$python" "$gpu/jax_vmap.py" --check --device "$where" --prng rbg,threefry2x32
		[[ $device != cpu ]] || break
	done
}

# Two identical runs give identical bytes, and another seed gives others.
stage_repeat() {
	local name a b
	need_quantal
	for name in a b other; do
		try "run $name" quantal_train "$scratch/$name" --seed "$([[ $name = other ]] && echo 2 || echo 1)" || return
	done
	a=$(cat "$scratch"/a/checkpoints/* | sha256sum) b=$(cat "$scratch"/b/checkpoints/* | sha256sum)
	echo "checkpoints: $a, $b"
	if [[ $a != "$b" ]]; then
		fail "two identical runs differ"
	elif [[ $a = "$(cat "$scratch"/other/checkpoints/* | sha256sum)" ]]; then
		fail "another seed gives the same bytes"
	fi
}

# The GPU against the CPU: kernels/cuda/gpu_test.go. Tests that run on the device have GPU in their names and skip without one;
# tests find their files from their own folder.
# shellcheck disable=SC2317 # try calls it
gpu_tests() { (cd "$root/kernels/cuda" && within "$@" "$cuda_test" -test.v -test.run GPU); }
stage_parity() {
	[[ -n $cuda_test ]] || skip "no ${CUDA_TEST:-./cuda.test}"
	try "parity tests" gpu_tests >"$out/parity.txt" 2>&1
	tail -n 40 "$out/parity.txt"
	note "$(grep -c '^--- PASS' "$out/parity.txt") tests passed, $(grep -c '^ *--- FAIL' "$out/parity.txt") failed, $(grep -c '^--- SKIP' "$out/parity.txt") skipped"
	grep -q '^--- PASS' "$out/parity.txt" || fail "no test of the device ran"
}

# Rounds of quantal and its peers one after the other, for as long as there is time: A B C A B C. One that cannot run at all is
# not asked again; one that ran out of time kept what it had and may come again. That the last round is cut is no failure.
stage_time() {
	local round noise m name status before begun=0 rounds=${ROUNDS:-100}
	local -A dead=() peers=(
		[1]="torch_one"
		[2]="torch_stacked --members $list --way hand"
		[3]="torch_stacked --members $list --way compile"
		[4]="jax_vmap --members $list"
	)
	for ((round = 1; round <= rounds && stage_deadline - SECONDS > 20; round++)); do
		echo "round $round"
		begun=$round
		before=$(wc -l <"$lines")
		for noise in heterogeneous homogeneous; do
			for m in "${members[@]}"; do
				[[ -n $quantal && -z ${dead[quantal]:-} ]] || continue
				status=0
				quantal_bench "$noise" "$m" | "$python" "$gpu/report.py" take --noise "$noise" --members "$m" --round "$round" |
					tee -a "$lines" || status=${PIPESTATUS[0]}
				late "$status" && ((round > 1)) && continue
				tail -n 1 "$lines" | grep -q '"peer": "quantal"' || fail "quantal, $noise, $m networks, round $round: $(why "$status")"
			done
		done
		tail -n +$((before + 1)) "$lines" | grep -q '"peer": "quantal"' || dead[quantal]=1
		for name in 1 2 3 4; do
			[[ -z ${dead[$name]:-} ]] || continue
			status=0
			# shellcheck disable=SC2086 # a name with its arguments
			peer ${peers[$name]} --round "$round" | tee -a "$lines" || status=${PIPESTATUS[0]}
			late "$status" && ((round > 1)) && continue
			((status == 0)) || fail "${peers[$name]}, round $round: $(why "$status")"
			((status == 0)) || late "$status" || dead[$name]=1
		done
		(($(wc -l <"$lines") > before)) || break
	done
	note "rounds: $begun, the last maybe cut"
}
late() { (($1 == 124 || $1 == 137)); }
# peer NAME ARGUMENTS...: one of the peers in Python.
peer() {
	local name=$1
	shift
	within "$python" "$gpu/$name.py" "$@" --device "$device" --seconds "$each"
}

# timed_grid EPOCHS: runs the grid and records its wall time.
timed_grid() {
	local began now
	need_quantal
	"$quantal" grid --help >/dev/null 2>&1 || skip "this quantal has no command grid"
	began=$(date +%s.%N)
	try "grid of $1 epochs" quantal_grid "$1" "$scratch/grid$1" || return
	now=$(date +%s.%N)
	put "grid_epochs=$1" "seconds=$(echo "$began $now" | awk '{ printf "%.2f", $2 - $1 }')" "what=start, data, tests and files included"
}

# NVIDIA's memory and race checkers over fifty steps and a test of one network of the preset and, if they were carried, over the
# parity tests, which have several networks, all sharings and odd sizes.
stage_sanitizer() {
	local tool noise sanitizer
	[[ $device != cpu ]] || skip "no GPU"
	command -v compute-sanitizer >/dev/null || skip "no compute-sanitizer"
	[[ -n $quantal$cuda_test ]] || skip "no quantal binary and no ${CUDA_TEST:-./cuda.test}"
	for tool in memcheck racecheck; do
		sanitizer=(compute-sanitizer --tool "$tool" --error-exitcode 9)
		[[ -z $quantal ]] || for noise in heterogeneous homogeneous; do
			echo "== $tool, one network, $noise"
			try "$tool, $noise" "${sanitizer[@]}" "$quantal" train --device "$device" --data glyphs --validation 59000 --epochs 1 --draws 0 \
				--sigma-init 0.1 --c 1e-4 --noise "$noise" --out "$scratch/$tool-$noise" --json
		done
	done
	[[ -z $cuda_test ]] || for tool in memcheck racecheck; do
		echo "== $tool, parity tests"
		try "$tool, parity tests" gpu_tests compute-sanitizer --tool "$tool" --error-exitcode 9
	done
}

# Other ways for the peers, so that none is beaten in a way that suits us.
stage_ways() {
	local loop="--xla_gpu_enable_command_buffer=FUSION,CUBLAS,CUBLASLT,CUSTOM_CALL,CUDNN,DYNAMIC_SLICE_FUSION,WHILE --xla_gpu_graph_min_graph_size=1"
	local few=(--members "240,1" --noise heterogeneous --round 0)
	[[ $device = cuda ]] || few[1]=1
	{
		try "JAX, threefry" peer jax_vmap "${few[@]}" --prng threefry2x32,unsafe_rbg
		XLA_FLAGS="${XLA_FLAGS:-} $loop" try "JAX, loop in a graph" peer jax_vmap "${few[@]}" --label "loop in a graph"
		try "JAX, unrolled" peer jax_vmap "${few[@]}" --unroll 5
		try "PyTorch, autograd" peer torch_stacked "${few[@]}" --way autograd
		try "PyTorch, TF32" peer torch_stacked "${few[@]}" --way hand,compile --tf32
		try "JAX, TF32" peer jax_vmap "${few[@]}" --tf32
		try "PyTorch, autotuned" peer torch_stacked "${few[@]}" --way compile --mode max-autotune-no-cudagraphs
	} | tee -a "$lines"
}

run_stage() {
	case $1 in
	facts) stage_facts ;;
	doctor) stage_doctor ;;
	checks) stage_checks ;;
	repeat) stage_repeat ;;
	parity) stage_parity ;;
	time) stage_time ;;
	grid) timed_grid 1 ;;
	sanitizer)
		stage_sanitizer >"$out/sanitizer.txt" 2>&1
		local status=$?
		grep -hE '^==|SUMMARY|out of time|exit status' "$out/sanitizer.txt" | grep -v '^=========$'
		return $status
		;;
	ways) stage_ways ;;
	full) timed_grid 50 ;;
	esac
}

failures=0
for s in "${chosen[@]}"; do
	stage_deadline=$((SECONDS + most[$s]))
	((stage_deadline <= deadline)) || stage_deadline=$deadline
	: >"$scratch/note"
	rm -f "$scratch/bad"
	began=$SECONDS
	if ((stage_deadline - began < 5)); then
		put "stage=$s" ok=skipped "note=no time left"
		continue
	fi
	printf '\n== %s, at most %d s\n' "$s" $((stage_deadline - began)) | tee -a "$log"
	# In a subshell, so that nothing a stage does ends the script.
	(run_stage "$s") 2>&1 | tee -a "$log"
	status=${PIPESTATUS[0]} ok=true
	((status != skipped)) || ok=skipped
	[[ ! -e $scratch/bad ]] || { ok=false; failures=$((failures + 1)); }
	put "stage=$s" "ok=$ok" "seconds=$((SECONDS - began))" "note=$(paste -s -d ';' "$scratch/note" | sed 's/;/; /g')"
done
printf '\n' | tee -a "$log"
"$python" "$gpu/report.py" write "$out" 2>&1 | tee -a "$log"
echo "written to $out" >&2
exit $((failures > 0))
