package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"quantal/internal/stripes"
	"quantal/kernels"
	"quantal/mnist"
	"quantal/results/store"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"quantal": programOrMain})
}

// programVariable names a program that scripts run as quantal, such as one for another processor in an emulator.
const programVariable = "QUANTAL_TEST_PROGRAM"

func programOrMain() {
	if path := os.Getenv(programVariable); path != "" {
		panic(syscall.Exec(path, append([]string{path}, os.Args[1:]...), os.Environ())) // returns only if it fails
	}
	main()
}

func TestScripts(t *testing.T) {
	// Under nohup SIGHUP is ignored, and a program started that way keeps ignoring it. A program that catches it starts
	// others without that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/scripts",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"dataset": dataset4Script, "exits": exits, "json": jsonHas, "flip": flip, "interrupt": interrupt, "nohup": nohup,
			"same":   same,
			"killed": killed, "serves": serves, "killedgrid": killedMany("grid"), "killedsearch": killedMany("search"),
			"hold": hold, "holdgrid": holdGrid, "names": names, "poison": poison,
			"drop": drop,
		},
		Condition: func(name string) (bool, error) {
			if name != "strace" {
				return false, fmt.Errorf("there is no condition %q", name)
			}
			return exec.Command("strace", "-qq", "-e", "trace=none", "true").Run() == nil, nil
		},
		Setup: func(e *testscript.Env) error {
			// No network, and not the cache of the user who runs the tests.
			e.Setenv("QUANTAL_CACHE", filepath.Join(e.WorkDir, "cache"))
			e.Setenv("QUANTAL_MIRRORS", "http://127.0.0.1:1/")
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("QUANTAL_KERNELS", os.Getenv("QUANTAL_KERNELS"))
			e.Setenv(programVariable, os.Getenv(programVariable))
			return nil
		},
	})
}

// dataset4Script writes IDX files: dataset FOLDER TRAIN TEST ROWS COLUMNS CLASSES [FIRST]. Each class is a bright
// stripe in noise; labels count from FIRST, or from 0.
func dataset4Script(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 6 && len(args) != 7 {
		ts.Fatalf("usage: dataset folder train test rows columns classes [first]")
	}
	var n [6]int
	for i := range args[1:] {
		v, err := strconv.Atoi(args[i+1])
		ts.Check(err)
		n[i] = v
	}
	set := stripes.Set(n[0], n[1], n[2], n[3], n[4])
	for _, e := range []mnist.Examples{set.Train, set.Test} {
		for i := range e.Labels {
			e.Labels[i] += byte(n[5])
		}
	}
	ts.Check(stripes.Write(ts.MkAbs(args[0]), set))
}

// drop removes text that matches a pattern from a file, such as a key unknown to an older version: drop PATTERN FILE.
func drop(ts *testscript.TestScript, _ bool, args []string) {
	pattern, text := regexp.MustCompile(args[0]), ts.ReadFile(args[1])
	if !pattern.MatchString(text) {
		ts.Fatalf("%s has no %s", args[1], args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(pattern.ReplaceAllString(text, "")), 0o644))
}

// names sets EVIL to a name that tells a terminal to change its title.
func names(ts *testscript.TestScript, _ bool, _ []string) { ts.Setenv("EVIL", "\x1b]0;title\x07") }

func writeDataset(dir string, train, test, rows, columns, classes int) error {
	return stripes.Write(dir, stripes.Set(train, test, rows, columns, classes))
}

// poison writes NaN for a mean into the last checkpoint of a run, with the right checksum: poison RUN.
func poison(ts *testscript.TestScript, _ bool, args []string) {
	folder, err := store.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	defer folder.Close()
	checkpoint, _, err := folder.LastCheckpoint()
	ts.Check(err)
	checkpoint.State.Mu[1] = float32(math.NaN())
	ts.Check(folder.SaveCheckpoint(checkpoint))
}

// exits runs a command and checks its exit status: exits CODE COMMAND ARG...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code command [arg...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d; stderr:\n%s", got, want, ts.ReadFile("stderr"))
	}
}

