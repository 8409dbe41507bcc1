// Package pythontest runs Python with numpy from tests: to read our files as users will.
package pythontest

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Run runs code, which prints JSON, with the arguments in sys.argv, and decodes what it printed into v. Without an
// interpreter with numpy the test is skipped, and fails if CI is set.
func Run(t testing.TB, code string, v any, args ...string) {
	t.Helper()
	c := exec.Command(Find(t), append([]string{"-c", code}, args...)...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("python: %v", err)
	}
	if err := json.Unmarshal(out, v); err != nil {
		t.Fatalf("python printed %q: %v", out, err)
	}
}

// Find returns an interpreter that has numpy and the given modules. Without one the test is skipped; numpy alone must
// be present if CI is set.
func Find(t testing.TB, modules ...string) string {
	t.Helper()
	needs := strings.Join(append([]string{"numpy"}, modules...), ", ")
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import "+needs).Run() == nil {
			return name
		}
	}
	if os.Getenv("CI") != "" && len(modules) == 0 {
		t.Fatal("no python3 with numpy (Debian: python3-numpy), which CI must have")
	}
	t.Skipf("no python3 with %s: not tested", needs)
	return ""
}
