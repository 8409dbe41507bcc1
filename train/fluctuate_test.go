package train

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"quantal/graph"
	"quantal/kernels"
	"quantal/mnist"
)

// trained is a small network after some epochs.
func trained(t *testing.T, noise string) (Config, *mnist.Set, *kernels.State) {
	t.Helper()
	c, set := small(t)
	c.Noise, c.Epochs = noise, 40
	r := newRun(t, c, set)
	if err := r.Train(context.Background(), Events{}); err != nil {
		t.Fatal(err)
	}
	s, err := r.Checkpoint(0)
	if err != nil {
		t.Fatal(err)
	}
	return c, set, s.State
}

func fluctuate(t *testing.T, set *mnist.Set, c Config, members ...Fluctuation) *Fluctuations {
	t.Helper()
	f, err := opened(t, set, c).Fluctuate(kernels.Langevin{}, members...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func muOf(t *testing.T, f *Fluctuations, network int) []float32 {
	t.Helper()
	s, err := f.State(network)
	if err != nil {
		t.Fatal(err)
	}
	return s.Mu
}

// From a trained network: gradient descent stays as good, fluctuation stays close to it, and the same noise without the
// gradient does not.
func TestFluctuate(t *testing.T) {
	for _, noise := range []string{"heterogeneous", "homogeneous", "none"} {
		c, set, start := trained(t, noise)
		warm := Fluctuation{Start: start, Seed: 3, StepSize: 5e-4, Temperature: 3}
		cold, control := warm, warm
		cold.Temperature, control.Uncorrected = 0, true
		f := fluctuate(t, set, c, cold, warm, control)
		told := 0
		if err := f.Run(context.Background(), 1200, func(done, steps int) { told = done + steps }); err != nil {
			t.Fatal(err)
		}
		scores, err := f.Evaluate(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: accuracies %.2f %.2f %.2f, losses %.3f %.3f %.3f", noise, scores[0].AccuracyMean, scores[1].AccuracyMean,
			scores[2].AccuracyMean,
			f.Loss(0), f.Loss(1), f.Loss(2))
		if f.Step() != 1200 || told != 2400 {
			t.Errorf("%s: at step %d, told of %d", noise, f.Step(), told)
		}
		if !(f.Loss(0) < f.Loss(1) && f.Loss(1) < 0.2*f.Loss(2)) {
			t.Errorf("%s: losses %g, %g, %g: want gradient descent below fluctuation, and that far below its control", noise,
				f.Loss(0), f.Loss(1), f.Loss(2))
		}
		// The sum of 1200 draws of amplitude sqrt(2 eps T).
		walk := 0.0
		for i, v := range muOf(t, f, 2) {
			d := float64(v - start.Mu[i])
			walk += d * d
		}
		want := 1200 * 2 * control.StepSize * control.Temperature * float64(f.Program.Layout.Synapses())
		if math.Abs(walk/want-1) > 0.25 { // 1000 synapses: a standard error of 0.05
			t.Errorf("%s: the control has moved by a squared distance of %.3g, want %.3g", noise, walk, want)
		}
		alone := fluctuate(t, set, c, warm)
		for _, n := range []int{1, 0, 699, 500} {
			if err := alone.Run(context.Background(), n, nil); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(muOf(t, alone, 0), muOf(t, f, 1)) {
			t.Errorf("%s: alone and in parts the result is different", noise)
		}
	}
}

// A network that diverges has no state; the others continue. When all have diverged, Run says so.
func TestFluctuationsDiverge(t *testing.T) {
	c, set, start := trained(t, "none")
	good := Fluctuation{Start: start, Seed: 3, StepSize: 1e-4, Temperature: 1}
	bad := good
	bad.StepSize = 1e30
	f := fluctuate(t, set, c, good, bad)
	if err := f.Run(context.Background(), 20, nil); err != nil || f.Diverged(0) != nil || f.Diverged(1) == nil {
		t.Errorf("divergences %v, %v, %v: want none and one", f.Diverged(0), f.Diverged(1), err)
	}
	var diverged *DivergedError
	if _, err := f.State(1); !errors.As(err, &diverged) {
		t.Errorf("the state of a network that diverged: %v", err)
	}
	if err := fluctuate(t, set, c, bad).Run(context.Background(), 20, nil); !errors.As(err, &diverged) {
		t.Errorf("all diverged: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.Run(ctx, 1, nil); !errors.Is(err, ErrInterrupted) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestFluctuateRefuses(t *testing.T) {
	c, set, start := trained(t, "none")
	good, session := Fluctuation{Start: start, StepSize: 1e-4, Temperature: 1}, opened(t, set, c)
	for want, change := range map[string]func(f *Fluctuation){
		"a state to start": func(f *Fluctuation) { f.Start = nil },
		"step size 0":      func(f *Fluctuation) { f.StepSize = 0 },
		"temperature -1":   func(f *Fluctuation) { f.Temperature = -1 },
		"values of mu":     func(f *Fluctuation) { f.Start = &kernels.State{} },
	} {
		f := good
		change(&f)
		_, err := session.Fluctuate(kernels.Langevin{}, good, f)
		if err == nil || !strings.Contains(err.Error(), "network 1") || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
	if _, err := session.Fluctuate(kernels.Langevin{}); err == nil {
		t.Error("no networks: no error")
	}
	if _, err := session.Fluctuate(kernels.Langevin{Decay: 1}, good); err == nil {
		t.Error("a schedule without a delay: no error")
	}
}

// The outputs of the layers against the definition in float64, and against the evaluation.
func TestActivations(t *testing.T) {
	for _, noise := range []string{"heterogeneous", "none"} {
		c, set, s := trained(t, noise)
		session := opened(t, set, c)
		layers, err := session.Activations(s, set.Test, 0)
		if err != nil {
			t.Fatal(err)
		}
		layout := c.Spec(Input(set), set.Classes).Layout()
		if len(layers) != 3 {
			t.Fatalf("%d layers, want 3", len(layers))
		}
		correct, loss, moving := 0, 0.0, 0
		p, err := session.Probabilities(s, set.Test, 0)
		if err != nil {
			t.Fatal(err)
		}
		for e := range set.Test.N() {
			var x []float64
			for _, v := range set.Test.Images[e*set.Rows*set.Columns:][:set.Rows*set.Columns] {
				x = append(x, (float64(v)/255-0.1307)/0.3081)
			}
			for l, layer := range layout.Layers {
				x = append(x, 1)
				y := make([]float64, layer.Out)
				for r := range y {
					for k, v := range x {
						y[r] += v * float64(s.Mu[layout.Slot(l, r, k)])
					}
					if l < 2 {
						y[r] = math.Max(y[r], 0)
					}
					if got := float64(layers[l][e*layer.Out+r]); math.Abs(got-y[r]) > 1e-4 {
						t.Fatalf("%s: example %d: unit %d of layer %d answers %v, want %v", noise, e, r, l, got, y[r])
					}
					if y[r] != 0 {
						moving++
					}
				}
				x = y
			}
			sum, best := 0.0, 0
			for o, v := range x {
				sum += math.Exp(v)
				if v > x[best] {
					best = o
				}
			}
			for o, v := range x {
				if got := p[e*set.Classes+o]; math.Abs(got-math.Exp(v)/sum) > 1e-5 {
					t.Fatalf("%s: example %d: class %d has probability %v, want %v", noise, e, o, got, math.Exp(v)/sum)
				}
			}
			label := int(set.Test.Labels[e])
			loss += math.Log(sum) - x[label]
			if best == label {
				correct++
			}
		}
		f := fluctuate(t, set, c, Fluctuation{Start: s, StepSize: 1e-5})
		scores, err := f.Evaluate(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		n := float64(set.Test.N())
		if math.Abs(scores[0].AccuracyMean-float64(correct)/n) > 1e-9 || math.Abs(scores[0].LossMean-loss/n) > 1e-5 {
			t.Errorf("%s: accuracy %v, loss %v, want %v, %v", noise, scores[0].AccuracyMean, scores[0].LossMean,
				float64(correct)/n, loss/n)
		}
		if moving < 100 {
			t.Errorf("%s: nearly all answers are 0", noise)
		}
		// One thread or many.
		one, err := session.Activations(s, set.Test, 1)
		if err != nil {
			t.Fatal(err)
		}
		for l := range layers {
			if !slices.Equal(one[l], layers[l]) {
				t.Errorf("%s: layer %d depends on the number of threads", noise, l)
			}
		}
	}
}

func BenchmarkActivations(b *testing.B) {
	set := mnist.Glyphs()
	c, err := Preset("published")
	if err != nil {
		b.Fatal(err)
	}
	s, err := Open(set, c)
	if err != nil {
		b.Fatal(err)
	}
	state := c.InitialState(c.Spec(graph.Row(784), 10).Layout())
	for b.Loop() {
		if _, err := s.Activations(state, set.Test, 1); err != nil {
			b.Fatal(err)
		}
	}
}
