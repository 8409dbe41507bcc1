package main

import (
	"errors"
	"fmt"
	"os"

	"quantal/internal/fault"
	"quantal/results/store"
)

// keepFault returns errors unchanged, except a panic: its details are written to a file, which the error then names.
func keepFault(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	return fmt.Errorf("a fault of the program, not of its input: %v; %s", f.Value, keepDetails(f))
}

// keepDetails writes what a programmer needs to know about a panic to a file, and names the file.
func keepDetails(f *fault.Error) string {
	text := fmt.Sprintf("quantal %s\n%s\npanic: %v\n\n%s", store.Version, commandLine(), f.Value, f.Stack)
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
