package mnist

import "fmt"

// Set is one data set: inputs, bytes or floats, and the answer to each, a class or numbers.
type Set struct {
	// "mnist", "glyphs", or the base name of a folder or file, with -folder appended if it is one of these
	Name          string
	Source        string   // where it came from, for a person: "/path/dir", "cache /path", "built-in"
	Rows, Columns int      // size of an image in pixels
	Channels      int      // values per pixel, 3 for colours; 0 stands for 1
	Planes        bool     // the channels of an image come one after the other, each whole; otherwise pixel by pixel
	Table         bool     // inputs are columns of numbers, one row, and no images
	Transposed    bool     // images are stored column by column, as NIST's
	Classes       int      // the largest label plus one unless stated; 0 if the answers are numbers
	ClassNames    []string // of classes that are text in the data; nil if they are numbers
	Dealt         bool     // the data have no test examples: a tenth of the others was taken for them
	// Real says that the answers are measured numbers rather than classes, until a user says otherwise.
	Real        bool
	Train, Test Examples // both have at least one example
	// SHA256 holds the checksum of each file's unpacked content, in hexadecimal: of the four IDX files under their usual
	// names (train-images-idx3-ubyte), of another format under the format's name.
	SHA256 map[string]string
	// Known says that the content is what the name promises: the checksums are those of the published MNIST, or the
	// set is built in. It is false for any other data set, which may be just as good.
	Known bool
	// Pinned says that nobody has published checksums of the content, but that it is that of the first download.
	Pinned bool
}

// Width is the number of values of an input.
func (s *Set) Width() int { return s.Rows * s.Columns * max(s.Channels, 1) }

// Inputs describes an input: "28 x 28 pixels", "32 x 32 pixels of 3 channels", "4 numbers".
func (s *Set) Inputs() string {
	switch {
	case s.Table:
		return fmt.Sprintf("%d numbers", s.Width())
	case s.Channels > 1:
		return fmt.Sprintf("%d x %d pixels of %d channels", s.Rows, s.Columns, s.Channels)
	}
	return fmt.Sprintf("%d x %d pixels", s.Rows, s.Columns)
}

// Outputs is the number of outputs that a network needs: one for each class, or for each number of an answer.
func (s *Set) Outputs() int {
	if s.Classes > 0 {
		return s.Classes
	}
	return s.Train.Numbers
}

// Examples are N inputs with their answers. Several may share memory: treat them as read-only.
type Examples struct {
	Images []byte    // N x width: one input after the other, an image row by row, 0 is background; or
	Floats []float32 // the same as floats
	Labels []byte    // N; or
	// Targets are the answers as numbers, N x Numbers.
	Targets []float32
	Numbers int
}

func newExamples(n, pixels int) Examples {
	return Examples{Images: make([]byte, n*pixels), Labels: make([]byte, n)}
}

// N is the number of examples.
func (e Examples) N() int {
	if e.Numbers > 0 {
		return len(e.Targets) / e.Numbers
	}
	return len(e.Labels)
}

// Slice returns examples from, from+1, ..., to-1, in the same memory. The bounds are those of a slice expression.
func (e Examples) Slice(from, to int) Examples {
	n := max(e.N(), 1)
	return Examples{
		Images: part(e.Images, n, from, to), Floats: part(e.Floats, n, from, to), Labels: part(e.Labels, n, from, to),
		Targets: part(e.Targets, n, from, to), Numbers: e.Numbers,
	}
}

// part is the part of a list with the same number of values for each of n examples; nil of nil.
func part[T any](values []T, n, from, to int) []T {
	if values == nil {
		return nil
	}
	each := len(values) / n
	return values[from*each : to*each : to*each]
}

// Pick returns the examples with the given numbers, in their order, in memory of their own.
func (e Examples) Pick(which []int) (p Examples) {
	p.Numbers = e.Numbers
	for _, i := range which {
		one := e.Slice(i, i+1)
		p.Images, p.Floats = append(p.Images, one.Images...), append(p.Floats, one.Floats...)
		p.Labels, p.Targets = append(p.Labels, one.Labels...), append(p.Targets, one.Targets...)
	}
	return p
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
