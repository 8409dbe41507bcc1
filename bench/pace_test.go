package bench

import (
	"errors"
	"math"
	"testing"
	"time"
)

// A step counts with its share of the work at the beginning of an epoch, whether or not an epoch fits into the time.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		name            string
		duration        time.Duration
		perEpoch        int
		step, beginning time.Duration
		epochs, steps   int // wanted; steps is a minimum
	}{
		{name: "many epochs", duration: time.Second, perEpoch: 100, step: time.Millisecond, beginning: 50 * time.Millisecond,
			epochs: 7, steps: 700},
		{name: "one epoch", duration: time.Second, perEpoch: 900, step: time.Millisecond, beginning: 200 * time.Millisecond,
			epochs: 1, steps: 900},
		{name: "part of an epoch", duration: time.Second, perEpoch: 3000, step: time.Millisecond,
			beginning: 450 * time.Millisecond, steps: 1000},
		{name: "few steps", duration: time.Second, perEpoch: 3000, step: 400 * time.Millisecond, beginning: time.Second,
			steps: 3},
		{name: "steps longer than the time", duration: time.Millisecond, perEpoch: 3000, step: time.Second,
			beginning: time.Minute, steps: 2},
		{name: "an epoch of one step", duration: time.Millisecond, perEpoch: 1, step: time.Second, beginning: time.Second,
			epochs: 1, steps: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := time.Unix(0, 0)
			next := 0
			got, err := pace(c.duration, c.perEpoch, func() time.Time { return clock }, func(first, n int) error {
				if first < next || n < 1 {
					t.Fatalf("%d steps from %d on, after %d", n, first, next)
				}
				for s := first; s < first+n; s++ {
					clock = clock.Add(c.step)
					if s%c.perEpoch == 0 {
						clock = clock.Add(c.beginning)
					}
					if s == 0 { // compiling
						clock = clock.Add(time.Hour)
					}
				}
				next = first + n
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			want := c.step.Seconds() + c.beginning.Seconds()/float64(c.perEpoch)
			if math.Abs(got.perStep/want-1) > 1e-9 || got.epochs != c.epochs || got.steps < c.steps {
				t.Errorf("got %+v, want %g s per step, %d epochs, %d steps or more", got, want, c.epochs, c.steps)
			}
		})
	}
	failure := errors.New("failure")
	for after := range 20 {
		calls := 0
		_, err := pace(time.Second, 3000, func() time.Time { return time.Unix(int64(calls), 0) }, func(int, int) error {
			if calls++; calls > after {
				return failure
			}
			return nil
		})
		if want := after < 4; want != errors.Is(err, failure) || calls > after+1 {
			t.Errorf("failing after %d calls: %d calls, error %v", after, calls, err)
		}
	}
}
