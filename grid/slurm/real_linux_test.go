package slurm_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/grid/slurm"
	"quantal/internal/slurmtest"
	"quantal/results/store"
)

// TestRealSlurm runs stand-in workers on a real Slurm, disturbs them, and compares the folder at the end with that of
// an undisturbed run.
func TestRealSlurm(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	c := slurmtest.Start(t)

	t.Run("runs through", func(t *testing.T) {
		t.Parallel()
		g := newGrid(t, 14)
		l := g.submit(7, slurm.Options{AtOnce: 3, MaxStarts: 3}, "--nodelist=n1 --comment='two words'")
		if len(l.Jobs) != 2 || l.Jobs[0].Count != 3 || l.Jobs[1].Count != 4 || l.Jobs[1].First != 3 {
			t.Fatalf("jobs %+v: want 7 chunks in 2 arrays where an index is below %d", l.Jobs, c.MaxArraySize)
		}
		for i, throttle := range []string{"ArrayTaskThrottle=1", "ArrayTaskThrottle=2"} {
			shown := output(t, "scontrol", "show", "job", l.Jobs[i].ID)
			if !strings.Contains(shown, throttle) || !strings.Contains(shown, "Comment=two words") {
				t.Errorf("want %s and the comment:\n%s", throttle, shown)
			}
		}
		g.finished()
		for chunk := range l.Plan.Chunks {
			if n := g.starts(l, chunk); n != 1 {
				t.Errorf("chunk %d was started %d times", chunk, n)
			}
		}
	})

	t.Run("time limit", func(t *testing.T) {
		t.Parallel()
		g := newGrid(t, 2)
		g.hold()
		l := g.submit(1, slurm.Options{MaxStarts: 3}, "--nodelist=n1 --time=30")
		g.until("the task runs", func() bool { return g.starts(l, 0) == 1 })
		// Two minutes minus the two of the warning: TERM arrives as soon as Slurm checks the clock, every 30 s.
		output(t, "scontrol", "update", "JobId="+g.task(0), "TimeLimit=2")
		g.until("the task is back after its TERM", func() bool { return g.starts(l, 0) == 2 })
		output(t, "scontrol", "update", "JobId="+g.task(0), "TimeLimit=30") // a requeued task keeps its limit
		g.release()
		g.finished()
		if log := g.log(l); !strings.Contains(log, fmt.Sprintf("continues at step %d", steps/2)) {
			t.Errorf("the second start began anew:\n%s", log)
		}
	})

	t.Run("cap", func(t *testing.T) {
		t.Parallel()
		g := newGrid(t, 2)
		g.hold()
		l := g.submit(1, slurm.Options{MaxStarts: 2}, "-w n1")
		for start := 1; start <= 2; start++ {
			g.until("the task runs", func() bool { return g.starts(l, 0) == start && g.state(0) == "RUNNING" })
			output(t, "scancel", "--batch", "--signal=TERM", g.task(0)) // as Slurm itself does before the time limit
		}
		g.until("the queue is empty", func() bool { return len(g.queue()) == 0 })
		if log := g.log(l); strings.Count(log, "asking Slurm to start this task again") != 1 ||
			!strings.Contains(log, "was started 2 times and the plan allows no more") {
			t.Errorf("want one requeue and a refusal:\n%s", log)
		}
		g.release()
		g.again(2)
		g.finished()
	})

	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		g := newGrid(t, 2)
		g.hold()
		l := g.submit(2, slurm.Options{MaxStarts: 3}, "-O --nodelist n1")
		g.until("both tasks run", func() bool {
			return g.state(0) == "RUNNING" && g.state(1) == "RUNNING" && g.starts(l, 0)+g.starts(l, 1) == 2
		})
		cancelled := g.task(1) // whose job number is the array's
		output(t, "scancel", cancelled)
		g.until("it is gone", func() bool { return g.state(1) == "" })
		if log := g.log(l); !strings.Contains(log, "asking Slurm to start this task again") {
			t.Errorf("the cancelled task did not ask to be started again, so nothing was tested:\n%s", log)
		}
		if shown := output(t, "scontrol", "show", "job", cancelled); !strings.Contains(shown, "JobState=CANCELLED") {
			t.Errorf("a cancelled task is not cancelled:\n%s", shown)
		}
		if g.state(0) != "RUNNING" {
			t.Errorf("the other task is %q", g.state(0))
		}
		// The same command again submits the points of the cancelled task, and not those of the other one.
		g.again(1)
		g.release()
		g.finished()
	})

	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		g := newGrid(t, 3)
		g.hold()
		l := g.submit(1, slurm.Options{MaxStarts: 3}, "--nodelist=n1")
		g.until("the task runs", func() bool { return g.starts(l, 0) == 1 })
		for _, pid := range c.Processes(g.task(0)) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		killed := g.task(0)
		g.until("the queue is empty", func() bool { return len(g.queue()) == 0 })
		g.ended(slurm.Ended{Launch: "0001", Job: killed, Starts: 1, Log: filepath.Join(l.Dir, "task-"+killed+".log"),
			Points: l.Plan.Chunks[0]})
		g.release()
		g.again(3)
		g.finished()
	})

	t.Run("node lost", func(t *testing.T) {
		t.Parallel()
		dead, alive := newGrid(t, 3), newGrid(t, 3)
		dead.hold()
		alive.hold()
		l := dead.submit(1, slurm.Options{MaxStarts: 3}, "")
		m := alive.submit(1, slurm.Options{MaxStarts: 3}, "")
		dead.until("its task runs", func() bool { return dead.starts(l, 0) == 1 })
		alive.until("its task runs", func() bool { return alive.starts(m, 0) == 1 })
		c.LoseNode(t, "n2", dead.task(0))
		dead.until("its task runs elsewhere", func() bool { return dead.starts(l, 0) == 2 })
		alive.until("its task runs elsewhere", func() bool { return alive.starts(m, 0) == 2 })
		if n := len(c.Processes(dead.task(0))); n != 1 {
			t.Errorf("%d copies of the task that died with its node", n)
		}
		if n := len(c.Processes(alive.task(0))); n != 2 {
			t.Errorf("%d copies of the task that lost its node: want 2 at once", n)
		}
		dead.release()
		alive.release()
		dead.finished()
		alive.finished()
	})

	t.Run("without a trace", func(t *testing.T) {
		t.Parallel()
		g := newGrid(t, 2)
		l := g.submit(2, slurm.Options{MaxStarts: 3}, "--nodelist=n1 --hold")
		g.ended() // nothing yet
		output(t, "scancel", l.Jobs[0].ID)
		g.until("the queue is empty", func() bool { return len(g.queue()) == 0 })
		g.ended(
			slurm.Ended{Launch: "0001", Chunk: 0, Job: l.Jobs[0].ID + "_0", Points: l.Plan.Chunks[0]},
			slurm.Ended{Launch: "0001", Chunk: 1, Job: l.Jobs[0].ID + "_1", Points: l.Plan.Chunks[1]},
		)
		g.again(2)
		g.finished()
		g.ended()
	})

	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		g := newGrid(t, 2)
		_, err := g.try(g.missing(), 1, slurm.Options{MaxStarts: 1}, "--partition=nowhere")
		if err == nil ||
			!strings.Contains(err.Error(), "nothing was submitted: sbatch: error: invalid partition specified: nowhere") {
			t.Errorf("error %v, want sbatch's own words", err)
		}
	})
}

