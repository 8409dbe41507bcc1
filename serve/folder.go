package serve

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// folder is a file system of regular files and folders. Links that lead out of it, devices and pipes give errors.
type folder struct{ root *os.Root }

var errKind = errors.New("is neither a file nor a folder")

// Open opens a file or a folder. A pipe does not make it wait.
func (f folder) Open(name string) (fs.File, error) {
	info, err := f.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() && !info.IsDir() { // opening a device may do something
		return nil, &fs.PathError{Op: "open", Path: name, Err: errKind}
	}
	file, err := f.root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err = file.Stat(); err == nil && !info.Mode().IsRegular() && !info.IsDir() { // another since then
		err = &fs.PathError{Op: "open", Path: name, Err: errKind}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Stat is that of a file or of what a link within the folder leads to.
func (f folder) Stat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrInvalid}
	}
	return f.root.Stat(filepath.FromSlash(name))
}

// mostEntries is how many entries of a folder are looked at.
const mostEntries = 200_000

// ReadDir lists a folder by name, as far as its first mostEntries.
func (f folder) ReadDir(name string) ([]fs.DirEntry, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	dir, ok := file.(fs.ReadDirFile)
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errKind}
	}
	entries, err := dir.ReadDir(mostEntries)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	if len(entries) > 0 || err != nil && err.Error() == "EOF" {
		return entries, nil
	}
	return entries, err
}

func (f folder) has(name string, dir bool) bool {
	info, err := f.Stat(name)
	return err == nil && info.IsDir() == dir && (dir || info.Mode().IsRegular())
}

// The kinds of items.
const (
	aGrid        = "grid"
	aRun         = "run"
	anExperiment = "experiment"
)

// kindOf is the kind of item that a folder holds; empty for none.
func kindOf(f folder, dir string) string {
	at := func(name string) string { return path.Join(dir, name) }
	switch {
	case f.has(at("plan.json"), false):
		return aGrid
	case !f.has(at("config.toml"), false):
		return ""
	case f.has(at("checkpoints"), true), f.has(at("metrics.jsonl"), false):
		return aRun
	case f.has(at("environment.json"), false), f.has(at("summary.json"), false):
		return anExperiment
	}
	return ""
}

// place is where an item is: a folder below one of the command line, with slashes, or that itself (".").
type place struct{ named, below string }

// name is what people call it.
func (p place) name() string { return filepath.Join(p.named, filepath.FromSlash(p.below)) }

// open opens the folder of an item; the function must call close.
func (p place) open() (f folder, closed func(), err error) {
	named, err := os.OpenRoot(p.named)
	if err != nil || p.below == "." {
		return folder{named}, func() { _ = named.Close() }, err
	}
	defer named.Close()
	below, err := named.OpenRoot(filepath.FromSlash(p.below))
	return folder{below}, func() { _ = below.Close() }, err
}

// How far items are looked for below a named folder: levels, folders, and items of all.
const (
	mostLevels  = 4
	mostFolders = 5000
	mostItems   = 500
)

// found is an item that was found.
type found struct {
	place
	kind string
}

// find looks for items in the named folders and below. Runs and grids have none within, and links are not followed.
func find(names []string) (list []found) {
	seen := map[place]bool{}
	for _, name := range names {
		root, err := os.OpenRoot(name)
		if err != nil {
			continue // not there yet, or no longer
		}
		f := folder{root}
		folders := 0
		var look func(dir string, level int)
		look = func(dir string, level int) {
			if folders++; folders > mostFolders || len(list) >= mostItems {
				return
			}
			at := place{name, dir}
			if kind := kindOf(f, dir); kind != "" {
				if !seen[at] {
					seen[at] = true
					list = append(list, found{at, kind})
				}
				if kind != anExperiment { // which may have the run that it starts from
					return
				}
			}
			if level == mostLevels {
				return
			}
			entries, _ := f.ReadDir(dir)
			for _, e := range entries {
				if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
					look(path.Join(dir, e.Name()), level+1)
				}
			}
		}
		look(".", 0)
		_ = root.Close()
	}
	return list
}
