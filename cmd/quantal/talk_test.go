package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"quantal/internal/fault"
	"quantal/internal/sentence"
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
	text := sentence.Of(err)
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
