package train

import (
	"context"
	"errors"
	"math"
	"testing"

	"quantal/kernels/cuda"
	"quantal/results"
)

// onCUDA puts a run on the CUDA VM, interpreted.
func onCUDA(t *testing.T, r *Run) { onDriver(t, r, cuda.Interpreted(1<<30)) }

func onDriver(t *testing.T, r *Run, d cuda.Driver) {
	t.Helper()
	state := stateOf(t, r.vm, 0)
	vm, err := cuda.OpenOn(d, r.Program, membersOf(r.Networks), r.training)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.vm.Close(); err != nil {
		t.Fatal(err)
	}
	r.vm = vm
	if err := vm.Load(0, state); err != nil {
		t.Fatal(err)
	}
}

// A run on the CUDA VM is the same run as on the CPU, but for rounding; checkpoints go both ways; it repeats its own bytes.
func TestRunOnCUDA(t *testing.T) {
	c, set := small(t)
	c.Epochs = 2
	finish := func(r *Run) results.Epoch {
		t.Helper()
		var last results.Epoch
		if err := r.Train(context.Background(), Events{Epoch: func(_ int, e results.Epoch) error { last = e; return nil }}); err != nil {
			t.Fatal(err)
		}
		return last
	}
	onCPU := newRun(t, c, set)
	want := finish(onCPU)
	first, second := newRun(t, c, set), newRun(t, c, set)
	onCUDA(t, first)
	onCUDA(t, second)
	got := finish(first)
	if math.Abs(got.NLL-want.NLL) > 1e-4*want.NLL || math.Abs(got.SigmaRMS-want.SigmaRMS) > 1e-4*want.SigmaRMS {
		t.Errorf("CUDA ends with %+v, the CPU with %+v", got, want)
	}
	finish(second)
	if bytesOf(t, first) != bytesOf(t, second) {
		t.Error("two runs on CUDA give different bytes")
	}

	// Half on the CPU, half on CUDA.
	half := c
	half.Epochs = 1
	r := newRun(t, half, set)
	finish(r)
	checkpoint, err := r.Checkpoint(0)
	if err != nil {
		t.Fatal(err)
	}
	rest := newRun(t, c, set)
	onCUDA(t, rest)
	if err := rest.Resume(0, checkpoint); err != nil {
		t.Fatal(err)
	}
	if mixed := finish(rest); math.Abs(mixed.NLL-want.NLL) > 1e-4*want.NLL {
		t.Errorf("the second half on CUDA ends with %+v, all on the CPU with %+v", mixed, want)
	}
}

// lost is a device that can be lost: nothing comes back from it then.
type lost struct {
	cuda.Driver
	gone bool
}

func (l *lost) Download(dst []byte, src cuda.Address) error {
	if l.gone {
		return errors.New("device lost")
	}
	return l.Driver.Download(dst, src)
}

// A device lost in the middle of a run is an error of the device; the checkpoints from before are the last.
func TestLostDevice(t *testing.T) {
	c, set := small(t)
	r := newRun(t, c, set)
	driver := &lost{Driver: cuda.Interpreted(1 << 30)}
	onDriver(t, r, driver)
	r.Device = Device{Name: "cuda:0"}
	checkpoints := 0
	err := r.Train(context.Background(), Events{
		Checkpoint: func(map[int]*results.Checkpoint) error { checkpoints++; return nil },
		Epoch:      func(_ int, e results.Epoch) error { driver.gone = e.Epoch == 2; return nil },
	})
	var failed *DeviceError
	if !errors.As(err, &failed) || failed.Device != "cuda:0" {
		t.Errorf("got %v, want an error of cuda:0", err)
	}
	if checkpoints != 1 {
		t.Errorf("%d checkpoints, want the one from before", checkpoints)
	}
}
