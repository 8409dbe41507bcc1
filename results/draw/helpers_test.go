package draw

import (
	"errors"
	"quantal/results/store"
	"strings"
	"testing"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError checks an error's text, and that it is one line that names the package.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	text := err.Error()
	if !strings.HasPrefix(text, "results: ") || strings.Contains(text, "\n") {
		t.Errorf("error is not one line that begins with the package: %s", text)
	}
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("error lacks %q: %s", part, text)
		}
	}
}

func isCorrupt(err error) bool {
	var c *store.CorruptError
	return errors.As(err, &c)
}
