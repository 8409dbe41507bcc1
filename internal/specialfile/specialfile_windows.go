// Package specialfile makes files that are not regular, for tests.
package specialfile

import "errors"

// Pipe cannot make a named pipe here: they have a place of their own.
func Pipe(string) error { return errors.ErrUnsupported }

// Null cannot make a device here.
func Null(string) error { return errors.ErrUnsupported }
