// Package lint checks what gofmt, go vet and staticcheck do not.
package lint

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var named = regexp.MustCompile(`[\w/.-]*\w\.(go|cuh?|py|ptx|S)\b`)

// Files that comments name exist.
func TestSources(t *testing.T) {
	names := map[string]bool{}
	var sources []string
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		names[d.Name()] = true
		if ext := filepath.Ext(path); ext == ".go" || ext == ".cu" || ext == ".cuh" {
			sources = append(sources, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range sources {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			_, comment, _ := strings.Cut(line, "// ")
			for _, name := range named.FindAllString(comment, -1) {
				if !names[filepath.Base(name)] {
					t.Errorf("%s:%d: there is no file %s", path, i+1, name)
				}
			}
		}
	}
}
