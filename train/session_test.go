package train

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"quantal/kernels"
	"quantal/kernels/cuda"
	"quantal/results/store"
)

// uses are all the uses of trained networks in a session on its device, by name.
func uses(s *Session, state *kernels.State) map[string]func(context.Context) error {
	outputs := make([]float32, s.Set.Classes)
	return map[string]func(context.Context) error{
		"gradients": func(ctx context.Context) error {
			_, err := s.Gradients(ctx, []*kernels.State{state}, kernels.Accumulate{AtMu: true}, 1, nil)
			return err
		},
		"optimise noise": func(ctx context.Context) error {
			_, err := s.OptimiseNoise(ctx, []*kernels.State{state}, 0, []Stage{{Epochs: 1, LearningRate: 1e-3}}, nil)
			return err
		},
		"fluctuate": func(ctx context.Context) error {
			f, err := s.Fluctuate(kernels.Langevin{}, Fluctuation{Start: state, StepSize: 1e-4, Temperature: 1})
			if err != nil {
				return err
			}
			return errors.Join(f.Run(ctx, 2, nil), f.Close())
		},
		"tester": func(ctx context.Context) error {
			tester, err := s.Tester(1)
			if err != nil {
				return err
			}
			_, err = tester.Scores(ctx, [][]float32{state.Mu})
			return errors.Join(err, tester.Close())
		},
		"output squares": func(ctx context.Context) error {
			_, err := s.OutputSquares(ctx, state.Mu, outputs)
			return err
		},
	}
}

// A lost device is an error of the device for every use: when states are sent to it, and when results are received.
func TestDeviceLostAtWork(t *testing.T) {
	c, set := small(t)
	for _, sending := range []bool{false, true} {
		working := true
		device, err := GPU("cuda:0", func() (cuda.Driver, error) {
			return &lost{Driver: cuda.Interpreted(1 << 30), gone: !working, sending: sending}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		s, err := OpenOn(device, set, c)
		if err != nil {
			t.Fatal(err)
		}
		program, err := s.program(s.spec(), kernels.DefaultAdam())
		if err != nil {
			t.Fatal(err)
		}
		for name, use := range uses(s, c.InitialState(program.Layout)) {
			working = true
			if err := use(context.Background()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			working = false
			var failed *DeviceError
			if err := use(context.Background()); !errors.As(err, &failed) || failed.Device != "cuda:0" {
				t.Errorf("%s, lost when it is sent to %v: got %v, want an error of cuda:0", name, sending, err)
			}
		}
	}
}

// A device that is lost before a run continues from its checkpoint is an error of the device.
func TestDeviceLostOnResume(t *testing.T) {
	c, set := small(t)
	c.Epochs = 1
	driver := &lost{Driver: cuda.Interpreted(1 << 30), sending: true}
	device, err := GPU("cuda:0", func() (cuda.Driver, error) { return driver, nil })
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewOn(device, set, c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }() // the device is lost
	checkpoint, err := newRun(t, c, set).Checkpoint(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Train(context.Background(), Events{}); err != nil { // the device has the network from then on
		t.Fatal(err)
	}
	driver.gone = true
	var failed *DeviceError
	if err := r.Resume(store.Times{}, checkpoint); !errors.As(err, &failed) {
		t.Errorf("got %v, want an error of cuda:0", err)
	}
}

// Cancelled, every use says so, and nothing else.
func TestSessionIsInterrupted(t *testing.T) {
	c, set := small(t)
	s := opened(t, set, c)
	program, err := s.program(s.spec(), kernels.DefaultAdam())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, use := range uses(s, c.InitialState(program.Layout)) {
		want := ErrInterrupted
		if name == "tester" {
			want = context.Canceled
		}
		if err := use(ctx); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

// Each structure and rule is compiled once, for all callers, even at the same time.
func TestProgramsAreCompiledOnce(t *testing.T) {
	c, set := small(t)
	s := opened(t, set, c)
	state := c.InitialState(s.spec().Layout())
	var side sync.WaitGroup
	answers := make([][][]float32, 8)
	for i := range answers {
		side.Go(func() {
			var err error
			if answers[i], err = s.Activations(state, set.Test, 1); err != nil {
				t.Error(err)
			}
		})
	}
	side.Wait()
	for _, a := range answers {
		if !slices.EqualFunc(a, answers[0], slices.Equal) {
			t.Error("the same question at the same time has another answer")
		}
	}
	if s.Compilations() != 1 {
		t.Errorf("%d compilations of %v", s.Compilations(), slices.Collect(maps.Keys(s.programs)))
	}
	before := slices.Collect(maps.Values(s.programs))[0]
	for range 2 {
		for name, use := range uses(s, state) {
			if err := use(context.Background()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if s.Compilations() != 5 { // that of the activations is that of fluctuation
		t.Errorf("%d compilations, want 5: %v", s.Compilations(), slices.Collect(maps.Keys(s.programs)))
	}
	if again, err := s.program(s.spec(), kernels.Langevin{}); err != nil || again != before {
		t.Errorf("compiled again: %v", err)
	}
	if other, err := s.program(s.spec(), kernels.Langevin{Delay: 1, Decay: 0.5}); err != nil || other == before {
		t.Errorf("another schedule, the same program: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	c, set := small(t)
	wrong := func(change func(c *Config)) Config {
		w := c
		change(&w)
		return w
	}
	for want, networks := range map[string][]Config{
		"at least one network":   nil,
		"one graph and data":     {c, wrong(func(c *Config) { c.Hidden = []int{3} })},
		"batch 101: want":        {wrong(func(c *Config) { c.Batch = 101 })},
		"validation 100: mnist":  {wrong(func(c *Config) { c.Validation = 100 })},
		"lr -1: want":            {wrong(func(c *Config) { c.LearningRate = -1 })},
		"want auto, cpu, cuda":   {wrong(func(c *Config) { c.Device = "gpu" })},
		"normalise \"1\": want ": {wrong(func(c *Config) { c.Normalise = "1" })},
	} {
		if _, err := Open(set, networks...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
	s := opened(t, set, c, c)
	if _, err := s.Gradients(context.Background(), []*kernels.State{c.InitialState(s.spec().Layout())},
		kernels.Accumulate{}, 1, nil); err == nil ||
		!strings.Contains(err.Error(), "the state of each of 2 networks, got 1") {
		t.Errorf("one state for two networks: %v", err)
	}
	if _, err := s.Gradients(context.Background(), make([]*kernels.State, 2), kernels.Accumulate{}, 0, nil); err == nil {
		t.Error("no epochs: no error")
	}
}
