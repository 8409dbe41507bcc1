#!/usr/bin/env bash
# Checks quantal on a GPU and compares its speed with its peers in PyTorch and JAX. The machine needs an NVIDIA GPU and,
# for the peers, python3 with PyTorch and JAX; it needs neither Go nor a network: build here, carry the binaries over,
# run.
#
#   make build-gpu cuda.test            # gzip -k or xz -k them if size matters
#   bench/gpu.sh                        # what fits into nine minutes, the most valuable first
#   bench/gpu.sh --only speed,hand      # some stages, which share the time in proportion to their caps
#   bench/gpu.sh --minutes 20 --out DIR
#
# The stages, in order:
#
#   facts doctor         the hardware, and whether it works
#   repeat parity        same seed, same bytes; every kernel and ten steps against the CPU
#   memcheck             NVIDIA's memory checker over fifty steps
#   speed grid           quantal: 240 networks and one; one epoch of the preset fig2
#   hand jax compile eager    the peers, each checked against gpu/model.py first: 240 networks and one
#   racecheck            NVIDIA's race checker over fifty steps; both checkers over the parity tests
#   sizes ways full      other numbers of networks; other ways for the peers; all epochs of the preset fig2
#
# A stage may use its cap and the time left over by those before it. Then it is ended with all that it started, so that
# it takes no time from those after it. A stage that fails is recorded, and the others continue. Every measurement is
# written to its file immediately, so the script may be killed at any time. Results, six files at most: gpu.md (the
# report), gpu.jsonl (its data), doctor.json, parity.txt, sanitizer.txt, log.txt. Results of several calls become one
# report by: bench/gpu/report.py write DIR DIR...
#
# Environment: QUANTAL (./quantal-gpu), CUDA_TEST (./cuda.test), each also found as .gz or .xz; MNIST, a folder with the four
# unpacked IDX files (otherwise built-in or made-up examples: the time of a step is the same); PYTHON (python3); OUT (as
# --out; by default bench/results/gpu-<date>); MEMBERS, SIZES, SECONDS_EACH. DEVICE=cpu rehearses the script without a
# GPU: its figures mean nothing. GPU_CLOCK: see gpu/within.py.
#
# Exit status: 0 if every stage passed, was skipped or cut short at the end, 1 if one failed, 2 for a mistake in the call, 130 if interrupted.

# shellcheck disable=SC2317 # functions are called by the names of stages, or by try
set -uo pipefail

# The order of value: what has never run on a GPU comes first, what takes longest last. The caps, in seconds, are nine
# minutes less ten seconds for the reports.
stages=(facts doctor repeat parity memcheck speed grid hand jax compile eager racecheck sizes ways full)
declare -A cap=(
	[facts]=10 [doctor]=35 [repeat]=30 [parity]=70 [memcheck]=40 [speed]=40 [grid]=25
	[hand]=40 [jax]=50 [compile]=70 [eager]=25
	[racecheck]=30 [sizes]=35 [ways]=20 [full]=10
)

minutes=9
only=
stage=
out=${OUT:-}
while (($#)); do
	case $1 in
	--only | --minutes | --out | --stage)
		(($# > 1)) || { echo "gpu.sh: $1 needs a value" >&2; exit 2; }
		case $1 in --only) only=$2 ;; --minutes) minutes=$2 ;; --out) out=$2 ;; --stage) stage=$2 ;; esac
		shift 2
		;;
	-h | --help) sed -n '2,/^$/{/^$/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
	*) echo "gpu.sh: unknown argument $1; see --help" >&2; exit 2 ;;
	esac
done
[[ $minutes =~ ^[1-9][0-9]*$ ]] || { echo "gpu.sh: --minutes $minutes: want a whole number" >&2; exit 2; }
chosen=("${stages[@]}")
[[ -z $only ]] || IFS=, read -ra chosen <<<"$only"
for s in "${chosen[@]}"; do
	[[ -n ${cap[$s]:-} ]] || { echo "gpu.sh: --only $s: the stages are ${stages[*]}" >&2; exit 2; }
done

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
gpu=$root/bench/gpu
python=${PYTHON:-python3}
device=${DEVICE:-cuda}
each=${SECONDS_EACH:-1}
read -ra members <<<"${MEMBERS:-240 1}" # the ones with goals
read -ra sizes <<<"${SIZES:-120 8 64}"
# Seconds since some moment.
now() { if [[ -n ${GPU_CLOCK:-} ]]; then cat "$GPU_CLOCK"; else echo "$SECONDS"; fi; }