// jsonHas checks that the standard output of the last command is one JSON object and nothing else, with the given keys.
func jsonHas(ts *testscript.TestScript, _ bool, keys []string) {
	var object map[string]any
	d := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	if err := d.Decode(&object); err != nil {
		ts.Fatalf("stdout is not a JSON object: %v", err)
	}
	if d.More() {
		ts.Fatalf("stdout has more than one JSON object")
	}
	for _, k := range keys {
		if v, ok := object[k]; !ok || v == nil {
			ts.Fatalf("the object has no value for %q: %v", k, object)
		}
	}
}

// flip changes one byte of a file: flip FILE OFFSET.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	raw, err := os.ReadFile(path)
	ts.Check(err)
	raw[at] ^= 1
	ts.Check(os.WriteFile(path, raw, 0o644))
}

// interrupt starts a command, waits until it has written to a file, sends a signal, and checks the exit status:
// interrupt SIGNAL CODE FILE COMMAND ARG... SIGHUP is sent again and again until the program ends.
func interrupt(ts *testscript.TestScript, _ bool, args []string) {
	signals := map[string]os.Signal{"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "TERM": syscall.SIGTERM,
		"KILL": syscall.SIGKILL}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	var p *program
	got := 0
	inTime(ts, args[2], func() bool {
		p = begun(ts, args[2], "quantal", args[3:]...)
		err := p.Process.Signal(signals[args[0]])
		p.hear()
		for args[0] == "HUP" && err == nil && p.running() {
			time.Sleep(time.Millisecond)
			err = p.Process.Signal(syscall.SIGHUP)
		}
		_ = p.wait() // the exit status is checked
		ts.Logf("%s", p.stderr.String())
		got = p.ProcessState.ExitCode()
		return got != 0
	})
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
	if want == 130 && !strings.Contains(p.stderr.String(), "to continue: quantal ") {
		ts.Fatalf("the program does not say how to resume")
	}
}

// serves starts a command that serves a folder, asks it for its items, of which there should be so many, sees that a
// second server cannot have its address, and interrupts it: serves ITEMS FOLDER ARG...
func serves(ts *testscript.TestScript, _ bool, args []string) {
	output := filepath.Join(ts.MkAbs("."), "served")
	ts.Check(os.RemoveAll(output))
	p := started(ts, "sh", append([]string{"-c", `exec quantal "$@" >served 2>&1`, "sh"}, args[2:]...)...)
	p.hear()
	url := ""
	p.until(ts, "it said where it listens", func() bool {
		text, _ := os.ReadFile(output)
		url = regexp.MustCompile(`http://[\w.:]+/`).FindString(string(text))
		return url != ""
	})
	p.until(ts, "it served the items", func() bool {
		answer, err := http.Get(url + "api/overview")
		ts.Check(err)
		defer answer.Body.Close()
		var all struct{ Items []any }
		ts.Check(json.NewDecoder(answer.Body).Decode(&all))
		return fmt.Sprint(len(all.Items)) == args[0]
	})
	address := strings.Trim(strings.TrimPrefix(url, "http://"), "/")
	second := started(ts, "quantal", "serve", args[1], "--http", address)
	err := second.wait()
	if code := second.ProcessState.ExitCode(); code != 2 || strings.Count(second.stderr.String(), "\n") != 1 ||
		!strings.Contains(second.stderr.String(), "--http "+address+": want an address with a free port") {
		ts.Fatalf("a second server at the same address: %v, %s", err, second.stderr.String())
	}
	ts.Check(p.Process.Signal(os.Interrupt))
	if _ = p.wait(); p.ProcessState.ExitCode() != 130 {
		text, _ := os.ReadFile(output)
		ts.Fatalf("interrupted: exit status %d, want 130:\n%s", p.ProcessState.ExitCode(), text)
	}
}

