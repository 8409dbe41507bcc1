package dynamics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"quantal/internal/setting"
	"quantal/results/draw"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// Help is the text about an experiment for its users. Its name is that of its command and of its package.
type Help struct{ Name, Usage, UsageText, Description string }

// Design is all that an experiment is. Row is a row of the table.
type Design[Config interface {
	Quick() Config
	Check() error
}, Summary, Row any] struct {
	Help
	Default  func() (Config, error)
	Settings func(*Config) setting.List // all of them, bound to the configuration; flags are set in their order

	// Start is the part of the configuration that says from which network the experiment starts; nil for one without a
	// network. NeedsNetwork, if not nil, says whether a configuration uses it.
	Start        func(*Config) *Start
	NeedsNetwork func(Config) bool
	Kernels      func() (string, error) // of an experiment without a Start, which runs on processors

	About func(Config) []any // values to log when it begins, in pairs
	Run   func(context.Context, Config, *Network, Job) (Findings[Summary, Row], error)
	Print func(io.Writer, Findings[Summary, Row]) error // tables for a person

	// Of an experiment with several networks. Outcomes are the numbers whose means over them it states; Together draws
	// what they show together, if it is not nil. Alone splits off what needs no network, so that it is made once; nil if
	// everything needs one.
	Outcomes func(Findings[Summary, Row]) []Outcome
	Together func(Config, []Findings[Summary, Row]) ([]draw.Illustration, error)
	Alone    func(Config) (alone, each Config, some bool)
}

// Experiment is an experiment with any type of configuration and findings.
type Experiment struct {
	Help
	// Setup returns a Setup with the default configuration.
	Setup   func() (*Setup, error)
	Variant *Variant // nil for none
}

// Variant is another experiment of the same command, which a flag chooses.
type Variant struct {
	Flag, Usage string
	Experiment  Experiment
}

// Setup is an experiment and its configuration before it is made. It is configured in the order of its methods.
type Setup struct {
	Help
	Settings setting.List
	Start    *Start // nil for an experiment that starts from no network

	quick   func()
	check   func() error
	needs   func() bool
	kernels func() (string, error)
	about   func() []any
	run     func(context.Context, *Network, Job) (*Result, error)

	// Of several networks: split says whether something is made without one, take configures either that or the rest, each
	// makes the experiment with one of them, and together has the results of all.
	split    func() bool
	take     func(alone bool)
	each     func(context.Context, *store.Folder, *Network, Job) error
	together func([]member) *Result
}

// Result holds the findings of an experiment.
type Result struct {
	Summary any
	Print   func(io.Writer) error // tables for a person
	Files   []string              // of the figures

	save func(*store.Folder) ([]string, error)
}

// Experiment is the design without the types of its configuration and findings.
func (d Design[Config, Summary, Row]) Experiment() Experiment {
	return Experiment{Help: d.Help, Setup: func() (*Setup, error) {
		config, err := d.Default()
		if err != nil {
			return nil, err
		}
		s := &Setup{Help: d.Help, quick: func() { config = config.Quick() },
			check: func() error { return config.Check() }, kernels: d.Kernels, needs: func() bool { return false },
			about: func() []any { return nil }, Settings: d.Settings(&config)}
		if d.Start != nil {
			s.Start = d.Start(&config)
			s.Settings = append(s.Settings, s.Start.settings()...)
			s.needs = func() bool { return d.NeedsNetwork == nil || d.NeedsNetwork(config) }
		}
		if d.About != nil {
			s.about = func() []any { return d.About(config) }
		}
		s.run = func(ctx context.Context, n *Network, job Job) (*Result, error) {
			f, err := d.Run(ctx, config, n, job)
			if err != nil {
				return nil, err
			}
			return &Result{Summary: f.Summary, Print: func(out io.Writer) error { return d.Print(out, f) }, save: f.Save}, nil
		}
		d.several(s, &config)
		return s, nil
	}}
}

