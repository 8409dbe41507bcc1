package tables

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quantal/internal/resultstest"
	"quantal/kernels"
	"quantal/results/draw"
	"quantal/results/store"
)

func curvePoints(n int) []store.Epoch {
	var epochs []store.Epoch
	for i := 1; i <= n; i++ {
		x := float64(i)
		epochs = append(epochs, store.Epoch{Epoch: i, NLL: 0.03 + 0.5*math.Exp(-x/8),
			AccuracySampled: 0.914 - 0.05*math.Exp(-x/5), AccuracyMean: 0.978 - 0.04*math.Exp(-x/6)})
	}
	return epochs
}

// spread is a network whose sigma varies by the given factor around a value, less in each layer.
func spread(sharing kernels.Sharing, sigma, factor float64, sizes ...int) *store.Checkpoint {
	l := layoutOf(sharing, sizes...)
	c := filled(l, 0, resultstest.Normal(7))
	for i := range l.Layers {
		phi := c.State.Phi[l.PhiOffset(i):][:l.PhiLen(i)]
		next := resultstest.Normal(uint64(i))
		for j := range phi {
			s := sigma / float64(i+1) * math.Pow(factor, float64(next()))
			phi[j] = float32(kernels.SoftplusInverse(s))
		}
	}
	return c
}

func TestFigures(t *testing.T) {
	dir := t.TempDir()
	diverged := curvePoints(5)
	diverged[4] = store.Epoch{Epoch: 5, NLL: math.NaN(), AccuracySampled: math.Inf(1), AccuracyMean: math.NaN()}
	regression := []store.Epoch{{Epoch: 1, NLL: -1, AccuracySampled: math.NaN(), AccuracyMean: math.NaN(),
		LossSampled: -0.5},
		{Epoch: 2, NLL: -1, AccuracySampled: math.NaN(), AccuracyMean: math.NaN(), LossSampled: -0.6}}
	lost := spread(kernels.PerSynapse, 0.1, 2, 9, 8, 7)
	lost.State.Phi[0], lost.State.Phi[1] = float32(math.NaN()), -1000
	initial := float32(kernels.SoftplusInverse(1e-4))
	start := spread(kernels.PerSynapse, 1, 1, 9, 8, 7)
	for i := range start.State.Phi {
		start.State.Phi[i] = initial
	}
	for name, of := range map[string]func() (*draw.Figure, error){
		"curve":      func() (*draw.Figure, error) { return LearningCurve(curvePoints(50)) },
		"one epoch":  func() (*draw.Figure, error) { return LearningCurve(curvePoints(1)) },
		"diverged":   func() (*draw.Figure, error) { return LearningCurve(diverged) },
		"regression": func() (*draw.Figure, error) { return LearningCurve(regression) },
		"equal":      func() (*draw.Figure, error) { return LearningCurve([]store.Epoch{{Epoch: 1}, {Epoch: 2}}) },
		"ulp": func() (*draw.Figure, error) {
			return LearningCurve([]store.Epoch{{Epoch: 1, NLL: 1e9}, {Epoch: 2, NLL: math.Nextafter(1e9, 2e9)}})
		},
		"synapse": func() (*draw.Figure, error) {
			return SigmaDistribution(spread(kernels.PerSynapse, 0.1, 3, 80, 40, 10), 1e-2)
		},
		"neuron": func() (*draw.Figure, error) {
			return SigmaDistribution(spread(kernels.PerNeuron, 0.1, 3, 80, 40, 10), 0)
		},
		"layer": func() (*draw.Figure, error) {
			return SigmaDistribution(spread(kernels.PerLayer, 0.1, 3, 80, 40, 10), 1e-2)
		},
		"network": func() (*draw.Figure, error) {
			return SigmaDistribution(spread(kernels.PerNetwork, 0.1, 3, 80, 40, 10), 1e-2)
		},
		"start": func() (*draw.Figure, error) { return SigmaDistribution(start, 1e-4) },
		"lost":  func() (*draw.Figure, error) { return SigmaDistribution(lost, 0) },
		"deep": func() (*draw.Figure, error) {
			return SigmaDistribution(spread(kernels.PerSynapse, 0.1, 30, 9, 8, 7, 6, 5, 4, 3, 2, 1), 1)
		},
		"extreme": func() (*draw.Figure, error) {
			return SigmaDistribution(spread(kernels.PerSynapse, 1e-20, 1e8, 9, 8, 7), 1)
		},
	} {
		figure, err := of()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		path := filepath.Join(dir, "figure.svg")
		check(t, figure.Save(path))
		data, err := os.ReadFile(path)
		check(t, err)
		resultstest.WellFormed(t, name, data)
	}
}

