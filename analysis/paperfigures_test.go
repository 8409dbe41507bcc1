package analysis

import (
	"errors"
	"strings"
	"testing"

	"quantal/results/draw"
	"quantal/results/store"
	"quantal/synapse"
	"quantal/train"
)

// pattern is a network whose layers have a sigma that falls with their Hessian.
func pattern(t *testing.T, rho string, factor float64, seed store.Seed, layers int) *Pattern {
	t.Helper()
	e, err := train.ParseExponent(rho)
	if err != nil {
		t.Fatal(err)
	}
	p := &Pattern{Network: train.Network{ID: rho, Config: train.Config{Rho: e, C: 1, Seed: seed, Data: "/somewhere/digits",
		Hidden: make([]int, layers-1)}}}
	if e.Value() > 0 {
		p.Config.C = factor * synapse.Multiplier(PaperScale, e.Value())
	}
	for i := range layers {
		s := Signatures{Inputs: 5, Outputs: 8, InputRate: []float64{1, 2, 3, 4, 5}, InputSquare: []float64{1, 4, 9, 16, 25}}
		for _, u := range uniforms(40, noise(uint64(seed), forInputs), i) {
			s.Hessian, s.Variance, s.LearningRate = append(s.Hessian, 1+u), append(s.Variance, 1e-4/(1+u)),
				append(s.LearningRate, 1/(1+u))
		}
		s.HessianExamples = s.Hessian
		p.Layers = append(p.Layers, s)
	}
	p.fit(Bootstrap{Seed: 1, Resamples: 20})
	return p
}

func TestPaperFigures(t *testing.T) {
	all := &Patterns{Epochs: 1}
	for _, rho := range []string{"trafficking", "entropic", "calcium"} {
		for _, factor := range []float64{10, 1, 0.1, 3} {
			all.Networks = append(all.Networks, pattern(t, rho, factor, 2, 3), pattern(t, rho, factor, 1, 3))
		}
		all.Networks = append(all.Networks, pattern(t, rho, 1, 1, 1))
	}
	list := all.chosen(1, deep)
	if len(list) != 2 || list[0].ID != "calcium" || list[1].ID != "trafficking" || list[0].Config.Seed != 1 {
		t.Fatalf("%d networks", len(list))
	}
	draw := []struct {
		of    func(*Patterns) (draw.Illustration, error)
		name  string
		lines []string // of the caption, one for each panel
	}{
		{(*Patterns).Figure5, "fig5", []string{"layer 2, rho calcium", "layer 2, rho trafficking, c 5e-07, input rate"}},
		{(*Patterns).Appendix5, "appendix5", []string{"layer 1, rho calcium", "input square", "Red: "}},
		{(*Patterns).Appendix6Layers, "appendix6-fig1", []string{"layer 1, rho calcium", "layer 3, rho calcium"}},
		{(*Patterns).Appendix6Costs, "appendix6-fig2", []string{"rho trafficking, c 5e-06", "rho trafficking, c 5e-08"}},
	}
	for _, d := range draw {
		i, err := d.of(all)
		if err != nil || i.Name != d.name {
			t.Fatalf("%s: %v", i.Name, err)
		}
		if strings.Contains(i.Caption, "somewhere") {
			t.Errorf("%s has the path of its data: %s", i.Name, i.Caption)
		}
		for _, line := range d.lines {
			if !strings.Contains(i.Caption, line) {
				t.Errorf("%s lacks %q: %s", i.Name, line, i.Caption)
			}
		}
		if _, err := d.of(&Patterns{Networks: all.Networks[:2]}); d.name != "appendix6-fig2" &&
			!errors.Is(err, ErrNoNetworks) {
			t.Errorf("%s from networks of another cost: %v", d.name, err)
		}
	}
}

// Each value of c has its own figures, by its position among those of the exponent; other settings make groups.
func TestPatternGroups(t *testing.T) {
	p := &Patterns{Epochs: 1}
	for _, rho := range []string{"trafficking", "calcium"} {
		for _, factor := range []float64{10, 1} {
			p.Networks = append(p.Networks, pattern(t, rho, factor, 2, 2), pattern(t, rho, factor, 1, 2))
		}
	}
	p.Networks = append(p.Networks, pattern(t, "actin", 1, 1, 1))
	groups := p.groups()
	if len(groups) != 2 || len(groups[0]) != 2 || len(groups[1]) != 1 {
		t.Fatalf("%d groups", len(groups))
	}
	for level, factor := range []float64{1, 10} {
		networks := groups[0][level]
		if len(networks) != 2 || networks[0].ID != "calcium" || networks[0].Config.Seed != 1 {
			t.Fatalf("level %d: %+v", level, networks)
		}
		for _, n := range networks {
			if f, ok := PaperFactor(n.Config); !ok || f != factor {
				t.Errorf("level %d has %g times the c", level, f)
			}
		}
	}
	illustrations, err := p.Illustrations()
	if err != nil {
		t.Fatal(err)
	}
	names := ""
	for _, i := range illustrations {
		names += i.Name + " "
	}
	want := "layer1-network1-c1 layer2-network1-c1 layer1-network1-c2 layer2-network1-c2 signatures-network2 "
	if names != want {
		t.Errorf("%s, want %s", names, want)
	}
}