// inTime does something to a program that writes to a file, and reports whether that came before the end of the
// program. On a busy machine it may not, and is then tried again with the folder restored.
func inTime(ts *testscript.TestScript, file string, disturb func() bool) {
	folder, _, _ := strings.Cut(file, "/")
	folder = ts.MkAbs(folder)
	saved, err := os.MkdirTemp("", "saved")
	ts.Check(err)
	defer os.RemoveAll(saved)
	_, err = os.Stat(folder)
	there := err == nil
	if there {
		ts.Check(os.CopyFS(saved, os.DirFS(folder)))
	}
	for range 30 { // a program that ignores the signal is not accepted
		if disturb() {
			return
		}
		ts.Check(os.RemoveAll(folder))
		if there {
			ts.Check(os.CopyFS(folder, os.DirFS(saved)))
		}
	}
	ts.Fatalf("the program was always through before it was disturbed")
}

// program is a running command.
type program struct {
	*exec.Cmd
	stderr strings.Builder // to be read after waiting for it
	ended  chan struct{}
	err    error // how

	pipe   *os.File // its standard error
	listen sync.Once
	heard  chan struct{}
}

// deaf is how many bytes a command can write before its output is read: then it blocks. So a command with more output
// is running for as long as a busy machine needs to disturb it.
const deaf = 4096

// started starts a command in the folder of the script.
func started(ts *testscript.TestScript, name string, args ...string) *program {
	path, err := exec.LookPath(name)
	ts.Check(err)
	p := &program{Cmd: exec.Command(path, args...), ended: make(chan struct{}), heard: make(chan struct{})}
	p.Dir = ts.MkAbs(".")
	p.Env = append(os.Environ(), "QUANTAL_CACHE="+ts.Getenv("QUANTAL_CACHE"),
		"QUANTAL_MIRRORS="+ts.Getenv("QUANTAL_MIRRORS"))
	var said *os.File
	p.pipe, said, err = os.Pipe()
	ts.Check(err)
	setPipeSize(said, deaf)
	p.Stderr = said
	ts.Check(p.Start())
	ts.Check(said.Close())
	go func() {
		p.err = p.Wait()
		close(p.ended)
	}()
	return p
}

// hear reads the output of the command from now on.
func (p *program) hear() {
	p.listen.Do(func() {
		go func() {
			_, _ = io.Copy(&p.stderr, p.pipe)
			_ = p.pipe.Close()
			close(p.heard)
		}()
	})
}

func (p *program) wait() error {
	p.hear()
	<-p.ended
	<-p.heard
	return p.err
}

func (p *program) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// until waits until a condition holds for a running command, for as long as a busy machine needs.
func (p *program) until(ts *testscript.TestScript, what string, holds func() bool) {
	for {
		running := p.running()
		if holds() {
			return
		}
		if !running {
			_ = p.wait() // its error is reported
			ts.Fatalf("it ended (%v) before %s; stderr:\n%s", p.err, what, p.stderr.String())
		}
		time.Sleep(time.Millisecond)
	}
}

// nohup starts a command that ignores SIGHUP, waits until it has written to a file, sends the signal, and checks that
// the command comes to its end: nohup FILE ARG...
func nohup(ts *testscript.TestScript, _ bool, args []string) {
	inTime(ts, args[0], func() bool {
		p := begun(ts, args[0], "sh", append([]string{"-c", `trap '' HUP; exec quantal "$@"`, "sh"}, args[1:]...)...)
		err := p.Process.Signal(syscall.SIGHUP)
		if err := p.wait(); err != nil {
			ts.Fatalf("%v; stderr:\n%s", err, p.stderr.String())
		}
		return err == nil
	})
}

// begun starts a command and waits until it has written to a file.
func begun(ts *testscript.TestScript, file, name string, args ...string) *program {
	size := func() int64 {
		info, err := os.Stat(ts.MkAbs(file))
		if err != nil {
			return 0
		}
		return info.Size()
	}
	before := size()
	p := started(ts, name, args...)
	p.until(ts, "it wrote to "+file, func() bool { return size() > before })
	return p
}

// same checks that the last checkpoints of two runs have the same bytes: same RUN RUN; with ! that they differ.
func same(ts *testscript.TestScript, neg bool, runs []string) {
	a, b := lastCheckpointBytes(ts, runs[0]), lastCheckpointBytes(ts, runs[1])
	if (a == b) == neg {
		ts.Fatalf("the last checkpoints of %s and %s: same bytes %v, want %v", runs[0], runs[1], a == b, !neg)
	}
}

