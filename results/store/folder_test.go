package store

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/internal/setting"
	"quantal/internal/specialfile"
)

type config struct {
	Rho    float64 `toml:"rho"`
	Hidden []int   `toml:"hidden"`
}

func (c *config) Settings() setting.List {
	return setting.List{{Name: "rho", Value: &c.Rho}, {Name: "hidden", Value: &c.Hidden}}
}

// newRun is the folder of a run that has been configured.
func newRun(t *testing.T) *Folder {
	t.Helper()
	f, err := Create(filepath.Join(t.TempDir(), "runs", "a"))
	check(t, err)
	t.Cleanup(func() { _ = f.Close() })
	check(t, f.WriteConfig(config{Rho: 2, Hidden: []int{100, 100}}))
	return f
}

func TestCreateRefusesARun(t *testing.T) {
	f := newRun(t)
	check(t, f.Close())
	_, err := Create(f.Path(""))
	wantError(t, err, f.Path(""), "already holds a run", "--resume", "--out")
	var inUse *InUseError
	if errors.As(err, &inUse) || isCorrupt(err) {
		t.Errorf("%T, want a plain error", err)
	}
	check(t, os.Remove(f.Path(ConfigName)))
	again, err := Create(f.Path("")) // a run that wrote nothing does not count
	check(t, err)
	check(t, again.SaveCheckpoint(small(1)))
	check(t, again.Close())
	_, err = Create(f.Path(""))
	wantError(t, err, "already holds a run", "step-000000001.safetensors")
}

// An experiment without a summary does not count; a training run or a finished experiment is left alone.
func TestCreateExperiment(t *testing.T) {
	dir := t.TempDir()
	f, err := CreateExperiment(dir)
	check(t, err)
	check(t, f.WriteConfig(struct{ Seed int }{1}))
	check(t, f.Close())
	if _, err := os.Stat(f.Path(checkpointsName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder for checkpoints: %v", err)
	}
	f, err = CreateExperiment(dir)
	check(t, err)
	check(t, f.WriteSummary(struct{ Mean float64 }{0.1}))
	check(t, f.Close())
	_, err = CreateExperiment(dir)
	wantError(t, err, dir, "already holds a run (summary.json exists): choose another --out")
	run := newRun(t)
	check(t, run.AppendMetrics(Epoch{Epoch: 1}))
	check(t, run.Close())
	_, err = CreateExperiment(run.Path(""))
	wantError(t, err, "already holds a run (metrics.jsonl exists)")
}

func TestFolderInUse(t *testing.T) {
	f := newRun(t)
	for name, open := range map[string]func(string) (*Folder, error){"Create": Create, "Open": Open} {
		_, err := open(f.Path(""))
		wantError(t, err, f.Path(""), fmt.Sprintf("in use by process %d", os.Getpid()))
		var inUse *InUseError
		if !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
			t.Errorf("%s: %#v, want an InUseError with this process", name, err)
		}
	}
	view, err := View(f.Path("")) // reading needs no lock
	check(t, err)
	check(t, view.Close())
	check(t, f.Close())
	check(t, f.Close())
	again, err := Open(f.Path(""))
	check(t, err)
	check(t, os.Truncate(again.Path(lockName), 0))
	_, err = Open(f.Path(""))
	wantError(t, err, "in use by another process")
	check(t, again.Close())
}

