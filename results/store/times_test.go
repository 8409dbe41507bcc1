package store

import (
	"os"
	"testing"
)

// The time that a run has taken is recorded for its last checkpoints; if nothing was recorded, it comes from the
// metrics.
func TestTimes(t *testing.T) {
	f := newRun(t)
	want := func(step int, seconds, measuring float64) {
		t.Helper()
		got, err := f.Times(step)
		check(t, err)
		if got != (Times{seconds, measuring}) {
			t.Errorf("times at step %d: %+v, want %v and %v", step, got, seconds, measuring)
		}
	}
	want(0, 0, 0)
	// A folder of an earlier version: no times.json, and lines without measuring_seconds.
	check(t, os.WriteFile(f.Path(metricsName),
		[]byte(`{"epoch":1,"step":10,"seconds":3}`+"\n"+`{"epoch":2,"step":20,"seconds":7}`+"\n"), 0o644))
	want(9, 0, 0)
	want(10, 3, 0)
	want(25, 7, 0)

	for i := 1; i <= 5; i++ {
		check(t, f.KeepTimes(10*i, Times{float64(i), float64(10 * i)}))
	}
	want(50, 5, 50)
	want(49, 4, 40) // the newest checkpoint was damaged, the run continues from the one before
	check(t, f.KeepTimes(45, Times{4.5, 41}))
	want(50, 4.5, 41)
	want(44, 4, 40)
	want(25, 7, 0) // from before the records

	// A damaged file is not a reason to stop, and is replaced.
	check(t, os.WriteFile(f.Path(timesName), []byte("[{"), 0o644))
	if _, err := f.Times(45); err == nil {
		t.Error("a damaged times.json gives no error")
	}
	check(t, f.KeepTimes(60, Times{6, 60}))
	want(60, 6, 60)
}
