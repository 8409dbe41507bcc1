package slurm_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"quantal/grid/slurm"
	"quantal/results/store"
)

// TestMain is also what the tasks run instead of quantal: they call this binary with quantal's arguments.
func TestMain(m *testing.M) {
	if len(os.Args) == 7 && slices.Equal(os.Args[1:4], []string{"grid", "work", "--plan"}) && os.Args[5] == "--chunk" {
		chunk, err := strconv.Atoi(os.Args[6])
		if err == nil {
			err = work(os.Args[4], chunk)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// The tests on a real Slurm mostly wait, so they run at the same time even on few cores.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// steps is the number of steps of a stand-in's point, 5 ms each.
const steps = 40

// state is an unfinished point. Its value after all steps shows that none was left out and none done twice.
type state struct {
	Step  int
	Value string
}

func (s *state) advance(id string) {
	sum := sha256.Sum256([]byte(id + s.Value))
	s.Value = hex.EncodeToString(sum[:])
	s.Step++
}

// work trains a chunk's points: with records, checkpoints and TERM as a worker must have them. While the grid's folder
// has a file named hold, it stops in the middle of a point, until that is removed or a TERM arrives.
func work(plan string, chunk int) error {
	ctx, release := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer release()
	task, err := slurm.Begin(plan, chunk)
	if err != nil {
		return err
	}
	fmt.Printf("start %d of chunk %d\n", task.Starts, chunk)
	for _, id := range task.Points {
		record, checkpoint := filepath.Join(task.Grid, "points", id+".json"),
			filepath.Join(task.Grid, "checkpoints", id+".json")
		if exists(record) {
			continue
		}
		var s state
		if exists(checkpoint) {
			if err := store.ReadJSONFile(checkpoint, &s); err != nil {
				return err
			}
			fmt.Printf("%s continues at step %d\n", id, s.Step)
		}
		for s.Step < steps {
			for s.Step == steps/2 && exists(filepath.Join(task.Grid, "hold")) && ctx.Err() == nil {
				time.Sleep(5 * time.Millisecond)
			}
			if ctx.Err() != nil {
				if err := store.WriteJSONFile(checkpoint, s); err != nil {
					return err
				}
				if err := task.Requeue(context.Background()); err != nil {
					return err
				}
				return errors.New("asking Slurm to start this task again")
			}
			s.advance(id)
			time.Sleep(5 * time.Millisecond)
		}
		if err := store.WriteJSONFile(record, s.Value); err != nil {
			return err
		}
		fmt.Printf("%s done\n", id)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
