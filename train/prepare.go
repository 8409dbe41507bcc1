package train

import (
	"context"

	"quantal/internal/fault"
)

// Prepare calls a function that prepares a run, and returns ErrInterrupted when ctx is cancelled before it is ready: a
// network of thousands of layers takes long, and nothing would be lost. The function then ends by itself, and its run
// is closed.
func Prepare(ctx context.Context, prepare func() (*Run, error)) (*Run, error) {
	if ctx.Err() != nil {
		return nil, ErrInterrupted
	}
	type prepared struct {
		run   *Run
		err   error
		panic *fault.Error
	}
	ready := make(chan prepared, 1)
	go func() {
		var p prepared
		defer func() {
			if value := recover(); value != nil {
				p.panic = fault.Caught(value) // for the caller, who may keep its details
			}
			ready <- p
		}()
		p.run, p.err = prepare()
	}()
	select {
	case p := <-ready:
		if p.panic != nil {
			panic(p.panic)
		}
		return p.run, p.err
	case <-ctx.Done():
		go func() {
			if p := <-ready; p.run != nil {
				_ = p.run.Close() // nobody waits for it
			}
		}()
		return nil, ErrInterrupted
	}
}
