package train

import (
	"context"
	"math"
	"strings"
	"testing"

	"quantal/mnist"
	"quantal/results/store"
)

// plane is a data set whose answers are two noisy linear functions of three inputs, far from 0 and of different scales.
func plane() *mnist.Set {
	examples := func(n, from int) (e mnist.Examples) {
		for i := from; i < from+n; i++ {
			a, b := math.Sin(float64(7*i)), math.Cos(float64(11*i))
			e.Floats = append(e.Floats, float32(100*a), float32(b), 5)
			e.Targets = append(e.Targets, float32(1000+3*a-b+0.2*math.Sin(float64(i*i))), float32(0.01*a*b))
		}
		e.Numbers = 2
		return e
	}
	return &mnist.Set{Name: "plane", Source: "made up", Rows: 1, Columns: 3, Table: true, Real: true,
		Train: examples(400, 0), Test: examples(130, 400), SHA256: map[string]string{"npz": "made up"}}
}

// R^2 and the loss are those of the network's outputs, in the units of the data, computed plainly.
func TestRegression(t *testing.T) {
	c, err := Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	c.Hidden, c.Epochs, c.Validation, c.C, c.Lambda, c.LearningRate = []int{8}, 6, 40, 1e-4, 1e-3, 0.01
	c.NoiseVariance, c.Device, c.Threads = 0.3, "cpu", 1
	set := plane()
	for _, targets := range []string{"auto", "none"} {
		c := c
		c.NormaliseTargets = targets
		c.Settle(set)
		if c.Likelihood != "gaussian" || c.Normalise != "columns" {
			t.Fatalf("settled on %s, %s", c.Likelihood, c.Normalise)
		}
		r := newRun(t, c, set)
		var last store.Epoch
		err := r.Train(context.Background(), Events{Epoch: func(_ int, e store.Epoch) error { last = e; return nil }})
		if err != nil {
			t.Fatal(err)
		}
		o, err := r.Outcomes(context.Background(), 3)
		if err != nil {
			t.Fatal(err)
		}
		checkpoint, err := r.Checkpoint(0)
		if err != nil {
			t.Fatal(err)
		}
		layers, err := r.Activations(checkpoint.State, set.Test, 1)
		if err != nil {
			t.Fatal(err)
		}
		training, _, _ := set.Split(c.Validation)
		nll, squares, total := 0.0, 0.0, 0.0
		for k := range 2 {
			mean, sd := numbersOf(training, k)
			if targets == "none" {
				mean, sd = 0, 1
			}
			about, _ := numbersOf(set.Test, k)
			for i := range set.Test.N() {
				y, target := float64(layers[len(layers)-1][2*i+k]), float64(set.Test.Targets[2*i+k])
				e := y - (target-mean)/sd
				squares += e * e
				total += math.Pow((target-about)/sd, 2)
				nll += e*e/(2*0.3) + math.Log(2*math.Pi*0.3)/2
			}
		}
		nll /= float64(set.Test.N())
		r2 := 1 - squares/total
		if math.Abs(o[0].LossMean-nll) > 1e-4*math.Abs(nll) || math.Abs(*o[0].R2Mean-r2) > 1e-4*max(1, math.Abs(r2)) {
			t.Errorf("%s: loss %g and R² %g, want %g and %g", targets, o[0].LossMean, *o[0].R2Mean, nll, r2)
		}
		if targets == "auto" && (r2 < 0.4 || *o[0].R2Sampled < 0.3 || *o[0].R2Sampled > r2 ||
			*o[0].ValidationR2Sampled < 0.3) {
			t.Errorf("R² %g, sampled %g, validation %g: it did not learn, or the noise does nothing", r2, *o[0].R2Sampled,
				*o[0].ValidationR2Sampled)
		}
		if *last.R2Mean != *o[0].R2Mean || !math.IsNaN(o[0].AccuracySampled) || !math.IsNaN(o[0].AccuracyPredictive) {
			t.Errorf("%s: epoch %+v, outcome %+v", targets, last, o[0])
		}
		again := newRun(t, c, set)
		if err := again.Resume(store.Times{}, checkpoint); err != nil {
			t.Errorf("%s: %v", targets, err)
		}
		other := c
		other.NormaliseTargets = map[string]string{"auto": "none", "none": "auto"}[targets]
		if err := newRun(t, other, set).Resume(store.Times{}, checkpoint); err == nil ||
			!strings.Contains(err.Error(), "fits numbers") {
			t.Errorf("%s: resumed with targets %s: %v", targets, other.NormaliseTargets, err)
		}
	}
}

// numbersOf are the mean and the standard deviation of the k-th number of the answers.
func numbersOf(e mnist.Examples, k int) (mean, sd float64) {
	for i := range e.N() {
		mean += float64(e.Targets[i*e.Numbers+k]) / float64(e.N())
	}
	for i := range e.N() {
		sd += math.Pow(float64(e.Targets[i*e.Numbers+k])-mean, 2) / float64(e.N())
	}
	return mean, math.Sqrt(sd)
}

// The target of a class is its number, under the Gaussian likelihood; what does not fit is refused.
func TestLikelihoods(t *testing.T) {
	c, set := small(t)
	c.Likelihood, c.Hidden = "gaussian", nil
	numbers, err := set.With("gaussian", 0)
	if err != nil {
		t.Fatal(err)
	}
	r := newRun(t, c, numbers)
	if r.Spec.Sizes[1] != 1 || numbers.Train.Targets[1] != float32(set.Train.Labels[1]) {
		t.Errorf("%v, %v", r.Spec.Sizes, numbers.Train.Targets[:3])
	}
	if back, err := numbers.With("categorical", 0); err != nil || back.Classes != set.Classes ||
		back.Train.Labels[2] != set.Train.Labels[2] {
		t.Errorf("back to classes: %v, %v", back, err)
	}
	for name, bad := range map[string]struct {
		set    *mnist.Set
		change func(c *Config)
		want   string
	}{
		"classes": {set, func(c *Config) {}, "have answers of the other kind"},
		"numbers": {numbers, func(c *Config) { c.Likelihood = "categorical" }, "have answers of the other kind"},
		"variance": {set, func(c *Config) { c.Likelihood, c.NoiseVariance = "categorical", 2 },
			"noise-variance 2: the answers are classes"},
		"targets": {set, func(c *Config) { c.Likelihood, c.NormaliseTargets = "categorical", "none" },
			"normalise-targets none"},
		"no variance":  {numbers, func(c *Config) { c.NoiseVariance = 0 }, "noise-variance 0: want a number above 0"},
		"likelihood":   {numbers, func(c *Config) { c.Likelihood = "poisson" }, "want one of categorical, gaussian"},
		"same answers": {sameAnswers(numbers), func(c *Config) {}, "every training example has the answer 3"},
	} {
		c := c
		bad.change(&c)
		if _, err := New(bad.set, c); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: error %v, want %q", name, err, bad.want)
		}
	}
}

func sameAnswers(set *mnist.Set) *mnist.Set {
	same := *set
	same.Train.Targets = make([]float32, len(set.Train.Targets))
	for i := range same.Train.Targets {
		same.Train.Targets[i] = 3
	}
	return &same
}
