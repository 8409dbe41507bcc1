package dynamics

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"quantal/results/store"
	"quantal/train"
)

// An experiment that is interrupted while it trains its network continues the training, and afterwards uses the trained
// network. In a folder with a network of other settings it stops.
func TestStartIsResumed(t *testing.T) {
	training, err := train.Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	training.Data, training.Hidden, training.Batch, training.Draws, training.Device = "glyphs", []int{5}, 100, 0, "cpu"
	start, out := Start{Training: training}, t.TempDir()
	epochs := 0
	open := func(stopAt int) (*Network, error) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		return start.Open(ctx, train.Host{}, out, func() (train.Events, func()) {
			return train.Events{Epoch: func(_ int, e store.Epoch) error {
				if epochs++; e.Epoch == stopAt {
					cancel()
				}
				return nil
			}}, func() {}
		})
	}
	if _, err := open(2); !errors.Is(err, train.ErrInterrupted) {
		t.Fatalf("interrupted: %v", err)
	}
	start.Training.Threads = 1 // the device is not a property of the network
	first, err := open(0)
	if err != nil || epochs != training.Epochs {
		t.Fatalf("%d epochs in both processes, want %d: %v", epochs, training.Epochs, err)
	}
	again, err := open(0)
	if err != nil || epochs != training.Epochs || again.State.Step != first.State.Step {
		t.Errorf("%d epochs after a third process, want %d: %v", epochs, training.Epochs, err)
	}
	start.Training.C *= 2
	if _, err := open(0); err == nil {
		t.Error("another network is trained in the folder of the first")
	}
	start.Network = filepath.Join(out, NetworkFolder)
	if err := start.ReadTraining(train.Host{}); err != nil || start.Training.C != training.C {
		t.Errorf("the network there has c %g: %v", start.Training.C, err)
	}
}
