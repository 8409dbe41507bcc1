package results

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot"

	"quantal/kernels"
)

func curvePoints(n int) []Epoch {
	var epochs []Epoch
	for i := 1; i <= n; i++ {
		x := float64(i)
		epochs = append(epochs, Epoch{Epoch: i, NLL: 0.03 + 0.5*math.Exp(-x/8),
			AccuracySampled: 0.914 - 0.05*math.Exp(-x/5), AccuracyMean: 0.978 - 0.04*math.Exp(-x/6)})
	}
	return epochs
}

// spread is a network whose sigma varies by the given factor around a value, less in each layer.
func spread(sharing kernels.Sharing, sigma, factor float64, sizes ...int) *Checkpoint {
	l := layoutOf(sharing, sizes...)
	c := filled(l, 0, normal(7))
	for i := range l.Layers {
		phi := c.State.Phi[l.PhiOffset(i):][:l.PhiLen(i)]
		next := normal(uint64(i))
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
	diverged[4] = Epoch{Epoch: 5, NLL: math.NaN(), AccuracySampled: math.Inf(1), AccuracyMean: math.NaN()}
	regression := []Epoch{{Epoch: 1, NLL: -1, AccuracySampled: math.NaN(), AccuracyMean: math.NaN(), LossSampled: -0.5},
		{Epoch: 2, NLL: -1, AccuracySampled: math.NaN(), AccuracyMean: math.NaN(), LossSampled: -0.6}}
	lost := spread(kernels.PerSynapse, 0.1, 2, 9, 8, 7)
	lost.State.Phi[0], lost.State.Phi[1] = float32(math.NaN()), -1000
	initial := float32(kernels.SoftplusInverse(1e-4))
	start := spread(kernels.PerSynapse, 1, 1, 9, 8, 7)
	for i := range start.State.Phi {
		start.State.Phi[i] = initial
	}
	for name, draw := range map[string]func() (*Figure, error){
		"curve":      func() (*Figure, error) { return LearningCurve(curvePoints(50)) },
		"one epoch":  func() (*Figure, error) { return LearningCurve(curvePoints(1)) },
		"diverged":   func() (*Figure, error) { return LearningCurve(diverged) },
		"regression": func() (*Figure, error) { return LearningCurve(regression) },
		"equal":      func() (*Figure, error) { return LearningCurve([]Epoch{{Epoch: 1}, {Epoch: 2}}) },
		"ulp": func() (*Figure, error) {
			return LearningCurve([]Epoch{{Epoch: 1, NLL: 1e9}, {Epoch: 2, NLL: math.Nextafter(1e9, 2e9)}})
		},
		"synapse": func() (*Figure, error) {
			return SigmaDistribution(spread(kernels.PerSynapse, 0.1, 3, 80, 40, 10), 1e-2)
		},
		"neuron": func() (*Figure, error) { return SigmaDistribution(spread(kernels.PerNeuron, 0.1, 3, 80, 40, 10), 0) },
		"layer":  func() (*Figure, error) { return SigmaDistribution(spread(kernels.PerLayer, 0.1, 3, 80, 40, 10), 1e-2) },
		"network": func() (*Figure, error) {
			return SigmaDistribution(spread(kernels.PerNetwork, 0.1, 3, 80, 40, 10), 1e-2)
		},
		"start": func() (*Figure, error) { return SigmaDistribution(start, 1e-4) },
		"lost":  func() (*Figure, error) { return SigmaDistribution(lost, 0) },
		"deep": func() (*Figure, error) {
			return SigmaDistribution(spread(kernels.PerSynapse, 0.1, 30, 9, 8, 7, 6, 5, 4, 3, 2, 1), 1)
		},
		"extreme": func() (*Figure, error) { return SigmaDistribution(spread(kernels.PerSynapse, 1e-20, 1e8, 9, 8, 7), 1) },
	} {
		figure, err := draw()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		path := filepath.Join(dir, "figure.svg")
		check(t, figure.Save(path))
		data, err := os.ReadFile(path)
		check(t, err)
		wellFormed(t, name, data)
	}
}

func wellFormed(t *testing.T, name string, svg []byte) {
	t.Helper()
	paths := 0
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "path" {
			paths++
		}
	}
	if paths < 20 || bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) || bytes.Contains(svg, []byte("<text")) {
		t.Errorf("%s: %d paths, or a number or a text that does not belong there", name, paths)
	}
}

