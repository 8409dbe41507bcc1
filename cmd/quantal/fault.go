package main

import (
	"fmt"
	"os"
	"runtime/debug"
)

// fault is a panic: a mistake of the program, not of who uses it.
type fault struct {
	value   any
	details string // the file that has them
}

func (f *fault) Error() string {
	return fmt.Sprintf("a fault of the program, not of what it was asked for: %v; %s", f.value, f.details)
}

// guarded calls f and turns a panic into a fault, with its details in a file.
func guarded(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &fault{value, keepDetails(value, debug.Stack())}
		}
	}()
	return f()
}

// keepDetails writes what a programmer has to know of a panic into a file, and says where it is.
func keepDetails(value any, stack []byte) string {
	text := fmt.Sprintf("quantal %s\n%s\npanic: %v\n\n%s", version, commandLine(), value, stack)
	file, err := os.CreateTemp("", "quantal-fault-*.txt")
	if err == nil {
		_, err = file.WriteString(text)
		if closed := file.Close(); err == nil {
			err = closed
		}
	}
	if err != nil {
		return "the details could not be kept: " + err.Error()
	}
	return "please report it with the details in " + file.Name()
}
