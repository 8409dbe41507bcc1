package cpu

import (
	"errors"
	"sync/atomic"
	"testing"

	"quantal/internal/fault"
)

// A panic of a job on any thread is raised again in the caller, with its stack, when the others are done.
func TestSpreadPanics(t *testing.T) {
	for job := range 8 {
		var done atomic.Int32
		err := fault.Guard(func() error {
			spread(4, 8, func(_, j int) {
				if done.Add(1); j == job {
					panic("job")
				}
			})
			return nil
		})
		var f *fault.Error
		if !errors.As(err, &f) || f.Value != "job" {
			t.Fatalf("job %d: got %v", job, err)
		}
	}
}
