package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/grid/slurm"
	"quantal/internal/slurmtest"
	"quantal/results/store"
)

// TestGridOnSlurm trains a grid on a real Slurm where one task is killed, one is told to end, one is cancelled and one
// loses its node, and compares all records and networks with those of an undisturbed grid.
func TestGridOnSlurm(t *testing.T) {
	if testing.Short() || os.Getenv("QUANTAL_KERNELS") != "" {
		t.Skip("takes a minute, and longer with slower kernels")
	}
	c := slurmtest.Start(t)
	s := &slurmScript{t: t, dir: filepath.Join(t.TempDir(), "100%A [of] $HOME's")}
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.quantal = filepath.Join(s.dir, "quantal")
	if out, err := exec.Command("go", "build", "-o", s.quantal, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	points := strings.Fields("grid --data glyphs --noise heterogeneous,homogeneous --c 0.1,1 --seeds 1-2 --epochs 2 " +
		"--draws 1")
	launch := append(points, "--out", "disturbed", "--launch", "slurm", "--chunks", "4", "--checkpoint-interval", "10ms")
	s.run(launch...)

	l := s.launches()[0]
	if len(l.Plan.Chunks) != 4 || len(l.Jobs) != 1 {
		t.Fatalf("launch %+v", l)
	}
	task := func(chunk int) string { return fmt.Sprintf("%s_%d", l.Jobs[0].ID, chunk) }
	// A task whose networks have a checkpoint is stopped, so that none ends before it is disturbed.
	s.until("four tasks have checkpoints", func() bool {
		held := 0
		for chunk, points := range l.Plan.Chunks {
			if s.hasCheckpoint(points[0]) {
				signalAll(t, c.Processes(task(chunk)), syscall.SIGSTOP)
				held++
			}
		}
		return held == 4
	})
	// The same command again finds everything in the queue.
	s.run(launch...)
	if n := len(s.launches()); n != 1 {
		t.Errorf("%d launches although everything is in the queue", n)
	}
	signalAll(t, c.Processes(task(0)), syscall.SIGKILL)
	for chunk, args := range map[int][]string{1: {"--batch", "--signal=TERM", task(1)}, 2: {task(2)}} {
		pids := c.Processes(task(chunk))
		if out, err := exec.Command("scancel", args...).CombinedOutput(); err != nil {
			t.Fatalf("scancel: %v: %s", err, out)
		}
		signalAll(t, pids, syscall.SIGCONT)
	}
	s.until("one task has ended, one is cancelled and one is back", func() bool {
		states := map[string]string{}
		for _, q := range s.status().Slurm.Tasks {
			states[q.Job] = q.State
		}
		return states[task(0)] == "" && states[task(2)] == "" && (states[task(1)] == "PENDING" || s.starts(l, 1) == 2)
	})
	c.LoseNode(t, "n2", task(3))
	whole := s.command(append(points, "--out", "whole")...) // while the others continue
	if err := whole.Start(); err != nil {
		t.Fatal(err)
	}
	s.until("what was not killed or cancelled is done", func() bool { return s.status().Slurm.InTasks == 0 })
	status := s.status()
	ended := status.Slurm.Ended
	if len(ended) != 2 || ended[0].Job != task(0) || ended[1].Job != task(2) || ended[0].Log == "" ||
		ended[1].Starts != 1 {
		t.Errorf("ended before their time: %+v, want the killed task and the cancelled one", ended)
	}
	if status.Done != 4 || status.Slurm.InNone != 4 {
		t.Errorf("%d points done, %d in no task: want the 4 of two tasks done and the other 4 in none", status.Done,
			status.Slurm.InNone)
	}
	log, err := os.ReadFile(filepath.Join(l.Dir, "task-"+task(1)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), "to start this task again") || !strings.Contains(string(log), "start=2") {
		t.Errorf("task 1 was to end, and to start again:\n%s", log)
	}
	if n := s.resumed(); n < 2 {
		t.Errorf("%d resumed from a checkpoint, want those of chunk 1 and 3", n)
	}

	s.run(launch...)
	if again := s.launches(); len(again) != 2 || len(again[1].Plan.Chunks) != 4 {
		t.Errorf("launches %+v: want a second one with the four missing points", again)
	}
	s.until("all is done", func() bool { return s.status().Done == 8 })
	if err := whole.Wait(); err != nil {
		t.Fatalf("%v: %s", err, whole.Stderr)
	}
	s.same()

	// Two copies of one task at once.
	for _, id := range l.Plan.Chunks[0] {
		if err := os.Remove(filepath.Join(s.dir, "disturbed", "points", id+".json")); err != nil {
			t.Fatal(err)
		}
	}
	copies := []*exec.Cmd{}
	for range 2 {
		copy := s.command("grid", "work", "--plan", filepath.Join(l.Dir, "plan.json"), "--chunk", "0",
			"--checkpoint-interval", "100ms")
		if err := copy.Start(); err != nil {
			t.Fatal(err)
		}
		copies = append(copies, copy)
	}
	for _, copy := range copies {
		if err := copy.Wait(); err != nil {
			t.Errorf("%v: %s", err, copy.Stderr)
		}
	}
	s.same()

	// With nothing missing the same command writes the tables.
	s.run(launch...)
	if n := len(s.launches()); n != 2 {
		t.Errorf("%d launches, want no third one", n)
	}
	for _, name := range []string{"table.csv", "table.jsonl", "means.csv"} {
		want, err1 := os.ReadFile(filepath.Join(s.dir, "whole", name))
		got, err2 := os.ReadFile(filepath.Join(s.dir, "disturbed", name))
		if err := errors.Join(err1, err2); err != nil || string(got) != string(want) {
			t.Errorf("%s differs from the undisturbed grid's: %v", name, err)
		}
	}
}

// slurmScript runs quantal in a folder with the grids whole and disturbed.
type slurmScript struct {
	t            *testing.T
	dir, quantal string
}

func (s *slurmScript) command(args ...string) *exec.Cmd {
	c := exec.Command(s.quantal, args...)
	c.Dir = s.dir
	c.Stderr = new(strings.Builder)
	return c
}

func (s *slurmScript) run(args ...string) string {
	s.t.Helper()
	c := s.command(args...)
	out, err := c.Output()
	if err != nil {
		s.t.Fatalf("quantal %q: %v: %s", args, err, c.Stderr)
	}
	return string(out)
}

func (s *slurmScript) launches() []slurm.Launch {
	s.t.Helper()
	launches, err := slurm.Launches(filepath.Join(s.dir, "disturbed"))
	if err != nil {
		s.t.Fatal(err)
	}
	return launches
}

func (s *slurmScript) status() gridStatus {
	s.t.Helper()
	var status gridStatus
	if err := json.Unmarshal([]byte(s.run("status", "--json", "disturbed")), &status); err != nil {
		s.t.Fatal(err)
	}
	if status.Slurm == nil {
		status.Slurm = &slurmStatus{}
	}
	if status.Slurm.Unknown != "" {
		s.t.Fatal(status.Slurm.Unknown)
	}
	return status
}

func (s *slurmScript) until(what string, holds func() bool) {
	s.t.Helper()
	slurmtest.Until(s.t, what, holds, func() string { return s.run("status", "disturbed") })
}

// hasCheckpoint reports whether a point is in a checkpoint of unfinished networks.
func (s *slurmScript) hasCheckpoint(id string) bool {
	dir := filepath.Join(s.dir, "disturbed", "checkpoints")
	files, _ := os.ReadDir(dir) // none before the first task
	return slices.ContainsFunc(files, func(f os.DirEntry) bool {
		names, _, err := store.TeamNames(filepath.Join(dir, f.Name()))
		return err == nil && slices.Contains(names, id)
	})
}

// starts counts the starts of a chunk.
func (s *slurmScript) starts(l slurm.Launch, chunk int) int {
	// missing before the first
	text, _ := os.ReadFile(filepath.Join(l.Dir, "starts", fmt.Sprintf("chunk-%04d.log", chunk)))
	return strings.Count(string(text), "\n")
}

// signalAll signals processes; one may have ended.
func signalAll(t *testing.T, pids []int, signal syscall.Signal) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
	}
}

