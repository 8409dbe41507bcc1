package store

import (
	"fmt"
	"io"
	"reflect"

	"github.com/sbinet/npyio/npz"
)

// Scalar is a number in a NumPy archive, float64.
type Scalar struct {
	Name  string
	Value float64
}

// WriteNPZ writes tensors to a NumPy archive, float32 in C order, and numbers; numpy.load(path)[name] reads one back.
// The file is replaced as a whole or not at all, and contains no time: the same tensors give the same bytes. Errors: a
// name given twice, a shape that does not fit the data or has a zero in it, and errors of the file system.
func WriteNPZ(path string, tensors []Tensor, numbers ...Scalar) error {
	return WriteFile(path, func(w io.Writer) error { return EncodeNPZ(w, tensors, numbers...) })
}

// EncodeNPZ writes the content of WriteNPZ.
func EncodeNPZ(w io.Writer, tensors []Tensor, numbers ...Scalar) error {
	names := map[string]bool{}
	for _, t := range tensors {
		if names[t.Name] {
			return fmt.Errorf("the tensor name %q is taken", t.Name)
		}
		names[t.Name] = true
		if n, err := elements(t.Shape); err != nil || n != len(t.Data) || n == 0 {
			return fmt.Errorf("tensor %s: shape %v does not hold %d values", t.Name, t.Shape, len(t.Data))
		}
	}
	archive := npz.NewWriter(w)
	for _, t := range tensors {
		if err := archive.Write(t.Name+".npy", Nested(t.Shape, t.Data)); err != nil {
			return err
		}
	}
	for _, s := range numbers {
		if names[s.Name] {
			return fmt.Errorf("the tensor name %q is taken", s.Name)
		}
		names[s.Name] = true
		if err := archive.Write(s.Name+".npy", s.Value); err != nil {
			return err
		}
	}
	return archive.Close()
}

// Nested returns the data as an array of arrays such as [3][4]float32, from which npyio takes the shape.
func Nested[T float32 | float64](shape []int, data []T) any {
	if len(shape) == 0 {
		return data[0]
	}
	kind := reflect.TypeFor[T]()
	for i := len(shape) - 1; i >= 0; i-- {
		kind = reflect.ArrayOf(shape[i], kind)
	}
	value := reflect.New(kind).Elem()
	fill(value, data)
	return value.Interface()
}

// fill copies data into an addressable nested array and returns what is left of it.
func fill[T float32 | float64](value reflect.Value, data []T) []T {
	if value.Type().Elem().Kind() != reflect.Array {
		return data[reflect.Copy(value, reflect.ValueOf(data)):]
	}
	for i := range value.Len() {
		data = fill(value.Index(i), data)
	}
	return data
}
