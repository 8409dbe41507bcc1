package cuda

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Without spills, and with the registers that doc.go tells, for the two architectures it names. Needs ptxas of CUDA 11.8.
func TestRegistersAreAsDocumented(t *testing.T) {
	ptxas, err := exec.LookPath("ptxas")
	if err != nil {
		t.Skip("no ptxas here")
	}
	version, err := exec.Command(ptxas, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	documented, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	report := regexp.MustCompile(`entry function '(\w+)'[^\n]*\n[^\n]*\n\s*(\d+) bytes stack frame, (\d+) bytes spill stores[^\n]*\n[^\n]*Used (\d+) registers`)
	for source, kernels := range entries {
		for _, architecture := range []string{"sm_80", "sm_90"} {
			out, err := exec.Command(ptxas, "-v", "-arch="+architecture, "-o", os.DevNull, filepath.Join("ptx", source+".ptx")).CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", source, err, out)
			}
			found := report.FindAllStringSubmatch(string(out), -1)
			if len(found) != len(kernels) {
				t.Errorf("%s, %s: %d kernels in the report of ptxas, want %d\n%s", source, architecture, len(found), len(kernels), out)
			}
			for _, f := range found {
				if f[2] != "0" || f[3] != "0" {
					t.Errorf("%s, %s: spills: %s", f[1], architecture, f[0])
				}
				if f[1] == "advance" || !strings.Contains(string(version), "release 11.8") {
					continue
				}
				row := regexp.MustCompile(`//\t` + f[1] + ` +\d+ +(\d+)(?: \((\d+)\))?`).FindSubmatch(documented)
				if row == nil {
					t.Errorf("doc.go has no row for %s", f[1])
					continue
				}
				want := string(row[1])
				if architecture == "sm_80" && row[2] != nil {
					want = string(row[2])
				}
				if f[4] != want {
					t.Errorf("%s, %s: %s registers, doc.go says %s", f[1], architecture, f[4], want)
				}
			}
		}
	}
}
