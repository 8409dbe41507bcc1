package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Names in a run folder.
const (
	ConfigName      = "config.toml"
	EnvironmentName = "environment.json"
	metricsName     = "metrics.jsonl"
	summaryName     = "summary.json"
	checkpointsName = "checkpoints"
	timesName       = "times.json"
)

// Folder is the folder of one run. It is not for concurrent use.
type Folder struct {
	dir  string
	lock *Lock // nil if the folder is open for reading only
}

// Create makes a folder for a new run, if it does not exist, and locks it. A folder that already holds a run is
// refused, and so is one in use, with an InUseError.
func Create(dir string) (*Folder, error) {
	f, err := create(dir, fmt.Sprintf("resume it with --resume %s, or choose another --out", dir),
		ConfigName, EnvironmentName, metricsName, summaryName)
	if err != nil {
		return nil, err
	}
	if err := MakeFolder(f.Path(checkpointsName)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Finished reports whether a folder holds a run or an experiment that has its summary.
func Finished(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, summaryName))
	return err == nil
}

// IsExperiment reports whether a folder is that of an experiment: it has a configuration, and neither checkpoints nor a
// learning curve, as a run has.
func IsExperiment(dir string) bool {
	is := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	return is(ConfigName) && !is(checkpointsName) && !is(metricsName)
}

// CreateExperiment is Create for an experiment. One without a summary may be continued in its folder.
func CreateExperiment(dir string) (*Folder, error) {
	return create(dir, "choose another --out", metricsName, summaryName)
}

// ReopenExperiment is CreateExperiment for an experiment within another one: its results are written again if the other
// one has not finished.
func ReopenExperiment(dir string) (*Folder, error) {
	return create(dir, "choose another --out", metricsName)
}

// create makes and locks a folder that holds no run yet, that is, none of the named files and no checkpoint; otherwise
// the error has the advice.
func create(dir, advice string, files ...string) (*Folder, error) {
	if err := MakeFolder(dir); err != nil {
		return nil, err
	}
	f, err := locked(dir)
	if err != nil {
		return nil, err
	}
	held, err := f.held(files)
	if err == nil && held != "" {
		err = fmt.Errorf("store: %s: already holds a run (%s exists): %s", dir, held, advice)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Open opens the folder of an existing run to continue it, and locks it. A folder in use gives an InUseError.
// Half-written files of a killed process are removed.
func Open(dir string) (*Folder, error) {
	if err := checkRun(dir); err != nil {
		return nil, err
	}
	f, err := locked(dir)
	if err != nil {
		return nil, err
	}
	err = MakeFolder(f.Path(checkpointsName))
	if err == nil {
		err = f.dropHalfLine()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// View opens the folder of an existing run for reading only. It takes no lock, so the run may still be running.
func View(dir string) (*Folder, error) {
	if err := checkRun(dir); err != nil {
		return nil, err
	}
	return &Folder{dir: dir}, nil
}

// checkRun reports whether dir is the folder of a run: config.toml is the first thing written there.
func checkRun(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return &MissingError{FileError(dir, err)}
	}
	if err != nil {
		return FileError(dir, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("store: %s: is a file, not a run folder", dir)
	}
	_, err = os.Stat(filepath.Join(dir, ConfigName))
	if errors.Is(err, fs.ErrNotExist) {
		return Corrupt(dir, "is not a run folder (there is no %s in it)", ConfigName)
	}
	if err != nil {
		return FileError(filepath.Join(dir, ConfigName), err)
	}
	return nil
}

// locked takes the lock of a folder and removes what a killed process left.
func locked(dir string) (*Folder, error) {
	lock, err := holdFolder(dir, flock)
	if err != nil {
		return nil, err
	}
	f := &Folder{dir: dir, lock: lock}
	for _, d := range []string{dir, f.Path(checkpointsName)} {
		if err := Sweep(d, 0); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}

// held names a file, of those given or a checkpoint, that shows that the folder holds a run, or is empty.
func (f *Folder) held(files []string) (string, error) {
	for _, name := range files {
		_, err := os.Lstat(f.Path(name))
		if err == nil {
			return name, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", FileError(f.Path(name), err)
		}
	}
	saved, err := f.checkpoints()
	if err != nil || len(saved) == 0 {
		return "", err
	}
	return saved[0].path, nil
}

// Close releases the lock. Closing twice does nothing.
func (f *Folder) Close() error {
	if f.lock == nil {
		return nil
	}
	lock := f.lock
	f.lock = nil
	return lock.Release()
}

// Path is the path of a file in the folder, or of the folder itself for "".
func (f *Folder) Path(name string) string { return filepath.Join(f.dir, name) }

// writable returns an error unless the folder is locked for this process.
func (f *Folder) writable() error {
	if f.lock == nil {
		return fmt.Errorf("store: %s: is not open for writing", f.dir)
	}
	return nil
}
