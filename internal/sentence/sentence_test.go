package sentence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	within := func(outer string, inner ...error) error {
		args := []any{}
		for _, e := range inner {
			args = append(args, e)
		}
		return fmt.Errorf(outer, args...)
	}
	missing := &fs.PathError{Op: "open", Path: "mnist", Err: fs.ErrNotExist}
	for want, err := range map[string]error{
		"runs/a/config.toml: is empty":       errors.New("store: runs/a/config.toml: is empty"),
		"device cuda: there is none":         errors.New("device cuda: cuda: there is none"),
		"train-images: want 16 bytes, got 1": errors.New("mnist: train-images: want 16 bytes, got 1"),
		"resume: a: b": within("grid: %w",
			within("train: resume: %w", errors.New("store: a: b"))),
		"resume: c: d": errors.New("grid: resume: store: c: d"), // as text
		"interrupted":  context.Canceled,
		"interrupted while measuring: to go on: x":  errors.New("interrupted while measuring: to go on: x: context canceled"),
		"/data/train: no such folder\nb: is a file": errors.New("store: /data/train: no such folder\nmnist: b: is a file"),
		"want one of train, test":                   errors.New("want one of train, test"),
		// Names that the user chose stay.
		"grid: is a folder":                       errors.New("store: grid: is a folder"),
		"grid: file does not exist":               within("grid: grid: %w", fs.ErrNotExist),
		"tables: open mnist: file does not exist": within("draw: tables: %w", missing),
		"resume: store: in use": within("train: resume: %w",
			fmt.Errorf("%w", errors.New("store: store: in use"))),
		"train: mnist: notes: is empty": within("quantal: train: %w", errors.New("store: mnist: notes: is empty")),
		"grid: b\ncuda: d; slurm: f": within("%w; %w", errors.Join(errors.New("store: grid: b"),
			errors.New("store: cuda: d")),
			errors.New("draw: slurm: f")),
	} {
		if got := Of(err); got != want {
			t.Errorf("Of(%q) = %q, want %q", err, got, want)
		}
	}
}

// Every package that puts its name before an error is known.
func TestPackages(t *testing.T) {
	missing := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (slices.Contains([]string{"cmd", "peers", "gen"}, d.Name()) || strings.HasPrefix(d.Name(), ".") &&
			path != "../.."):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		name := filepath.Base(filepath.Dir(path))
		if strings.Contains(string(text), `"`+name+": ") && !slices.Contains(Packages(), name) {
			missing[name] = true
		}
		return err
	})
	if err != nil || len(missing) > 0 {
		t.Errorf("not in packages: %v, %v", missing, err)
	}
}
