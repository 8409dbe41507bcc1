package memory

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
)

const kiB = 1024.

// files of a machine with 16 GiB free and 1 GiB of swap.
func machine(more map[string]string) fstest.MapFS {
	system := fstest.MapFS{}
	for name, text := range map[string]string{
		"proc/meminfo":     "MemTotal:       33554432 kB\nMemAvailable:   16777216 kB\nSwapFree:        1048576 kB\n",
		"proc/self/status": "Name:\tquantal\nVmSize:\t  2097152 kB\nVmData:\t  1048576 kB\n",
		"proc/self/limits": "Limit                     Soft Limit           Hard Limit           Units     \n" +
			"Max data size             unlimited            unlimited            bytes     \n" +
			"Max open files            1024                 4096                 files     \n" +
			"Max address space         unlimited            unlimited            bytes     \n",
		"proc/self/cgroup": "0::/a/b\n",
	} {
		system[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for name, text := range more {
		system[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return system
}

func TestLeft(t *testing.T) {
	var heap runtime.MemStats
	runtime.ReadMemStats(&heap)
	for name, c := range map[string]struct {
		files map[string]string
		bytes float64
		by    string
	}{
		"machine": {nil, 17 * 1024 * 1024 * kiB, "on this machine"},
		"group": {map[string]string{
			"sys/fs/cgroup/a/b/memory.max": "4000000000\n", "sys/fs/cgroup/a/b/memory.current": "3000000000\n",
			"sys/fs/cgroup/a/b/memory.stat": "anon 2000000000\ninactive_file 400000000\nactive_file 100000000\n",
			"sys/fs/cgroup/a/memory.max":    "max\n", "sys/fs/cgroup/a/memory.current": "1\n",
		}, 1.5e9, "in the control group /a/b"},
		"group above": {map[string]string{
			"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/b/memory.current": "3\n",
			"sys/fs/cgroup/a/memory.max": "1000\n", "sys/fs/cgroup/a/memory.current": "400\n",
		}, 600, "in the control group /a"},
		"container": {map[string]string{
			"sys/fs/cgroup/memory.max": "1000\n", "sys/fs/cgroup/memory.current": "2000\n",
		}, 0, "in the control group /"},
		"first version": {map[string]string{
			"proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/job\n", "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "5000\n",
			"sys/fs/cgroup/memory/job/memory.usage_in_bytes": "2000\n",
			"sys/fs/cgroup/memory/job/memory.stat":           "total_inactive_file 500\ninactive_file 7\n",
		}, 3500, "in the control group /job"},
		"ulimit -v": {map[string]string{
			"proc/self/limits": "Max address space         4294967296           unlimited            bytes     \n",
		}, 2*1024*1024*kiB + float64(heap.HeapIdle), "under ulimit -v"},
	} {
		got := left(machine(c.files))
		if math.Abs(got.Bytes-c.bytes) > 64e6*float64(strings.Count(c.by, "ulimit")) || got.By != c.by { // the heap moves
			t.Errorf("%s: left = %.0f, %q; want %.0f, %q", name, got.Bytes, got.By, c.bytes, c.by)
		}
	}
	if got := left(fstest.MapFS{}); !math.IsInf(got.Bytes, 1) {
		t.Errorf("where nothing is known, left = %v", got)
	}
}

func TestCheck(t *testing.T) {
	if err := Check("a network", 1000); err != nil {
		t.Error(err)
	}
	if runtime.GOOS != "linux" {
		t.Skip("limits are read from the files of Linux")
	}
	err := Check("a network", 4e18*4e18)
	var short *Error
	if !errors.As(err, &short) || !strings.HasPrefix(err.Error(), "a network needs 1.6e+28 GB of memory, and ") {
		t.Errorf("Check = %v", err)
	}
}

// Under a limit set by the shell, a size that fits passes and one that does not is refused, in a process that can
// allocate the first.
func TestUlimit(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("limits are read from the files of Linux")
	}
	if os.Getenv("QUANTAL_MEMORY_TEST") != "" {
		if err := Check("much", 8e9); err == nil {
			t.Error("8 GB fit a limit of 4 GB")
		} else if !strings.Contains(err.Error(), "ulimit -v") && !strings.Contains(err.Error(), "machine") {
			t.Error(err)
		}
		if err := Check("little", 1e8); err != nil {
			t.Error(err)
		}
		return
	}
	cmd := exec.Command("sh", "-c", `ulimit -v 4000000; exec "$0" -test.run=TestUlimit`, os.Args[0])
	cmd.Env = append(os.Environ(), "QUANTAL_MEMORY_TEST=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
