package dynamics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"quantal/grid"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// Seeds are those of several networks, as text a list with ranges: 1-10, or 1,3,5.
type Seeds []store.Seed

// UnmarshalText reads a list of seeds; an empty one has none.
func (s *Seeds) UnmarshalText(text []byte) error {
	*s = nil
	if len(text) == 0 {
		return nil
	}
	axis, err := grid.ParseAxis(train.Config{}, "seed", string(text))
	if err != nil {
		return err
	}
	for _, value := range axis.Values {
		var seed store.Seed
		if err := seed.Set(value); err != nil {
			return err
		}
		*s = append(*s, seed)
	}
	return nil
}

func (s Seeds) String() string {
	var list []string
	for _, seed := range s {
		list = append(list, fmt.Sprint(seed))
	}
	return strings.Join(list, ",")
}

// choose names the networks that the experiment starts from: by run folders, GRID/ID, or the folders of grids, which
// stand for all their finished networks.
func (s *Start) choose(h train.Host, paths []string) error {
	var all []string
	for _, path := range paths {
		if !grid.Is(path) {
			all = append(all, path)
			continue
		}
		g, _, err := grid.ReadFinished(h, path)
		if err != nil {
			return err
		}
		before := len(all)
		for _, r := range slices.SortedFunc(slices.Values(g.Records), store.CompareRecords) {
			if r.Status == store.Done {
				all = append(all, filepath.Join(path, r.ID))
			}
		}
		if len(all) == before {
			return &store.MissingError{Err: fmt.Errorf("%s: no network of the grid has finished", path)}
		}
	}
	if len(all) > 0 {
		s.Network, s.Networks, s.Seeds = "", all, nil
	}
	if len(all) == 1 {
		s.Network, s.Networks = all[0], nil
	}
	return nil
}

// paths are those of the networks that were trained before.
func (s *Start) paths() []string {
	if s.Network != "" {
		return []string{s.Network}
	}
	return s.Networks
}

// check says what does not go together.
func (s *Start) check(needed bool) error {
	switch paths := s.paths(); {
	case s.Network != "" && len(s.Networks) > 0:
		return fmt.Errorf("networks %s: want none beside network %s", strings.Join(s.Networks, ", "), s.Network)
	case len(s.Seeds) > 0 && len(paths) > 0:
		return fmt.Errorf("seeds %s: want no folder of a network, such as %s: the seeds are those of networks that the "+
			"experiment trains", s.Seeds, paths[0])
	case len(s.Seeds) > 0 && !needed:
		return fmt.Errorf("seeds %s: no network is used: --seed is that of the experiment", s.Seeds)
	}
	return nil
}

// alike returns an error unless networks differ in their seeds, and in nothing else that numbers depend on: otherwise a
// mean over them has no meaning.
func alike(all []trained) error {
	want := func(format string, args ...any) error {
		return &train.SettingsError{Err: fmt.Errorf(format+": want networks that differ only in the seed", args...)}
	}
	seeds, first := map[store.Seed]string{}, all[0]
	for _, t := range all {
		if other, known := seeds[t.Seed]; known {
			return want("%s and %s have the same seed, %d", other, t.path, t.Seed)
		}
		seeds[t.Seed] = t.path
		for _, s := range t.Differences(first.Config) {
			if s.Place || s.Name == "seed" || s.Name == "draws" {
				continue
			}
			theirs, _ := first.Settings().Find(s.Name)
			return want("%s has %s %s, %s has %s", t.path, s.Name, s.Text(), first.path, theirs.Text())
		}
		if t.data != nil && first.data != nil && !maps.Equal(t.data, first.data) {
			return want("%s and %s learned different data", first.path, t.path)
		}
	}
	return nil
}

// memberColumns begin the rows of one of several networks in their table.
type memberColumns struct {
	Name string      `json:"network"` // and of its folder
	Seed *store.Seed `json:"seed"`    // of the network; nil for what is made without one
}

// member is one of several networks, and where the experiment starts.
type member struct {
	memberColumns
	start Start
}

// alone is the folder of what an experiment with several networks makes once.
const alone = "alone"

// members are the networks of an experiment with several; none if it has one.
func (s *Start) members(h train.Host) ([]member, error) {
	var list []member
	if len(s.Seeds) > 1 {
		for _, seed := range s.Seeds {
			m := member{memberColumns{fmt.Sprintf("seed-%d", seed), &seed}, Start{Training: s.Training}}
			m.start.Training.Seed = seed
			list = append(list, m)
		}
	}
	if len(s.Networks) == 0 {
		return list, nil
	}
	all, err := s.trained(h)
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{alone: true}
	for _, t := range all {
		whole, err := filepath.Abs(t.path)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(whole)
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", filepath.Base(whole), n)
		}
		taken[name] = true
		m := member{memberColumns{name, &t.Seed}, Start{Network: t.path, Training: s.Training}}
		m.start.Training.Seed = t.Seed
		list = append(list, m)
	}
	return list, nil
}

// Outcome is a number that an experiment finds for a network, and whose mean over networks it states.
type Outcome struct {
	Name    string  `json:"name"`    // what it is of, as in the table
	Over    string  `json:"over"`    // for a difference within a network: from what; otherwise empty
	Measure string  `json:"measure"` // such as accuracy, of 1
	Value   float64 `json:"value"`   // NaN if there is none
}

