package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// licenceName matches the files that hold a licence or what must go with it.
var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice)([.-].*)?$`)

// licences are the texts of the licences of all that is linked or embedded for some systems.
func licences(systems []string) ([]byte, error) {
	dirs := map[string]string{} // by module with version
	for _, system := range systems {
		parts := strings.Split(system, "/")
		tags, cgo := "", "0"
		if len(parts) > 2 {
			tags, cgo = "gpu", "1"
		}
		list, err := output([]string{"GOOS=" + parts[0], "GOARCH=" + parts[1], "CGO_ENABLED=" + cgo}, "go", "list", "-deps",
			"-tags="+tags, "-json=Module", "./cmd/quantal")
		if err != nil {
			return nil, err
		}
		for decoder := json.NewDecoder(bytes.NewReader(list)); ; {
			var p struct {
				Module *struct {
					Path, Version, Dir string
					Main               bool
					Replace            *struct{ Path string }
				}
			}
			if err := decoder.Decode(&p); err == io.EOF {
				break
			} else if err != nil {
				return nil, err
			}
			if m := p.Module; m != nil && !m.Main && m.Replace == nil { // replacements are quantal's own
				dirs[m.Path+" "+m.Version] = m.Dir
			}
		}
	}
	root, err := output(nil, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	dirs["Go's standard library and runtime"] = strings.TrimSpace(string(root))
	dirs["uPlot, in the pages of quantal serve"] = "serve/pages"
	var names []string
	for name := range dirs {
		names = append(names, name)
	}
	slices.Sort(names)
	var text bytes.Buffer
	fmt.Fprintf(&text, "quantal has the MIT licence (LICENSE). What is linked into it or embedded:\n\n    %s\n",
		strings.Join(names, "\n    "))
	for _, name := range names {
		entries, err := os.ReadDir(dirs[name])
		if err != nil {
			return nil, err
		}
		found := false
		for _, e := range entries {
			if e.IsDir() || !licenceName.MatchString(e.Name()) && e.Name() != "uPlot-LICENSE" {
				continue
			}
			licence, err := os.ReadFile(filepath.Join(dirs[name], e.Name()))
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&text, "\n%s\n%s: %s\n\n%s\n", strings.Repeat("=", 78), name, e.Name(), bytes.TrimSpace(licence))
			found = true
		}
		if !found {
			return nil, fmt.Errorf("%s: no licence in %s", name, dirs[name])
		}
	}
	return text.Bytes(), nil
}
