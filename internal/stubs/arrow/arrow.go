// Package arrow has the names that gorgonia.org/tensor's conversions from Apache Arrow need to compile. Nothing here
// makes an array, so quantal cannot call them.
package arrow

// DataType is the type of an array's elements.
type DataType interface{ Name() string }

type kind string

func (k kind) Name() string { return string(k) }

// BinaryTypes are those of variable length.
var BinaryTypes = struct{ String DataType }{kind("utf8")}

// FixedWidthTypes are those of a fixed number of bits.
var FixedWidthTypes = struct{ Boolean DataType }{kind("bool")}

// PrimitiveTypes are numbers.
var PrimitiveTypes = struct{ Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64, Float32, Float64 DataType }{
	kind("int8"), kind("int16"), kind("int32"), kind("int64"), kind("uint8"), kind("uint16"), kind("uint32"),
	kind("uint64"), kind("float32"), kind("float64"),
}