// several has what an experiment with several networks does.
func (d Design[Config, Summary, Row]) several(s *Setup, config *Config) {
	var without, each Config
	s.split = func() (some bool) {
		if each = *config; d.Alone != nil {
			without, each, some = d.Alone(*config)
		}
		return some
	}
	s.take = func(alone bool) {
		if *config = each; alone {
			*config = without
		}
	}
	var all []Findings[Summary, Row]
	s.each = func(ctx context.Context, folder *store.Folder, n *Network, job Job) error {
		type kept struct { // all but the figures, which are in the folder
			Summary Summary
			Table   []Row
		}
		k, err := Part(job.Parts, "findings", func() (kept, error) {
			f, err := d.Run(ctx, *config, n, job)
			if err == nil {
				_, err = f.Save(folder)
			}
			return kept{f.Summary, f.Table}, err
		})
		all = append(all, Findings[Summary, Row]{Summary: k.Summary, Table: k.Table})
		return err
	}
	s.together = func(members []member) *Result {
		summary := Several[Summary]{}
		var table [][]any
		var outcomes [][]Outcome
		var singles []Findings[Summary, Row]
		for i, f := range all {
			m := members[i]
			for _, r := range f.Table {
				table = append(table, []any{m.memberColumns, r})
			}
			if m.Seed == nil {
				summary.Alone = &f.Summary
				continue
			}
			summary.Networks = append(summary.Networks, Single[Summary]{m.Name, *m.Seed, f.Summary})
			outcomes, singles = append(outcomes, d.Outcomes(f)), append(singles, f)
		}
		summary.Means = meansOf(outcomes)
		return &Result{Summary: summary,
			Print: func(out io.Writer) error { return printMeans(out, len(singles), summary.Means) },
			save: func(folder *store.Folder) ([]string, error) {
				var figures []draw.Illustration
				if d.Together != nil {
					var err error
					if figures, err = d.Together(*config, singles); err != nil {
						return nil, err
					}
				}
				if err := tables.WriteTable(folder.Path(meansName), summary.Means); err != nil {
					return nil, err
				}
				if err := tables.WriteJoined(folder.Path(tableName), table); err != nil {
					return nil, err
				}
				return save(folder, figures, summary)
			}}
	}
}

// SeedAndThreads are settings that every experiment has.
func SeedAndThreads(seed *store.Seed, threads *int) setting.List {
	return setting.List{{Name: "seed", Value: seed, Help: "seed of everything random"},
		{Name: "threads", Value: threads, Want: setting.From(0).With(", 0 for all processors"), Unset: "all processors",
			Help: "threads"}}
}

// ReadFile puts a configuration in TOML on top of what there is. What a run folder's lacks is as it was before it could
// be set.
func (s *Setup) ReadFile(path string) error {
	missing, err := store.ReadSettings(path, s.Settings)
	if err == nil && store.IsRunConfig(path) {
		err = missing.SetBefore()
	}
	return err
}

// Settle makes the experiment quick, if requested, and reads how the networks that it starts from were trained: those
// of the named folders of runs, of grids, or GRID/ID, if there are any, or of the configuration. The experiment, not
// the run, decides on which device they run.
func (s *Setup) Settle(h train.Host, quick bool, networks ...string) error {
	if quick {
		s.quick()
	}
	if s.Start == nil {
		return nil
	}
	if err := s.Start.choose(h, networks); err != nil {
		return err
	}
	if quick {
		*s.Start = s.Start.Quick()
	}
	if s.needs() || len(networks) > 0 {
		if err := s.Start.ReadTraining(h); err != nil {
			return err
		}
	}
	s.Start.Training.Device, s.Start.Training.Threads = "auto", 0
	return nil
}

// Check reports the first setting that cannot be used, by its name.
func (s *Setup) Check() error {
	if err := s.Settings.Check(); err != nil {
		return err
	}
	if s.Start != nil {
		if err := s.Start.check(s.needs()); err != nil {
			return err
		}
		if len(s.Start.Seeds) == 1 {
			s.Start.Training.Seed = s.Start.Seeds[0]
		}
		threads, _ := s.Settings.Find("threads") // which each has
		s.Start.Training.Threads = *threads.Value.(*int)
		if err := s.Start.Training.Check(); err != nil {
			return err
		}
	}
	return s.check()
}

// FreeFolder is the first of runs/NAME, runs/NAME-2, ... that holds no finished experiment.
func (h Help) FreeFolder() string {
	dir := filepath.Join("runs", h.Name)
	for n := 2; store.Finished(dir); n++ {
		dir = filepath.Join("runs", fmt.Sprintf("%s-%d", h.Name, n))
	}
	return dir
}

