package train

import (
	"context"
	"errors"
	"math"
	"testing"

	"quantal/internal/stripes"
	"quantal/kernels"
	"quantal/kernels/cuda"
	"quantal/results/store"
)

// onCUDA puts a run on the CUDA VM, interpreted.
func onCUDA(t *testing.T, r *Run) {
	t.Helper()
	var states []*kernels.State
	for m := range r.Networks {
		states = append(states, stateOf(t, r.vm, m))
	}
	vm, err := cuda.OpenOn(cuda.Interpreted(1<<30), r.Program, r.members(), r.training)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.vm.Close(); err != nil {
		t.Fatal(err)
	}
	r.vm = vm
	for m, state := range states {
		if err := vm.Load(m, state); err != nil {
			t.Fatal(err)
		}
	}
}

// Networks that train together on the CUDA VM, one of which diverges, have the same results as alone.
func TestNetworksSideBySideOnCUDA(t *testing.T) {
	if testing.Short() {
		// Blocks of one launch write and read the flag of a network that diverges, in any order, which changes nothing: see
		// Halt in kernels/cuda/src/records.cuh. The race detector, which runs -short, reports the interpreted stores as a
		// race.
		t.Skip("a network diverges, and the GPU's flags for that are a race to Go's detector")
	}
	c, set := small(t)
	c.Epochs = 1
	networks := []Config{c, c, c}
	networks[1].C, networks[1].SigmaInit = 1e30, 1e-3 // diverges
	networks[2].Seed, networks[2].C = 5, 3e-4
	team, err := New(set, networks...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { team.Close() }()
	onCUDA(t, team)
	if err := team.Train(context.Background(), Events{}); err != nil {
		t.Fatal(err)
	}
	if team.Diverged(0) != nil || team.Diverged(1) == nil || team.Diverged(2) != nil {
		t.Errorf("diverged: %v %v %v, want the second", team.Diverged(0), team.Diverged(1), team.Diverged(2))
	}
	outcomes, err := team.Outcomes(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []int{0, 2} {
		alone := newRun(t, networks[m], set)
		onCUDA(t, alone)
		if err := alone.Train(context.Background(), Events{}); err != nil {
			t.Fatal(err)
		}
		if bytesOf(t, alone) != checkpointBytes(t, team, m) {
			t.Errorf("network %d differs from the same network alone", m)
		}
		if s, err := alone.Summarise(context.Background(), 0); err != nil || encode(t, s.Outcome) != encode(t, outcomes[m]) {
			t.Errorf("network %d: %v, alone %v (%v)", m, outcomes[m], s.Outcome, err)
		}
	}
}

// A run on the CUDA VM is the same as on the CPU, up to rounding; checkpoints can be exchanged; it repeats its own
// bytes.
func TestRunOnCUDA(t *testing.T) {
	c, set := small(t)
	c.Epochs = 2
	finish := func(r *Run) store.Epoch {
		t.Helper()
		var last store.Epoch
		if err := r.Train(context.Background(), Events{Epoch: func(_ int,
			e store.Epoch) error {
			last = e
			return nil
		}}); err != nil {
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
	if err := rest.Resume(store.Times{}, checkpoint); err != nil {
		t.Fatal(err)
	}
	if mixed := finish(rest); math.Abs(mixed.NLL-want.NLL) > 1e-4*want.NLL {
		t.Errorf("the second half on CUDA ends with %+v, all on the CPU with %+v", mixed, want)
	}
}

// lost is a device that can be lost: then nothing can be received from it, or nothing can be sent to it.
type lost struct {
	cuda.Driver
	gone, sending bool
}

func (l *lost) Upload(dst cuda.Address, src []byte) error {
	if l.gone && l.sending {
		return errors.New("device lost")
	}
	return l.Driver.Upload(dst, src)
}

func (l *lost) Download(dst []byte, src cuda.Address) error {
	if l.gone && !l.sending {
		return errors.New("device lost")
	}
	return l.Driver.Download(dst, src)
}

// A device lost in the middle of a run is an error of the device; the checkpoints from before are the last.
func TestLostDevice(t *testing.T) {
	c, set := small(t)
	driver := &lost{Driver: cuda.Interpreted(1 << 30)}
	device, err := GPU("cuda:0", func() (cuda.Driver, error) { return driver, nil })
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewOn(device, set, c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }() // the device is lost
	checkpoints := 0
	err = r.Train(context.Background(), Events{
		Checkpoint: func(map[int]*store.Checkpoint) error { checkpoints++; return nil },
		Epoch:      func(_ int, e store.Epoch) error { driver.gone = e.Epoch == 2; return nil },
	})
	var failed *DeviceError
	if !errors.As(err, &failed) || failed.Device != "cuda:0" {
		t.Errorf("got %v, want an error of cuda:0", err)
	}
	if checkpoints != 1 {
		t.Errorf("%d checkpoints, want the one from before", checkpoints)
	}
}

// Of a grid of 240 networks of LeNet-5 as many train together as a GPU has memory for, and no more.
func TestCapacityForLeNet5(t *testing.T) {
	c, err := Preset("published")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Set("network", "lenet5"); err != nil {
		t.Fatal(err)
	}
	var networks []Config
	for i := range 240 {
		c.Seed, c.C = store.Seed(i%24), 1e-4*float64(1+i/24)
		networks = append(networks, c)
	}
	set := stripes.Set(100, 40, 28, 28, 10)
	for _, memory := range []int64{400e6, 1e9, 100e9} {
		d, err := GPU("cuda:0", func() (cuda.Driver, error) { return cuda.Interpreted(memory), nil })
		if err != nil {
			t.Fatal(err)
		}
		n, err := d.Capacity(set, networks)
		if err != nil {
			t.Fatal(err)
		}
		s, err := OpenOn(d, set, networks...)
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.trainingProgram()
		if err != nil {
			t.Fatal(err)
		}
		free := memory * 9 / 10
		need := func(n int) int64 { return cuda.Memory(p, s.members()[:n], s.training) }
		t.Logf("%d MB: %d networks, which need %d MB", memory/1e6, n, need(n)/1e6)
		if need(n) > free || n < 240 && need(n+1) <= free || n == 240 != (memory == 100e9) {
			t.Errorf("%d MB are free: %d networks, which need %d, and one more", memory/1e6, n, need(n))
		}
		// At the least its values and their gradients, and parameters with their moments.
		l := p.Layout
		least := int64(4 * 6 * l.Slots())
		for b := range p.Widths[1:] {
			least += int64(4 * p.Batch * p.Slots(kernels.Buffer(b+1)))
		}
		if each := (need(100) - need(50)) / 50; each < least || each > 4*least {
			t.Errorf("another network takes %d bytes, want %d to %d", each, least, 4*least)
		}
	}
}
