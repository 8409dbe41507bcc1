package analysis

import (
	"context"
	"fmt"
	"path/filepath"

	"quantal/grid"
	"quantal/mnist"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// Trained is networks with noise that learned one data set.
type Trained struct {
	Set      *mnist.Set
	Networks []train.Network
	Records  []store.Record // of the networks of a grid; none of a run or of GRID/ID
}

// Reading says which trained networks are read, and where they are to work.
type Reading struct {
	train.Host
	Points  []string                // ids of a grid's points; nil for all
	Keep    func(train.Config) bool // nil for those with a sigma per synapse
	Data    string                  // where the data set is now; empty for where the networks had it
	Device  string                  // empty for auto
	Threads int                     // on the CPU; 0 for all processors
}

const perSynapse = "heterogeneous"

// ReadTrained reads the finished networks that a path names, a run, a grid, or GRID/ID, and that are to be kept. There
// may be none. A mistake in what is asked for is a train.SettingsError.
func ReadTrained(ctx context.Context, dir string, r Reading) (*Trained, error) {
	t := &Trained{}
	var err error
	if grid.Is(dir) {
		t.Networks, t.Records, err = r.readGrid(dir)
	} else {
		t.Networks, err = r.readRun(dir)
	}
	if err != nil || len(t.Networks) == 0 {
		return t, err
	}
	first := t.Networks[0]
	name, classes := first.Config.Data, first.Config.Classes
	for i := range t.Networks {
		config := &t.Networks[i].Config
		err := config.Classifies(dir)
		switch {
		case err != nil:
		case config.Data != name:
			err = fmt.Errorf("points: the networks of %s learned %s and %s: want those of one data set", dir, name, config.Data)
		case config.Classes != classes:
			err = fmt.Errorf("points: the networks of %s have %d and %d classes: want those of one number", dir, classes,
				config.Classes)
		default:
			config.Device, config.Threads = "auto", r.Threads
			if r.Device != "" {
				config.Device = r.Device
			}
			err = config.Check()
		}
		if err != nil {
			return nil, &train.SettingsError{Err: err}
		}
	}
	if r.Data != "" {
		first.Config.Data = r.Data
	}
	t.Set, err = first.OpenData(ctx, r.Host)
	return t, err
}

func (r Reading) keep(c train.Config) bool {
	if r.Keep == nil {
		return c.Noise == perSynapse
	}
	return r.Keep(c)
}

func (r Reading) readGrid(dir string) (networks []train.Network, records []store.Record, err error) {
	g, folder, err := grid.ReadFinished(r.Host, dir)
	if err != nil {
		return nil, nil, err
	}
	chosen, err := tables.Choose(g.Records, r.Points)
	if err != nil {
		return nil, nil, &train.SettingsError{Err: err}
	}
	for _, record := range chosen {
		config, planned := folder.Config(record.ID)
		if !planned || record.Status != store.Done || !r.keep(config) {
			continue
		}
		n, err := folder.ReadNetwork(record.ID)
		if err == nil {
			err = n.Config.ChainOnly(dir + ", network " + record.ID)
		}
		if err != nil {
			return nil, nil, err
		}
		networks, records = append(networks, *n), append(records, record)
	}
	return networks, records, nil
}

func (r Reading) readRun(dir string) ([]train.Network, error) {
	if r.Points != nil {
		return nil, &train.SettingsError{
			Err: fmt.Errorf("points goes with the folder of a grid, which %s is not", dir)}
	}
	if _, _, ok := grid.Locate(dir); ok {
		n, err := grid.ReadNetwork(r.Host, dir)
		if err != nil || !r.keep(n.Config) {
			return nil, err
		}
		if err := n.Config.ChainOnly(dir); err != nil {
			return nil, err
		}
		return []train.Network{*n}, nil
	}
	folder, err := store.View(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	config, err := r.ReadConfig(folder)
	if err != nil || !r.keep(config) {
		return nil, err
	}
	n, err := r.ReadNetwork(dir)
	if err == nil {
		err = n.Config.ChainOnly(dir)
	}
	if err != nil {
		return nil, err
	}
	return []train.Network{*n}, nil
}

// Save writes the slopes as tables, the pictures that the patterns show and, if they are wanted, the signatures of
// every synapse as arrays, signatures.npz, into a folder, and names the files.
func (p *Patterns) Save(dir string, arrays bool) ([]string, error) {
	files, err := tables.WriteRows(dir, "slopes", p.Rows())
	if err != nil {
		return nil, err
	}
	drawings, err := p.Illustrations()
	if err != nil {
		return nil, err
	}
	for _, d := range drawings {
		saved, err := d.Save(dir)
		if err != nil {
			return nil, err
		}
		files = append(files, saved...)
	}
	if arrays {
		path := filepath.Join(dir, "signatures.npz")
		if err := store.WriteNPZ(path, p.Tensors()); err != nil {
			return nil, err
		}
		files = append(files, path)
	}
	return files, nil
}
