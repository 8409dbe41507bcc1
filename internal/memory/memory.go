// Package memory says how much memory this process may still allocate, and refuses work that would need more: when a Go
// program runs out of memory, it ends without a message that helps a user.
package memory

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// Limit is an amount of memory, and what sets it.
type Limit struct {
	Bytes float64 // +Inf if no limit is known
	By    string  // "this machine", ...
}

// Error says that something needs more memory than there is.
type Error struct {
	What  string
	Need  float64 // bytes
	Limit Limit
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s needs %s of memory, and %s are left %s", e.What, Text(e.Need), Text(e.Limit.Bytes), e.Limit.By)
}

// Text writes an amount of memory for people.
func Text(bytes float64) string {
	switch {
	case bytes < 1e9:
		return fmt.Sprintf("%.0f MB", math.Ceil(bytes/1e6))
	case bytes < 1e13:
		return fmt.Sprintf("%.1f GB", bytes/1e9)
	}
	return fmt.Sprintf("%.2g GB", bytes/1e9)
}

// Check returns an Error if this process may not allocate the given number of bytes more. The number is a float64, so
// that sums and products of sizes that users give cannot overflow. Memory that the process has allocated and no longer
// uses counts as free.
func Check(what string, bytes float64) error {
	system := os.DirFS("/")
	limit := left(system)
	if bytes <= limit.Bytes {
		return nil
	}
	debug.FreeOSMemory()
	if limit = left(system); bytes <= limit.Bytes {
		return nil
	}
	return &Error{what, bytes, limit}
}

// Left is what this process may still allocate.
func Left() Limit { return left(os.DirFS("/")) }

// Own is what the limits set for this process, independent of the machine's memory, still let it allocate.
func Own() Limit { return own(os.DirFS("/")) }

// Obey makes Go's collector keep the heap within a limit set for this process (by its group, or ulimit): without it a
// heap may grow to twice what is in use. GOMEMLIMIT has precedence.
func Obey() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	const most = 0.9 // of the limit: the rest is for memory that Go does not count
	if limit := own(os.DirFS("/")); !math.IsInf(limit.Bytes, 1) {
		debug.SetMemoryLimit(int64(most * limit.Bytes))
	}
}

// left reads all limits from the files of Linux. On other systems no limit is known.
func left(system fs.FS) Limit {
	least := own(system)
	values := fields(system, "proc/meminfo")
	if free, ok := values["MemAvailable"]; ok {
		least = least.or(Limit{free + values["SwapFree"], "on this machine"})
	}
	return least
}

// own reads the limits that are set for this process.
func own(system fs.FS) Limit {
	least := Limit{math.Inf(1), ""}
	for _, l := range groups(system) {
		least = least.or(l)
	}
	status, limits := fields(system, "proc/self/status"), rlimits(system)
	var heap runtime.MemStats
	runtime.ReadMemStats(&heap)
	for _, l := range []struct{ limit, used, by string }{
		{"Max address space", "VmSize", "under ulimit -v"}, {"Max data size", "VmData", "under ulimit -d"},
	} {
		if most, ok := limits[l.limit]; ok {
			// Idle heap has address space already, and is reused before new space is taken.
			least = least.or(Limit{max(0, most-status[l.used]+float64(heap.HeapIdle)), l.by})
		}
	}
	return least
}

func (l Limit) or(other Limit) Limit {
	if other.Bytes < l.Bytes {
		return other
	}
	return l
}

// fields reads lines such as "VmSize:  1234 kB", in bytes.
func fields(system fs.FS, name string) map[string]float64 {
	text, _ := fs.ReadFile(system, name) // without it nothing is known
	values := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		number, kilo := strings.CutSuffix(strings.TrimSpace(value), " kB")
		if v, err := strconv.ParseFloat(number, 64); err == nil && kilo {
			values[key] = 1024 * v
		}
	}
	return values
}

// rlimits reads the soft limits of this process, in bytes; those that are unlimited are left out.
func rlimits(system fs.FS) map[string]float64 {
	text, _ := fs.ReadFile(system, "proc/self/limits")
	values := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if len(line) < 26 { // the width of the names
			continue
		}
		columns := strings.Fields(line[26:])
		if len(columns) == 0 {
			continue
		}
		if v, err := strconv.ParseFloat(columns[0], 64); err == nil {
			values[strings.TrimSpace(line[:26])] = v
		}
	}
	return values
}

// groups reads what the control groups of this process, and those above them, have left. Their cached files do not
// count: the system drops them when memory is needed.
func groups(system fs.FS) []Limit {
	text, _ := fs.ReadFile(system, "proc/self/cgroup")
	var limits []Limit
	for line := range strings.Lines(strings.TrimSpace(string(text))) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		root, most, used, prefix := "sys/fs/cgroup", "memory.max", "memory.current", ""
		if parts[1] != "" { // the first version: a hierarchy for each resource
			if parts[1] != "memory" {
				continue
			}
			root, most, used, prefix = "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"
		}
		// In a container the path may be that of the host, of which the container sees only the end.
		for dir := path.Clean("/" + parts[2]); ; dir = path.Dir(dir) {
			at := path.Join(root, dir)
			limit, known := amount(system, path.Join(at, most))
			taken, also := amount(system, path.Join(at, used))
			if known && also {
				limits = append(limits, Limit{max(0, limit-taken+files(system, at, prefix)), "in the control group " + dir})
			}
			if dir == "/" {
				break
			}
		}
	}
	return limits
}

func amount(system fs.FS, name string) (float64, bool) {
	text, err := fs.ReadFile(system, name)
	if err != nil {
		return 0, false
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64) // "max" where there is no limit
	return v, err == nil
}

// files is how much of a group's memory caches files.
func files(system fs.FS, dir, prefix string) float64 {
	text, _ := fs.ReadFile(system, path.Join(dir, "memory.stat"))
	sum := 0.
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil &&
			(key == prefix+"inactive_file" || key == prefix+"active_file") {
			sum += v
		}
	}
	return sum
}
