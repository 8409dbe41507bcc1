package cuda

import (
	"slices"
	"sync"
	"sync/atomic"

	"quantal/kernels"
)

// orders computes the order of the examples in an epoch, one per seed, on its own goroutines: the next epoch's while
// the device trains this one, so that the device does not wait for 2 ms per seed and epoch. It has one user at a time.
type orders struct {
	data  *kernels.Data
	seeds []uint64
	epoch int
	index []int32 // [seed][example], whole once running is done

	running sync.WaitGroup
	quit    chan struct{} // closed to abandon what is running; nil if nothing was begun
}

// begin starts computing the orders of an epoch with the given number of goroutines, and abandons those it worked on
// before.
func (o *orders) begin(seeds []uint64, epoch, goroutines int) {
	o.end()
	n := o.data.N
	if len(o.index) != n*len(seeds) {
		o.index = make([]int32, n*len(seeds))
	}
	quit := make(chan struct{})
	o.seeds, o.epoch, o.quit = seeds, epoch, quit
	var next atomic.Int64
	for range min(max(goroutines, 1), len(seeds)) {
		o.running.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(seeds)); i = next.Add(1) - 1 {
				select {
				case <-quit:
					return
				default:
				}
				o.data.Order(o.index[int(i)*n:][:n], seeds[i], epoch)
			}
		})
	}
}

// take waits for the orders of an epoch, [seed][example], and begins them if nobody did. They belong to the caller
// until the next begin.
func (o *orders) take(seeds []uint64, epoch, goroutines int) []int32 {
	if o.quit == nil || o.epoch != epoch || !slices.Equal(o.seeds, seeds) {
		o.begin(seeds, epoch, goroutines)
	}
	o.running.Wait()
	return o.index
}

// end abandons what is begun and not yet taken, and returns when no goroutine is left.
func (o *orders) end() {
	if o.quit == nil {
		return
	}
	close(o.quit)
	o.running.Wait()
	o.quit = nil
}
