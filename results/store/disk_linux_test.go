package store

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fullDisk runs in a separate process, where the system lets no file grow much larger than metrics.jsonl is.
func fullDisk(dir string) int {
	f, err := Open(dir)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer f.Close()
	info, err := os.Stat(f.Path(metricsName))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	limit := uint64(info.Size()) + 20 // so that half a line of metrics still fits
	signal.Ignore(syscall.SIGXFSZ)    // so that the write fails instead
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		fmt.Println(err)
		return 1
	}
	for _, err := range []error{
		f.SaveCheckpoint(small(2)),
		f.AppendMetrics(Epoch{Epoch: 2}),
		f.WriteSummary(Epoch{}),
		WriteNPZ(filepath.Join(dir, "a.npz"), small(2).Export()),
	} {
		if !errors.Is(err, syscall.EFBIG) {
			fmt.Printf("error %v, want one of a file too large\n", err)
			return 1
		}
		fmt.Println(err)
	}
	return 0
}

// work fills a run folder with files that a full disk must not spoil, and returns them.
func work(t *testing.T, f *Folder) map[string]string {
	t.Helper()
	check(t, f.SaveCheckpoint(small(1)))
	check(t, f.AppendMetrics(Epoch{Epoch: 1}))
	check(t, f.WriteSummary(map[string]int{"steps": 1}))
	return files(t, f)
}

func files(t *testing.T, f *Folder) map[string]string {
	t.Helper()
	content := map[string]string{}
	for _, dir := range []string{"", checkpointsName} {
		for _, name := range names(t, f.Path(dir)) {
			path := filepath.Join(f.Path(dir), name)
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				continue
			}
			data, err := os.ReadFile(path)
			check(t, err)
			content[filepath.Join(dir, name)] = string(data)
		}
	}
	return content
}

func TestNothingIsLostAtTheSizeLimit(t *testing.T) {
	f := newRun(t)
	before := work(t, f)
	check(t, f.Close())
	out, err := helperCommand(t, "full", f.Path("")).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{f.checkpointPath(2), f.Path(metricsName), f.Path(summaryName), f.Path("a.npz")} {
		if !strings.Contains(string(out), "store: "+name+": file too large") {
			t.Errorf("no error names %s:\n%s", name, out)
		}
	}
	if d := cmp.Diff(before, files(t, f)); d != "" {
		t.Error(d)
	}
}

func TestNothingIsLostOnAFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a small file system cannot be mounted here (%v); the test with a size limit stands in for it", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, 0) })
	f, err := Create(filepath.Join(disk, "a"))
	check(t, err)
	t.Cleanup(func() { _ = f.Close() })
	check(t, f.WriteConfig(config{}))
	before := work(t, f)
	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o644); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	for _, err := range []error{f.SaveCheckpoint(small(2)), f.WriteConfig(config{Rho: 3})} {
		wantError(t, err, "no space left on device")
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%v does not pass the system's error on", err)
		}
	}
	if d := cmp.Diff(before, files(t, f)); d != "" {
		t.Error(d)
	}
	check(t, os.Remove(filler))
	check(t, f.SaveCheckpoint(small(2)))
	wantStep(t, f, 2, 0)
}