func TestLockEndsWithItsProcess(t *testing.T) {
	f := newRun(t)
	check(t, f.Close())
	holder := helperCommand(t, "hold", f.Path(""))
	stdin, err := holder.StdinPipe()
	check(t, err)
	defer stdin.Close()
	stdout, err := holder.StdoutPipe()
	check(t, err)
	check(t, holder.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || line != "held\n" {
		t.Fatalf("helper said %q, %v", line, err)
	}
	_, err = Open(f.Path(""))
	wantError(t, err, fmt.Sprintf("in use by process %d", holder.Process.Pid))
	check(t, holder.Process.Kill())
	_ = holder.Wait() // its error is that it was killed
	again, err := Open(f.Path(""))
	check(t, err)
	check(t, again.Close())
}

// The target of a link named .lock, and a .lock that is not a file, stay as they are.
func TestLockIsAFile(t *testing.T) {
	f := newRun(t)
	check(t, f.Close())
	target := filepath.Join(t.TempDir(), "target")
	check(t, os.WriteFile(target, []byte("precious"), 0o644))
	for what, place := range map[string]func(string) error{
		"a symbolic link": func(path string) error { return os.Symlink(target, path) },
		"a pipe":          specialfile.Pipe,
		"a folder":        func(path string) error { return os.Mkdir(path, 0o755) },
	} {
		_ = os.Remove(f.Path(lockName)) // of the kind before
		if err := place(f.Path(lockName)); errors.Is(err, errors.ErrUnsupported) {
			continue
		} else {
			check(t, err)
		}
		_, err := Open(f.Path(""))
		wantError(t, err, f.Path(lockName), "is not a regular file but "+what)
	}
	if text, err := os.ReadFile(target); err != nil || string(text) != "precious" {
		t.Errorf("the target holds %q, %v", text, err)
	}
}

// The file of a lock that another process has is not written to.
func TestLockOfAnother(t *testing.T) {
	f := newRun(t)
	check(t, os.WriteFile(f.Path(lockName), []byte("77 elsewhere and more\n"), 0o644))
	_, err := Open(f.Path(""))
	wantError(t, err, `in use by process 77 on "elsewhere"`)
	if text, err := os.ReadFile(f.Path(lockName)); err != nil || string(text) != "77 elsewhere and more\n" {
		t.Errorf("the lock holds %q, %v", text, err)
	}
}

// If the file system has no locks, a file replaces the lock of a run, and a person can break it.
func TestFoldersWithoutLocks(t *testing.T) {
	for _, errno := range []error{syscall.ENOLCK, syscall.EOPNOTSUPP, syscall.ENOSYS, syscall.EBADF} {
		dir := t.TempDir()
		none := func(*os.File) error { return errno }
		_, err := takeLock(dir, none)
		var noLocks *NoLocksError
		if !errors.As(err, &noLocks) || !errors.Is(err, errno) {
			t.Fatalf("%v: error %v, want a NoLocksError", errno, err)
		}
		wantError(t, err, dir, errno.Error(), "lock daemon", "mount option flock")
		lock, err := holdFolder(dir, none)
		check(t, err)
		held, host := filepath.Join(dir, heldName), hostName(t)
		for _, take := range []func() (*Lock, error){
			func() (*Lock, error) { return holdFolder(dir, none) },
			func() (*Lock, error) { return holdFolder(dir, flock) }, // another machine, which has locks
		} {
			_, err = take()
			var inUse *InUseError
			if !errors.As(err, &inUse) || inUse.PID != os.Getpid() || inUse.Host != host || inUse.Held != held {
				t.Errorf("error %#v, want an InUseError with this process", err)
			}
			wantError(t, err, dir, fmt.Sprintf("process %d on %q", os.Getpid(), host),
				"if that process has ended, remove this file")
		}
		check(t, lock.Release())
		check(t, lock.Release())
		if _, err := os.Lstat(held); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", held, err)
		}

		// That of a killed process stays until someone removes it.
		_, err = holdFolder(dir, none)
		check(t, err)
		check(t, os.Remove(held))
		lock, err = holdFolder(dir, none)
		check(t, err)
		check(t, lock.Release())
	}
	_, err := holdFolder(t.TempDir(), func(*os.File) error { return syscall.EIO })
	wantError(t, err, lockName, "input/output error")
}

func hostName(t *testing.T) string {
	t.Helper()
	host, err := os.Hostname()
	check(t, err)
	return host
}

func TestOpenNeedsARun(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	check(t, os.WriteFile(file, nil, 0o644))
	for name, open := range map[string]func(string) (*Folder, error){"Open": Open, "View": View} {
		_, err := open(filepath.Join(dir, "missing"))
		wantError(t, err, "missing", "no such file")
		_, err = open(file)
		wantError(t, err, file, "is a file")
		_, err = open(dir)
		wantError(t, err, dir, "is not a run folder")
		if got := names(t, dir); len(got) != 1 {
			t.Errorf("%s left %v behind", name, got)
		}
	}
	_, err := Create(file)
	wantError(t, err, file, "is a file, not a folder")
	_, err = Create(filepath.Join(file, "run"))
	wantError(t, err, "not a directory")
}

