package analysis

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"quantal/grid"
	"quantal/internal/safefile"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// convergeFolder is where the folder of converged networks keeps what is under way, ID.safetensors, and what is done,
// ID.json.
const convergeFolder = "converge"

// ConvergeInto takes trained networks of a run or a grid, dir, to their optimal sigma, one after the other, and keeps
// them in a folder of the same kind. If that holds some of them it goes on from there, whatever ended it; if they began
// with other options or as other networks, that is an error. Command is what the user typed. Tell gets the network,
// what is done and how much of it, done the result of each network.
func (t *Trained) ConvergeInto(ctx context.Context, dir, out, command string, o ConvergeOptions,
	tell func(id, what string, done, of int), done func(Convergence)) (all []Convergence, err error) {
	for _, n := range t.Networks { // before there is a folder
		if _, err := newConverger(t.Set, n, o, nil); err != nil {
			return nil, err
		}
	}
	marker := filepath.Join(out, convergeFolder)
	if !exists(marker) && (exists(filepath.Join(out, store.ConfigName)) || grid.Is(out)) {
		return nil, fmt.Errorf("analysis: converge: %s holds networks that quantal converge did not put there: choose "+
			"another --out", out)
	}
	if err := store.MakeFolder(marker); err != nil {
		return nil, err
	}
	var to destination = &convergedRun{from: dir}
	if grid.Is(dir) {
		to = &convergedGrid{from: dir, command: command}
	}
	if err := to.open(out, t); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, to.close()) }()
	for _, n := range t.Networks {
		k := keeper{filepath.Join(marker, n.ID), n, o, startOf(n, o)}
		c, err := k.converge(ctx, t, to, func(what string, done, of int) { tell(n.ID, what, done, of) })
		if err != nil {
			return nil, err
		}
		all = append(all, c)
		done(c)
	}
	return all, saveConverged(out, all)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// startOf is a checksum of where a network starts, and of the options.
func startOf(n train.Network, o ConvergeOptions) string {
	sum := sha256.New()
	for _, values := range [][]float32{n.State.State.Mu, n.State.State.Phi} {
		_ = binary.Write(sum, binary.LittleEndian, values) // a hash takes everything
	}
	fmt.Fprintf(sum, "%+v", o)
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// keeper keeps a network under way, and its result.
type keeper struct {
	path    string // without the ending
	network train.Network
	options ConvergeOptions
	start   string
}

// kept is what is kept of a network: with its state while it is under way, without when it is done.
type kept struct {
	Start string `json:"start"`
	Converging
}

// check is the error that the network began otherwise.
func (k keeper) check(start, path string) error {
	if start == k.start {
		return nil
	}
	return fmt.Errorf("analysis: converge: %s is of a network that began with other parameters or options: choose "+
		"another --out, or give the same", path)
}

// converge takes the network from where it is kept to its optimum, and puts it there.
func (k keeper) converge(ctx context.Context, t *Trained, to destination,
	tell func(string, int, int)) (Convergence, error) {
	const done, underWay = ".json", ".safetensors"
	var was kept
	err := store.ReadJSONFile(k.path+done, &was)
	if err == nil {
		return was.readBack(k.network.Config), k.check(was.Start, k.path+done)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Convergence{}, err
	}
	var from *Converging
	switch c, err := store.ReadCheckpoint(k.path + underWay); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return Convergence{}, err
	default:
		if err := json.Unmarshal([]byte(c.Driver), &was); err != nil {
			return Convergence{}, store.Corrupt(k.path+underWay, "%v", err)
		}
		if err := k.check(was.Start, k.path+underWay); err != nil {
			return Convergence{}, err
		}
		from = &was.Converging
		from.Convergence, from.State = was.readBack(k.network.Config), c.State.Bare()
	}
	w, err := Converge(ctx, t.Set, k.network, k.options, from, func(w *Converging) error {
		text, err := store.EncodeJSON(kept{k.start, *w})
		if err != nil {
			return err
		}
		c := *k.network.State
		c.Rule, c.State, c.Driver = "sgd", w.State, string(text) // without moments
		return c.Write(k.path + underWay)
	}, tell)
	if err != nil {
		return Convergence{}, err
	}
	n, state := k.network, *k.network.State
	n.State, state.State = &state, w.State
	if state.Driver, err = train.ConvergedBy(state.Driver, string(w.Method)); err != nil {
		return Convergence{}, err
	}
	run, err := n.Reopen(ctx, t.Set)
	if err != nil {
		return Convergence{}, err
	}
	if err := errors.Join(to.put(ctx, n, run), run.Close()); err != nil {
		return Convergence{}, err
	}
	if err := store.WriteJSONFile(k.path+done, kept{k.start, *w}); err != nil {
		return Convergence{}, err
	}
	if err := safefile.Remove(k.path + underWay); err != nil {
		return Convergence{}, err
	}
	return w.Convergence, nil
}

