package cuda

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The committed PTX must come from the committed sources: its first line holds their hash.
func TestPTXMatchesSources(t *testing.T) {
	headers, err := filepath.Glob("src/*.cuh")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(headers)
	sources, err := filepath.Glob("src/*.cu")
	if err != nil {
		t.Fatal(err)
	}
	compiled := map[string]bool{}
	for _, e := range entries {
		compiled[e.source] = true
	}
	if len(sources) != len(compiled) {
		t.Errorf("%d sources, %d in the table of entries", len(sources), len(compiled))
	}
	for _, source := range sources {
		hash := sha256.New()
		for _, part := range append(append([]string{"src/flags"}, headers...), source) {
			text, err := os.ReadFile(part)
			if err != nil {
				t.Fatal(err)
			}
			hash.Write(text)
		}
		name := strings.TrimSuffix(filepath.Base(source), ".cu")
		text, err := PTX(name)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(text, "\n")
		if want := fmt.Sprintf("// quantal %x", hash.Sum(nil)); first != want {
			t.Errorf("ptx/%s.ptx is not of these sources: run kernels/cuda/ptx.sh", name)
		}
		for kernel, e := range entries {
			if e.source == name && !strings.Contains(text, ".entry "+kernel+"(") {
				t.Errorf("ptx/%s.ptx lacks %s", name, kernel)
			}
		}
	}
}
