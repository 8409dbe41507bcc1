package grid

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quantal/results/store"
	"quantal/train"
)

// Networks that train together stop one by one, each as if it were alone, also in a grid that is interrupted again and
// again; the checkpoints of those that go on replace the earlier ones.
func TestPatienceInAGrid(t *testing.T) {
	c, set := small(t)
	c.Validation, c.Epochs, c.LearningRate = 30, 20, 0.05
	points, err := Points(c, axes(t, "patience=0,2,3", "c=1e-4,1e30", "seed=1-3")...)
	check(t, err)
	if points[0].Config.Cohort() != points[len(points)-1].Config.Cohort() {
		t.Fatal("networks of different patience do not train together")
	}
	f := planned(t, t.TempDir(), points)
	check(t, f.Run(context.Background(), set, points, options(), Events{Finished: func(store.Record) {
		if n := len(listed(t, f.Path(checkpointsName))); n > 2 {
			t.Errorf("%d checkpoints: want that of the networks that go on and the one before it", n)
		}
	}}))
	want := contents(t, f)
	stops := map[int]bool{}
	for _, p := range points {
		alone := planned(t, t.TempDir(), []Point{p})
		check(t, alone.Run(context.Background(), set, []Point{p}, options(), Events{}))
		for name, text := range contents(t, alone) {
			if want[name] != text {
				t.Errorf("%s is another alone", name)
			}
		}
		r, err := store.ReadRecord(f.Path(pointsName), p.ID)
		check(t, err)
		if r.Status == store.Done && (r.StoppedEpoch > 0) != (p.Config.Patience > 0) {
			t.Errorf("%s, patience %d, stopped after epoch %d", p.ID, p.Config.Patience, r.StoppedEpoch)
		}
		stops[r.StoppedEpoch] = true
	}
	if len(stops) < 4 { // 0 among them
		t.Errorf("stopped after epochs %v: want three different ones", stops)
	}
	dir := t.TempDir()
	for interruptions := 0; ; interruptions++ {
		f := planned(t, dir, points)
		ctx, cancel := context.WithCancel(context.Background())
		calls, o := 0, options()
		o.Threads, o.Interval = 1+interruptions%3, time.Nanosecond
		err := f.Run(ctx, set, points, o, Events{Progress: func(Progress) {
			if calls++; calls > 4+interruptions%7 {
				cancel()
			}
		}})
		cancel()
		check(t, f.Close())
		if err == nil {
			if diff := cmp.Diff(want, contents(t, f)); diff != "" || interruptions < 5 {
				t.Errorf("after %d interruptions: %s", interruptions, diff)
			}
			break
		}
		if !errors.Is(err, train.ErrInterrupted) {
			t.Fatal(err)
		}
	}
	if left := listed(t, f.Path(checkpointsName)); len(left) > 0 {
		t.Errorf("checkpoints are left: %v", left)
	}
}