func TestFigureFormats(t *testing.T) {
	dir := t.TempDir()
	saved := func(name string) []byte {
		// Drawn again each time: the bytes must depend only on the data.
		figure, err := LearningCurve(curvePoints(5))
		check(t, err)
		check(t, figure.Save(filepath.Join(dir, name)))
		data, err := os.ReadFile(filepath.Join(dir, name))
		check(t, err)
		return data
	}
	for _, name := range []string{"a.svg", "a.PNG", "a.pdf"} {
		first := saved(name)
		if !bytes.Equal(first, saved(name)) {
			t.Errorf("%s: the same figure gave other bytes", name)
		}
	}
	image, err := png.Decode(bytes.NewReader(saved("a.png")))
	check(t, err)
	if w := image.Bounds().Dx(); w != 2126 { // 180 mm at 300 dots per inch
		t.Errorf("the picture is %d dots wide", w)
	}
	if !bytes.HasPrefix(saved("a.pdf"), []byte("%PDF-")) ||
		!bytes.Contains(saved("a.pdf"), []byte("CreationDate (D:00000000000000")) {
		t.Error("not a PDF without a clock")
	}
	figure, err := LearningCurve(curvePoints(5))
	check(t, err)
	wantError(t, figure.Save(filepath.Join(dir, "a.gif")), "a.gif", ".svg, .png or .pdf")
	wantError(t, figure.Save(filepath.Join(dir, "missing", "a.svg")), filepath.Join("missing", "a.svg"), "no such file")
}

// TestLearningCurveExplains: next to the accuracy are sigma per layer and the terms of the objective, if there are any.
func TestLearningCurveExplains(t *testing.T) {
	plain, noisy, entropic, laws := curvePoints(5), curvePoints(5), curvePoints(5), curvePoints(5)
	for i := range noisy {
		noisy[i].SigmaRMSLayers = []float64{0.001 * math.Exp(float64(i)), 0.001}
		noisy[i].ObjectiveNLL, noisy[i].ObjectiveReliability = 1e3, 1e9*math.Exp(float64(-i))
		laws[i].ObjectiveNLL, laws[i].ObjectiveMagnitude, laws[i].ObjectiveReliability = 1e3, math.NaN(), math.NaN()
		laws[i].ObjectiveCosts = store.Terms{"price": 10, "actin": 20, "lost": math.NaN()}
		entropic[i].ObjectiveReliability = -1e3 - float64(i) // below 0: no logarithmic axis
	}
	for name, c := range map[string]struct {
		epochs []store.Epoch
		want   string // the label, the scale and the curves of each panel of the second row
	}{
		"plain": {plain, ""},
		"noisy": {noisy,
			"σ, root mean square, log: layer 1, layer 2; Objective (nats), log: performance, reliability"},
		"entropic": {entropic, "Objective (nats): reliability"},
		"laws":     {laws, "Objective (nats), log: performance, actin, price"},
	} {
		figure, err := LearningCurve(c.epochs)
		check(t, err)
		var got []string
		for _, row := range figure.Blocks[0].Rows[1:] {
			for _, p := range row {
				if len(p.Layers) == 0 {
					continue
				}
				var curves []string
				for _, l := range p.Layers {
					curve := l.(draw.Curve)
					curves = append(curves, curve.Label)
					if len(curve.X) != 5 || curve.X[4] != 5 || curve.Mark != draw.Dot {
						t.Errorf("%s: curve %+v", name, curve)
					}
				}
				scale := ""
				if p.Y.Log {
					scale = ", log"
				}
				got = append(got, p.Y.Label+scale+": "+strings.Join(curves, ", "))
			}
		}
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("%s: the second row is %q, want %q", name, text, c.want)
		}
	}
}

func TestNothingToDraw(t *testing.T) {
	_, empty := LearningCurve(nil)
	_, nan := LearningCurve([]store.Epoch{{AccuracySampled: math.NaN(), AccuracyMean: math.NaN(), NLL: math.NaN(),
		LossSampled: math.NaN(), LossMean: math.Inf(1)}})
	_, quiet := SigmaDistribution(spread(kernels.NoNoise, 1, 1, 3, 2), 0)
	zero := spread(kernels.PerLayer, 1, 1, 3, 2)
	zero.State.Phi[0] = -1000
	_, underflow := SigmaDistribution(zero, 0)
	wantError(t, empty, "no epoch")
	wantError(t, nan, "no epoch")
	wantError(t, quiet, "no noise")
	wantError(t, underflow, "zero or not finite")
	if isCorrupt(errors.Join(empty, quiet)) {
		t.Error("want plain errors")
	}
}

func TestHistogramHasAreaOne(t *testing.T) {
	names, values := SigmaLayers(spread(kernels.PerSynapse, 0.1, 3, 80, 40, 10))
	for i, name := range names {
		l := newDistribution(name, values[i])
		area := 0.0
		for _, d := range l.density {
			area += d * (l.logs[len(l.logs)-1] - l.logs[0]) / float64(len(l.density))
		}
		if math.Abs(area-1) > 1e-9 {
			t.Errorf("%s: area %v", l.name, area)
		}
	}
	if l := newDistribution("l", []float64{1, math.NaN(), 0}); l.name != "l, without 2 zero or not finite" {
		t.Errorf("name %q", l.name)
	}
}

func ExampleLearningCurve() {
	epochs := []store.Epoch{
		{Epoch: 1, NLL: 0.4, AccuracySampled: 0.90, AccuracyMean: 0.95},
		{Epoch: 2, NLL: 0.2, AccuracySampled: 0.91, AccuracyMean: 0.97},
	}
	figure, err := LearningCurve(epochs)
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "quantal")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	fmt.Println(figure.Save(filepath.Join(dir, "learning.svg")))
	// Output: <nil>
}
