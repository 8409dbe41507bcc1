package train

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"quantal/kernels"
	"quantal/mnist"
	"quantal/results/store"
)

// kept trains a network on the built-in digits in a folder, interrupted after the given number of epochs, or never for
// 0.
func kept(t *testing.T, dir string, c Config, interrupted int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	run, err := Host{}.Begin(ctx, dir, mnist.Glyphs(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	s, err := run.Finish(ctx, Events{Epoch: func(_ int, e store.Epoch) error {
		if e.Epoch == interrupted {
			cancel()
		}
		return nil
	}})
	switch {
	case interrupted > 0 && !errors.Is(err, ErrInterrupted):
		t.Fatalf("interrupted: %v", err)
	case interrupted == 0 && (err != nil || s.Steps != run.Steps() || s.RunFolder != dir || !store.Finished(dir)):
		t.Fatalf("finished with %+v, %v", s, err)
	}
}

func digits(t *testing.T) Config {
	t.Helper()
	c, err := Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	c.Data, c.Hidden, c.Batch, c.Device, c.Draws = "glyphs", []int{5}, 100, "cpu", 2
	return c
}

// A Go program keeps the same files of a run as the command: interrupted and continued, the checkpoint has the bytes of
// an undisturbed run, and the network in the folder is that at the end of the run.
func TestKeptRunContinues(t *testing.T) {
	c, dir := digits(t), t.TempDir()
	whole, cut := filepath.Join(dir, "whole"), filepath.Join(dir, "cut")
	kept(t, whole, c, 0)
	kept(t, cut, c, 2)
	run, err := Host{}.Continue(context.Background(), cut, func(c *Config) error {
		c.Threads = 1
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	if run.Step() == 0 || run.Step() == run.Steps() {
		t.Errorf("continues at step %d of %d", run.Step(), run.Steps())
	}
	if _, err := run.Finish(context.Background(), Events{}); err != nil {
		t.Fatal(err)
	}
	last := func(dir string) []byte {
		names, err := filepath.Glob(filepath.Join(dir, "checkpoints", "*.safetensors"))
		if err != nil || len(names) == 0 {
			t.Fatalf("%v: %v", names, err)
		}
		text, err := os.ReadFile(slices.Max(names))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if !bytes.Equal(last(whole), last(cut)) {
		t.Error("continued, the checkpoint differs from that of an undisturbed run")
	}

	n, err := Host{}.ReadNetwork(whole)
	if err != nil || n.ID != "whole" || n.Config.Hidden[0] != 5 || n.Seconds <= 0 {
		t.Fatalf("read %+v: %v", n, err)
	}
	set, err := n.OpenData(context.Background(), Host{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := n.Reopen(context.Background(), set)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	outcomes, err := again.Outcomes(context.Background(), c.Draws)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := store.View(whole)
	if err != nil {
		t.Fatal(err)
	}
	var summary Summary
	if err := folder.ReadSummary(&summary); err != nil || outcomes[0].LossPredictive != summary.LossPredictive ||
		outcomes[0].Objective != summary.Objective {
		t.Errorf("reopened it reaches %+v, the summary has %+v: %v", outcomes[0], summary.Outcome, err)
	}
}

// Each mistake is reported by its kind, and leaves no folder.
func TestKeptRunRefuses(t *testing.T) {
	c, dir := digits(t), filepath.Join(t.TempDir(), "run")
	many := c
	many.Batch = 1 << 20
	var settings *SettingsError
	if _, err := (Host{}).Begin(context.Background(), dir, mnist.Glyphs(), many); !errors.As(err, &settings) {
		t.Errorf("a minibatch larger than the data: %v", err)
	}
	var missing *store.MissingError
	for name, try := range map[string]func() error{
		"continue": func() error { _, err := Host{}.Continue(context.Background(), dir, nil); return err },
		"read":     func() error { _, err := Host{}.ReadNetwork(dir); return err },
	} {
		if err := try(); !errors.As(err, &missing) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s what is not there: %v", name, err)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("there is a folder")
	}
	falling := c
	falling.Schedule = kernels.Staircase
	kept(t, dir+"-falling", falling, 0)
	_, err := Host{}.Continue(context.Background(), dir+"-falling", func(c *Config) error { c.Epochs++; return nil })
	if !errors.As(err, &settings) || !strings.Contains(err.Error(), "lr-schedule step") {
		t.Errorf("more epochs under a schedule: %v", err)
	}
	kept(t, dir, c, 0)
	n, err := Host{}.ReadNetwork(dir)
	if err != nil {
		t.Fatal(err)
	}
	n.Data = map[string]string{"train-images-idx3-ubyte": "0"}
	var data *mnist.DataError
	if _, err := n.OpenData(context.Background(), Host{}); !errors.As(err, &data) {
		t.Errorf("other data: %v", err)
	}
	if _, err := (Host{}).Begin(context.Background(), dir, mnist.Glyphs(), c); err == nil {
		t.Error("a run is begun where there is one")
	}
}