// resumed counts how often a process continued from a checkpoint.
func (s *slurmScript) resumed() (n int) {
	s.t.Helper()
	dir := filepath.Join(s.dir, "disturbed", "journal")
	files, err := os.ReadDir(dir)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			s.t.Fatal(err)
		}
		n += strings.Count(string(text), `"event":"resume"`)
	}
	return n
}

// same compares the finished points of both grids.
func (s *slurmScript) same() {
	s.t.Helper()
	read := func(grid string) map[string]string {
		files := map[string]string{}
		entries, err := os.ReadDir(filepath.Join(s.dir, grid, "points"))
		if err != nil {
			s.t.Fatal(err)
		}
		for _, e := range entries {
			text, err := os.ReadFile(filepath.Join(s.dir, grid, "points", e.Name()))
			if err != nil {
				s.t.Fatal(err)
			}
			files[e.Name()] = string(text)
		}
		return files
	}
	whole, disturbed := read("whole"), read("disturbed")
	if len(whole) != 2*8 {
		s.t.Errorf("%d files of an undisturbed grid, want a record and a network of 8 points", len(whole))
	}
	for name, text := range whole {
		if disturbed[name] != text {
			s.t.Errorf("%s differs from the undisturbed one", name)
		}
		delete(disturbed, name)
	}
	if diff := cmp.Diff(map[string]string{}, disturbed); diff != "" {
		s.t.Errorf("more than in the undisturbed grid: %s", diff)
	}
}