func TestFigureFormats(t *testing.T) {
	dir := t.TempDir()
	saved := func(name string) []byte {
		// Drawn anew each time: the bytes must depend on the data only.
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
	if !bytes.HasPrefix(saved("a.pdf"), []byte("%PDF-")) || !bytes.Contains(saved("a.pdf"), []byte("CreationDate (D:00000000000000")) {
		t.Error("not a PDF without a clock")
	}
	figure, err := LearningCurve(curvePoints(5))
	check(t, err)
	wantError(t, figure.Save(filepath.Join(dir, "a.gif")), "a.gif", ".svg, .png or .pdf")
	wantError(t, figure.Save(filepath.Join(dir, "missing", "a.svg")), filepath.Join("missing", "a.svg"), "no such file")
}

// TestLearningCurveExplains: beside the accuracy stand sigma per layer and the terms of the objective, where there are any.
func TestLearningCurveExplains(t *testing.T) {
	plain, noisy, entropic := curvePoints(5), curvePoints(5), curvePoints(5)
	for i := range noisy {
		noisy[i].SigmaRMSLayers = []float64{0.001 * math.Exp(float64(i)), 0.001}
		noisy[i].ObjectiveNLL, noisy[i].ObjectiveReliability = 1e3, 1e9*math.Exp(float64(-i))
		entropic[i].ObjectiveReliability = -1e3 - float64(i) // below 0: no logarithmic axis
	}
	for name, c := range map[string]struct {
		epochs []Epoch
		want   string // the label and the key of each panel of the second row
		top    float64
	}{
		"plain":    {plain, "", 0},
		"noisy":    {noisy, "σ, root mean square: layer 1, layer 2; Objective (nats): performance, reliability", 9},
		"entropic": {entropic, "Objective (nats): reliability", -1000},
	} {
		figure, err := LearningCurve(c.epochs)
		check(t, err)
		var got []string
		top := 0.
		for _, row := range figure.blocks[0].rows[1:] {
			for _, p := range row {
				if p.plot == nil {
					continue
				}
				var keys []string
				for _, k := range p.key {
					keys = append(keys, k.label)
				}
				got = append(got, p.plot.Y.Label.Text+": "+strings.Join(keys, ", "))
				top = p.plot.Y.Max
			}
		}
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("%s: the second row is %q, want %q", name, text, c.want)
		}
		if math.Abs(top-c.top) > 0.5 {
			t.Errorf("%s: the last axis ends at %g, want about %g", name, top, c.top)
		}
	}
}

func TestNothingToDraw(t *testing.T) {
	_, empty := LearningCurve(nil)
	_, nan := LearningCurve([]Epoch{{AccuracySampled: math.NaN(), AccuracyMean: math.NaN(), NLL: math.NaN(),
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

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		ticker    plot.Ticker
		low, high float64
		want      string
	}{
		{niceTicks{}, 86.8, 98.5, "88 90 92 94 96 98"},
		{niceTicks{}, -0.02, 0.49, "0.0 0.1 0.2 0.3 0.4"},
		{niceTicks{}, -1.1, 0.3, "−1.0 −0.5 0.0"},
		{niceTicks{whole: true}, 0.9, 4.1, "1 2 3 4"},
		{niceTicks{whole: true}, 0.5, 1.5, "1"},
		{niceTicks{whole: true}, 0, 51, "0 10 20 30 40 50"},
		{niceTicks{}, 1e12, 4e12, "1e+12 1.5e+12 2e+12 2.5e+12 3e+12 3.5e+12 4e+12"},
		{decadeTicks{}, -4.1, -0.9, "10^{−4} 10^{−3} 10^{−2} 10^{−1}"},
		{decadeTicks{}, -4.4, -3.6, "5×10^{−5} 10^{−4} 2×10^{−4}"},
		{decadeTicks{}, -0.1, 2.9, "10^{0} 10^{1} 10^{2}"},
		{decadeTicks{room: 5}, -4.4, 3.7, "10^{−4} 10^{−2} 10^{0} 10^{2}"},
		{decadeTicks{room: 5}, -0.7, 0.3, "2×10^{−1} 5×10^{−1} 10^{0}"},
		{decadeTicks{room: 5}, -1.2, 0.1, "10^{−1} 3×10^{−1} 10^{0}"},
		{decadeTicks{room: 5}, 3.9, 8.1, "10^{4} 10^{5} 10^{6} 10^{7} 10^{8}"},
		{unlabelled{decadeTicks{}}, -0.1, 2.9, "     "},
		{decadeTicks{plain: true}, -1.4, 0.4, "0.05 0.1 0.2 0.5 1 2"},
		{decadeTicks{plain: true}, -3, 3, "0.001 0.01 0.1 1 10 100 1000"},
		{decadeTicks{plain: true}, -4.1, 2, "10^{−4} 10^{−3} 10^{−2} 10^{−1} 10^{0} 10^{1} 10^{2}"},
		{decadeTicks{}, -20, 0, "10^{−18} 10^{−15} 10^{−12} 10^{−9} 10^{−6} 10^{−3} 10^{0}"},
	} {
		var labels []string
		for _, tick := range c.ticker.Ticks(c.low, c.high) {
			if tick.Value < c.low-1e-9 || tick.Value > c.high+1e-9 {
				t.Errorf("tick %v is outside of %v..%v", tick.Value, c.low, c.high)
			}
			if !tick.IsMinor() {
				labels = append(labels, tick.Label)
			}
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%T%+v %v..%v: %s, want %s", c.ticker, c.ticker, c.low, c.high, got, c.want)
		}
	}
}

func TestHistogramHasAreaOne(t *testing.T) {
	for _, l := range sigmaLayers(spread(kernels.PerSynapse, 0.1, 3, 80, 40, 10)) {
		area := 0.0
		for _, d := range l.density {
			area += d * (l.logs[len(l.logs)-1] - l.logs[0]) / float64(len(l.density))
		}
		if math.Abs(area-1) > 1e-9 {
			t.Errorf("%s: area %v", l.name, area)
		}
	}
	if l := newSigmaLayer("l", []float32{1, float32(math.NaN()), 0}); l.name != "l, without 2 zero or not finite" {
		t.Errorf("name %q", l.name)
	}
}

func ExampleLearningCurve() {
	epochs := []Epoch{
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
