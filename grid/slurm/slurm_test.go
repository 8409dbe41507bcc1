package slurm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"quantal/results/store"
)

func TestPack(t *testing.T) {
	point := func(id, cohort string, work float64) Point { return Point{id, cohort, work} }
	even := []Point{point("a1", "a", 1), point("b1", "b", 1), point("a2", "a", 1), point("b2", "b", 1),
		point("a3", "a", 1), point("b3", "b", 1)}
	for _, test := range []struct {
		points []Point
		n      int
		want   [][]string
	}{
		{nil, 3, nil},
		{even, 1, [][]string{{"a1", "a2", "a3", "b1", "b2", "b3"}}},
		{even, 2, [][]string{{"a1", "a2", "a3"}, {"b1", "b2", "b3"}}},
		{even, 3, [][]string{{"a1", "a2"}, {"a3", "b1"}, {"b2", "b3"}}},
		{even[:2], 5, [][]string{{"a1"}, {"b1"}}},
		// One long point is as much as four short ones.
		{[]Point{point("l", "", 4), point("s1", "", 1), point("s2", "", 1), point("s3", "", 1), point("s4", "", 1)}, 2,
			[][]string{{"l"}, {"s1", "s2", "s3", "s4"}}},
		// The last, longest one would leave chunks empty.
		{[]Point{point("s1", "", 1), point("s2", "", 1), point("l", "", 1000)}, 3, [][]string{{"s1"}, {"s2"}, {"l"}}},
		{[]Point{point("l", "", 1000), point("s1", "", 1), point("s2", "", 1)}, 3, [][]string{{"l"}, {"s1"}, {"s2"}}},
	} {
		if diff := cmp.Diff(test.want, Pack(test.points, test.n)); diff != "" {
			t.Errorf("%v in %d: %s", test.points, test.n, diff)
		}
	}
}

func TestPackAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		works := rapid.SliceOfN(rapid.Float64Range(0.01, 10), 1, 60).Draw(t, "works")
		n := rapid.IntRange(1, 70).Draw(t, "n")
		var points []Point
		work, total := map[string]float64{}, 0.0
		for i, w := range works {
			p := Point{ID: fmt.Sprint(i), Cohort: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "cohort"), Work: w}
			points = append(points, p)
			work[p.ID] = w
			total += w
		}
		chunks := Pack(points, n)
		if len(chunks) != min(n, len(points)) {
			t.Fatalf("%d chunks of %d points for %d", len(chunks), len(points), n)
		}
		seen := map[string]bool{}
		for _, c := range chunks {
			sum := 0.0
			for _, id := range c {
				if seen[id] {
					t.Fatalf("%s twice", id)
				}
				seen[id] = true
				sum += work[id]
			}
			// No chunk has more than its share by more than its longest point.
			longest := 0.0
			for _, id := range c {
				longest = max(longest, work[id])
			}
			if len(c) == 0 || sum > total/float64(len(chunks))+longest+1e-9 {
				t.Fatalf("a chunk has %g of %g in %d chunks, its longest point %g", sum, total, len(chunks), longest)
			}
		}
		if len(seen) != len(points) {
			t.Fatalf("%d of %d points", len(seen), len(points))
		}
	})
}

func TestArrays(t *testing.T) {
	for _, test := range []struct {
		chunks, limit, atOnce int
		want                  []Array
	}{
		{1, 1001, 0, []Array{{0, 1, 0}}},
		{1001, 1001, 7, []Array{{0, 1001, 7}}},
		{1002, 1001, 0, []Array{{0, 501, 0}, {501, 501, 0}}},
		{7, 4, 3, []Array{{0, 3, 1}, {3, 4, 2}}},
		{5, 1, 5, []Array{{0, 1, 1}, {1, 1, 1}, {2, 1, 1}, {3, 1, 1}, {4, 1, 1}}},
	} {
		got, err := arrays(test.chunks, test.limit, test.atOnce)
		if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
			t.Errorf("%d chunks, at most %d, %d at once: %v %s", test.chunks, test.limit, test.atOnce, err, diff)
		}
	}
	if a, err := arrays(7, 4, 1); err == nil {
		t.Errorf("one at once over two arrays: %v", a)
	}
}

