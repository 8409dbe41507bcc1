package train

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"quantal/kernels"
	"quantal/results/store"
)

// Networks that train together have the same results as alone; one that diverges does not stop the others.
func TestNetworksSideBySide(t *testing.T) {
	c, set := small(t)
	c.Validation = 16
	networks := []Config{c, c, c, c}
	networks[1].Seed, networks[1].C = 7, 3e-4
	networks[2].C, networks[2].SigmaInit = 1e30, 1e-3 // diverges
	networks[3].LearningRate, networks[3].MuInit = 1e-2, 0.3
	team, err := New(set, networks...)
	if err != nil {
		t.Fatal(err)
	}
	defer team.Close()
	var fell []int
	epochs := map[int]int{}
	var handed []int
	err = team.Train(context.Background(), Events{
		Diverged: func(network int, d kernels.Divergence) error {
			fell = append(fell, network)
			return nil
		},
		Epoch: func(network int, e store.Epoch) error {
			epochs[network]++
			return nil
		},
		Checkpoint: func(c map[int]*store.Checkpoint) error {
			handed = append(handed, len(c))
			return nil
		},
		Progress: func(p Progress) {
			if math.IsNaN(p.NLL) {
				t.Error("the progress counts the diverged network")
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(fell) != 1 || fell[0] != 2 || team.Diverged(2) == nil || team.Diverged(0) != nil {
		t.Errorf("diverged: %v, want network 2", fell)
	}
	if len(epochs) != 3 || epochs[2] != 0 || epochs[3] != c.Epochs {
		t.Errorf("epochs by network: %v, want %d for all but number 2", epochs, c.Epochs)
	}
	for _, n := range handed {
		if n != 3 {
			t.Errorf("checkpoints of %d networks, want 3", n)
		}
	}
	outcomes, err := team.Outcomes(context.Background(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(outcomes[2].AccuracyMean) {
		t.Error("the diverged network has an accuracy")
	}
	for _, m := range []int{0, 1, 3} {
		alone := newRun(t, networks[m], set)
		if err := alone.Train(context.Background(), Events{}); err != nil {
			t.Fatal(err)
		}
		if bytesOf(t, alone) != checkpointBytes(t, team, m) {
			t.Errorf("network %d differs from the same network alone", m)
		}
		s, err := alone.Summarise(context.Background(), 2)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := encode(t, s.Outcome), encode(t, outcomes[m]); a != b {
			t.Errorf("network %d: %s, alone %s", m, b, a)
		}
	}
}

func TestCohortsDoNotMix(t *testing.T) {
	c, set := small(t)
	other := c
	other.Hidden = []int{9}
	if _, err := New(set, c, other); err == nil {
		t.Error("networks of two graphs train together")
	}
	if _, err := New(set); err == nil {
		t.Error("no network, no error")
	}
}

// Checkpoints by time are written between the ends of epochs, and a run resumed from one ends with the same bytes.
func TestCheckpointsByTime(t *testing.T) {
	c, set := small(t)
	second := c
	second.Seed = 9
	whole, err := New(set, c, second)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	var middle map[int]*store.Checkpoint
	err = whole.Train(context.Background(), Events{
		Interval: time.Nanosecond,
		Checkpoint: func(c map[int]*store.Checkpoint) error {
			if c[0].Step%whole.StepsPerEpoch() != 0 {
				middle = c
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(middle) != 2 {
		t.Fatalf("%d networks in a checkpoint within an epoch, want 2", len(middle))
	}
	rest, err := New(set, c, second)
	if err != nil {
		t.Fatal(err)
	}
	defer rest.Close()
	if err := rest.Resume(store.Times{}, middle[0], middle[1]); err != nil {
		t.Fatal(err)
	}
	if err := rest.Train(context.Background(), Events{}); err != nil {
		t.Fatal(err)
	}
	for m := range 2 {
		if checkpointBytes(t, whole, m) != checkpointBytes(t, rest, m) {
			t.Errorf("network %d: the bytes differ", m)
		}
	}
	late := *middle[1]
	late.Step++
	if err := rest.Resume(store.Times{}, middle[0], &late); err == nil {
		t.Error("checkpoints of two steps are taken for one run")
	}
	if err := rest.Resume(store.Times{}, middle[0]); err == nil {
		t.Error("one checkpoint is taken for two networks")
	}
}

func TestAllDiverged(t *testing.T) {
	c, set := small(t)
	c.C, c.SigmaInit = 1e30, 1e-3
	other := c
	other.Seed = 2
	r, err := New(set, c, other)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var diverged *DivergedError
	if err := r.Train(context.Background(), Events{}); !errors.As(err, &diverged) {
		t.Errorf("got %v, want a divergence", err)
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	line, err := store.EncodeJSON(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}

func TestSet(t *testing.T) {
	var c Config
	for name, value := range map[string]string{
		"c": "1e-3", "rho": "2/3", "hidden": "30x20", "seed": "18446744073709551615", "epochs": " 3", "noise": "layer",
		"lr": "0.5",
	} {
		if err := c.Set(name, value); err != nil {
			t.Errorf("%s = %s: %v", name, value, err)
		}
	}
	if c.C != 1e-3 || c.Rho.Value() != 2./3 || FormatHidden(c.Hidden) != "30x20" || c.Seed != math.MaxUint64 ||
		c.Epochs != 3 || c.LearningRate != 0.5 {
		t.Errorf("got %+v", c)
	}
	for name, value := range map[string]string{"c": "x", "rho": "-1", "hidden": "", "seed": "-1", "epochs": "1.5",
		"gamma": "1"} {
		if err := c.Set(name, value); err == nil {
			t.Errorf("%s = %q is taken", name, value)
		}
	}
	if err := c.Set("hidden", "none"); err != nil || len(c.Hidden) != 0 || FormatHidden(c.Hidden) != "none" {
		t.Errorf("hidden none: %v, %v", c.Hidden, err)
	}
}
