package bench

import (
	"context"
	"slices"
	"testing"

	"quantal/kernels/cuda"
)

// The doctor finds the interpreter healthy, kernel by kernel.
func TestDoctor(t *testing.T) {
	if testing.Short() {
		t.Skip("interprets every kernel")
	}
	open := func() (cuda.Driver, error) { return cuda.Interpreted(1 << 30), nil }
	d, err := Doctor(context.Background(), open, 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range d.Checks {
		t.Logf("%s: kernels %.2g, steps %.2g", c.Network, c.KernelDeviation, c.Deviation)
		if c.Problem != "" {
			t.Errorf("%s: %s", c.Network, c.Problem)
		}
	}
	if !d.Healthy || d.LoadSeconds <= 0 || d.BytesPerSecond <= 0 || d.NetworkBytes < 6*4*92320 {
		t.Errorf("diagnosis %+v", d)
	}
}

// An outcome that differs is noticed.
func TestDeviationIsNoticed(t *testing.T) {
	all := checkups()
	open := func() (cuda.Driver, error) { return cuda.Interpreted(1 << 30), nil }
	for _, n := range []checkup{all[1], all[len(all)-8], all[len(all)-2]} {
		good := n.check(context.Background(), open)
		if good.Problem != "" {
			t.Fatal(good.Problem)
		}
		wrong := func() (cuda.Driver, error) {
			d, err := open()
			return forgetful{d}, err
		}
		if c := n.check(context.Background(), wrong); c.Problem == "" {
			t.Errorf("%v: a device that loses its launches is found healthy", n)
		}
	}
}

// forgetful is a device that ignores gradients.
type forgetful struct{ cuda.Driver }

func (f forgetful) Launch(l cuda.Launch) error {
	if forgets(l) {
		return nil
	}
	return f.Driver.Launch(l)
}

func (f forgetful) Record(launches []cuda.Launch) (cuda.Graph, error) {
	var kept []cuda.Launch
	for _, l := range launches {
		if !forgets(l) {
			kept = append(kept, l)
		}
	}
	return f.Driver.Record(kept)
}

func forgets(l cuda.Launch) bool {
	return slices.Contains([]string{"update_synapse", "accumulate", "langevin"}, l.Kernel.Name())
}