func TestParseSbatch(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string // nil for an error
	}{
		{"", []string{}},
		{"--time=4:00:00 -p gpu", []string{"--time=4:00:00", "-pgpu"}},
		{`--comment='two words' --constraint="a&b" -A $HOME\ x`,
			[]string{"--comment=two words", "--constraint=a&b", "-A$HOME x"}},
		{`--mem=4G --cpus-per-task 4`, []string{"--mem=4G", "--cpus-per-task=4"}},
		{"--account=a", []string{"--account=a"}},
		{"-HOp gpu -c4 --exclusive --comment ''", []string{"-HOpgpu", "-c4", "--exclusive", "--comment="}},
		{"--of-a-plugin --of-a-plugin=3 --of-a-plugin 4", []string{"--of-a-plugin", "--of-a-plugin=3", "--of-a-plugin=4"}},
		{"evil.sh", nil},
		{"--mem=4G evil.sh", nil},
		{"--mem 4G evil.sh", nil},
		{"-p gpu evil.sh", nil},
		{"-pgpu evil.sh", nil},
		{"-H evil.sh", nil},
		{"--exclusive evil.sh", nil},
		{"--of-a-plugin=3 evil.sh", nil},
		{"''", nil},
		{"-", nil},
		{"--", nil},
		{"--mem=4G -- evil.sh", nil},
		{"--comment", nil}, // would take the script for its value
		{"--mem=4G -p", nil},
		{"-p --mem=4G", nil},
		{"-z", nil},
		{"-é", nil},
		{"-Ha1-3", nil},
		{"-Q", nil}, // would take the job's number from sbatch's answer
		{"--quiet", nil},
		{"-HW", nil},
		{"--wait", nil},
		{"--wait-all-nodes=1", []string{"--wait-all-nodes=1"}},
		{"--wait-all-nodes 1", []string{"--wait-all-nodes=1"}},
		{"-o x.log", nil},
		{"--out=x.log", nil},
		{"--array=1-3", nil},
		{"--arr 1-3", nil},
		{"-a1-3", nil},
		{"-p x --job-name=y", nil},
		{"-J y", nil},
		{"-Mother", nil},
		{"--wrap=ls", nil},
		{"--time='1", nil},
		{`--time=1\`, nil},
		{"--time=1\n--mem=2", nil},
	} {
		got, err := ParseSbatch(test.text)
		if (err != nil) != (test.want == nil) || !slices.Equal(got, test.want) {
			t.Errorf("%q: %q, %v, want %q", test.text, got, err, test.want)
		}
	}
}

func TestParseArrayLimit(t *testing.T) {
	for _, test := range []struct {
		config string
		want   int // 0 for an error
	}{
		{"MaxArraySize            = 1001\nMaxDBDMsgs              = 20012\n", 1001},
		{"MaxArraySize = 1001\nSchedulerParameters     = bf_continue,max_array_tasks=300,x=1\n", 300},
		{"MaxArraySize = 10\nSchedulerParameters = max_array_tasks=300\n", 10},
		{"MaxArraySize = 0\n", 0},
		{"SlurmUser = root\n", 0},
		{"", 0},
	} {
		got, err := parseArrayLimit(test.config)
		if got != test.want || (err != nil) != (test.want == 0) {
			t.Errorf("%q: %d, %v, want %d", test.config, got, err, test.want)
		}
	}
}

func TestJobID(t *testing.T) {
	for printed, want := range map[string]string{"123\n": "123", "123;cluster\n": "123", "": "",
		"Submitted batch job 7\n": "", "-1\n": ""} {
		if got, err := jobID(printed); got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v, want %q", printed, got, err, want)
		}
	}
}

// launch2 has five chunks in two arrays.
func launch2(dir string) Launch {
	return Launch{Dir: dir, Plan: Plan{
		Name: "quantal-0002-abc", Chunks: [][]string{{"p0"}, {"p1"}, {"p2", "p2b"}, {"p3"}, {"p4"}},
		Arrays: []Array{{0, 2, 0}, {2, 3, 0}}, MaxStarts: 2,
	}}
}

func TestParseQueue(t *testing.T) {
	launches := []Launch{launch2("/g/launches/0002")}
	tasks, err := parseQueue("quantal-0002-abc.0|71|1|RUNNING|None\n\n"+
		"quantal-0002-abc.2|72|0|PENDING|Resources|and more\n", launches)
	want := []Queued{{"0002", 1, "71_1", "RUNNING", "None"}, {"0002", 2, "72_0", "PENDING", "Resources|and more"}}
	if diff := cmp.Diff(want, tasks); err != nil || diff != "" {
		t.Fatalf("%v %s", err, diff)
	}
	wantPoints := map[string]Queued{"p1": want[0], "p2": want[1], "p2b": want[1]}
	if diff := cmp.Diff(wantPoints, UnderWay(launches, tasks)); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{
		"quantal-0002-abc.0|71|2|RUNNING|None", "quantal-0002-abc.0|71|0-1%2|PENDING|None", "other|1|1|RUNNING|None",
		"quantal-0002-abc.0|71|1|RUNNING", "Invalid user",
	} {
		if tasks, err := parseQueue(bad+"\n", launches); err == nil {
			t.Errorf("%q: %v and no error", bad, tasks)
		}
	}
}

// Points that a task has left belong to it until a later task has them.
func TestFindEnded(t *testing.T) {
	dir := t.TempDir()
	first := Launch{Dir: filepath.Join(dir, "0001"), Plan: Plan{Chunks: [][]string{{"a", "b"}, {"c"}, {"d"}, {"e"}}},
		Jobs: []Job{{"7", 0, 1}, {"8", 1, 2}}}
	second := Launch{Dir: filepath.Join(dir, "0002"), Plan: Plan{Chunks: [][]string{{"b"}, {"f"}}},
		Jobs: []Job{{"9", 0, 2}}}
	for _, name := range []string{"0001/task-8_0.log", "0001/starts/chunk-0001.log", "0001/starts/chunk-0002.log",
		"0002/task-9_0.log"} {
		if err := store.MakeFolder(filepath.Dir(filepath.Join(dir, name))); err != nil {
			t.Fatal(err)
		}
		text := "one\ntwo\n"
		if strings.HasPrefix(name, "0002") {
			text = "" // as left by a task that is killed immediately
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// The chunk with e was never submitted, f is finished.
	ended, err := FindEnded([]Launch{first, second}, []string{"e", "d", "c", "b", "a"})
	want := []Ended{
		{"0001", 0, "7_0", 0, "", []string{"a"}},
		{"0001", 1, "8_0", 2, filepath.Join(dir, "0001/task-8_0.log"), []string{"c"}},
		{"0001", 2, "8_1", 2, "", []string{"d"}},
		{"0002", 0, "9_0", 0, "", []string{"b"}},
	}
	if diff := cmp.Diff(want, ended); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// A list of jobs that does not fit its plan is named.
func TestLaunchesWithDamagedJobs(t *testing.T) {
	for _, jobs := range [][]Job{{{"7", -1, 1}}, {{"7", 0, 0}}, {{"7", 4, 2}}, {{"7", 1 << 62, 1 << 62}}} {
		l := written(t)
		if err := store.WriteJSONFile(l.path("jobs.json"), jobs); err != nil {
			t.Fatal(err)
		}
		launches, err := Launches(filepath.Dir(filepath.Dir(l.Dir)))
		var corrupt *store.CorruptError
		if !errors.As(err, &corrupt) || corrupt.Path != l.path("jobs.json") {
			t.Errorf("%+v: %v, %v", jobs, launches, err)
		}
	}
}

// Slurm drops a backslash from the name of a log, and the output of the task is lost.
// The points of accepted chunks wait until their task begins; what cannot be read has none.
func TestWaiting(t *testing.T) {
	dir := t.TempDir()
	write := func(text string, path ...string) {
		t.Helper()
		name := filepath.Join(append([]string{dir, "launches"}, path...)...)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want := func(want map[string]string) {
		t.Helper()
		got, err := Waiting(os.DirFS(dir))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	}
	want(nil)
	write(`{"name": "x", "chunks": [["a", "b"], ["c"], ["d"]], "arrays": [{"first": 0, "count": 3}]}`, "0001", "plan.json")
	want(map[string]string{}) // not accepted yet
	write(`[{"job": "7", "first": 0, "count": 2}]`, "0001", "jobs.json")
	want(map[string]string{"a": "7", "b": "7", "c": "7"})
	write("now host 7_0\n", "0001", "starts", filepath.Base(startsPath("", 0)))
	want(map[string]string{"c": "7"})
	write(`{"name": "y", "chunks": [["a"]], "arrays": [{"first": 0, "count": 1}]}`, "0002", "plan.json")
	write(`[{"job": "8", "first": 0, "count": 1}]`, "0002", "jobs.json") // again
	want(map[string]string{"a": "8", "c": "7"})
	write(`[{"job": "9", "first": -5, "count": 9223372036854775807}]`, "0003", "jobs.json")
	write(`{"chunks": [["z"]`, "0003", "plan.json")
	want(map[string]string{"a": "8", "c": "7"})
}

func TestSubmitBesideABackslash(t *testing.T) {
	fake(t, map[string]string{"scontrol": config4, "sbatch": "echo 41"})
	dir := filepath.Join(t.TempDir(), `a\b`)
	_, err := Submit(context.Background(), dir, [][]string{{"a"}}, Options{Program: "/bin/quantal", MaxStarts: 2})
	if err == nil || !strings.Contains(err.Error(), `a\b: want a folder without backslashes`) {
		t.Errorf("error %v", err)
	}
}

// fake replaces Slurm's programs on the PATH by shell scripts; nothing else is on it.
func fake(t *testing.T, scripts map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

const config4 = "echo 'MaxArraySize = 4'"

func TestSubmitInParts(t *testing.T) {
	dir := t.TempDir()
	chunks := [][]string{{"a"}, {"b"}, {"c"}, {"d"}, {"e"}}
	// The second array is refused.
	fake(t, map[string]string{
		"scontrol": config4,
		"squeue":   "true",
		"sbatch": `for a; do last=$a; done; if [ $last = 0 ]; then echo 41; else echo "sbatch: error: Batch job ` +
			`submission failed: Job violates accounting/QOS policy" >&2; exit 1; fi`,
	})
	l, err := Submit(context.Background(), dir, chunks, Options{Program: "/bin/quantal", MaxStarts: 2})
	for _, words := range []string{"of 5 chunks the first 2 are in the queue (job 41), the others are not",
		"sbatch: error: Batch job submission failed: Job violates accounting/QOS policy", l.Dir} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("error %v, want %q", err, words)
		}
	}
	launches, err := Launches(dir)
	if err != nil || len(launches) != 1 {
		t.Fatal(launches, err)
	}
	if diff := cmp.Diff([]Job{{"41", 0, 2}}, launches[0].Jobs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(chunks, launches[0].Plan.Chunks); diff != "" {
		t.Error(diff)
	}
}

