package kernels

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// pytorch is what testdata/pytorch.py has written.
type pytorch struct {
	Rate float64
	Runs []struct {
		Rule     string
		Schedule Shape
		Decay    float64
		Path     [][]float64 // of three parameters, after each step
	}
	Activations []struct {
		Name            Activation
		Y, Value, Slope []float64
	}
}

func readPyTorch(t *testing.T) (p pytorch) {
	t.Helper()
	text, err := os.ReadFile("testdata/pytorch.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// Every rule under every schedule, with and without weight decay, takes the path that it takes in PyTorch.
func TestRulesAgainstPyTorch(t *testing.T) {
	p := readPyTorch(t)
	if want := len(Movers()) * len(Shapes()) * 2; len(p.Runs) != want {
		t.Errorf("%d runs, want %d", len(p.Runs), want)
	}
	for _, run := range p.Runs {
		rule, err := ParseMover(run.Rule)
		if err != nil {
			t.Fatal(err)
		}
		rule = Scheduled(rule, Schedule{run.Schedule, len(run.Path)})
		theta := Param[float64]{Values: []float64{0.7, -0.4, 0.05}}
		for i := range rule.Moments() {
			theta.Moments[i] = make([]float64, 3)
		}
		for step, want := range run.Path {
			g := make([]float64, 3)
			for i, v := range theta.Values { // as in the script
				g[i] = math.Sin(1+3*float64(i)+float64(step))*0.4 + v*(0.2+0.1*float64(i))
			}
			u := TrainingStep[float64]{Move: NewMove[float64](rule, Member{LearningRate: p.Rate, WeightDecay: run.Decay}, step)}
			if !u.UpdateMeans(Row[float64]{Mu: theta}, g) {
				t.Fatalf("%v: not finite", rule)
			}
			for i, v := range theta.Values {
				if math.Abs(v-want[i]) > 1e-12 {
					t.Fatalf("%v, decay %g: parameter %d is %v after step %d, want %v", rule, run.Decay, i, v, step, want[i])
				}
			}
		}
	}
}

// Every activation and its derivative are PyTorch's.
func TestActivationsAgainstPyTorch(t *testing.T) {
	all := readPyTorch(t).Activations
	if len(all) != len(Activations()) {
		t.Errorf("%d activations, want %d", len(all), len(Activations()))
	}
	for _, a := range all {
		for i, y := range a.Y {
			slope := []float64{1}
			value := applied(a.Name, y, slope)
			if math.Abs(value-a.Value[i]) > 1e-14*math.Max(1, math.Abs(y)) || math.Abs(slope[0]-a.Slope[i]) > 1e-14 {
				t.Errorf("%v(%v) = %v with the slope %v, want %v and %v", a.Name, y, value, slope[0], a.Value[i], a.Slope[i])
			}
		}
	}
}
