// Package memory is there for `go mod tidy`, which looks at the tests of gorgonia.org/tensor, too.
package memory
