package store

import (
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// Environment is what the bytes and the speed of a run depend on in addition to its configuration.
type Environment struct {
	Version string `json:"version"` // of the program
	// of its source, with "+changes" appended if that was modified; empty if unknown
	Commit    string `json:"commit,omitempty"`
	Go        string `json:"go"`
	OS        string `json:"os"`
	Arch      string `json:"arch"`
	Processor string `json:"processor"`
	Cores     int    `json:"cores"` // logical processors

	Kernels string `json:"kernels"` // the kernel set that ran, on which the last bits depend
	Device  string `json:"device"`

	// Of a run on data:
	Data       string            `json:"data,omitempty"`        // the data set
	DataSource string            `json:"data_source,omitempty"` // where it came from
	DataSHA256 map[string]string `json:"data_sha256,omitempty"` // by file
}

// Version is the program's own, a semantic version, which is here alone; CITATION.cff and CHANGELOG.md repeat it. The
// commit comes from the build.
const Version = "0.1.0"

// ReadEnvironmentHere fills in what is known without a run: the program, the system and the processor.
func ReadEnvironmentHere() Environment {
	return Environment{
		Version: Version, Commit: commit(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		Processor: processor(), Cores: runtime.NumCPU(),
	}
}

func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	revision, changes := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changes = "+changes"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + changes
}

// processor is the model as Linux names it, or the architecture elsewhere.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
