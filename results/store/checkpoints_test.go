package store

import (
	"bufio"
	"errors"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func checkpointFiles(t *testing.T, f *Folder) []string { return names(t, f.Path(checkpointsName)) }

// damage changes a byte in the middle of a file.
func damage(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	check(t, err)
	data[len(data)/2] ^= 0x10
	check(t, os.WriteFile(path, data, 0o644))
}

func (f *Folder) checkpointPath(step int) string {
	return f.Path(checkpointsName + "/" + checkpointName(step))
}

func wantStep(t *testing.T, f *Folder, step, skipped int) {
	t.Helper()
	c, bad, err := f.LastCheckpoint()
	check(t, err)
	if c.Step != step || len(bad) != skipped {
		t.Errorf("step %d, skipped %v; want step %d, skipped %d", c.Step, bad, step, skipped)
	}
	for _, err := range bad {
		if !isCorrupt(err) {
			t.Errorf("skipped for %v, want a CorruptError", err)
		}
	}
	if want := small(step); !equalStates(c.State, want.State) {
		t.Error("the checkpoint holds another state")
	}
}

func TestTwoCheckpointsAreKept(t *testing.T) {
	f := newRun(t)
	_, _, err := f.LastCheckpoint()
	wantError(t, err, f.Path(checkpointsName), "no checkpoint")
	if !errors.Is(err, ErrNoCheckpoint) {
		t.Errorf("%v, want ErrNoCheckpoint", err)
	}
	for _, step := range []int{999999998, 999999999, 1000000000, 1000000000} { // names sort otherwise than numbers
		check(t, f.SaveCheckpoint(small(step)))
		wantStep(t, f, step, 0)
	}
	if d := cmp.Diff([]string{"step-1000000000.safetensors", "step-999999999.safetensors"},
		checkpointFiles(t, f)); d != "" {
		t.Error(d)
	}
}

func TestLastCheckpointFallsBack(t *testing.T) {
	f := newRun(t)
	check(t, f.SaveCheckpoint(small(1)))
	check(t, f.SaveCheckpoint(small(2)))
	damage(t, f.checkpointPath(2))
	wantStep(t, f, 1, 1)
	_, skipped, err := f.LastCheckpoint()
	check(t, err)
	wantError(t, skipped[0], f.checkpointPath(2))

	damage(t, f.checkpointPath(1))
	_, skipped, err = f.LastCheckpoint()
	wantError(t, err, f.Path(checkpointsName), "checkpoints can be read")
	if !isCorrupt(err) || len(skipped) != 2 {
		t.Errorf("%v with %d skipped, want a CorruptError with 2", err, len(skipped))
	}
}

func TestDamagedCheckpointsDoNotCount(t *testing.T) {
	f := newRun(t)
	check(t, f.SaveCheckpoint(small(1)))
	check(t, f.SaveCheckpoint(small(2)))
	damage(t, f.checkpointPath(2))
	check(t, f.SaveCheckpoint(small(3)))
	wantStep(t, f, 3, 0)
	damage(t, f.checkpointPath(3))
	wantStep(t, f, 1, 2) // the valid one before was kept, not the damaged one

	check(t, f.SaveCheckpoint(small(2))) // the run continues from 1, so 3 no longer belongs to this run
	if d := cmp.Diff([]string{checkpointName(1), checkpointName(2)}, checkpointFiles(t, f)); d != "" {
		t.Error(d)
	}
	check(t, f.SaveCheckpoint(small(3)))
	if d := cmp.Diff([]string{checkpointName(2), checkpointName(3)}, checkpointFiles(t, f)); d != "" {
		t.Error(d)
	}
}

func TestRenamedCheckpointIsRefused(t *testing.T) {
	f := newRun(t)
	check(t, f.SaveCheckpoint(small(1)))
	data, err := os.ReadFile(f.checkpointPath(1))
	check(t, err)
	check(t, os.WriteFile(f.checkpointPath(9), data, 0o644))
	wantStep(t, f, 1, 1)
	_, skipped, _ := f.LastCheckpoint()
	wantError(t, skipped[0], "holds step 1, not the one in its name")
}

func TestOtherNamesAreNoCheckpoints(t *testing.T) {
	f := newRun(t)
	check(t, f.SaveCheckpoint(small(1)))
	for _, name := range []string{"step-2.safetensors", "step-000000003.safetensors.bak", "step-00000000x.safetensors"} {
		check(t, os.WriteFile(f.Path(checkpointsName+"/"+name), nil, 0o644))
	}
	wantStep(t, f, 1, 0)
	check(t, f.SaveCheckpoint(small(2)))
	check(t, f.SaveCheckpoint(small(3)))
	if got := checkpointFiles(t, f); len(got) != 5 {
		t.Errorf("files %v", got)
	}
}

// Whenever the writing process is killed, all files found are complete.
func TestKilledWhileSaving(t *testing.T) {
	f := newRun(t)
	check(t, f.Close())
	for range 5 {
		writer := helperCommand(t, "save", f.Path(""))
		stdout, err := writer.StdoutPipe()
		check(t, err)
		check(t, writer.Start())
		line, err := bufio.NewReader(stdout).ReadString('\n')
		if err != nil || line != "saving\n" {
			t.Fatalf("helper said %q, %v", line, err)
		}
		time.Sleep(time.Duration(rand.IntN(30_000)) * time.Microsecond)
		check(t, writer.Process.Kill())
		_ = writer.Wait() // its error is that it was killed

		again, err := Open(f.Path(""))
		check(t, err)
		c, skipped, err := again.LastCheckpoint()
		check(t, err)
		epochs, err := again.Metrics()
		check(t, err)
		saved := checkpointFiles(t, again)
		if len(skipped) != 0 || len(epochs) < c.Step || len(saved) < kept || len(saved) > kept+1 {
			t.Errorf("step %d, skipped %v, %d epochs, files %v", c.Step, skipped, len(epochs), saved)
		}
		if _, err := again.CutMetrics(0); err != nil {
			t.Error(err)
		}
		for _, name := range saved {
			check(t, os.Remove(again.Path(checkpointsName+"/"+name)))
		}
		check(t, again.Close())
	}
}