// Watch has the functions that observe an experiment.
type Watch struct {
	Progress Progress // of the experiment
	// Training is called, if not nil, before the network that the experiment starts from is trained; done is called
	// afterwards.
	Training func() (watch train.Events, done func())
}

// Make makes the experiment in a run folder, continuing the work of an earlier process there, and saves its findings.
// With several networks each has a run folder within that, and the findings are of all.
func (s *Setup) Make(ctx context.Context, h train.Host, dir string, watch Watch) (*Result, error) {
	at, err := s.place()
	if err != nil {
		return nil, err
	}
	if about := s.about(); about != nil {
		h.Logger().Info(s.Name, append(about, "kernels", at.Kernels)...)
	}
	var several []member
	if s.Start != nil && s.needs() {
		if several, err = s.Start.members(h); err != nil {
			return nil, err
		}
	}
	folder, err := store.CreateExperiment(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	t := teller{path: folder.Path(ProgressName), then: watch.Progress, otherwise: func(err error) {
		h.Logger().Warn("the folder does not say how far this is", "reason", err)
	}}
	watch.Progress = t.progress
	if several != nil {
		result, err := s.makeSeveral(ctx, h, folder, at, several, watch)
		if err != nil {
			return nil, err
		}
		return result, t.end()
	}
	network, job, err := s.prepare(ctx, h, folder, at, watch)
	if err != nil {
		return nil, err
	}
	result, err := s.run(ctx, network, job)
	if err != nil {
		return nil, err
	}
	if result.Files, err = result.save(folder); err != nil {
		return nil, err
	}
	return result, errors.Join(job.Parts.Remove(), t.end())
}

// record writes configuration and environment.
func (s *Setup) record(folder *store.Folder, at place) error {
	if err := folder.WriteConfig(s.Settings.Document()); err != nil {
		return err
	}
	environment := store.ReadEnvironmentHere()
	environment.Device, environment.Kernels = at.Device, at.Kernels
	return folder.WriteEnvironment(environment)
}

// prepare begins the experiment in a folder, or continues it, with the network that it starts from, if it needs one.
func (s *Setup) prepare(ctx context.Context, h train.Host, folder *store.Folder, at place, watch Watch) (*Network, Job,
	error) {
	job := Job{Progress: watch.Progress}
	if err := s.record(folder, at); err != nil {
		return nil, job, err
	}
	owner, err := partsOwner(folder, at.Kernels)
	if err != nil {
		return nil, job, err
	}
	dir, dropped := folder.Path(""), false
	if job.Parts, dropped, err = OpenParts(dir, owner); err != nil {
		return nil, job, err
	}
	if dropped {
		h.Logger().Warn("the parts in the folder are of other settings, kernels or version: starting from the beginning",
			"folder", dir)
	}
	if !s.needs() {
		return nil, job, nil
	}
	network, err := s.Start.Open(ctx, h, dir, watch.Training)
	if err == nil {
		err = network.claim(h, job)
	}
	return network, job, err
}

// place is a device and its kernels.
type place struct{ Device, Kernels string }

// place is where the experiment will run.
func (s *Setup) place() (p place, err error) {
	if s.Start == nil {
		p.Device = "cpu"
		if p.Kernels, err = s.kernels(); err != nil {
			err = &train.SettingsError{Err: err}
		}
		return p, err
	}
	d, err := train.ChooseDevice(s.Start.Training.Device)
	return place{d.Name, d.Kernels}, err
}

// partsOwner is everything on which the parts of an experiment depend. They are the same for any number of threads.
func partsOwner(folder *store.Folder, kernels string) (string, error) {
	config, err := os.ReadFile(folder.Path(store.ConfigName))
	if err != nil {
		return "", err
	}
	owner := "quantal " + store.Version + ", " + kernels + " kernels\n"
	for line := range strings.Lines(string(config)) {
		if name, _, _ := strings.Cut(line, "="); strings.TrimSpace(name) != "threads" && strings.TrimSpace(name) != "device" {
			owner += line
		}
	}
	return owner, nil
}
