// Package gogoproto is imported by gorgonia.org/tensor for its side effects alone, which concern text for debuggers.
package gogoproto
