package grid

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/results/store"
)

func curveOf(t testing.TB, f *Folder, id string) []store.Epoch {
	t.Helper()
	curve, damaged, err := f.Curve(id)
	check(t, err)
	if len(damaged) > 0 {
		t.Errorf("damaged: %v", damaged)
	}
	return curve
}

// Each point has a curve, one that diverges up to then, and one of an earlier version none.
func TestCurvesOfPoints(t *testing.T) {
	c, set := small(t)
	points, err := Points(c, axes(t, "noise=heterogeneous,none", "c=1e-4,1e30")...)
	check(t, err)
	f := planned(t, t.TempDir(), points)
	check(t, f.Run(context.Background(), set, points, options(), Events{}))
	records, _, err := f.Records()
	check(t, err)
	for _, r := range records {
		curve := curveOf(t, f, r.ID)
		if r.Status == store.Diverged {
			if want := *r.DivergedStep / (set.Train.N() / c.Batch); len(curve) != want {
				t.Errorf("%s diverged after %d epochs and has a curve of %d", r.ID, want, len(curve))
			}
			continue
		}
		if len(curve) != c.Epochs {
			t.Fatalf("%s has a curve of %d epochs, want %d", r.ID, len(curve), c.Epochs)
		}
		last := curve[c.Epochs-1]
		if last.Step != r.Steps || last.AccuracySampled != r.AccuracySampled || last.LossMean != r.LossMean {
			t.Errorf("%s: the curve ends with %+v, the record has %+v", r.ID, last, r.Outcome)
		}
	}
	check(t, os.RemoveAll(f.Path(curvesName)))
	if curve := curveOf(t, f, records[0].ID); curve != nil {
		t.Errorf("a folder without curves has %v", curve)
	}
}

// Another process that trains the same points may be ahead: its curves are not cut back, and a checkpoint finds all
// lines up to its own step, not those behind it.
func TestCurvesOfTwoProcesses(t *testing.T) {
	c, _ := small(t)
	points, err := Points(c)
	check(t, err)
	dir := t.TempDir()
	check(t, planned(t, dir, points).Prepare())
	lines := func(n int) (list []store.Epoch) {
		for i := range n {
			e := store.NoEpoch()
			e.Epoch, e.Step, e.NLL = i+1, 14*(i+1), 1/float64(i+1)
			list = append(list, e)
		}
		return list
	}
	path := func(f *Folder) string { return f.curvePath(points[0].ID) }
	process := func() (*Folder, *curves) {
		f, err := View(dir)
		check(t, err)
		own, damaged, err := f.curvesOf(points, 0)
		check(t, err)
		if len(damaged) > 0 {
			t.Error(damaged)
		}
		return f, own
	}
	f, ahead := process()
	_, behind := process()
	ahead.lines[0], behind.lines[0] = lines(5), lines(2)
	check(t, ahead.write(0, false))
	check(t, behind.write(0, false))
	if n := len(curveOf(t, f, points[0].ID)); n != 5 {
		t.Errorf("%d lines are left of 5", n)
	}
	resumed, _, err := f.curvesOf(points, 3*14)
	check(t, err)
	if n := len(resumed.lines[0]); n != 3 {
		t.Errorf("resumed after 3 epochs with %d lines", n)
	}
	check(t, resumed.add(0, lines(3)[2]))
	check(t, resumed.add(0, lines(4)[3]))
	if n := len(resumed.lines[0]); n != 4 {
		t.Errorf("measured once more after 3 epochs, and after 4: %d lines", n)
	}
	check(t, behind.write(0, true))
	if n := len(curveOf(t, f, points[0].ID)); n != 2 {
		t.Errorf("a network that ended after 2 lines has %d", n)
	}
	raw, err := os.ReadFile(path(f))
	check(t, err)
	check(t, os.WriteFile(path(f), bytes.Replace(raw, []byte(`"epoch":1,`), []byte(`"epoch":x,`), 1), 0o644))
	curve, damaged, err := f.Curve(points[0].ID)
	check(t, err)
	if len(damaged) != 1 || len(curve) != 1 || curve[0].Epoch != 2 {
		t.Errorf("of a damaged file %v is left, damaged %v", curve, damaged)
	}
	if diff := cmp.Diff(lines(2)[1].NLL, curve[0].NLL); diff != "" {
		t.Error(diff)
	}
}