if [[ -z $stage ]]; then
	out=${out:-$root/bench/results/gpu-$(date -u +%Y-%m-%d)}
	mkdir -p "$out" || exit 2
	out=$(cd "$out" && pwd)
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
else # a stage is a separate process, which gpu/within.py can end
	scratch=$GPU_SCRATCH stage_deadline=$(($(now) + GPU_LEFT))
fi
lines=$out/gpu.jsonl
touch "$lines"

# Nothing is compiled twice, and caches stay in one place.
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

# put KEY=VALUE...: a line of results, after the end of one that was cut.
put() {
	[[ -z $(tail -c 1 "$lines") ]] || echo >>"$lines"
	"$python" "$gpu/report.py" line "$@" >>"$lines"
}
fact() { [[ -z $2 ]] || put "fact=$1" "value=$2"; }

# within COMMAND...: as long as the stage has time; functions limit themselves. Exit status 124: the time is up.
within() {
	local left=$((stage_deadline - $(now)))
	if declare -F "$1" >/dev/null; then
		"$@"
		return
	fi
	((left > 0)) || return 124
	"$python" "$gpu/within.py" "$left" "$@"
}
# part N COMMAND...: in an N-th of the time that the stage has left.
part() {
	local stage_deadline=$(($(now) + (stage_deadline - $(now)) / $1))
	shift
	"$@"
}
# why STATUS: in words.
why() { case $1 in 124 | 137) echo "out of time" ;; 127) echo "not found" ;; 3) echo "a library is missing" ;; *) echo "exit status $1" ;; esac; }
# note TEXT: goes into the outcome of the stage.
note() { echo "$*" >&2; echo "$*" >>"$scratch/note"; }
# fail TEXT: fails the stage, which continues.
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

# The three calls of quantal that measure: if its command line changes, change them here.
# quantal_bench NOISE MEMBERS: JSON, in it an object with noise, members and steps_per_second, of all networks together.
quantal_bench() { within "$quantal" bench --device "$device" --noise "$1" --rho 2 --members "$2" --each "${each}s" --json; }
# quantal_train FOLDER ARGUMENTS...: one epoch of one network in which the noise matters, into a run folder with checkpoints.
quantal_train() {
	local folder=$1
	shift
	within "$quantal" train --device "$device" --data "${MNIST:-glyphs}" --epochs 1 --draws 0 --sigma-init 0.1 --c 1e-4 --out "$folder" --json "$@"
}
# quantal_grid EPOCHS FOLDER: the authors' 240 networks.
quantal_grid() { within "$quantal" grid --preset fig2 --device "$device" --data "${MNIST:-glyphs}" --epochs "$1" --out "$2"; }

stage_facts() {
	fact date "$(date -u +'%Y-%m-%d %H:%M UTC')"
	if command -v nvidia-smi >/dev/null; then
		within nvidia-smi
		fact GPU "$(within nvidia-smi --query-gpu=name,memory.total --format=csv,noheader | head -n 1)"
		fact driver "$(within nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -n 1)"
		fact "clocks (SM, memory; limit)" "$(within nvidia-smi --query-gpu=clocks.sm,clocks.mem,clocks.max.sm --format=csv,noheader | head -n 1)"
	else
		[[ $device = cpu ]] || fail "no nvidia-smi"
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
	need_quantal
	try "quantal doctor" "$quantal" doctor --json >"$out/doctor.json"
	[[ $device = cpu ]] || ! grep -q '"no_gpu"' "$out/doctor.json" || fail "the doctor finds no GPU"
	cat "$out/doctor.json"
}

