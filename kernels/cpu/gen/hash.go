package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
)

// sourceHash identifies the generator: half of the SHA-256 over its Go files and go.mod, each with its name, in the
// order of their names. The generated files carry it, and a test of package cpu compares.
func sourceHash(folder string) (string, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, name := range append(names, filepath.Join(folder, "go.mod")) {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n%s", filepath.Base(name), len(text), text)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:16]), nil
}
