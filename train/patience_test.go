package train

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/results/store"
)

// patient is a run whose loss on the held-out examples soon rises.
func patient(t *testing.T) (Config, *Run) {
	t.Helper()
	c, set := small(t)
	c.Validation, c.Epochs, c.LearningRate, c.Patience = 30, 30, 0.05, 3
	return c, newRun(t, c, set)
}

// A run stops at the epoch that its validation losses tell, with the numbers that it has there without a patience.
func TestPatience(t *testing.T) {
	c, stopped := patient(t)
	set := stopped.Set
	var l lines
	if err := stopped.Train(context.Background(), l.events()); err != nil {
		t.Fatal(err)
	}
	without := c
	without.Patience = 0
	whole := newRun(t, without, set)
	var all lines
	if err := whole.Train(context.Background(), all.events()); err != nil {
		t.Fatal(err)
	}
	want, least := 0, all.epochs[0]
	for _, e := range all.epochs {
		if *e.ValidationLossSampled < *least.ValidationLossSampled {
			least = e
		}
		if want == 0 && e.Epoch-least.Epoch == 3 {
			want = e.Epoch
		}
	}
	if want < 5 || want > 25 || stopped.Step() != want*stopped.StepsPerEpoch() || !stopped.Stopped(0) {
		t.Fatalf("stopped at step %d, want after epoch %d", stopped.Step(), want)
	}
	if diff := cmp.Diff(timeless(t, all.epochs[:want]), timeless(t, l.epochs)); diff != "" {
		t.Errorf("other metrics: %s", diff)
	}
	if l.last.Step != stopped.Step() || !l.last.State.Finite() {
		t.Errorf("the last checkpoint is of step %d, want %d", l.last.Step, stopped.Step())
	}
	short := without
	short.Epochs = want
	until := newRun(t, short, set)
	if err := until.Train(context.Background(), Events{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stateOf(t, until.vm, 0), stateOf(t, stopped.vm, 0)); diff != "" {
		t.Errorf("another network than after as many epochs without a patience: %s", diff)
	}
	summary, err := stopped.Summarise(context.Background(), 2)
	if err != nil || summary.StoppedEpoch != want || summary.Epochs != float64(want) {
		t.Errorf("summary: stopped after epoch %d, trained %v, want %d: %v", summary.StoppedEpoch, summary.Epochs, want, err)
	}
	if s, err := whole.Summarise(context.Background(), 0); err != nil || s.StoppedEpoch != 0 {
		t.Errorf("without a patience: stopped after epoch %d, %v", s.StoppedEpoch, err)
	}
	resumed := newRun(t, c, set)
	if err := resumed.Resume(store.Times{}, l.last); err != nil {
		t.Fatal(err)
	}
	if err := resumed.Train(context.Background(), Events{}); err != nil || resumed.Step() != stopped.Step() {
		t.Errorf("resumed, it goes on to step %d: %v", resumed.Step(), err)
	}
	again, err := resumed.Summarise(context.Background(), 2)
	if err != nil || encode(t, again.Outcome) != encode(t, summary.Outcome) {
		t.Errorf("resumed: %s, want %s: %v", encode(t, again.Outcome), encode(t, summary.Outcome), err)
	}
}

// Interrupted at each call of the machine in turn, a run stops at the same epoch with the same bytes, with metrics and
// without.
func TestPatienceInterrupted(t *testing.T) {
	c, whole := patient(t)
	if err := whole.Train(context.Background(), Events{}); err != nil {
		t.Fatal(err)
	}
	want := bytesOf(t, whole)
	for _, metrics := range []bool{true, false} {
		var l lines
		events := l.events()
		if !metrics {
			events.Epoch = nil
		}
		r, interruptions := newRun(t, c, whole.Set), 0
		for ; ; interruptions++ {
			ctx, cancel := context.WithCancel(context.Background())
			r.vm = &counting{VM: r.vm, left: 1 + interruptions%3, cancel: cancel}
			err := r.Train(ctx, events)
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, ErrInterrupted) || interruptions > 10000 {
				t.Fatal(err)
			}
			r = newRun(t, c, whole.Set)
			if err := r.Resume(store.Times{}, l.last); err != nil {
				t.Fatal(err)
			}
		}
		if bytesOf(t, r) != want || interruptions < 20 {
			t.Errorf("after %d interruptions another network, at step %d instead of %d", interruptions, r.Step(), whole.Step())
		}
	}
}

func TestPatienceNeedsValidation(t *testing.T) {
	c, _ := patient(t)
	c.Validation = 0
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), "patience 3: want") ||
		!strings.Contains(err.Error(), "validation") {
		t.Errorf("without held-out examples: %v", err)
	}
}

// A summary has all settings: read back, they are those of the run.
func TestSummaryHasAllSettings(t *testing.T) {
	c, set := small(t)
	c.Validation, c.Patience, c.Noise, c.Seed = 30, 3, "layer", 1<<63+1
	r := newRun(t, c, set)
	s, err := r.Summarise(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var read struct{ Settings Config }
	if err := json.Unmarshal([]byte(encode(t, s)), &read); err != nil {
		t.Fatal(err)
	}
	if d := read.Settings.Differences(r.Networks[0]); len(d) > 0 {
		t.Errorf("the summary differs in %v", d.Names())
	}
	for _, setting := range r.Networks[0].Settings() {
		if !strings.Contains(encode(t, s), `"`+setting.Name+`":`) {
			t.Errorf("the summary lacks %s", setting.Name)
		}
	}
}
