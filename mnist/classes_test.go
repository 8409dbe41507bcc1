package mnist

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// labelled is a set whose examples have these labels.
func labelled(training, test []byte) *Set {
	return &Set{Source: "/set", Rows: 1, Columns: 1,
		Train: Examples{Images: make([]byte, len(training)), Labels: training},
		Test:  Examples{Images: make([]byte, len(test)), Labels: test}}
}

// several is each label from first to last n times.
func several(n int, first, last byte) (labels []byte) {
	for label := int(first); label <= int(last); label++ {
		labels = append(labels, bytes.Repeat([]byte{byte(label)}, n)...)
	}
	return labels
}

func TestClasses(t *testing.T) {
	for _, c := range []struct {
		name           string
		training, test []byte
		stated, want   int
		absentTraining []int
		absentTest     []int
	}{
		{"digits", several(3, 0, 9), several(1, 0, 9), 0, 10, nil, nil},
		{"EMNIST letters", several(10, 1, 26), several(2, 1, 26), 0, 27, []int{0}, []int{0}},
		{"the last in the test set only", several(3, 0, 3), several(1, 2, 4), 0, 5, []int{4}, []int{0, 1}},
		{"the last nowhere", several(3, 0, 8), several(1, 0, 7), 10, 10, []int{9}, []int{8, 9}},
		{"half of the labels", slices.Concat(several(6, 0, 1), several(6, 4, 5)), several(1, 0, 1), 0, 6, []int{2, 3},
			[]int{2, 3, 4, 5}},
		{"3 or 8, as digits", slices.Concat(several(6, 3, 3), several(6, 8, 8)), several(1, 3, 3), 10, 10,
			[]int{0, 1, 2, 4, 5, 6, 7, 9}, []int{0, 1, 2, 4, 5, 6, 7, 8, 9}},
		{"all that bytes can tell apart", several(2, 0, 255), several(1, 0, 255), 0, 256, nil, nil},
	} {
		s, err := labelled(c.training, c.test).WithClasses(c.stated)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		training, test := s.Absent()
		if s.Classes != c.want || !slices.Equal(training, c.absentTraining) || !slices.Equal(test, c.absentTest) {
			t.Errorf("%s: %d classes, without %v for training and %v for the test, want %d, %v, %v",
				c.name, s.Classes, training, test, c.want, c.absentTraining, c.absentTest)
		}
	}
}

func TestNoClasses(t *testing.T) {
	for _, c := range []struct {
		name           string
		training, test []byte
		stated         int
		want           string
	}{
		{"one class", several(10, 0, 0), several(1, 0, 0), 0, "every training example has the label 0"},
		{"one class for training", several(10, 2, 2), several(1, 0, 4), 0, "every training example has the label 2"},
		{"one class, more stated", several(10, 2, 2), several(1, 0, 4), 10, "every training example has the label 2"},
		{"measured values", several(1, 0, 99)[1:], several(1, 0, 99), 0, "labels up to 99 for 99 training examples"},
		{"an age in the test set", several(3, 0, 9), []byte{3, 60}, 0, "labels up to 60 for 30 training examples"},
		{"no and yes", slices.Concat(several(300, 0, 0), several(300, 255, 255)), several(9, 0, 0), 0,
			"only 2 of the labels 0 to 255 occur"},
		{"3 or 8", slices.Concat(several(50, 3, 3), several(50, 8, 8)), several(9, 3, 3), 0, "or --classes 9 if they do"},
		{"fewer stated", several(3, 0, 9), several(1, 0, 9), 9,
			"9 classes have the labels 0 to 8, and there are examples with the label 9"},
		{"fewer stated than tested", several(3, 0, 8), several(1, 0, 9), 9, "examples with the label 9"},
		{"one stated", several(3, 0, 9), several(1, 0, 9), 1, "want 2 to 256 classes"},
		{"more stated than bytes", several(3, 0, 9), several(1, 0, 9), 257, "want 2 to 256 classes"},
	} {
		s, err := labelled(c.training, c.test).WithClasses(c.stated)
		var bad *DataError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) ||
			!strings.HasPrefix(err.Error(), "mnist: /set: ") {
			t.Errorf("%s: got %+v and error %v, want %q", c.name, s, err, c.want)
		}
	}
}
