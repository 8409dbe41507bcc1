//go:build gpu && linux

package cuda

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// The driver library is loaded once per process, so each case has its own process.
func TestDevice(t *testing.T) {
	if want, ok := os.LookupEnv("QUANTAL_TEST_DEVICE"); ok {
		switch want {
		case "works":
			deviceWorks(t)
			return
		case "work together":
			devicesWorkTogether(t)
			return
		}
		_, err := Device(0)
		var unavailable *Unavailable
		if !errors.As(err, &unavailable) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		return
	}
	fake := filepath.Join(t.TempDir(), "libfakecuda.so")
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", fake, "testdata/fakecuda.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range []struct{ driver, want, more string }{
		{"nothing.so", "no NVIDIA driver on this machine", ""},
		{fake, "the NVIDIA driver finds no GPU", "FAKE_NO_DEVICE=1"},
		{fake, "GPU 0, Fake, is too old: it has compute capability 7.5, 8.0 or newer is needed", "FAKE_OLD=0"},
		{fake, "works", ""},
		{fake, "work together", "FAKE_GPUS=3"},
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestDevice$")
		cmd.Env = append(os.Environ(), "QUANTAL_LIBCUDA="+c.driver, "QUANTAL_TEST_DEVICE="+c.want, c.more)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", c.want, err, out)
		}
	}
}

// deviceWorks calls every method of a Driver once.
func deviceWorks(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Device(1); err == nil || !strings.Contains(err.Error(), "there is no GPU 1; the driver finds 1") {
		t.Errorf("GPU 1: %v", err)
	}
	d, err := Device(0)
	must(err)
	if got := d.Info(); got != (Info{"Fake", 9, 0, 132, 227 << 10, 1 << 30, 1 << 30, 12040}) {
		t.Errorf("%+v", got)
	}
	a, err := d.Alloc(1000)
	must(err)
	must(d.Zero(a, 1000))
	must(d.Upload(a+4, []byte{1, 2, 3, 4}))
	got := make([]byte, 9)
	must(d.Download(got, a))
	if string(got) != "\x00\x00\x00\x00\x01\x02\x03\x04\x00" {
		t.Errorf("%q", got)
	}
	if _, err := d.Alloc(2 << 30); err == nil {
		t.Error("2 GiB of 1: no error")
	}
	if _, err := d.Load("nonsense"); err == nil || !strings.Contains(err.Error(), "line 1: not PTX") {
		t.Errorf("bad PTX: %v", err)
	}
	var unavailable *Unavailable
	if _, err := d.Load(".version TOO NEW"); !errors.As(err, &unavailable) {
		t.Errorf("PTX that is too new: %v", err)
	}
	kernels, err := loadKernels(d, nil)
	must(err)
	advance := Launch{Kernel: kernels["advance"], Grid: [3]int{1, 1, 1}, Block: [3]int{1, 1, 1},
		Parameters: advanceParameters{a, 5}}
	must(d.Launch(advance))
	advance.Parameters = advanceParameters{a, -2}
	g, err := d.Record([]Launch{advance, advance})
	must(err)
	must(d.Replay(g))
	must(d.Sync())
	must(d.Download(got, a))
	if got[0] != 1 {
		t.Errorf("5 - 2 - 2 is %d", got[0])
	}
	must(g.Release())
	advance.Shared = 64 << 10
	must(d.Launch(advance))
	if err := d.Launch(Launch{Kernel: kernels["loss"], Grid: advance.Grid, Block: advance.Block,
		Parameters: lossParameters{}}); err == nil {
		t.Error("a launch that fails: no error")
	}
	advance.Parameters = copyParameters{}
	if err := d.Launch(advance); err == nil || !strings.Contains(err.Error(), "want cuda.advanceParameters") {
		t.Errorf("parameters of another kernel: %v", err)
	}
	elapsed, err := d.Time(func() error { return nil })
	must(err)
	if elapsed != 1500*time.Microsecond {
		t.Errorf("elapsed %v", elapsed)
	}
	must(d.Free(a))
	must(d.Close())
}

// devicesWorkTogether has several GPUs work at the same time, on goroutines that change threads. Each call must find
// the context of its GPU: the library refuses what belongs to another one.
func devicesWorkTogether(t *testing.T) {
	if n, err := Devices(); n != 3 || err != nil {
		t.Fatalf("%d GPUs, %v", n, err)
	}
	work := func(number int) error {
		d, err := Device(number)
		if err != nil {
			return err
		}
		kernels, err := loadKernels(d, nil)
		if err != nil {
			return err
		}
		a, err := d.Alloc(4)
		if err != nil {
			return err
		}
		if err := d.Zero(a, 4); err != nil {
			return err
		}
		step := Launch{
			Kernel: kernels["advance"], Grid: [3]int{1, 1, 1}, Block: [3]int{1, 1, 1},
			Parameters: advanceParameters{a, int32(number + 1)},
		}
		g, err := d.Record([]Launch{step, step})
		if err != nil {
			return err
		}
		const times = 200
		for range times {
			if err := errors.Join(d.Launch(step), d.Replay(g)); err != nil {
				return err
			}
			runtime.Gosched()
		}
		got := make([]byte, 4)
		if err := d.Download(got, a); err != nil {
			return err
		}
		if n, want := int(binary.LittleEndian.Uint32(got)), 3*times*(number+1); n != want {
			t.Errorf("GPU %d counted to %d, want %d", number, n, want)
		}
		return errors.Join(g.Release(), d.Free(a), d.Close())
	}
	var side errgroup.Group
	for i := range 6 { // each GPU twice, because its context is shared
		side.Go(func() error { return work(i % 3) })
	}
	if err := side.Wait(); err != nil {
		t.Error(err)
	}
}
