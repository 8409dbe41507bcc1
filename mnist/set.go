package mnist

import "fmt"

// Set is one data set: images as bytes, and the class of each.
type Set struct {
	// "mnist", "glyphs", or the folder's base name, with -folder appended if it is one of these
	Name                   string
	Source                 string   // where it came from, for a person: "/path/dir", "cache /path", "built-in"
	Rows, Columns, Classes int      // size of an image in pixels; Classes is the largest label plus one unless stated
	Train, Test            Examples // both have at least one example
	// SHA256 holds, for each of the four files under its usual name (train-images-idx3-ubyte), the checksum of its
	// unpacked content in hexadecimal.
	SHA256 map[string]string
	// Known says that the content is what the name promises: the checksums are those of the published MNIST, or the
	// set is built in. It is false for any other data set, which may be just as good.
	Known bool
}

// Examples are N images with their labels. Several may share memory: treat them as read-only.
type Examples struct {
	Images []byte // N x Rows*Columns: one image after the other, each row by row, 0 is background
	Labels []byte // N
}

func newExamples(n, pixels int) Examples {
	return Examples{Images: make([]byte, n*pixels), Labels: make([]byte, n)}
}

// N is the number of examples.
func (e Examples) N() int { return len(e.Labels) }

// Slice returns examples from, from+1, ..., to-1, in the same memory. The bounds are those of a slice expression.
func (e Examples) Slice(from, to int) Examples {
	pixels := 0
	if e.N() > 0 {
		pixels = len(e.Images) / e.N()
	}
	return Examples{Images: e.Images[from*pixels : to*pixels : to*pixels], Labels: e.Labels[from:to:to]}
}

// Split holds out the last validation training examples: it returns those before and those held out. With validation
// 0 nothing is held out. The error says that nothing would be left to train on, or that validation is negative.
func (s *Set) Split(validation int) (train, held Examples, err error) {
	n := s.Train.N()
	if validation < 0 || validation >= n {
		return Examples{}, Examples{}, fmt.Errorf("mnist: cannot hold out %d of the %d training examples of %s: want 0 to %d",
			validation, n, s.Name, n-1)
	}
	return s.Train.Slice(0, n-validation), s.Train.Slice(n-validation, n), nil
}
