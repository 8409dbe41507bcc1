package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"quantal/internal/fault"
	"quantal/results/store"
)

// A terminal obeys nothing in the output, and text in any script is unchanged.
func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"σ = 0.1\tμ³ 数字\n":                "σ = 0.1\tμ³ 数字\n",
		"a\x1b]0;title\x07b":              `a\u001b]0;title\u0007b`,
		"\r100 %":                         `\u000d100 %`,
		"csi \u009b31m":                   `csi \u009b31m`,
		"raw \x9b31m":                     `raw \x9b31m`,
		"del\x7f":                         `del\u007f`,
		"gpj.\u202efdp":                   `gpj.\u202efdp`,
		"{\"name\": \"\u0085\", \"n\":1}": `{"name": "\u0085", "n":1}`,
	} {
		var b bytes.Buffer
		n, err := printable{&b}.Write([]byte(text))
		if b.String() != want || n != len(text) || err != nil {
			t.Errorf("Write(%q) wrote %q, %d, %v; want %q, %d", text, b.String(), n, err, want, len(text))
		}
	}
}

// The same holds for a bar.
func TestBarIsPrintable(t *testing.T) {
	if got, want := fit([]string{"condition a\x1b[2J", "b\r"}, 80), `condition a\u001b[2J  b\u000d`; got != want {
		t.Errorf("fit = %q, want %q", got, want)
	}
}

func TestSentence(t *testing.T) {
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
			&usageError{errors.New("store: store: in use")}),
		"train: mnist: notes: is empty": within("quantal: train: %w", errors.New("store: mnist: notes: is empty")),
		"grid: b\ncuda: d; slurm: f": within("%w; %w", errors.Join(errors.New("store: grid: b"),
			errors.New("store: cuda: d")),
			errors.New("draw: slurm: f")),
	} {
		if got := sentence(err); got != want {
			t.Errorf("sentence(%q) = %q, want %q", err, got, want)
		}
	}
}

// Every package that puts its name before an error is known to sentence.
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
		if strings.Contains(string(text), `"`+name+": ") && !slices.Contains(packages(), name) {
			missing[name] = true
		}
		return err
	})
	if err != nil || len(missing) > 0 {
		t.Errorf("not in packages: %v, %v", missing, err)
	}
}

// A panic becomes one sentence, with its details in a file that the sentence names, and the status of a failure, not of
// usage.
func TestFault(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	err := keepFault(fmt.Errorf("while training: %w", fault.Guard(func() error {
		var none []int
		return fmt.Errorf("%d", none[2])
	})))
	if err == nil || exitCode(err, nil) != 1 {
		t.Fatalf("keepFault: %v, exit status %d; want an error and 1", err, exitCode(err, nil))
	}
	text := sentence(err)
	_, file, named := strings.Cut(text, "details in ")
	if strings.Contains(text, "\n") || !strings.Contains(text, "fault of the program") ||
		!strings.Contains(text, "index out of range") || !named {
		t.Fatalf("keepFault: %q", text)
	}
	details, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(details), "TestFault") || !strings.Contains(string(details), store.Version) {
		t.Errorf("%s, %v, has no stack and version: %q", file, err, details)
	}
}
