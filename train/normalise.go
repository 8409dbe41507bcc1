package train

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"quantal/kernels"
	"quantal/mnist"
)

// The rules of Config.Normalise, other than MEAN,SD.
const (
	asMNIST   = "mnist"   // as the authors: the rounded statistics of MNIST
	byItself  = "auto"    // the statistics of the training examples
	asTheyAre = "none"    // x/255
	byColumn  = "columns" // the statistics of each column of the training examples
)

// parseNormalise reads a rule, and its numbers; with auto and columns they must still be measured. An empty rule means
// mnist, which was the only one before there was a choice.
func parseNormalise(text string) (rule string, n mnist.Normalisation, err error) {
	switch text {
	case "", asMNIST:
		return asMNIST, mnist.Published(), nil
	case byItself, byColumn:
		return text, mnist.Normalisation{}, nil
	case asTheyAre:
		return asTheyAre, mnist.Normalisation{Mean: 0, SD: 1}, nil
	}
	bad := errors.New("want mnist, auto, columns, none, or MEAN,SD of pixels from 0 to 1, such as 0.1307,0.3081")
	// x if commas separate something else, as in Hidden
	mean, sd, two := strings.Cut(strings.ReplaceAll(text, "x", ","), ",")
	if !two {
		return "", n, bad
	}
	var err1, err2 error
	n.Mean, err1 = strconv.ParseFloat(strings.TrimSpace(mean), 64)
	n.SD, err2 = strconv.ParseFloat(strings.TrimSpace(sd), 64)
	if err1 != nil || err2 != nil || !(n.Mean >= 0 && n.Mean <= 1) || !(n.SD >= 1e-6 && n.SD <= 1) {
		return "", n, bad
	}
	if n.Equal(mnist.Published()) {
		return asMNIST, n, nil
	}
	return fmt.Sprintf("%g,%g", n.Mean, n.SD), n, nil
}

// NormaliseRule is Normalise in canonical form; empty for mnist.
func (c Config) NormaliseRule() string {
	if rule := c.normaliseText(); rule != asMNIST {
		return rule
	}
	return ""
}

// normaliseText is Normalise in canonical form.
func (c *Config) normaliseText() string {
	rule, _, err := parseNormalise(c.Normalise)
	if err != nil {
		return c.Normalise
	}
	return rule
}

// Settle chooses the likelihood and the normalisation of a new network if the user has not: the likelihood is that of
// the answers, classes or numbers; a user's data set is normalised by
// its own statistics, those of each column if the inputs are no images. MNIST and the built-in digits are normalised as
// by the authors.
func (c *Config) Settle(set *mnist.Set) {
	if c.Likelihood == "" {
		c.Likelihood = kernels.Categorical.String()
		if set.Classes == 0 {
			c.Likelihood = kernels.Gaussian.String()
		}
	}
	if c.Normalise != "" {
		return
	}
	switch {
	case set.Known && !mnist.Downloaded(set.Name):
		c.Normalise = asMNIST
	case set.Table:
		c.Normalise = byColumn
	default:
		c.Normalise = byItself
	}
}

// Normalisation is that of the configuration for the examples of a set. auto takes the training examples without those
// held out for validation.
func (c Config) Normalisation(set *mnist.Set) (mnist.Normalisation, error) {
	rule, n, err := parseNormalise(c.Normalise)
	if err != nil {
		return n, fmt.Errorf("normalise %q: %w", c.Normalise, err)
	}
	if rule != byItself && rule != byColumn {
		return n, nil
	}
	training, _, err := set.Split(c.Validation)
	if err != nil {
		return n, err
	}
	if rule == byColumn {
		n = training.ColumnNormalisation()
	} else {
		n = training.Normalisation()
	}
	if n.Means == nil && n.SD == 0 {
		value := n.Mean
		if training.Floats == nil {
			value *= 255
		}
		return n, &mnist.DataError{File: set.Source, Reason: fmt.Sprintf(
			"every pixel of the training images is %.6g, so they cannot be normalised: want images that differ", value)}
	}
	return n, nil
}

// describe describes examples of a set to the VM.
func describe(set *mnist.Set, e mnist.Examples, n mnist.Normalisation) *kernels.Data {
	d := &kernels.Data{N: e.N(), Width: set.Width(), Labels: e.Labels, Targets: e.Targets, Order: mnist.Order}
	if e.Floats != nil || n.Means != nil {
		d.Floats = n.Floats(e)
	} else {
		d.Bytes, d.Scale, d.Shift = e.Images, float32(1/(255*n.SD)), float32(-n.Mean/n.SD)
	}
	return d
}

// between is a part of data, in the same memory.
func between(d *kernels.Data, from, to int) kernels.Data {
	part := *d
	part.N = to - from
	cut := func(n int) (int, int) { return from * n / d.N, to * n / d.N }
	if a, b := cut(len(d.Bytes)); d.Bytes != nil {
		part.Bytes = d.Bytes[a:b]
	}
	if a, b := cut(len(d.Floats)); d.Floats != nil {
		part.Floats = d.Floats[a:b]
	}
	if a, b := cut(len(d.Labels)); d.Labels != nil {
		part.Labels = d.Labels[a:b]
	}
	if a, b := cut(len(d.Targets)); d.Targets != nil {
		part.Targets = d.Targets[a:b]
	}
	return part
}
