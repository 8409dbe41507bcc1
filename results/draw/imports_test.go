package draw

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// This is the one package that draws: no other imports gonum's plot, or the encoders of pictures.
func TestOnePackageDraws(t *testing.T) {
	const root = "../.."
	drawers := map[string]int{}
	check(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if strings.HasPrefix(name, "gonum.org/v1/plot") || name == "image" || strings.HasPrefix(name, "image/") {
				drawers[filepath.Dir(path)]++
			}
		}
		return nil
	}))
	if here := filepath.Join(root, "results", "draw"); len(drawers) != 1 || drawers[here] < 10 {
		t.Errorf("packages that draw, and how often they import what they need for it: %v, want %s alone", drawers, here)
	}
}