// readBack restores the numbers that JSON does not have.
func (c Convergence) readBack(config train.Config) Convergence {
	if !config.Reads("c") {
		c.C = math.NaN()
	}
	for i := range c.Layers {
		l := &c.Layers[i]
		if c.Steps > 0 {
			break
		}
		l.Sampled, l.SampledError = math.NaN(), math.NaN()
		for d := range l.Deciles {
			l.Deciles[d].Gradient, l.Deciles[d].Error = math.NaN(), math.NaN()
		}
	}
	return c
}

// destination is a folder for converged networks.
type destination interface {
	// open makes the folder, or opens one that it made.
	open(out string, t *Trained) error
	// put writes a network at its optimum, which is open as a run at its last step.
	put(ctx context.Context, n train.Network, run *train.Run) error
	close() error
}

// environment is that of the networks on a data set.
func (t *Trained) environment() (store.Environment, error) {
	device, err := train.ChooseDevice(t.Networks[0].Config.Device)
	return train.Environment(t.Set, device.Name, device.Kernels), err
}

// convergedRun is the folder of a run. Until its network is at its optimum it has settings only.
type convergedRun struct {
	from   string
	folder *store.Folder
}

func (r *convergedRun) open(out string, t *Trained) error {
	var err error
	if exists(filepath.Join(out, store.ConfigName)) {
		r.folder, err = store.Open(out)
	} else {
		r.folder, err = store.Create(out)
	}
	if err != nil {
		return err
	}
	environment, err := t.environment()
	if err == nil {
		err = r.folder.WriteConfig(t.Networks[0].Config.Settings().Document())
	}
	if err == nil {
		err = r.folder.WriteEnvironment(environment)
	}
	if err != nil {
		return errors.Join(err, r.folder.Close())
	}
	return nil
}

func (r *convergedRun) put(ctx context.Context, n train.Network, run *train.Run) error {
	const metrics = "metrics.jsonl"
	lines, err := os.ReadFile(filepath.Join(r.from, metrics)) // of its training; a network of a grid has none
	if err == nil {
		err = store.WriteBytes(r.folder.Path(metrics), lines)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return err
	}
	c, err := run.Checkpoint(0)
	if err != nil {
		return err
	}
	summary, err := run.Summarise(ctx, n.Config.Draws)
	if err != nil {
		return err
	}
	summary.RunFolder = r.folder.Path("")
	if err := r.folder.KeepTimes(c.Step, n.Times); err != nil {
		return err
	}
	if err := r.folder.SaveCheckpoint(c); err != nil {
		return err
	}
	return r.folder.WriteSummary(summary)
}

func (r *convergedRun) close() error { return r.folder.Close() }

// convergedGrid is the folder of a grid.
type convergedGrid struct {
	from, command string
	folder        *grid.Folder
	set           string
}

func (g *convergedGrid) open(out string, t *Trained) error {
	source, err := grid.View(g.from)
	if err != nil {
		return err
	}
	var ids []string
	for _, n := range t.Networks {
		ids = append(ids, n.ID)
	}
	points, err := source.Select(ids)
	if err != nil {
		return err
	}
	environment, err := t.environment()
	if err != nil {
		return err
	}
	g.set = t.Set.Name
	if g.folder, err = grid.Open(out); err != nil {
		return err
	}
	if _, err = g.folder.Enter(environment); err == nil {
		_, err = g.folder.Extend(g.command, points)
	}
	if err == nil {
		err = g.folder.Prepare()
	}
	if err != nil {
		return errors.Join(err, g.folder.Close())
	}
	return nil
}

func (g *convergedGrid) put(ctx context.Context, n train.Network, run *train.Run) error {
	config, _ := g.folder.Config(n.ID)
	outcomes, err := run.Outcomes(ctx, config.Draws)
	if err != nil {
		return err
	}
	c, err := run.Checkpoint(0)
	if err != nil {
		return err
	}
	return g.folder.Put(store.Record{ID: n.ID, Settings: grid.SettingsOf(config, g.set), Status: store.Done,
		Kernels: run.Device.Kernels, Outcome: outcomes[0]}, c)
}

func (g *convergedGrid) close() error { return g.folder.Close() }

