package serve

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"quantal/grid"
	"quantal/internal/resultstest"
	"quantal/kernels"
	"quantal/results/store"
	"quantal/train"
)

// madeUp is a grid that nobody has trained: its plan, and records as if they had been.
type madeUp struct {
	t      testing.TB
	folder *grid.Folder
	points []grid.Point
}

// newMadeUp makes a folder with a plan of 4 x cs x seeds networks, none of which has finished.
func newMadeUp(t testing.TB, dir string, cs, seeds int, edit ...func(*train.Config)) madeUp {
	t.Helper()
	base, err := train.Preset("quick")
	check(t, err)
	base.Data, base.Normalise, base.Hidden = "glyphs", "none", []int{8}
	for _, e := range edit {
		e(&base)
	}
	axis := func(name, text string) grid.Axis {
		a, err := grid.ParseAxis(base, name, text)
		check(t, err)
		return a
	}
	points, err := grid.Points(base, axis("noise", "heterogeneous,homogeneous"), axis("rho", "calcium,trafficking"),
		axis("c", fmt.Sprintf("logspace:-4:3:%d", cs)), axis("seed", fmt.Sprintf("1-%d", seeds)))
	check(t, err)
	folder, err := grid.Open(dir)
	check(t, err)
	_, err = folder.Extend("quantal grid --out "+dir, points)
	check(t, err)
	check(t, os.MkdirAll(filepath.Join(dir, "points"), 0o755))
	check(t, folder.Close()) // else it looks like a grid at work; View needs no lock
	return madeUp{t, folder, points}
}

// finish writes the records of points from number i to before number j.
func (m madeUp) finish(i, j int) {
	m.t.Helper()
	next := resultstest.Normal(uint64(i + 1))
	for k, p := range m.points[i:j] {
		r := store.Record{ID: p.ID, Settings: grid.SettingsOf(p.Config, "glyphs"), Status: store.Done, Kernels: "portable",
			Outcome: store.NoOutcome()}
		rho := r.RhoValue
		r.SigmaRMS = 0.3 * math.Pow(r.C, 0.4/(rho+0.5)) * math.Exp(0.03*float64(next()))
		r.AccuracySampled = 0.1 + 0.88/(1+r.SigmaRMS*r.SigmaRMS*4)
		r.AccuracyMean, r.LossSampled, r.LossMean = r.AccuracySampled+0.01, 1-r.AccuracySampled, 1-r.AccuracySampled
		r.ReliabilityCost = 1000 / r.SigmaRMS
		r.SigmaRMSLayers, r.Steps, r.Draws = []float64{r.SigmaRMS, r.SigmaRMS * 1.2}, 100, p.Config.Draws
		if (i+k)%50 == 49 {
			step, layer := 50, 1
			r.Status, r.Outcome, r.DivergedStep, r.DivergedLayer, r.DivergedWhat = store.Diverged, store.NoOutcome(), &step,
				&layer, "sigma"
		}
		check(m.t, store.WriteRecord(m.folder.Path("points"), r))
	}
}

// network writes the parameters of a point, and the record that goes with them.
func (m madeUp) network(i int) {
	m.t.Helper()
	p := m.points[i]
	layout := resultstest.LayoutOf(kernels.PerSynapse, 784, 8, 10)
	if p.Config.Noise == "homogeneous" {
		layout.Sharing = kernels.PerNetwork
	}
	state := kernels.NewState(layout, 0)
	next := resultstest.Normal(7)
	for _, f := range state.Fields() {
		for k := range f {
			f[k] = -2 + 0.5*next()
		}
	}
	c := &store.Checkpoint{Layout: layout, State: state, Seed: uint64(p.Config.Seed), Step: 100, Graph: "made up",
		Driver: "made up", Rule: "adam"}
	check(m.t, store.WriteNetwork(m.folder.Path("points", p.ID+".safetensors"), c))
	read, err := store.ReadNetwork(m.folder.Path("points", p.ID+".safetensors"))
	check(m.t, err)
	r := store.Record{ID: p.ID, Settings: grid.SettingsOf(p.Config, "glyphs"), Status: store.Done, Kernels: "portable",
		Outcome: store.NoOutcome()}
	r.AccuracySampled, r.Steps, r.Draws, r.SigmaRMSLayers = 0.5, 100, p.Config.Draws, read.SigmaRMSLayers()
	r.SigmaRMS = r.SigmaRMSLayers[0]
	check(m.t, store.WriteRecord(m.folder.Path("points"), r))
}

// run makes the folder of a run of so many epochs with a learning curve.
func run(t testing.TB, dir string, c float64, epochs int) *store.Folder {
	t.Helper()
	config, err := train.Preset("quick")
	check(t, err)
	config.Data, config.Normalise, config.C, config.Epochs = "glyphs", "none", c, 20
	f, err := store.Create(dir)
	check(t, err)
	check(t, f.WriteConfig(config.Settings().Document()))
	check(t, f.WriteEnvironment(store.Environment{Version: store.Version, Kernels: "portable", Data: "glyphs"}))
	for e := range epochs {
		check(t, f.AppendMetrics(epochOf(e+1, c)))
	}
	return f
}

func epochOf(e int, c float64) store.Epoch {
	x := float64(e)
	sigma := 0.05 + 0.2*(1-math.Exp(-x*c/3))
	return store.Epoch{Epoch: e, Step: 100 * e, Times: store.Times{Seconds: x}, NLL: 0.2 + math.Exp(-x),
		Objective: 100 / x, ObjectiveNLL: 60 / x, ObjectiveReliability: 40 / x, AccuracySampled: 0.98 - sigma - math.Exp(-x),
		LossSampled: 0.3, AccuracyMean: 0.98 - math.Exp(-x), LossMean: 0.2, SigmaRMS: sigma,
		SigmaRMSLayers: []float64{sigma, 1.3 * sigma},
		StepsPerSecond: 100}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
