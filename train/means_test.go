package train

import (
	"context"
	"fmt"
	"math"
	"testing"

	"quantal/kernels"
	"quantal/mnist"
	"quantal/results/store"
)

// forward is the network in float64, straight from the equations: the outputs for a test example. The bias of a neuron
// is the last of its row.
func forward(set *mnist.Set, l kernels.Layout, w []float64, example int) []float64 {
	pixels := set.Rows * set.Columns
	var x []float64
	for _, v := range set.Test.Images[example*pixels : (example+1)*pixels] {
		x = append(x, (float64(v)/255-0.1307)/0.3081)
	}
	for i, layer := range l.Layers {
		var y []float64
		for r := range layer.Out {
			row := w[l.Slot(i, r, 0):]
			sum := row[layer.In]
			for k, v := range x {
				sum += v * row[k]
			}
			if i < len(l.Layers)-1 {
				sum = max(sum, 0)
			}
			y = append(y, sum)
		}
		x = y
	}
	return x
}

// someWeights are weights of networks of a configuration, which differ.
func someWeights(t *testing.T, c Config, set *mnist.Set, n int) (kernels.Layout, [][]float32, [][]float64) {
	l := opened(t, set, c).withoutNoise().Layout()
	var narrow [][]float32
	var wide [][]float64
	for m := range n {
		c.Seed, c.MuInit = store.Seed(m+1), 0.5
		w := c.InitialState(l).Mu
		narrow = append(narrow, w)
		wide = append(wide, make([]float64, len(w)))
		for i, v := range w {
			wide[m][i] = float64(v)
		}
	}
	return l, narrow, wide
}

func TestTester(t *testing.T) {
	c, set := small(t)
	l, weights, wide := someWeights(t, c, set, 5)
	tester, err := opened(t, set, c).Tester(5)
	if err != nil {
		t.Fatal(err)
	}
	defer tester.Close()
	scores, err := tester.Scores(context.Background(), weights)
	if err != nil {
		t.Fatal(err)
	}
	for m, s := range scores {
		correct, loss := 0, 0.0
		for b := range set.Test.N() {
			y, label := forward(set, l, wide[m], b), int(set.Test.Labels[b])
			best, sum := 0, 0.0
			for j, v := range y {
				sum += math.Exp(v)
				if v > y[best] {
					best = j
				}
			}
			if best == label {
				correct++
			}
			loss += math.Log(sum) - y[label]
		}
		n := float64(set.Test.N())
		if s.AccuracyMean != float64(correct)/n || math.Abs(s.LossMean-loss/n) > 1e-5*(1+loss/n) {
			t.Errorf("network %d: accuracy %g, loss %g, want %g and %g", m, s.AccuracyMean, s.LossMean, float64(correct)/n,
				loss/n)
		}
		if s.AccuracySampled != s.AccuracyMean || s.LossSampled != s.LossMean {
			t.Errorf("network %d: sampled %g, %g are not those at the means", m, s.AccuracySampled, s.LossSampled)
		}
	}
	// Again, with fewer networks: those of the call before have no effect.
	again, err := tester.Scores(context.Background(), weights[3:])
	if err != nil || fmt.Sprint(again) != fmt.Sprint(scores[3:]) {
		t.Errorf("%v, %v: want %v", again, err, scores[3:])
	}
	for what, wrong := range map[string][][]float32{"none": nil, "too many": make([][]float32, 6),
		"another network": {{1}}} {
		if _, err := tester.Scores(context.Background(), wrong); err == nil {
			t.Errorf("weights of %s: no error", what)
		}
	}
}

// Against central differences of the network in float64.
func TestOutputSquares(t *testing.T) {
	c, set := small(t)
	l, weights, wide := someWeights(t, c, set, 1)
	const examples = 7
	w := wide[0]
	var outputs []float32
	for b := range examples {
		for _, v := range forward(set, l, w, b) {
			outputs = append(outputs, float32(v))
		}
	}
	session := opened(t, set, c)
	squares, err := session.OutputSquares(context.Background(), weights[0], outputs)
	if err != nil {
		t.Fatal(err)
	}
	want, largest := make([]float64, len(w)), 0.0
	const h = 1e-6 // small enough that no neuron changes sides, large enough for 1e-9 in a derivative
	for i := range l.Layers {
		layer := l.Layers[i]
		for r := range layer.Out {
			for k := range layer.Columns() {
				slot := l.Slot(i, r, k)
				for b := range examples {
					was := w[slot]
					w[slot] = was + h
					up := forward(set, l, w, b)
					w[slot] = was - h
					down := forward(set, l, w, b)
					w[slot] = was
					for j := range up {
						d := (up[j] - down[j]) / (2 * h)
						want[slot] += d * d
					}
				}
				largest = max(largest, want[slot])
			}
		}
	}
	for slot := range want {
		if math.Abs(squares[slot]-want[slot]) > 1e-5*largest {
			t.Fatalf("slot %d: %g, want %g; the largest is %g", slot, squares[slot], want[slot], largest)
		}
	}
	if largest == 0 {
		t.Error("no output depends on any weight")
	}
	for what, wrong := range map[string][]float32{"none": nil, "half an example": outputs[:len(outputs)-1],
		"too many": make([]float32, 3*(set.Test.N()+1))} {
		if _, err := session.OutputSquares(context.Background(), weights[0], wrong); err == nil {
			t.Errorf("outputs of %s: no error", what)
		}
	}
}
