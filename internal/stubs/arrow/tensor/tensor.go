// Package tensor has the names that gorgonia.org/tensor needs to compile. Only the types are used.
package tensor

import "github.com/apache/arrow/go/arrow"

// Interface is a tensor.
type Interface interface {
	Retain()
	Release()
	Len() int
	Shape() []int64
	IsContiguous() bool
	IsColMajor() bool
	DataType() arrow.DataType
	Data() Data
}

// Data is what a tensor holds; the first buffer is the mask of what is not null.
type Data interface {
	Buffers() []Buffer
	Offset() int
}

// Buffer is memory.
type Buffer interface{ Bytes() []byte }

// Int8 holds int8 values.
type Int8 struct{ Interface }

// Int8Values are the elements.
func (*Int8) Int8Values() []int8 { return nil }

// Int16 holds int16 values.
type Int16 struct{ Interface }

// Int16Values are the elements.
func (*Int16) Int16Values() []int16 { return nil }

// Int32 holds int32 values.
type Int32 struct{ Interface }

// Int32Values are the elements.
func (*Int32) Int32Values() []int32 { return nil }

// Int64 holds int64 values.
type Int64 struct{ Interface }

// Int64Values are the elements.
func (*Int64) Int64Values() []int64 { return nil }

// Uint8 holds uint8 values.
type Uint8 struct{ Interface }

// Uint8Values are the elements.
func (*Uint8) Uint8Values() []uint8 { return nil }

// Uint16 holds uint16 values.
type Uint16 struct{ Interface }

// Uint16Values are the elements.
func (*Uint16) Uint16Values() []uint16 { return nil }

// Uint32 holds uint32 values.
type Uint32 struct{ Interface }

// Uint32Values are the elements.
func (*Uint32) Uint32Values() []uint32 { return nil }

// Uint64 holds uint64 values.
type Uint64 struct{ Interface }

// Uint64Values are the elements.
func (*Uint64) Uint64Values() []uint64 { return nil }

// Float32 holds float32 values.
type Float32 struct{ Interface }

// Float32Values are the elements.
func (*Float32) Float32Values() []float32 { return nil }

// Float64 holds float64 values.
type Float64 struct{ Interface }

// Float64Values are the elements.
func (*Float64) Float64Values() []float64 { return nil }
