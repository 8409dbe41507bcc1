package main

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"quantal/internal/pythontest"
	"quantal/kernels/cpu"
)

// block is a fenced block of a document: a file to save, or commands with what they write.
type block struct{ kind, file, text string }

func blocksOf(document string) (blocks []block) {
	parts := strings.Split("\n"+document, "\n```")
	for i := 1; i+1 < len(parts); i += 2 {
		info, text, _ := strings.Cut(parts[i], "\n")
		kind, file, _ := strings.Cut(info, " ")
		blocks = append(blocks, block{kind, file, text})
	}
	return blocks
}

// command is a command after "$ ", with its further lines after "> ", and the standard output that is shown below it.
type command struct {
	text  string
	shown []string
}

func (b block) commands() (all []command) {
	for line := range strings.Lines(b.text) {
		line = strings.TrimRight(line, "\n")
		last := len(all) - 1
		switch {
		case strings.HasPrefix(line, "$ "):
			all = append(all, command{text: line[2:]})
		case strings.HasPrefix(line, "> ") && len(all[last].shown) == 0:
			all[last].text += "\n" + line[2:]
		default:
			all[last].shown = append(all[last].shown, line)
		}
	}
	return all
}

var number = regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?`)

// alike reports whether lines have the same words, and numbers that differ by less than those of trained networks do
// between kernel sets, which round differently: losses of small ones by an eighth.
func alike(a, b string) bool {
	words := func(s string) string { return strings.Join(strings.Fields(number.ReplaceAllString(s, "0")), " ") }
	x, y := number.FindAllString(a, -1), number.FindAllString(b, -1)
	if words(a) != words(b) || len(x) != len(y) {
		return false
	}
	for i := range x {
		v, _ := strconv.ParseFloat(x[i], 64)
		w, _ := strconv.ParseFloat(y[i], 64)
		if math.Abs(v-w) > 0.3*math.Abs(v) {
			return false
		}
	}
	return true
}

// matches compares what is shown with what was written. A line of three dots stands for any lines.
func matches(shown, written []string) error {
	for len(shown) > 0 {
		if shown[0] == "..." {
			if shown = shown[1:]; len(shown) == 0 {
				return nil
			}
			for len(written) > 0 && !alike(shown[0], written[0]) {
				written = written[1:]
			}
		}
		if len(written) == 0 {
			return fmt.Errorf("%q is not written", shown[0])
		}
		if !alike(shown[0], written[0]) {
			return fmt.Errorf("%q is written, %q shown", written[0], shown[0])
		}
		shown, written = shown[1:], written[1:]
	}
	if len(written) > 0 {
		return fmt.Errorf("%q is written and not shown", written[0])
	}
	return nil
}

// The commands of the tutorial do what it says, from the document as it is, in an empty folder without a network.
func TestTutorial(t *testing.T) {
	if testing.Short() || os.Getenv(cpu.KernelVariable) == "portable" {
		t.Skip("trains for a quarter of a minute, with the portable kernels for four")
	}
	docs := filepath.Join("..", "..", "docs")
	text, err := os.ReadFile(filepath.Join(docs, "laws.md"))
	if err != nil {
		t.Fatal(err)
	}
	pythontest.Find(t)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(program, filepath.Join(dir, "quantal")); err != nil { // TestMain makes it quantal by its name
		t.Fatal(err)
	}
	count := 0
	for _, b := range blocksOf(string(text)) {
		switch b.kind {
		case "toml":
			if err := os.WriteFile(filepath.Join(dir, b.file), []byte(b.text), 0o644); err != nil {
				t.Fatal(err)
			}
		case "sh":
			for _, c := range b.commands() {
				count++
				var stderr strings.Builder
				shell := exec.CommandContext(t.Context(), "sh", "-c", c.text)
				shell.Dir, shell.Stderr = dir, &stderr
				shell.Env = append(os.Environ(), "HOME="+dir, "QUANTAL_CACHE="+dir, "QUANTAL_MIRRORS=http://127.0.0.1:1/")
				out, err := shell.Output()
				if err != nil {
					t.Fatalf("%s\n%v\n%s", c.text, err, stderr.String())
				}
				written := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
				if err := matches(c.shown, written); err != nil {
					t.Errorf("%s\n%v; all of it:\n%s", c.text, err, out)
				}
			}
		default:
			t.Errorf("a block of the kind %q is neither run nor saved", b.kind)
		}
	}
	if count < 6 {
		t.Errorf("%d commands: want those of the whole page", count)
	}
	for _, link := range regexp.MustCompile(`\]\(([^)]*)\)`).FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat(filepath.Join(docs, link[1])); err != nil {
			t.Errorf("a link leads nowhere: %v", err)
		}
	}
}
