package train

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"quantal/internal/stripes"
	"quantal/results/store"
)

// BenchmarkCurves trains four networks with learning curves and without, in turn, up to the figures of the whole test
// set, and says how much more time of processors the curves take.
func BenchmarkCurves(b *testing.B) {
	c, err := Preset("quick")
	if err != nil {
		b.Fatal(err)
	}
	c.Draws = 10
	for _, of := range []struct{ examples, epochs int }{{200, 5}, {2000, 3}, {2000, 30}, {20000, 3}} {
		c.Epochs, c.Threads = of.epochs, 1
		set := stripes.Set(of.examples, 500, 28, 28, 10)
		b.Run(fmt.Sprintf("%dx%d", of.epochs, of.examples/c.Batch), func(b *testing.B) {
			used := func() time.Duration {
				var u syscall.Rusage
				if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
					b.Fatal(err)
				}
				return time.Duration(u.Utime.Nano() + u.Stime.Nano())
			}
			var spent [2]time.Duration
			lines := 0
			train := func(with int) {
				var events Events
				if with == 1 {
					events.Curve = func(_ int, e store.Epoch) error {
						lines++
						return nil
					}
				}
				var networks []Config
				for seed := range 4 {
					networks = append(networks, c)
					networks[seed].Seed = store.Seed(seed + 1)
				}
				r, err := New(set, networks...)
				if err != nil {
					b.Fatal(err)
				}
				defer r.Close()
				before := used()
				if err := r.Train(context.Background(), events); err != nil {
					b.Fatal(err)
				}
				if _, err := r.Outcomes(context.Background(), c.Draws); err != nil {
					b.Fatal(err)
				}
				spent[with] += used() - before
			}
			for b.Loop() {
				train(0)
				train(1)
			}
			b.ReportMetric(100*(float64(spent[1])/float64(spent[0])-1), "%more")
			b.ReportMetric(float64(spent[0].Microseconds())/1e3/float64(b.N), "cpu-ms/op")
		})
	}
}