// grid is a grid's folder of points that stand-ins train.
type grid struct {
	t   *testing.T
	dir string
	ids []string
}

// newGrid makes a folder for n points, with a name that must be quoted everywhere: %A is a symbol of Slurm's.
func newGrid(t *testing.T, n int) *grid {
	t.Helper()
	g := &grid{t: t, dir: filepath.Join(t.TempDir(), `a grid's 100%A_%a [of] %% "$HOME"`)}
	for _, d := range []string{"points", "checkpoints"} {
		if err := os.MkdirAll(filepath.Join(g.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		g.ids = append(g.ids, fmt.Sprintf("point-%d", i))
	}
	return g
}

func (g *grid) hold() {
	if err := os.WriteFile(filepath.Join(g.dir, "hold"), nil, 0o644); err != nil {
		g.t.Fatal(err)
	}
}

func (g *grid) release() {
	if err := os.Remove(filepath.Join(g.dir, "hold")); err != nil {
		g.t.Fatal(err)
	}
}

// missing are the points without a record.
func (g *grid) missing() []string {
	return slices.DeleteFunc(slices.Clone(g.ids), func(id string) bool {
		return exists(filepath.Join(g.dir, "points",
			id+".json"))
	})
}

func (g *grid) try(ids []string, chunks int, o slurm.Options, sbatch string) (slurm.Launch, error) {
	var err error
	if o.Sbatch, err = slurm.ParseSbatch(sbatch); err != nil {
		g.t.Fatal(err)
	}
	if o.Program, err = os.Executable(); err != nil {
		g.t.Fatal(err)
	}
	points := make([]slurm.Point, len(ids))
	for i, id := range ids {
		points[i] = slurm.Point{ID: id, Work: 1}
	}
	return slurm.Submit(g.t.Context(), g.dir, slurm.Pack(points, chunks), o)
}

func (g *grid) submit(chunks int, o slurm.Options, sbatch string) slurm.Launch {
	g.t.Helper()
	l, err := g.try(g.missing(), chunks, o, sbatch)
	if err != nil {
		g.t.Fatal(err)
	}
	return l
}

// inNoTask are the points without a record that no task in the queue has.
func (g *grid) inNoTask() []string {
	g.t.Helper()
	underWay := slurm.UnderWay(g.launches(), g.queue())
	return slices.DeleteFunc(g.missing(), func(id string) bool { _, ok := underWay[id]; return ok })
}

// ended checks the report on tasks that have ended.
func (g *grid) ended(want ...slurm.Ended) {
	g.t.Helper()
	got, err := slurm.FindEnded(g.launches(), g.inNoTask())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		g.t.Errorf("%v %s", err, diff)
	}
}

// again submits the points that are missing and not in training, and checks their number.
func (g *grid) again(points int) {
	g.t.Helper()
	ids := g.inNoTask()
	if len(ids) != points {
		g.t.Fatalf("missing and not in training: %v, want %d points", ids, points)
	}
	if _, err := g.try(ids, 1, slurm.Options{MaxStarts: 1}, "--nodelist=n1"); err != nil {
		g.t.Fatal(err)
	}
}

func (g *grid) launches() []slurm.Launch {
	g.t.Helper()
	launches, err := slurm.Launches(g.dir)
	if err != nil {
		g.t.Fatal(err)
	}
	return launches
}

func (g *grid) queue() []slurm.Queued {
	g.t.Helper()
	tasks, err := slurm.Queue(g.t.Context(), g.launches())
	if err != nil {
		g.t.Fatal(err)
	}
	return tasks
}

// state is squeue's word for a chunk of the first launch, or empty.
func (g *grid) state(chunk int) string {
	for _, q := range g.queue() {
		if q.Launch == "0001" && q.Chunk == chunk {
			return q.State
		}
	}
	return ""
}

// task is Slurm's name of a chunk of a launch with one array, the only one.
func (g *grid) task(chunk int) string {
	g.t.Helper()
	launches := g.launches()
	if len(launches) != 1 || len(launches[0].Jobs) != 1 {
		g.t.Fatalf("launches %+v, want one with one array", launches)
	}
	return launches[0].Jobs[0].ID + "_" + strconv.Itoa(chunk)
}

// starts counts the starts of a chunk.
func (g *grid) starts(l slurm.Launch, chunk int) int {
	text, err := os.ReadFile(filepath.Join(l.Dir, "starts", fmt.Sprintf("chunk-%04d.log", chunk)))
	if err != nil && !os.IsNotExist(err) {
		g.t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

// log is the output of the tasks of a launch.
func (g *grid) log(l slurm.Launch) string {
	var b strings.Builder
	entries, err := os.ReadDir(l.Dir)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "task-") {
			text, err := os.ReadFile(filepath.Join(l.Dir, e.Name()))
			if err != nil {
				g.t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s:\n%s", e.Name(), text)
		}
	}
	return b.String()
}

// until waits. How long it takes says nothing about the program.
func (g *grid) until(what string, holds func() bool) {
	g.t.Helper()
	slurmtest.Until(g.t, what, holds, func() string {
		for _, l := range g.launches() {
			g.t.Logf("%s\n%s", l.Dir, g.log(l))
		}
		return fmt.Sprintf("in the queue: %+v", g.queue())
	})
}

// finished waits until the queue is empty and compares the records with those of an undisturbed run.
func (g *grid) finished() {
	g.t.Helper()
	g.until("the queue is empty", func() bool { return len(g.queue()) == 0 })
	want, got := map[string]string{}, map[string]string{}
	for _, id := range g.ids {
		var s state
		for s.Step < steps {
			s.advance(id)
		}
		want[id+".json"] = s.Value
	}
	entries, err := os.ReadDir(filepath.Join(g.dir, "points"))
	if err != nil {
		g.t.Fatal(err)
	}
	for _, e := range entries {
		var value string
		if err := store.ReadJSONFile(filepath.Join(g.dir, "points", e.Name()), &value); err != nil {
			g.t.Fatal(err)
		}
		got[e.Name()] = value
	}
	if !maps.Equal(got, want) {
		g.t.Errorf("records %v\nwant %v", got, want)
		for _, l := range g.launches() {
			g.t.Logf("%s\n%s", l.Dir, g.log(l))
		}
	}
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return string(out)
}