func lastCheckpointBytes(ts *testscript.TestScript, run string) string {
	dir := filepath.Join(ts.MkAbs(run), "checkpoints")
	files, err := os.ReadDir(dir)
	ts.Check(err)
	last := ""
	for _, f := range files {
		if strings.HasPrefix(f.Name(), "step-") {
			last = f.Name()
		}
	}
	if last == "" {
		ts.Fatalf("%s has no checkpoint", run)
	}
	raw, err := os.ReadFile(filepath.Join(dir, last))
	ts.Check(err)
	return last + string(raw)
}

// killed trains in a folder, killing the program with SIGKILL again and again at moments that look random, resuming
// each time, until it ends by itself: killed FOLDER ARG...
func killed(ts *testscript.TestScript, _ bool, args []string) {
	kill(ts, args[0], 3, func(begun bool) []string {
		if begun {
			return []string{"train", "--resume", args[0]}
		}
		return append([]string{"train", "--out", args[0]}, args[1:]...)
	})
}

// killedMany trains a grid by a command, killing the program with SIGKILL at least as many times as asked for at
// moments that look random, and calling it again in the same way each time, until it ends by itself: killedgrid FOLDER
// KILLS ARG...
func killedMany(command string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		kills, err := strconv.Atoi(args[1])
		ts.Check(err)
		kill(ts, args[0], kills, func(bool) []string { return append([]string{command, "--out", args[0]}, args[2:]...) })
	}
}

// kill calls the program until it ends by itself, killing it before. If it ends too early, it starts again from
// nothing, with less time between the kills.
func kill(ts *testscript.TestScript, folder string, want int, arguments func(begun bool) []string) {
	kills, unit := 0, 1. // unit: what the delays are multiplied by
	for attempt := range 2000 {
		_, err := os.Stat(filepath.Join(ts.MkAbs(folder), "config.toml"))
		begun := err == nil
		if _, err := os.Stat(filepath.Join(ts.MkAbs(folder), "plan.json")); !begun && err != nil {
			ts.Check(os.RemoveAll(ts.MkAbs(folder)))
		}
		p := started(ts, "quantal", arguments(begun)...)
		u := make([]float64, 1)
		kernels.Uniforms(u, kernels.Noise{Seed: 99, Step: uint32(attempt)}, 0)
		select {
		case <-p.ended:
			if p.err != nil {
				ts.Fatalf("the program failed when called again: %v; stderr:\n%s", p.err, p.stderr.String())
			}
			if kills >= want {
				ts.Logf("%d kills", kills)
				return
			}
			ts.Check(os.RemoveAll(ts.MkAbs(folder)))
			kills, unit = 0, unit/2
		case <-time.After(time.Duration(unit * (30 + 200*u[0]) * float64(time.Millisecond))):
			_ = p.Process.Kill()
			_ = p.wait() // its error is that it was killed
			kills++
			unit *= 1 + 0.3/float64(want) // later each time, so that a slow machine also ends
		}
	}
	ts.Fatalf("the program never got through")
}

// hold takes the lock of a run folder with another process's training for the length of a command:
// hold FOLDER CODE COMMAND ARG...
func hold(ts *testscript.TestScript, _ bool, args []string) {
	held(ts, args[0], args[1:], "train", "--resume", args[0], "--epochs", "100000")
}

// holdGrid is hold for the folder of a grid: holdgrid FOLDER CODE COMMAND ARG...
func holdGrid(ts *testscript.TestScript, _ bool, args []string) {
	held(ts, args[0], args[1:], "grid", "--out", args[0], "--data", "digits", "--epochs", "100000", "--c", "1")
}

// held runs a command while another process has a folder, and checks its exit status.
func held(ts *testscript.TestScript, folder string, command []string, holder ...string) {
	p := started(ts, "quantal", holder...)
	defer func() {
		_ = p.Process.Kill()
		_ = p.wait() // its error is that it was killed
	}()
	lock := filepath.Join(ts.MkAbs(folder), ".lock")
	p.until(ts, "it had the folder", func() bool {
		raw, err := os.ReadFile(lock)
		return err == nil && strings.Contains(string(raw), fmt.Sprint(p.Process.Pid))
	})
	exits(ts, false, command)
}
