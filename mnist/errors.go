package mnist

import "fmt"

// DataError says what is wrong with a file or a folder of data. Every error about the content of a data set, rather
// than about a disk or a network, is one or wraps one.
type DataError struct {
	File   string // the file's name in its folder, or the folder if the error is about all of it
	Reason string // what was expected and what was found
	Err    error  // the cause, if another error is
}

// Error is one sentence: "mnist: train-images-idx3-ubyte: want 47040016 bytes, got 1024".
func (e *DataError) Error() string { return "mnist: " + e.File + ": " + e.Reason }

// Unwrap returns the cause.
func (e *DataError) Unwrap() error { return e.Err }

func badf(file, format string, args ...any) *DataError {
	return &DataError{File: file, Reason: fmt.Sprintf(format, args...)}
}