# Two identical runs give identical bytes, and another seed gives different ones.
stage_repeat() {
	local name a b
	need_quantal
	for name in a b other; do
		try "run $name" quantal_train "$scratch/$name" --seed "$([[ $name = other ]] && echo 2 || echo 1)" || return
		[[ -n $(ls "$scratch/$name/checkpoints") ]] || { fail "run $name left no checkpoint"; return; }
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
gpu_tests() { (cd "$root/kernels/cuda" && within "$@" "$cuda_test" -test.v -test.run GPU); }
stage_parity() {
	[[ -n $cuda_test ]] || skip "no ${CUDA_TEST:-./cuda.test}"
	try "parity tests" gpu_tests >"$out/parity.txt" 2>&1
	tail -n 40 "$out/parity.txt"
	note "$(grep -c '^--- PASS' "$out/parity.txt") tests passed, $(grep -c '^ *--- FAIL' "$out/parity.txt") failed, $(grep -c '^--- SKIP' "$out/parity.txt") skipped"
	grep -q '^--- PASS' "$out/parity.txt" || fail "no test of the device ran"
}

# sanitize TOOL NOISE: one of NVIDIA's checkers over fifty steps and a test of one network of the preset.
sanitize() {
	echo "== $1, one network, $2"
	try "$1, $2" compute-sanitizer --tool "$1" --error-exitcode 9 "$quantal" train --device "$device" --data glyphs --validation 59000 \
		--epochs 1 --draws 0 --sigma-init 0.1 --c 1e-4 --noise "$2" --out "$scratch/$1-$2" --json
}
need_sanitizer() {
	[[ $device != cpu ]] || skip "no GPU"
	command -v compute-sanitizer >/dev/null || skip "no compute-sanitizer"
}
stage_memcheck() {
	need_sanitizer
	need_quantal
	sanitize memcheck heterogeneous
	sanitize memcheck homogeneous
}
# The parity tests have several networks, all sharings and odd sizes.
stage_racecheck() {
	local tool
	need_sanitizer
	[[ -n $quantal$cuda_test ]] || skip "no quantal binary and no ${CUDA_TEST:-./cuda.test}"
	[[ -z $quantal ]] || sanitize racecheck heterogeneous
	[[ -z $quantal ]] || sanitize racecheck homogeneous
	[[ -z $cuda_test ]] || for tool in memcheck racecheck; do
		echo "== $tool, parity tests"
		try "$tool, parity tests" gpu_tests compute-sanitizer --tool "$tool" --error-exitcode 9
	done
}

# own MEMBERS...: quantal's speed with each number of networks, in both modes. Each result is written as a line
# immediately.
own() {
	local noise m
	for noise in heterogeneous homogeneous; do
		for m in "$@"; do
			try "$noise, $m networks" own_speed "$noise" "$m"
		done
	done
}
own_speed() {
	quantal_bench "$1" "$2" >"$scratch/speed.json" &&
		"$python" "$gpu/report.py" take --noise "$1" --members "$2" --round "$GPU_ROUND" <"$scratch/speed.json" >>"$lines"
}
# peer NAME ARGUMENTS...: one of the peers in Python, which writes a line for each result immediately.
peer() {
	local name=$1
	shift
	within "$python" "$gpu/$name.py" "$@" --device "$device" --seconds "$each" --round "$GPU_ROUND" >>"$lines"
}
commas() { local IFS=,; echo "$*"; }

stage_speed() {
	need_quantal
	own "${members[@]}"
}
stage_hand() { try PyTorch peer torch_stacked --checked --way hand --members "$(commas "${members[@]}")"; }
stage_jax() { try JAX peer jax_vmap --checked --members "$(commas "${members[@]}")"; }
stage_compile() { try PyTorch peer torch_stacked --checked --way compile --members "$(commas "${members[@]}")"; }
stage_eager() {
	try PyTorch peer torch_one --checked
	[[ $device = cpu ]] || try "bandwidth by PyTorch" copy_rate
}
copy_rate() { within "$python" "$gpu/torch_one.py" --copy >>"$lines"; }

# A quarter of the stage for each.
stage_sizes() {
	local list
	list=$(commas "${sizes[@]}")
	[[ -z $quantal ]] || part 4 own "${sizes[@]}"
	part 3 try "PyTorch, hand" peer torch_stacked --way hand --members "$list"
	part 2 try JAX peer jax_vmap --members "$list"
	try "PyTorch, compile" peer torch_stacked --way compile --members "$list"
}

# Other ways for the peers, so that each is compared at its best.
stage_ways() {
	local loop="--xla_gpu_enable_command_buffer=FUSION,CUBLAS,CUBLASLT,CUSTOM_CALL,CUDNN,DYNAMIC_SLICE_FUSION,WHILE --xla_gpu_graph_min_graph_size=1"
	local few=(--members "$(commas "${members[@]}")" --noise heterogeneous)
	XLA_FLAGS="${XLA_FLAGS:-} $loop" part 7 try "JAX, loop in a graph" peer jax_vmap "${few[@]}" --label "loop in a graph"
	part 6 try "PyTorch, autograd" peer torch_stacked "${few[@]}" --way autograd
	part 5 try "JAX, threefry" peer jax_vmap "${few[@]}" --prng threefry2x32,unsafe_rbg
	part 4 try "JAX, unrolled" peer jax_vmap "${few[@]}" --unroll 5
	part 3 try "PyTorch, TF32" peer torch_stacked "${few[@]}" --way hand,compile --tf32
	part 2 try "JAX, TF32" peer jax_vmap "${few[@]}" --tf32
	try "PyTorch, autotuned" peer torch_stacked "${few[@]}" --way compile --mode max-autotune-no-cudagraphs
}

# timed_grid EPOCHS: runs the grid and records its wall time.
timed_grid() {
	local began ended
	need_quantal
	began=$(date +%s.%N)
	try "grid of $1 epochs" quantal_grid "$1" "$scratch/grid$1" || return
	ended=$(date +%s.%N)
	put "grid_epochs=$1" "seconds=$(echo "$began $ended" | awk '{ printf "%.2f", $2 - $1 }')" "what=including start, data, evaluation and files"
}
stage_grid() { timed_grid 1; }
# The whole grid has a goal of 90 s; with much less it would not end.
stage_full() {
	local left=$((stage_deadline - $(now)))
	((left >= 60)) || skip "$left s are left: --only full"
	timed_grid 50
}

stage_sanitized() {
	"stage_$1" >>"$out/sanitizer.txt" 2>&1
	local status=$?
	grep -hE '^==|SUMMARY|out of time|exit status' "$out/sanitizer.txt" | grep -v '^=========$'
	return $status
}

if [[ -n $stage ]]; then
	quantal=$GPU_QUANTAL cuda_test=$GPU_CUDA_TEST
	case $stage in
	memcheck | racecheck) (stage_sanitized "$stage") ;;
	*) (stage_"$stage") ;;
	esac
	(($? != skipped)) || exit "$skipped"
	exit 0 # stages that failed have said so
