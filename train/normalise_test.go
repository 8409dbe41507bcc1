package train

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"quantal/mnist"
	"quantal/results/store"
)

// statistics are mean and standard deviation of the pixels, from 0 to 1, computed plainly.
func statistics(images []byte) (mean, sd float64) {
	for _, x := range images {
		mean += float64(x) / 255 / float64(len(images))
	}
	for _, x := range images {
		sd += math.Pow(float64(x)/255-mean, 2) / float64(len(images))
	}
	return mean, math.Sqrt(sd)
}

// The output of the first layer, whose weights select one pixel, is that pixel normalised.
func TestNormalise(t *testing.T) {
	c, set := small(t)
	c.Hidden, c.Validation = nil, 30
	mean, sd := statistics(set.Train.Images[:70*30])
	if all, _ := statistics(set.Train.Images); math.Abs(all-mean) < 1e-5 {
		t.Fatal("the examples that are held out have no part in the mean: the test cannot tell")
	}
	known := *set
	known.Known = true
	for _, v := range []struct {
		normalise string
		set       *mnist.Set
		settled   bool
		mean, sd  float64
	}{
		{"", set, false, 0.1307, 0.3081}, // files from before there was a choice
		{"", set, true, mean, sd},
		{"", &known, true, 0.1307, 0.3081},
		{"mnist", set, true, 0.1307, 0.3081},
		{"auto", &known, true, mean, sd},
		{"none", set, true, 0, 1},
		{" 0.25, 0.5", set, true, 0.25, 0.5},
		{"0.25x0.5", set, true, 0.25, 0.5},
	} {
		c := c
		if err := c.Set("normalise", v.normalise); err != nil && v.normalise != "" {
			t.Error(err)
		}
		if v.settled {
			c.Settle(v.set)
		}
		r := newRun(t, c, v.set)
		if math.Abs(r.Pixels.Mean-v.mean) > 1e-12 || math.Abs(r.Pixels.SD-v.sd) > 1e-12 {
			t.Errorf("%q: %+v, want mean %g and SD %g", v.normalise, r.Pixels, v.mean, v.sd)
		}
		checkpoint, err := r.Checkpoint(0)
		if err != nil {
			t.Fatal(err)
		}
		if !checkpoint.Normalisation().Equal(r.Pixels) {
			t.Errorf("%q: the checkpoint has %+v, the run %+v", v.normalise, checkpoint.Normalisation(), r.Pixels)
		}
		state := checkpoint.State
		clear(state.Mu)
		const pixel = 7
		state.Mu[pixel] = 1
		layers, err := r.Activations(state, v.set.Test, 0)
		if err != nil {
			t.Fatal(err)
		}
		for e := range v.set.Test.N() {
			want := (float64(v.set.Test.Images[e*30+pixel])/255 - v.mean) / v.sd
			if got := layers[0][e*3]; math.Abs(float64(got)-want) > 1e-6*max(1, math.Abs(want)) {
				t.Fatalf("%q: example %d: input %g, want %g", v.normalise, e, got, want)
			}
		}
		if err := newRun(t, c, v.set).Resume(store.Times{}, checkpoint); err != nil {
			t.Errorf("%q: %v", v.normalise, err)
		}
		c.Normalise = "0.5,0.5"
		if err := newRun(t, c, v.set).Resume(store.Times{}, checkpoint); err == nil ||
			!strings.Contains(err.Error(), "less 0.5 over 0.5") {
			t.Errorf("%q: resumed with another normalisation: %v", v.normalise, err)
		}
	}
}

// The inputs of networks from before there was a choice are the same to the last bit.
func TestNormaliseOfBefore(t *testing.T) {
	const mean, sd = 0.1307, 0.3081 // constants: the quotients are exact before they are rounded
	_, set := small(t)
	d := describe(set, set.Train, mnist.Published())
	if d.Scale != 1./(255*sd) || d.Shift != -mean/sd {
		t.Errorf("scale %v and shift %v, want %v and %v", d.Scale, d.Shift, float32(1./(255*sd)), float32(-mean/sd))
	}
}

func TestNormaliseBad(t *testing.T) {
	c, set := small(t)
	for _, text := range []string{"minst", "0.5", "0.5,0", "0.5,-1", "33.3,78.6", "0.5,nan", "nan,0.5", "0.1,0.2,0.3", ",",
		"-0.5,0.5"} {
		c.Normalise = text
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), "MEAN,SD") {
			t.Errorf("%q: error %v", text, err)
		}
	}
	flat := *set
	flat.Train.Images = bytes.Repeat([]byte{9}, len(set.Train.Images))
	c.Normalise = "auto"
	var bad *mnist.DataError
	if _, err := New(&flat, c); !errors.As(err, &bad) || !strings.Contains(err.Error(),
		"every pixel of the training images is 9") {
		t.Errorf("images of one grey: %v", err)
	}
}

func TestNormaliseRule(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "mnist": "", "0.1307,0.3081": "", "0.1307x3081e-4": "", "auto": "auto", "none": "none",
		"0.50, 0.250": "0.5,0.25", "0.5x0.25": "0.5,0.25",
	} {
		c := Config{Normalise: text}
		if got := c.NormaliseRule(); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
		if (want == "") == strings.Contains(c.Cohort(), "normalise") {
			t.Errorf("%q: cohort %q", text, c.Cohort())
		}
	}
}
