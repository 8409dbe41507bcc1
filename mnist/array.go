package mnist

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"quantal/internal/memory"
)

// array is what a file of any format holds: numbers of one type, the last dimension fastest.
type array struct {
	name    string // for messages
	dims    []int
	bytes   []byte    // unsigned bytes; or
	numbers []float32 // any others
	whole   bool      // the type is one of integers
}

// newArray takes numbers of another type than unsigned bytes. One that is not finite, or not in float32, is an error.
func newArray(name string, dims []int, whole bool, at func(i int) float64) (array, error) {
	n := 1
	for _, d := range dims {
		n *= d
	}
	if err := memory.Check(name, 4*float64(n)); err != nil {
		return array{}, err
	}
	a := array{name: name, dims: dims, numbers: make([]float32, n), whole: whole}
	for i := range a.numbers {
		v := at(i)
		if a.numbers[i] = float32(v); !(math.Abs(float64(a.numbers[i])) <= math.MaxFloat32) {
			return a, badf(name, "want finite numbers that a 32-bit float can hold, got %g in example %d", v,
				i/max(n/dims[0], 1)+1)
		}
	}
	return a, nil
}

// qmnist is the number of columns of a label of QMNIST (Yadav and Bottou 2019): the class, then where the digit is
// from.
const qmnist = 8

// take makes examples of inputs [n][...] and answers [n] or [n][numbers]. The labels of QMNIST, [n][8], are classes.
func take(x, y array) (Examples, error) {
	e := Examples{Images: x.bytes, Floats: x.numbers}
	if y.dims[0] != x.dims[0] {
		return e, badf(y.name, "want %d labels, one for each image of %s, got %d", x.dims[0], x.name, y.dims[0])
	}
	if len(y.dims) == 2 && y.dims[1] == qmnist && y.whole && y.bytes == nil {
		first := make([]float32, y.dims[0])
		for i := range first {
			first[i] = y.numbers[qmnist*i]
		}
		y.dims, y.numbers = y.dims[:1], first
	}
	switch {
	case len(y.dims) == 2 && y.dims[1] > 1 && y.whole:
		return e, badf(y.name, "want one label for each image, or the eight integers of QMNIST, got %d integers: "+
			"several numbers to be fitted must be floats", y.dims[1])
	case len(y.dims) > 2:
		return e, badf(y.name, "want answers of one or two dimensions, got %s", times(y.dims))
	case y.bytes != nil:
		e.Labels = y.bytes
	default:
		e.Targets, e.Numbers = y.numbers, len(y.numbers)/y.dims[0]
	}
	return e, nil
}

// join makes a set of the four arrays of a data set. Inputs of two dimensions are no images; of four, they are images
// with channels, which come last, unless they can only come first.
func join(name, source string, trainX, trainY, testX, testY array) (*Set, error) {
	s := &Set{Name: name, Source: source, SHA256: map[string]string{}, Real: !trainY.whole}
	switch d := trainX.dims; len(d) {
	case 1:
		s.Rows, s.Columns, s.Table = 1, 1, true
	case 2:
		s.Rows, s.Columns, s.Table = 1, d[1], true
	case 3:
		s.Rows, s.Columns = d[1], d[2]
	case 4:
		const colours = 4 // and transparency
		if s.Rows, s.Columns, s.Channels = d[1], d[2], d[3]; d[1] <= colours && d[3] > colours {
			s.Rows, s.Columns, s.Channels, s.Planes = d[2], d[3], d[1], true
		}
	default:
		return nil, badf(trainX.name, "want inputs of one to four dimensions, examples first, got %s", times(d))
	}
	if !slices.Equal(testX.dims[1:], trainX.dims[1:]) {
		what := "images of %s pixels"
		if s.Table {
			what = "inputs of %s numbers"
		}
		return nil, badf(testX.name, "want "+what+" as in %s, got %s", times(trainX.dims[1:]), trainX.name,
			times(testX.dims[1:]))
	}
	if (testX.bytes == nil) != (trainX.bytes == nil) {
		return nil, badf(testX.name, "want the element type of %s: one of them has unsigned bytes and the other has not",
			trainX.name)
	}
	var err error
	if s.Train, err = take(trainX, trainY); err != nil {
		return nil, err
	}
	if s.Test, err = take(testX, testY); err != nil {
		return nil, err
	}
	if s.Train.Numbers > 0 && s.Test.Numbers > 0 && s.Train.Numbers != s.Test.Numbers {
		return nil, badf(testY.name, "want %d numbers for each example as in %s, got %d", s.Train.Numbers, trainY.name,
			s.Test.Numbers)
	}
	if trainY.whole != testY.whole {
		return nil, badf(testY.name, "want integers or floats as in %s: one of them has integers and the other has not",
			trainY.name)
	}
	return s, nil
}

// fourOrTwo makes a set of inputs and answers for training and the test, as in fileNames, or of those for training
// alone: then a tenth of the examples, in an order that depends on their number only, is for the test.
func fourOrTwo(path string, arrays [fileCount]*array) (*Set, error) {
	source, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("mnist: %s: %w", path, err)
	}
	name := filepath.Base(source)
	if reserved(name) {
		name += "-folder"
	}
	x, y := *arrays[trainImages], *arrays[trainLabels]
	if arrays[testImages] != nil {
		return join(name, source, x, y, *arrays[testImages], *arrays[testLabels])
	}
	s, err := join(name, source, x, y, x, y)
	if err != nil {
		return nil, err
	}
	n := s.Train.N()
	if n < 2 {
		return nil, badf(path, "want two examples or more, one of them for the test, got %d", n)
	}
	order := make([]int32, n)
	Order(order, 0, 0)
	test := make([]bool, n)
	const tenth = 10
	for _, i := range order[:max(1, n/tenth)] {
		test[i] = true
	}
	var which [2][]int
	for i, t := range test {
		which[count(t)] = append(which[count(t)], i)
	}
	s.Train, s.Test, s.Dealt = s.Train.Pick(which[0]), s.Train.Pick(which[1]), true
	return s, nil
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// times writes dimensions as 5 x 4.
func times(dims []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(dims), "[]"), " ", " x ")
}
