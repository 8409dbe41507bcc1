package fault

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

func index(list []int, i int) int { return list[i] }

// A panic in a goroutine is an error with the stack of its origin, even if it is raised again in another one.
func TestGuard(t *testing.T) {
	var g errgroup.Group
	g.Go(Guarded(func() error {
		return Guard(func() error {
			index(nil, 3)
			return nil
		})
	}))
	err := g.Wait()
	var f *Error
	if !errors.As(err, &f) || !strings.Contains(string(f.Stack), "fault.index") ||
		!strings.Contains(err.Error(), "index out of range [3]") {
		t.Fatalf("got %v", err)
	}
	again := Guard(func() error { panic(f) })
	if again != error(f) {
		t.Errorf("a panic that is raised again became %v", again)
	}
	plain := errors.New("plain")
	if err := Guard(func() error { return plain }); err != plain {
		t.Errorf("an error became %v", err)
	}
}
