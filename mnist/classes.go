package mnist

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"quantal/kernels"
)

// MaxClasses is the largest number of classes that labels, which are bytes, can tell apart.
const MaxClasses = 256

// WithClasses returns the set with n classes, labels 0 to n-1, in the same memory. With n = 0 their number is the
// largest label of training and test examples plus one, and labels that do not look like class numbers are refused.
//
// The error is a [DataError] if training examples have fewer than two labels, or any example has a label of n or more;
// and, with n = 0, if there are fewer training examples than classes, as when labels are measured values, or if fewer
// than half of the labels up to the largest occur, as with 0 and 255 for no and yes. Giving n says that such labels are
// meant.
func (s *Set) WithClasses(n int) (*Set, error) {
	set := *s
	var err error
	if set.Train, err = s.Train.labels(s.Source, "training"); err != nil {
		return nil, err
	}
	if set.Test, err = s.Test.labels(s.Source, "test"); err != nil {
		return nil, err
	}
	training, test := counts(set.Train), counts(set.Test)
	largest, used := 0, 0
	for label := range MaxClasses {
		if training[label]+test[label] > 0 {
			largest = label
			used++
		}
	}
	switch set.Classes = n; {
	case n == 0:
		set.Classes = largest + 1
	case n < 2 || n > MaxClasses:
		return nil, badf(s.Source, "want 2 to %d classes, got %d", MaxClasses, n)
	case n <= largest:
		return nil, badf(s.Source, "%d classes have the labels 0 to %d, and there are examples with the label %d", n, n-1,
			largest)
	}
	if at := slices.Index(training[:], s.Train.N()); at >= 0 {
		return nil, badf(s.Source, "every training example has the label %d: want at least two classes", at)
	}
	if n > 0 {
		return &set, nil
	}
	if s.Train.N() < set.Classes {
		return nil,
			badf(s.Source, "labels up to %d for %d training examples, fewer than classes, look like measured values: want "+
				"labels that number the classes from 0 on, or --classes %d if they do", largest, s.Train.N(), set.Classes)
	}
	if 2*used < set.Classes {
		return nil,
			badf(s.Source,
				"only %d of the labels 0 to %d occur: want labels that number the classes from 0 on, or --classes %d if they do",
				used, largest, set.Classes)
	}
	return &set, nil
}

// With returns the set with answers of a kind, in the same memory where it can: for the likelihood categorical, n
// classes as in WithClasses; for gaussian, numbers, which are the labels themselves if the answers are labels. If
// likelihood is empty, the answers are what the set says: numbers if they are floats in its files, else classes.
func (s *Set) With(likelihood string, n int) (*Set, error) {
	if likelihood == kernels.Categorical.String() || likelihood == "" && !s.Real {
		return s.WithClasses(n)
	}
	set := *s
	set.Train, set.Test, set.Classes = s.Train.targets(), s.Test.targets(), 0
	if n > 0 {
		return nil, badf(s.Source, "the answers are numbers, so there are no %d classes: want no --classes, or "+
			"--likelihood categorical", n)
	}
	return &set, nil
}

// labels are the examples with classes for numbers. The DataError says which number is none.
func (e Examples) labels(source, what string) (Examples, error) {
	if e.Numbers == 0 {
		return e, nil
	}
	if e.Numbers > 1 {
		return e, badf(source, "each example has %d numbers for an answer: want one class, or --likelihood gaussian to fit "+
			"them", e.Numbers)
	}
	labels := make([]byte, len(e.Targets))
	for i, v := range e.Targets {
		if labels[i] = byte(max(0, min(v, MaxClasses-1))); float32(labels[i]) != v {
			return e, badf(source, "the answer %g of %s example %d is no class: want whole numbers from 0 to %d, or "+
				"--likelihood gaussian to fit numbers", v, what, i+1, MaxClasses-1)
		}
	}
	return Examples{Images: e.Images, Floats: e.Floats, Labels: labels}, nil
}

// targets are the examples with numbers for labels.
func (e Examples) targets() Examples {
	if e.Numbers > 0 {
		return e
	}
	t := Examples{Images: e.Images, Floats: e.Floats, Numbers: 1}
	for _, label := range e.Labels {
		t.Targets = append(t.Targets, float32(label))
	}
	return t
}

// counts is how many examples have each label.
func counts(e Examples) (n [MaxClasses]int) {
	for _, label := range e.Labels {
		n[label]++
	}
	return n
}

// Absent lists the labels of classes that no training example has, and those that no test example has. A network still
// has an output for such a class, and pays for its synapses.
func (s *Set) Absent() (training, test []int) {
	inTraining, inTest := counts(s.Train), counts(s.Test)
	for label := range s.Classes {
		if inTraining[label] == 0 {
			training = append(training, label)
		}
		if inTest[label] == 0 {
			test = append(test, label)
		}
	}
	return training, test
}

// FormatLabels writes labels in ascending order, ranges as 3-7.
func FormatLabels(labels []int) string {
	var parts []string
	for i := 0; i < len(labels); {
		end := i
		for end+1 < len(labels) && labels[end+1] == labels[end]+1 {
			end++
		}
		if text := strconv.Itoa(labels[i]); end > i+1 {
			parts = append(parts, text+"-"+strconv.Itoa(labels[end]))
			i = end + 1
		} else {
			parts = append(parts, text)
			i++
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}