fi

exec > >(tee -ia "$out/log.txt") 2>&1
log=$!
quantal=$(binary "${QUANTAL:-./quantal-gpu}") || { quantal=; echo "gpu.sh: no ${QUANTAL:-./quantal-gpu}: only the peers are measured"; }
cuda_test=$(binary "${CUDA_TEST:-./cuda.test}") || cuda_test=
export GPU_SCRATCH=$scratch GPU_QUANTAL=$quantal GPU_CUDA_TEST=$cuda_test GPU_LEFT GPU_ROUND
GPU_ROUND=$((1 + $(grep -c '"call"' "$lines")))
put "call=$GPU_ROUND"

# outcome STAGE OK: the stage's line, and the report as it then is.
outcome() {
	put "stage=$1" "ok=$2" "seconds=$(($(now) - began))" "note=$(paste -s -d ';' "$scratch/note" | sed 's/;/; /g')"
	"$python" "$gpu/report.py" write "$out" >/dev/null
}
child=
interrupted() {
	trap '' INT TERM PIPE
	[[ -z $child ]] || { kill "$child"; wait "$child"; } 2>/dev/null
	note interrupted
	outcome "$s" cut
	exit 130
}
trap interrupted INT TERM

total=0 sofar=0 failures=0
for s in "${chosen[@]}"; do total=$((total + cap[$s])); done
started=$(now)
for s in "${chosen[@]}"; do
	began=$(now) sofar=$((sofar + cap[$s]))
	GPU_LEFT=$((started + (60 * minutes - 10) * sofar / total - began))
	: >"$scratch/note"
	rm -f "$scratch/bad"
	if ((GPU_LEFT < 3)); then
		note "no time left"
		outcome "$s" skipped
		continue
	fi
	printf '\n== %s, at most %d s\n' "$s" "$GPU_LEFT"
	"$python" "$gpu/within.py" "$GPU_LEFT" bash "$gpu/../gpu.sh" --stage "$s" --out "$out" &
	child=$!
	wait "$child"
	status=$? child='' ok=true
	case $status in
	0) ;;
	"$skipped") ok=skipped ;;
	124) note "out of time" ;;
	*) fail "$(why "$status")" ;;
	esac
	if [[ -e $scratch/bad || $status = 124 ]]; then
		ok=false
		# The last stage fills the time that is left: it is not a failure if it is cut short.
		case $s in racecheck | sizes | ways | full) grep -qv 'out of time$' "$scratch/note" || ok='cut' ;; esac
	fi
	[[ $ok != false ]] || failures=$((failures + 1))
	outcome "$s" "$ok"
done
printf '\n'
cat "$out/gpu.md"
echo "written to $out"
exec >&- 2>&-
wait "$log"
exit $((failures > 0))
