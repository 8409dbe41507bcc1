// Package fault turns panics into errors, so that one in a goroutine reaches the function that waits for it instead of
// ending the program with a trace.
package fault

import (
	"fmt"
	"runtime/debug"
)

// Error is a panic: a mistake in the program, not by its user.
type Error struct {
	Value any
	Stack []byte // of the goroutine that panicked
}

func (e *Error) Error() string { return fmt.Sprintf("a fault of the program: %v", e.Value) }

// Caught turns the result of recover into an Error. A panic that was caught before, and is raised again in another
// goroutine, keeps its stack.
func Caught(value any) *Error {
	if e, ok := value.(*Error); ok {
		return e
	}
	return &Error{value, debug.Stack()}
}

// Guard calls f and returns its error, or an Error if it panics.
func Guard(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = Caught(value)
		}
	}()
	return f()
}

// Guarded is f under Guard, for the goroutines of an errgroup.
func Guarded(f func() error) func() error {
	return func() error { return Guard(f) }
}