// Mean is the mean of an outcome over networks, a row of means.csv.
type Mean struct {
	Name     string  `json:"name"`
	Over     string  `json:"over"`
	Measure  string  `json:"measure"`
	Networks int     `json:"networks"` // that have a value
	Mean     float64 `json:"mean"`
	CI95     float64 `json:"ci95"` // half of the 95 % interval of the mean over networks, by the t distribution
	SD       float64 `json:"sd"`   // of a network
}

// meansOf are the means of the outcomes of several networks, in the order in which they first appear.
func meansOf(networks [][]Outcome) []Mean {
	type key struct{ name, over, measure string }
	var keys []key
	values := map[key][]float64{}
	for _, outcomes := range networks {
		for _, o := range outcomes {
			k := key{o.Name, o.Over, o.Measure}
			if _, known := values[k]; !known {
				keys = append(keys, k)
				values[k] = nil
			}
			if o.Value == o.Value {
				values[k] = append(values[k], o.Value)
			}
		}
	}
	var means []Mean
	for _, k := range keys {
		i := tables.NewInterval(values[k])
		means = append(means, Mean{k.name, k.over, k.measure, i.N, i.Mean, i.HalfWidth, i.SD})
	}
	return means
}

// Several is the summary of an experiment with several networks.
type Several[Summary any] struct {
	Networks []Single[Summary] `json:"networks"`
	Means    []Mean            `json:"means"` // over them
	Alone    *Summary          `json:"alone"` // of what was made without a network
}

// Single is the summary of one network.
type Single[Summary any] struct {
	Network string     `json:"network"`
	Seed    store.Seed `json:"seed"`
	Summary Summary    `json:"summary"`
}

// printMeans writes means over networks, for a person: a line for what has one name.
func printMeans(out io.Writer, networks int, means []Mean) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "means of %d networks, with 95 %% intervals\n", networks)
	for i, m := range means {
		if i == 0 || m.Name != means[i-1].Name || m.Over != means[i-1].Over {
			name := m.Name
			if m.Over != "" {
				name += ", less " + m.Over
			}
			fmt.Fprintf(w, "\n%s", name)
		}
		fmt.Fprintf(w, "\t%s %s", strings.ReplaceAll(m.Measure, "_", " "), m.text())
		if m.Networks < networks {
			fmt.Fprintf(w, " (%d)", m.Networks)
		}
	}
	fmt.Fprintln(w)
	return w.Flush()
}

// text writes a mean to the second digit of its interval.
func (m Mean) text() string {
	switch {
	case math.IsNaN(m.Mean):
		return "-"
	case !(m.CI95 > 0):
		return fmt.Sprintf("%.4g", m.Mean)
	}
	digits := max(0, 1-int(math.Floor(math.Log10(m.CI95))))
	return fmt.Sprintf("%.*f ± %.*f", digits, m.Mean, digits, m.CI95)
}

// makeSeveral makes an experiment with each of several networks, each in a folder of its own, whose seed of the
// experiment is further by the network's seed less 1, so that nothing random is shared; and then the tables and means
// of all. What was finished before an interruption is kept.
func (s *Setup) makeSeveral(ctx context.Context, h train.Host, folder *store.Folder, at place, members []member,
	watch Watch) (result *Result, err error) {
	if err := s.record(folder, at); err != nil {
		return nil, err
	}
	seed, err := s.Settings.Find("seed") // which each has
	if err != nil {
		return nil, err
	}
	first, networks := *seed.Value.(*store.Seed), len(members)
	if s.split() {
		members = slices.Insert(members, 0, member{memberColumns{Name: alone}, *s.Start})
	}
	var all []*Parts
	for i, m := range members {
		s.take(m.Seed == nil)
		*s.Start, *seed.Value.(*store.Seed) = m.start, first
		if m.Seed != nil {
			*seed.Value.(*store.Seed) += *m.Seed - 1
		}
		its := watch
		its.Progress = func(done float64, what string) {
			if watch.Progress != nil {
				watch.Progress((float64(i)+done)/float64(len(members)), m.Name+": "+what)
			}
		}
		parts, err := s.makeMember(ctx, h, folder.Path(m.Name), at, m, its)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Name, err)
		}
		all = append(all, parts)
		if m.Seed != nil {
			h.Logger().Info("network done", "network", m.Name, "done", i+1-len(members)+networks, "of", networks)
		}
	}
	result = s.together(members)
	if result.Files, err = result.save(folder); err != nil {
		return nil, err
	}
	for _, p := range all {
		err = errors.Join(err, p.Remove())
	}
	return result, err
}

func (s *Setup) makeMember(ctx context.Context, h train.Host, dir string, at place, m member,
	watch Watch) (_ *Parts, err error) {
	folder, err := store.ReopenExperiment(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	network, job, err := s.prepare(ctx, h, folder, at, watch)
	if err != nil {
		return nil, err
	}
	if network != nil {
		network.ID = m.Name
	}
	return job.Parts, s.each(ctx, folder, network, job)
}
