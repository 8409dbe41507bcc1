package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// Every command explains itself however it is asked.
func TestHelp(t *testing.T) {
	explain := func(args ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		status := run(append([]string{"quantal"}, args...), &stdout, &stderr)
		usage := strings.Contains(stdout.String(), "USAGE:")
		if status != 0 || stderr.Len() > 0 || !usage {
			t.Errorf("quantal %s: status %d, usage on standard output %t, want 0 and true; on standard error %q",
				strings.Join(args, " "), status, usage, stderr.String())
		}
		return stdout.String()
	}
	whole := explain("--help")
	for _, args := range [][]string{{"-h"}, {"help"}, {"h"}, {}} {
		if explain(args...) != whole {
			t.Errorf("quantal %s: other words than quantal --help", strings.Join(args, " "))
		}
	}
	commands := newApp(&bytes.Buffer{}, &bytes.Buffer{}).Commands
	if len(commands) < 20 {
		t.Fatalf("%d commands", len(commands))
	}
	each := func(parent string, list []*cli.Command) {
		for _, c := range list {
			path := append(strings.Fields(parent), c.Name)
			words := explain(append(path, "--help")...)
			explain(append(path, "-h")...)
			if !strings.Contains(words, strings.Join(path, " ")) {
				t.Errorf("quantal %s --help: explains something else", strings.Join(path, " "))
			}
			if c.Name != "help" && explain(append([]string{"help"}, path...)...) != words {
				t.Errorf("quantal help %s: other words than --help", strings.Join(path, " "))
			}
		}
	}
	each("", commands)
	for _, c := range commands {
		each(c.Name, c.Subcommands)
	}
}
