package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"quantal/internal/pythontest"
)

// gpuStages are the stages in order of value.
var gpuStages = []string{"facts", "doctor", "repeat", "parity", "memcheck", "speed", "grid", "hand", "jax", "compile",
	"eager",
	"racecheck", "sizes", "ways", "full"}

// standIn replaces nvidia-smi, compute-sanitizer, quantal, its test binary and, through Python, the peers. It records
// how it was called, and takes a second. Calls that match HANG take all their time, ignore TERM, and have a child in
// its own session that ignores it too; HANG_FIRST does the same, but prints its output first.
const standIn = `#!/bin/bash
name=$(basename "$0")
if [ "$name" = python ]; then
	case "$1" in
	*torch_*.py | *jax_*.py) name=$(basename "$1"); shift ;;
	*) exec "$REAL_PYTHON" "$@" ;;
	esac
fi
call="$name $*"
echo "$(cat "$GPU_CLOCK") $call" >>"$REHEARSAL/calls"
clock() { echo "$1" >"$REHEARSAL/clock.$$"; mv "$REHEARSAL/clock.$$" "$GPU_CLOCK"; }
hang() {
	trap '' TERM INT
	setsid bash -c 'trap "" TERM INT; while :; do sleep 0.2; done' >/dev/null 2>&1 &
	echo "$! $$" >>"$REHEARSAL/hanging"
	[ -n "$STAND_STILL" ] || clock "$GPU_DEADLINE"
	while :; do sleep 0.2; done
}
[[ -n $HANG && $call =~ $HANG ]] && hang
members=1 noise=heterogeneous,homogeneous out=
while (($#)); do
	case $1 in
	--members) members=$2 ;;
	--noise) noise=$2 ;;
	--out) out=$2 ;;
	esac
	shift
done
case $call in
*"-test.run GPU"*) echo "--- PASS: TestOnGPU (1.00s)" ;;
"quantal doctor"*) echo '{"gpus": [{"bytes_per_second": 4e12}]}' ;;
"quantal train"*)
	mkdir -p "$out/checkpoints"
	[[ $call =~ seed\ [0-9]+ ]]
	echo "${BASH_REMATCH[0]}" >"$out/checkpoints/1"
	;;
"quantal bench"*)
	echo "{\"kernels\": \"cuda\", \"noise\": \"$noise\", \"members\": $members, \"steps_per_second\": 8e5}"
	;;
*.py*) for m in ${members//,/ }; do
		echo "{\"peer\": \"${name%.py}\", \"way\": \"some\", \"dtype\": \"float32\", \"noise\": \"heterogeneous\", \
		\"members\": $m, \"network_steps_per_second\": 1e5}"
	done ;;
*) echo "$call" ;;
esac
[[ -n $HANG_FIRST && $call =~ $HANG_FIRST ]] && hang
[ -z "$GPU_DEADLINE" ] || clock $(($(cat "$GPU_CLOCK") + 1))
`

// rehearsal runs gpu.sh with stand-ins for all programs that it calls, under a clock that only they advance.
type rehearsal struct {
	dir string
	cmd *exec.Cmd
}