func TestStaleTemporaryFilesGo(t *testing.T) {
	f := newRun(t)
	check(t, f.SaveCheckpoint(small(3)))
	check(t, f.Close())
	stale := []string{".config.toml12345", ".metrics.jsonl9", "checkpoints/.step-000000004.safetensors8135912"}
	others := []string{".notes", "mine.toml1", ".mine.toml", "checkpoints/notes.txt"}
	for _, name := range append(stale, others...) {
		check(t, os.WriteFile(f.Path(name), []byte("half"), 0o644))
	}
	again, err := Open(f.Path(""))
	check(t, err)
	defer again.Close()
	for _, name := range stale {
		if _, err := os.Stat(f.Path(name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	for _, name := range others {
		_, err := os.Stat(f.Path(name))
		check(t, err)
	}
	c, skipped, err := again.LastCheckpoint()
	check(t, err)
	if c.Step != 3 || len(skipped) != 0 {
		t.Errorf("step %d, skipped %v", c.Step, skipped)
	}
}

func TestViewCannotWrite(t *testing.T) {
	f := newRun(t)
	view, err := View(f.Path(""))
	check(t, err)
	before := names(t, f.Path(""))
	for _, err := range []error{
		view.WriteConfig(config{}), view.WriteEnvironment(Environment{}), view.WriteSummary(1), view.AppendMetrics(1),
		view.KeepTimes(0, Times{}), view.SaveCheckpoint(small(1)),
	} {
		wantError(t, err, "is not open for writing")
	}
	if d := cmp.Diff(before, names(t, f.Path(""))); d != "" {
		t.Error(d)
	}
}

func TestConfig(t *testing.T) {
	f := newRun(t)
	var got config
	missing, err := f.ReadConfig(got.Settings())
	check(t, err)
	if len(missing) > 0 {
		t.Errorf("missing: %v", missing.Names())
	}
	if d := cmp.Diff(config{Rho: 2, Hidden: []int{100, 100}}, got); d != "" {
		t.Error(d)
	}
	for form, text := range map[string]string{
		"mark":    "\ufeffrho = 3\nhidden = [7]\n",
		"Windows": "\ufeffrho = 3\r\n\r\nhidden = [7]\r\n",
		"old Mac": "rho = 3\rhidden = [7]\r",
	} {
		var c config
		check(t, os.WriteFile(f.Path(ConfigName), []byte(text), 0o644))
		_, err := f.ReadConfig(c.Settings())
		check(t, err)
		if d := cmp.Diff(config{Rho: 3, Hidden: []int{7}}, c); d != "" {
			t.Errorf("%s: %s", form, d)
		}
	}
	for text, want := range map[string]string{
		"rho = 2\nrhoo = 3\n":            `unknown key "rhoo" in line 2`,
		"[optimizer]\nlr = 1\nrho = 3\n": `unknown key "optimizer" in line 1`,
		"rho = \n":                       "line 1",
		"rho = \"two\"\n":                "line 1",
		"rho = 2\nrho = 2\n":             "rho",
		"rho = \xff\n":                   "line 1",
		"":                               "is empty",
		"\ufeff\n# nothing\n\n":          "is empty",
	} {
		check(t, os.WriteFile(f.Path(ConfigName), []byte(text), 0o644))
		_, err := f.ReadConfig(got.Settings())
		wantError(t, err, f.Path(ConfigName), want)
		if !isCorrupt(err) {
			t.Errorf("%T is not a CorruptError", err)
		}
	}
	// A missing key keeps its value, and is named.
	check(t, os.WriteFile(f.Path(ConfigName), []byte("rho = 3\n"), 0o644))
	got = config{Hidden: []int{5}}
	missing, err = f.ReadConfig(got.Settings())
	check(t, err)
	if d := cmp.Diff(config{Rho: 3, Hidden: []int{5}}, got); d != "" ||
		!slices.Equal(missing.Names(), []string{"hidden"}) {
		t.Errorf("missing %v: %s", missing.Names(), d)
	}
	wantError(t, ReadConfigFile("nowhere.toml", &got), "nowhere.toml", "no such file")
}

func FuzzReadConfig(f *testing.F) {
	f.Add([]byte("rho = 2\nhidden = [100, 100]\n"))
	f.Add([]byte("[a]\nb = 1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c config
		if err := decodeConfig(data, &c); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
	})
}

func TestEnvironmentAndSummary(t *testing.T) {
	f := newRun(t)
	want := ReadEnvironmentHere()
	if want.Version != Version || want.Cores < 1 || want.Processor == "" || !strings.HasPrefix(want.Go, "go") {
		t.Errorf("environment %+v", want)
	}
	want.Kernels, want.DataSHA256 = "portable", map[string]string{"train-images": "00"}
	check(t, f.WriteEnvironment(want))
	got, err := f.ReadEnvironment()
	check(t, err)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	text, err := os.ReadFile(f.Path(EnvironmentName))
	check(t, err)
	if !strings.Contains(string(text), `"data_sha256": {`) {
		t.Errorf("environment.json is\n%s", text)
	}

	check(t, f.WriteSummary(map[string]float64{"accuracy_mean": 0.97}))
	var summary map[string]float64
	check(t, f.ReadSummary(&summary))
	if summary["accuracy_mean"] != 0.97 {
		t.Errorf("summary %v", summary)
	}
	check(t, os.WriteFile(f.Path(summaryName), []byte(`{"accuracy`), 0o644))
	if err := f.ReadSummary(&summary); !isCorrupt(err) {
		t.Errorf("error %v, want a CorruptError", err)
	}
}