// ConvergedRow is a row of converged.csv: a layer of a network.
type ConvergedRow struct {
	ID         string  `json:"id"`
	Hidden     string  `json:"hidden"`
	Rho        string  `json:"rho"`
	C          float64 `json:"c"`
	Seed       uint64  `json:"seed"`
	Method     Method  `json:"method"`
	Importance string  `json:"importance"`
	Rounds     int     `json:"rounds"`
	Settled    bool    `json:"settled"`
	Layer      int     `json:"layer"`
	Slope
	Analytic     float64 `json:"analytic"`
	Sampled      float64 `json:"sampled_slope"`
	SampledError float64 `json:"sampled_slope_error"`
	Ratio        float64 `json:"variance_ratio"`
	Largest      float64 `json:"largest_z"` // of the deciles' gradients over their errors, by size; NaN without a test

	Cost store.Later `json:"-"` // a column cost with what synapses pay, unless it is the paper's costs
}

// DecileRow is a row of deciles.csv.
type DecileRow struct {
	ID     string `json:"id"`
	Layer  int    `json:"layer"`
	Number int    `json:"decile"` // from 1, the least important synapses
	Decile
}

// Rows are the layers of a network.
func (c Convergence) Rows() (rows []ConvergedRow) {
	for _, l := range c.Layers {
		largest := math.NaN()
		for _, d := range l.Deciles {
			if z := math.Abs(d.Gradient / d.Error); !(z <= largest) && !math.IsNaN(z) {
				largest = z
			}
		}
		var cost store.Later
		if c.Cost != "" {
			cost = store.NewLater(store.LaterSetting{Name: "cost", Value: c.Cost, Text: c.Cost})
		}
		rows = append(rows, ConvergedRow{c.ID, c.Hidden, c.Rho, c.C, c.Seed, c.Method, c.Importance, c.Rounds, c.Settled,
			l.Layer, l.Slope, l.Analytic, l.Sampled, l.SampledError, l.Ratio, largest, cost})
	}
	return rows
}

// saveConverged writes the tables.
func saveConverged(dir string, all []Convergence) error {
	var rows []ConvergedRow
	var tenths []DecileRow
	for _, c := range all {
		rows = append(rows, c.Rows()...)
		for _, l := range c.Layers {
			for i, d := range l.Deciles {
				tenths = append(tenths, DecileRow{c.ID, l.Layer, i + 1, d})
			}
		}
	}
	_, err := tables.WriteRows(dir, "converged", rows)
	if err == nil {
		_, err = tables.WriteRows(dir, "deciles", tenths)
	}
	return err
}

// ConvergedMean is the slope over networks that differ only in the seed, with half of the 95 % interval of its mean.
type ConvergedMean struct {
	Hidden   string  `json:"hidden"`
	Rho      string  `json:"rho"`
	C        float64 `json:"c"`
	Cost     string  `json:"cost,omitempty"`
	Layer    int     `json:"layer"`
	Networks int     `json:"networks"`
	Slope    float64 `json:"slope"`
	Interval float64 `json:"slope_ci95"` // t(n-1) s / sqrt(n); NaN for one network
	Sampled  float64 `json:"sampled_slope"`
	Between  float64 `json:"sampled_slope_ci95"`
	Analytic float64 `json:"analytic"` // mean
	Ratio    float64 `json:"variance_ratio"`
}

// MeansOf are the means over seeds, in the order of the first networks.
func MeansOf(all []Convergence) (means []ConvergedMean) {
	type key struct {
		hidden, rho, cost string
		c                 float64
		layer             int
	}
	var order []key
	of := map[key][]ConvergedLayer{}
	for _, n := range all {
		for _, l := range n.Layers {
			k := key{n.Hidden, n.Rho, n.Cost, n.C, l.Layer}
			if math.IsNaN(k.c) {
				k.c = 0 // which equals itself
			}
			if of[k] == nil {
				order = append(order, k)
			}
			of[k] = append(of[k], l)
		}
	}
	for _, k := range order {
		interval := func(what func(ConvergedLayer) float64) tables.Interval {
			var values []float64
			for _, l := range of[k] {
				values = append(values, what(l))
			}
			return tables.NewInterval(values)
		}
		slope := interval(func(l ConvergedLayer) float64 { return l.Value })
		sampled := interval(func(l ConvergedLayer) float64 { return l.Sampled })
		means = append(means, ConvergedMean{k.hidden, k.rho, cmp.Or(k.c, math.NaN()), k.cost, k.layer, slope.N, slope.Mean,
			slope.HalfWidth, sampled.Mean, sampled.HalfWidth,
			interval(func(l ConvergedLayer) float64 { return l.Analytic }).Mean,
			interval(func(l ConvergedLayer) float64 { return l.Ratio }).Mean})
	}
	return means
}