// A busy controller accepts a job and its answer is lost.
func TestSubmitWithoutAnswer(t *testing.T) {
	fake(t, map[string]string{
		"scontrol": config4,
		"squeue":   `for a; do case $a in --name=*) echo "${a#--name=}|77|0|PENDING|None";; esac; done`,
		"sbatch":   `echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2; exit 1`,
	})
	l, err := Submit(context.Background(), t.TempDir(), [][]string{{"a"}}, Options{Program: "/bin/quantal", MaxStarts: 2})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Job{{"77", 0, 1}}, l.Jobs); diff != "" {
		t.Error(diff)
	}
}

func TestSubmitWithoutSlurm(t *testing.T) {
	dir := t.TempDir()
	fake(t, nil)
	_, err := Submit(context.Background(), dir, [][]string{{"a"}}, Options{Program: "/bin/quantal", MaxStarts: 2})
	if err == nil || !strings.Contains(err.Error(), "there is no scontrol here: is this a machine of a Slurm cluster") {
		t.Errorf("error %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestQueueWithoutAnswer(t *testing.T) {
	launches := []Launch{launch2("/g/launches/0002")}
	fake(t, nil)
	if tasks, err := Queue(context.Background(), launches); err == nil || !strings.Contains(err.Error(), "squeue") {
		t.Errorf("%v, %v without squeue", tasks, err)
	}
	fake(t, map[string]string{"squeue": `echo "slurm_load_jobs error: Unable to contact slurm controller (connect ` +
		`failure)" >&2; exit 1`})
	if tasks, err := Queue(context.Background(), launches); err == nil ||
		!strings.Contains(err.Error(), "Unable to contact slurm controller") {
		t.Errorf("%v, %v without controller", tasks, err)
	}
	if tasks, err := Queue(context.Background(), nil); err != nil || len(tasks) > 0 {
		t.Errorf("%v, %v without a launch", tasks, err)
	}
}

func TestCommandWaitsNoLonger(t *testing.T) {
	fake(t, map[string]string{"squeue": "while true; do :; done"})
	_, err := command(context.Background(), 50e6, "squeue")
	if err == nil || !strings.Contains(err.Error(), "squeue did not answer within 50ms") {
		t.Errorf("error %v", err)
	}
}

// Simultaneous submitters get a folder each.
func TestLaunchFolders(t *testing.T) {
	dir := t.TempDir()
	var wait sync.WaitGroup
	var mutex sync.Mutex
	got := map[string]bool{}
	for range 20 {
		wait.Go(func() {
			l, err := newLaunch(dir)
			if err != nil {
				t.Error(err)
			}
			mutex.Lock()
			defer mutex.Unlock()
			got[filepath.Base(l.Dir)] = true
		})
	}
	wait.Wait()
	if len(got) != 20 || !got["0001"] || !got["0020"] {
		t.Errorf("folders %v", got)
	}
	if launches, err := Launches(dir); err != nil || len(launches) > 0 {
		t.Errorf("launches %v, %v of folders without a plan", launches, err)
	}
}

// written makes the folder of launch2.
func written(t *testing.T) Launch {
	t.Helper()
	l := launch2(filepath.Join(t.TempDir(), "launches", "0002"))
	if err := store.MakeFolder(l.Dir); err != nil {
		t.Fatal(err)
	}
	if err := store.WriteJSONFile(l.path("plan.json"), l.Plan); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestRequeue(t *testing.T) {
	l := written(t)
	fake(t, map[string]string{"scontrol": `[ "$*" = "requeue Incomplete 71_1" ] || { echo "scontrol: $*" >&2; exit 1; }`})
	for _, name := range []string{"SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_CPUS_ON_NODE"} {
		t.Setenv(name, "")
	}
	task, err := Begin(l.path("plan.json"), 2)
	if err != nil {
		t.Fatal(err)
	}
	want := &Task{Grid: filepath.Dir(filepath.Dir(l.Dir)), Points: []string{"p2", "p2b"}, Starts: 1, MaxStarts: 2}
	if diff := cmp.Diff(want, task); diff != "" {
		t.Error(diff)
	}
	if err := task.Requeue(context.Background()); err == nil || !strings.Contains(err.Error(), "not a task") {
		t.Errorf("error %v outside Slurm", err)
	}
	t.Setenv("SLURM_ARRAY_JOB_ID", "71")
	t.Setenv("SLURM_ARRAY_TASK_ID", "1")
	t.Setenv("SLURM_CPUS_ON_NODE", "3")
	if task, err = Begin(l.path("plan.json"), 3); err != nil || task.Starts != 1 || task.CPUs != 3 || task.Name != "71_1" {
		t.Fatalf("%+v, %v: want the first start of another chunk, and 3 CPUs", task, err)
	}
	if err := task.Requeue(context.Background()); err != nil {
		t.Error(err)
	}
	if task, err = Begin(l.path("plan.json"), 2); err != nil || task.Starts != 2 {
		t.Fatalf("%+v, %v: want the second start", task, err)
	}
	if err := task.Requeue(context.Background()); err == nil || !strings.Contains(err.Error(), "started 2 times") {
		t.Errorf("error %v beyond the cap", err)
	}
	t.Setenv("SLURM_ARRAY_TASK_ID", "9")
	if task, err = Begin(l.path("plan.json"), 0); err != nil {
		t.Fatal(err)
	}
	if err := task.Requeue(context.Background()); err == nil ||
		!strings.Contains(err.Error(), "scontrol: requeue Incomplete 71_9") {
		t.Errorf("error %v, want scontrol's words", err)
	}
}

func TestBeginErrors(t *testing.T) {
	l := written(t)
	var outside *RangeError
	for _, chunk := range []int{-1, 5} {
		if _, err := Begin(l.path("plan.json"), chunk); !errors.As(err, &outside) {
			t.Errorf("chunk %d: %v", chunk, err)
		}
	}
	var corrupt *store.CorruptError
	for _, text := range []string{"", "{}", `{"name":"x"`} {
		if err := os.WriteFile(l.path("plan.json"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Begin(l.path("plan.json"), 0); !errors.As(err, &corrupt) {
			t.Errorf("plan %q: %v", text, err)
		}
	}
}