func rehearse(t *testing.T, environment ...string) *rehearsal {
	t.Helper()
	real, err := exec.LookPath(pythontest.Find(t))
	if err != nil {
		t.Fatal(err)
	}
	r := &rehearsal{dir: t.TempDir()}
	for _, name := range []string{"quantal", "cuda.test", "python", "nvidia-smi", "compute-sanitizer"} {
		if err := os.WriteFile(r.path(name), []byte(standIn), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(r.path("clock"), []byte("1000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.cmd = exec.Command("bash", "gpu.sh", "--out", r.path("out"))
	r.cmd.Env = append(os.Environ(), "PATH="+r.dir+":"+os.Getenv("PATH"), "REHEARSAL="+r.dir, "GPU_CLOCK="+r.path("clock"),
		"REAL_PYTHON="+real,
		"PYTHON="+r.path("python"), "QUANTAL="+r.path("quantal"), "CUDA_TEST="+r.path("cuda.test"),
		"PYTHONDONTWRITEBYTECODE=1",
		"HANG=", "HANG_FIRST=", "STAND_STILL=", "GPU_DEADLINE=", "DEVICE=cuda", "TMPDIR="+r.dir)
	r.cmd.Env = append(r.cmd.Env, environment...)
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	t.Cleanup(func() { // in any case, leave no process
		for _, pid := range r.hanging() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return r
}

func (r *rehearsal) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rehearsal) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(r.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hanging are the processes of stand-ins that hang or hung.
func (r *rehearsal) hanging() (pids []int) {
	text, _ := os.ReadFile(r.path("hanging")) // missing if nothing hung
	for _, word := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(word); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// gone waits until no process of a stand-in is left.
func (r *rehearsal) gone() {
	for _, pid := range r.hanging() {
		for {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if err != nil || strings.Contains(string(stat), ") Z ") {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// stageOutcome is the outcome of a stage, as in gpu.jsonl.
type stageOutcome struct {
	Stage   string
	OK      any
	Seconds float64
	Note    string
}

func (r *rehearsal) outcomes(t *testing.T) (all []stageOutcome) {
	t.Helper()
	for line := range strings.Lines(r.read(t, "out/gpu.jsonl")) {
		var o stageOutcome
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if o.Stage != "" {
			all = append(all, o)
		}
	}
	return all
}

// given are the names of the stages that were begun, with the time limit of each in seconds.
func (r *rehearsal) given(t *testing.T) (stages []string, seconds map[string]int) {
	t.Helper()
	seconds = map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^== (\w+), at most (\d+) s$`).FindAllStringSubmatch(r.read(t, "out/log.txt"),
		-1) {
		stages = append(stages, m[1])
		seconds[m[1]], _ = strconv.Atoi(m[2])
	}
	return stages, seconds
}

// If everything takes all of its time, each stage has its cap, the caps are nine minutes minus the time of the reports,
// and no process is left.
func TestGPUScriptWhereEverythingHangs(t *testing.T) {
	r := rehearse(t, "HANG=.")
	out, err := r.cmd.CombinedOutput()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 1 {
		t.Fatalf("%v, want exit status 1\n%s", err, out)
	}
	r.gone()
	stages, given := r.given(t)
	if !slices.Equal(stages, gpuStages) {
		t.Errorf("stages %v, want %v", stages, gpuStages)
	}
	total := 0
	for i, o := range r.outcomes(t) {
		total += given[o.Stage]
		want := any(false)
		switch o.Stage {
		case "racecheck", "sizes", "ways":
			want = "cut"
		case "full":
			want = "skipped"
		}
		if o.Stage != gpuStages[i] || o.OK != want || o.Stage != "full" && o.Seconds != float64(given[o.Stage]) {
			t.Errorf("outcome %d: %+v, want %s, %v, %d s", i, o, gpuStages[i], want, given[o.Stage])
		}
	}
	if total != 9*60-10 {
		t.Errorf("the caps add up to %d s, want %d", total, 9*60-10)
	}
	if report := r.read(t, "out/gpu.md"); strings.Count(report, "| **failed** |") != 11 ||
		strings.Count(report, "| cut |") != 3 {
		t.Errorf("the report:\n%s", report)
	}
}

// The first thing that runs on a GPU is the doctor, and 240 networks of every peer come before other sizes of any. A
// stage that ends early passes on its remaining time, and one that hangs takes nothing from those after it.
func TestGPUScriptOrder(t *testing.T) {
	r := rehearse(t, "HANG=^jax_vmap.*--checked")
	out, err := r.cmd.CombinedOutput()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 1 {
		t.Fatalf("%v, want exit status 1\n%s", err, out)
	}
	r.gone()
	calls := r.read(t, "calls")
	rest := calls
	for _, call := range []string{
		"nvidia-smi", "quantal version", "quantal doctor --json", "quantal train .*--seed 1", "quantal train .*--seed 1",
		"quantal train .*--seed 2",
		"cuda.test .*-test.run GPU", "compute-sanitizer --tool memcheck .*heterogeneous",
		"compute-sanitizer --tool memcheck .*homogeneous",
		"quantal bench .*heterogeneous.*--members 240 ", "quantal bench .*heterogeneous.*--members 1 ",
		"quantal bench .*homogeneous.*--members 240 ", "quantal bench .*homogeneous.*--members 1 ",
		"quantal grid .*--epochs 1 ", "torch_stacked.py --checked --way hand --members 240,1 ",
		"jax_vmap.py --checked --members 240,1 ",
		"torch_stacked.py --checked --way compile --members 240,1 ", "torch_one.py --checked ", "torch_one.py --copy",
		"compute-sanitizer --tool racecheck .*heterogeneous", "compute-sanitizer --tool racecheck .*homogeneous",
		"compute-sanitizer --tool memcheck .*cuda.test", "compute-sanitizer --tool racecheck .*cuda.test",
		"quantal bench .*--members 120 ", "quantal bench .*--members 64 ",
		"torch_stacked.py --way hand --members 120,8,64 ", "jax_vmap.py --members 120,8,64 ",
		"torch_stacked.py --way compile --members 120,8,64 ",
		"jax_vmap.py .*loop in a graph", "torch_stacked.py .*max-autotune", "quantal grid .*--epochs 50 ",
	} {
		at := regexp.MustCompile(`(?m)^\d+ ` + call).FindStringIndex(rest)
		if at == nil {
			t.Fatalf("no call %q at its place in\n%s", call, calls)
		}
		rest = rest[at[1]:]
	}
	// Until the end of jax there are 10+35+30+70+40+40+25+40+50 = 340 s.
	_, given := r.given(t)
	compile := regexp.MustCompile(`(?m)^(\d+) torch_stacked.py --checked --way compile`)
	if at := compile.FindStringSubmatch(calls); at[1] != "1340" || given["compile"] != 70 {
		t.Errorf("compile began at %s with %d s, want at 1340 with its 70", at[1], given["compile"])
	}
	for _, o := range r.outcomes(t) {
		if want := o.Stage != "jax"; o.OK != want {
			t.Errorf("%+v, want %v", o, want)
		}
	}
	report := r.read(t, "out/gpu.md")
	for _, want := range []string{"| the whole grid: seconds | under 90 |", "| 240 | 800,000 | 300 |",
		"| jax | **failed** |", "out of time"} {
		if !strings.Contains(report, want) {
			t.Errorf("not in the report: %s\n%s", want, report)
		}
	}
}

// Killed or interrupted at any moment, it leaves the measurements made until then, and no process.
func TestGPUScriptKilled(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			r := rehearse(t, "HANG_FIRST=^jax_vmap", "STAND_STILL=1")
			var out strings.Builder
			r.cmd.Stdout, r.cmd.Stderr = &out, &out
			if err := r.cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- r.cmd.Wait() }()
			for len(r.hanging()) == 0 {
				select {
				case err := <-ended:
					t.Fatalf("ended before JAX began: %v\n%s", err, out.String())
				case <-time.After(20 * time.Millisecond):
				}
			}
			if err := r.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			<-ended
			r.gone()
			if signal != syscall.SIGKILL && r.cmd.ProcessState.ExitCode() != 130 {
				t.Errorf("exit status %d, want 130\n%s", r.cmd.ProcessState.ExitCode(), out.String())
			}
			if report := r.read(t, "out/gpu.md"); !strings.Contains(report, "| hand | passed |") ||
				!strings.Contains(report, "| 240 | 800,000 | 300 |") {
				t.Errorf("the report that was there:\n%s", report)
			}
			write := exec.Command("bash", "-c", `"$PYTHON" gpu/report.py write "$1"`, "-", r.path("out"))
			write.Env = r.cmd.Env
			report, err := write.CombinedOutput()
			if err != nil || !strings.Contains(string(report), "JAX, vmap") && !strings.Contains(string(report), "jax_vmap") {
				t.Errorf("the measurements of JAX are not in the report: %v\n%s", err, report)
			}
		})
	}
}

// When time is up all started processes end, in any session, and those left running end with the command.
func TestWithin(t *testing.T) {
	python := pythontest.Find(t)
	for _, c := range []struct {
		seconds, code string
		status        int
	}{
		{"1000", "exit 7", 7},
		{"1000", "kill -9 $$", 137},
		{"1000", "setsid sleep 100000 & echo $! >$PIDS; exit 0", 0},
		{"0", "echo $$ >$PIDS; sleep 100000", 124},
		{"3", "setsid sh -c 'trap \"\" TERM; echo $$ >$PIDS; while :; do sleep 1; done' & while :; do sleep 1; done", 124},
		{"1000", "setsid sh -c 'trap \"\" TERM; echo $$ >$PIDS; while :; do sleep 1; done' & kill $PPID; while :; do " +
			"sleep 1; done", 143},
	} {
		pids := filepath.Join(t.TempDir(), "pids")
		command := exec.Command(python, "gpu/within.py", c.seconds, "sh", "-c", c.code)
		command.Env = append(os.Environ(), "PIDS="+pids, "PYTHONDONTWRITEBYTECODE=1")
		out, err := command.CombinedOutput()
		if exit, ok := err.(*exec.ExitError); ok && exit.ExitCode() != c.status || !ok && (err != nil || c.status != 0) {
			t.Errorf("%s: %v, want exit status %d\n%s", c.code, err, c.status, out)
		}
		text, _ := os.ReadFile(pids) // not every command has it
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil &&
				!strings.Contains(string(stat), ") Z ") {
				t.Errorf("%s: process %d is left", c.code, pid)
			}
		}
	}
}
