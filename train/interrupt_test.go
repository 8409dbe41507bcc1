package train

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quantal/internal/fault"
	"quantal/internal/stripes"
	"quantal/kernels"
	"quantal/results/store"
)

// counting is a VM that cancels a context at its last allowed call, and counts the steps and evaluations requested
// after that.
type counting struct {
	kernels.VM
	left                    int
	cancel                  func()
	stepsAfter, passesAfter int
}

func (c *counting) call() (after bool) {
	c.left--
	if c.left == 0 {
		c.cancel()
	}
	return c.left < 0
}

func (c *counting) Run(ctx context.Context, first, n int) ([]kernels.Progress, error) {
	if c.call() {
		c.stepsAfter += n
	}
	return c.VM.Run(ctx, first, n)
}

func (c *counting) Evaluate(ctx context.Context, data *kernels.Data, step, draws int) ([]kernels.Score, error) {
	if c.call() && ctx.Err() == nil {
		c.passesAfter++
	}
	return c.VM.Evaluate(ctx, data, step, draws)
}

// lines is the metrics and the last checkpoint of a run that is interrupted and resumed.
type lines struct {
	epochs []store.Epoch
	last   *store.Checkpoint
}

func (l *lines) events() Events {
	return Events{
		Epoch:      func(_ int, e store.Epoch) error { l.epochs = append(l.epochs, e); return nil },
		Checkpoint: func(c map[int]*store.Checkpoint) error { l.last = c[0]; return nil },
	}
}

// timeless are lines of metrics without times.
func timeless(t *testing.T, epochs []store.Epoch) []string {
	t.Helper()
	var list []string
	for _, e := range epochs {
		e.Times, e.StepsPerSecond = store.Times{}, 0
		line, err := store.EncodeJSON(e)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(line))
	}
	return list
}

// All measurements, to the last digit, are functions of the settings: they depend neither on the lengths of slices,
// which a clock decides, nor on interruptions at any point. After an interruption the VM is not asked for another step
// or evaluation.
func TestMetricsDoNotDependOnTheClock(t *testing.T) {
	c, _ := small(t)
	set := stripes.Set(1500, 45, 5, 6, 3) // enough for sums to differ in their last digits if they are computed in parts
	c.Validation, c.CheckpointEvery = 16, 2
	run := func(length time.Duration) *lines {
		r := newRun(t, c, set)
		r.pace.slice = length
		var l lines
		if err := r.Train(context.Background(), l.events()); err != nil {
			t.Fatal(err)
		}
		return &l
	}
	whole := run(time.Hour) // slices of 1, 4, 16, ... steps until the epoch is over
	want := timeless(t, whole.epochs)
	if diff := cmp.Diff(want, timeless(t, run(0).epochs)); diff != "" { // slices of one step
		t.Errorf("other slices, other metrics:\n%s", diff)
	}
	// Interrupted in each call of the VM in turn: once, or in the second round again after being resumed.
	for _, again := range []bool{false, true} {
		calls := 0
		for interruptions := 1; interruptions > 0; {
			calls++
			interruptions = 0
			var l lines
			for done := false; !done; {
				r := newRun(t, c, set)
				if l.last != nil {
					if err := r.Resume(store.Times{}, l.last); err != nil {
						t.Fatal(err)
					}
					l.epochs = l.epochs[:r.Measured()]
				}
				ctx, cancel := context.WithCancel(context.Background())
				vm := &counting{VM: r.vm, left: calls + interruptions, cancel: cancel} // later each time, for progress
				if interruptions > 0 && !again {
					vm.left = 1 << 30
				}
				r.vm = vm
				err := r.Train(ctx, l.events())
				cancel()
				if done = err == nil; !done && !errors.Is(err, ErrInterrupted) {
					t.Fatal(err)
				}
				if vm.stepsAfter+vm.passesAfter > 0 {
					t.Fatalf("interrupted in call %d of the VM: %d steps and %d tests after that", calls, vm.stepsAfter,
						vm.passesAfter)
				}
				if !done {
					interruptions++
				}
			}
			if diff := cmp.Diff(want, timeless(t, l.epochs)); diff != "" {
				t.Fatalf("interrupted %d times from call %d of the VM on: the metrics differ:\n%s", interruptions, calls, diff)
			}
			if !cmp.Equal(whole.last, l.last) {
				t.Fatalf("interrupted %d times from call %d of the VM on: the last checkpoint differs", interruptions, calls)
			}
		}
		if calls < 10 {
			t.Errorf("only %d calls of the VM", calls)
		}
	}
}

// An interruption does not wait until a run is prepared; the run is closed when it is. A panic reaches the caller.
func TestPrepareIsInterrupted(t *testing.T) {
	c, set := small(t)
	ctx, cancel := context.WithCancel(context.Background())
	goOn, closed := make(chan struct{}), make(chan struct{})
	_, err := Prepare(ctx, func() (*Run, error) {
		r, err := New(set, c)
		if err == nil {
			r.vm = closing{r.vm, closed}
		}
		cancel()
		<-goOn
		return r, err
	})
	if !errors.Is(err, ErrInterrupted) {
		t.Fatalf("%v, want ErrInterrupted", err)
	}
	close(goOn)
	<-closed
	never := func() (*Run, error) { t.Error("prepared after an interruption"); return nil, nil }
	if _, err := Prepare(ctx, never); !errors.Is(err, ErrInterrupted) {
		t.Errorf("%v, want ErrInterrupted", err)
	}
	r, err := Prepare(context.Background(), func() (*Run, error) { return New(set, c) })
	if err != nil || r.Close() != nil {
		t.Error(err)
	}
	func() {
		defer func() {
			if f, ok := recover().(*fault.Error); !ok || f.Value != "broken" {
				t.Error("the panic did not reach the caller")
			}
		}()
		_, _ = Prepare(context.Background(), func() (*Run, error) { panic("broken") })
	}()
}

// closing is a VM that reports when it is closed.
type closing struct {
	kernels.VM
	closed chan struct{}
}

func (c closing) Close() error {
	close(c.closed)
	return c.VM.Close()
}

// The time of a run is counted over all its processes, separately for steps and evaluation.
func TestTimesOfARun(t *testing.T) {
	c, set := small(t)
	r := newRun(t, c, set)
	var l lines
	began := time.Now()
	if err := r.Train(context.Background(), l.events()); err != nil {
		t.Fatal(err)
	}
	training := r.Times().Seconds
	s, err := r.Summarise(context.Background(), 5)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began).Seconds()
	if s.Seconds != training || s.StepsPerSecond != float64(s.Steps)/training {
		t.Errorf("%v s, %v steps/s after the final test, want %v s of training", s.Seconds, s.StepsPerSecond, training)
	}
	if !(s.Seconds > 0 && s.MeasuringSeconds > l.epochs[3].MeasuringSeconds && s.Seconds+s.MeasuringSeconds <= took) {
		t.Errorf("%+v, epoch %+v: want times that add up to at most %v s", s.Times, l.epochs[3].Times, took)
	}
	resumed := newRun(t, c, set)
	if err := resumed.Resume(store.Times{Seconds: 1000, MeasuringSeconds: 500}, l.last); err != nil {
		t.Fatal(err)
	}
	if s, err = resumed.Summarise(context.Background(), 5); err != nil {
		t.Fatal(err)
	}
	if s.Seconds != 1000 || s.StepsPerSecond != float64(s.Steps)/1000 || s.MeasuringSeconds <= 500 {
		t.Errorf("%+v, %v steps/s: want the times before the run was resumed in it", s.Times, s.StepsPerSecond)
	}
}
