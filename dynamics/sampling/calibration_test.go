package sampling

import (
	"math"
	"testing"
)

// A case by hand: five examples of three classes in three bins of fifteen.
func TestCalibrate(t *testing.T) {
	probabilities := []float64{
		0.7, 0.2, 0.1, // bin 10, up to 11/15 = 0.733; right
		0.72, 0.08, 0.2, // the same bin; wrong
		0.05, 0.95, 0, // bin 14; right
		0, 0, 1, // bin 14; right
		0.4, 0.3, 0.3, // bin 5, whose upper bound is 6/15 = 0.4; wrong
	}
	labels := []byte{0, 1, 1, 2, 2}
	c, err := Calibrate(probabilities, labels)
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-12 {
			t.Errorf("%s %v, want %v", what, got, want)
		}
	}
	near("accuracy", c.Accuracy, 3./5)
	near("ECE", c.ECE, (2*math.Abs(0.5-0.71)+2*math.Abs(1-0.975)+math.Abs(0-0.4))/5)
	near("NLL", c.NLL, -(math.Log(0.7)+math.Log(0.08)+math.Log(0.95)+0+math.Log(0.3))/5)
	for k, b := range c.Bins {
		want := map[int]Bin{5: {1, 0.4, 0}, 10: {2, 0.71, 0.5}, 14: {2, 0.975, 1}}[k]
		if b.Examples != want.Examples {
			t.Errorf("bin %d has %d examples, want %d", k, b.Examples, want.Examples)
		}
		near("confidence", b.Confidence, want.Confidence)
		near("accuracy of the bin", b.Accuracy, want.Accuracy)
	}
	for _, wrong := range []struct {
		p []float64
		l []byte
	}{{nil, nil}, {[]float64{1, 2, 3}, []byte{0, 1}}, {[]float64{1, 0}, []byte{2}}} {
		if _, err := Calibrate(wrong.p, wrong.l); err == nil {
			t.Errorf("%v, %v is taken", wrong.p, wrong.l)
		}
	}
}
