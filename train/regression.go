package train

import (
	"fmt"
	"math"
	"slices"

	"quantal/kernels"
	"quantal/mnist"
)

// Likelihoods lists the values of Config.Likelihood.
func Likelihoods() []string { return []string{kernels.Categorical.String(), kernels.Gaussian.String()} }

// likelihoodText is Likelihood, which was categorical before there was a choice.
func (c *Config) likelihoodText() string {
	if c.Likelihood == "" {
		return kernels.Categorical.String()
	}
	return c.Likelihood
}

// Regression reports whether the network fits numbers.
func (c Config) Regression() bool { return c.Likelihood == kernels.Gaussian.String() }

// forRegression reports a setting of regression that is given to a network which learns classes.
func (c *Config) forRegression(name, value, usual string) error {
	if c.Likelihood == kernels.Categorical.String() && value != usual {
		return fmt.Errorf("%s %s: the answers are classes: want it with --likelihood gaussian alone", name, value)
	}
	return nil
}

// answers is how the numbers to be fitted are computed from those of the data; the zero value if they are taken as they
// are.
func (c Config) answers(set *mnist.Set) (n mnist.Normalisation, err error) {
	if !c.Regression() || c.NormaliseTargets == asTheyAre {
		return n, nil
	}
	training, _, err := set.Split(c.Validation)
	if err != nil {
		return n, err
	}
	for k := range training.Numbers {
		first := training.Targets[k]
		same := true
		for i := k; i < len(training.Targets); i += training.Numbers {
			same = same && training.Targets[i] == first
		}
		if same {
			return n, &mnist.DataError{File: set.Source, Reason: fmt.Sprintf(
				"every training example has the answer %g: want answers that differ", first)}
		}
	}
	training.Images, training.Floats = nil, training.Targets
	n = training.ColumnNormalisation()
	if n.Means == nil {
		n.Means, n.SDs = []float64{n.Mean}, []float64{n.SD}
	}
	n.Mean, n.SD = 0, 0
	return n, nil
}

// fitted are the examples with answers as the network is to give them.
func fitted(e mnist.Examples, n mnist.Normalisation) mnist.Examples {
	if n.Means != nil {
		e.Targets = slices.Clone(e.Targets)
		for i, y := range e.Targets {
			k := i % e.Numbers
			e.Targets[i] = float32((float64(y) - n.Means[k]) / n.SDs[k])
		}
	}
	return e
}

// explained is R^2, the share of the variance of the answers that a network explains, at a mean loss on data: 1 - SSE /
// SST, both summed over examples and numbers, SST about the mean of each number in these data. It is negative for a
// network that is worse than this mean, nil for classes, and NaN for answers that are all the same.
//
// The loss of an example is SSE/(2v) + k log(2 pi v)/2 for its k numbers, so that SSE follows from it.
func explained(d *kernels.Data, loss, variance float64) *float64 {
	if d == nil || d.Targets == nil {
		return nil
	}
	numbers := len(d.Targets) / d.N
	total := 0.0
	for k := range numbers {
		mean := 0.0
		for i := range d.N {
			mean += float64(d.Targets[i*numbers+k]) / float64(d.N)
		}
		for i := range d.N {
			total += math.Pow(float64(d.Targets[i*numbers+k])-mean, 2)
		}
	}
	v := float64(float32(variance)) // as machines have it
	squares := 2 * v * float64(d.N) * (loss - float64(float64(numbers)*kernels.Log(2*math.Pi*v)/2))
	r2 := 1 - squares/total
	if total == 0 {
		r2 = math.NaN()
	}
	return &r2
}

// Classifies reports, as a SettingsError, a network that does not learn classes, for what needs them.
func (c Config) Classifies(name string) error {
	if !c.Regression() {
		return nil
	}
	return &SettingsError{fmt.Errorf("%s: its network fits numbers (likelihood gaussian): want one that learned classes",
		name)}
}
