package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// A process may be killed between any two of its file operations, from the first on. The same command then continues
// from the files left, or says that --resume does; and the result is that of an undisturbed run.
func TestCutAfterEveryFileOperation(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the program some hundred times")
	}
	home := t.TempDir()
	if err := writeDataset(filepath.Join(home, "digits"), 40, 20, 3, 3, 2); err != nil {
		t.Fatal(err)
	}
	common := []string{"--data", "digits", "--hidden", "3", "--epochs", "2", "--threads", "1", "--device", "cpu",
		"--draws", "1"}
	for name, c := range map[string]struct {
		command []string
		marks   []string // files that the folder has at some moment
		compare []string // files that are finally the same as undisturbed
	}{
		"train": {
			append([]string{"train"}, common...),
			[]string{"config.toml", "environment.json", "metrics.jsonl", "times.json", "checkpoints/step-000000002.safetensors",
				"summary.json"},
			[]string{"config.toml", "metrics.jsonl", "checkpoints/step-000000002.safetensors",
				"checkpoints/step-000000004.safetensors"},
		},
		"grid": {
			append([]string{"grid", "--c", "1,0.1", "--checkpoint-interval", "1ns"}, common...),
			[]string{"plan.json", "environment.json", "table.csv"},
			[]string{"table.csv", "means.csv"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			run := func(dir string, command ...string) (string, error) {
				cmd := quantal(t, home, append(command, "--out", dir)...)
				said, err := cmd.CombinedOutput()
				return string(said), err
			}
			whole := filepath.Join(t.TempDir(), "whole")
			if said, err := run(whole, c.command...); err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			want := contents(t, whole, c.compare)

			traced, states := filepath.Join(t.TempDir(), "traced"), t.TempDir()
			n := snapshots(t, quantal(t, home, append(c.command, "--out", traced)...), traced, states)
			seen := map[string]bool{}
			for i := range n {
				dir := filepath.Join(states, fmt.Sprint(i))
				for _, mark := range c.marks {
					if _, err := os.Stat(filepath.Join(dir, mark)); err == nil {
						seen[mark] = true
					}
				}
				left := strings.Join(inside(t, dir), " ")
				said, err := run(dir, c.command...)
				if err != nil && name == "train" {
					if !strings.Contains(said, "--resume "+dir) {
						t.Fatalf("cut after operation %d (%s): the same command: %v: %s", i, left, err, said)
					}
					var text []byte
					text, err = quantal(t, home, "train", "--resume", dir).CombinedOutput()
					said = string(text)
				}
				if err != nil {
					t.Fatalf("cut after operation %d (%s): %v: %s", i, left, err, said)
				}
				if got := contents(t, dir, c.compare); !maps.Equal(got, want) {
					t.Errorf("cut after operation %d (%s): the files differ from those of an undisturbed run", i, left)
				}
				for _, file := range inside(t, dir) {
					base, folder := filepath.Base(file), filepath.Base(filepath.Dir(file))
					made := strings.HasPrefix(base, ".") && base != ".lock"
					if made || folder == "progress" || name == "grid" && folder == "checkpoints" {
						t.Errorf("cut after operation %d (%s): %s stays", i, left, file)
					}
				}
			}
			t.Logf("%d states", n)
			for _, mark := range c.marks {
				if !seen[mark] {
					t.Errorf("no state with %s: the program was not cut where it should be", mark)
				}
			}
		})
	}
}

// quantal is a call of quantal that does not see the files of the user who runs the tests.
func quantal(t *testing.T, home string, args ...string) *exec.Cmd {
	path, err := exec.LookPath("quantal")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "QUANTAL_CACHE="+filepath.Join(home, "cache"))
	return cmd
}

// contents reads files of a folder, without what a clock says in metrics.
func contents(t *testing.T, dir string, names []string) map[string]string {
	t.Helper()
	times := regexp.MustCompile(`"(seconds|measuring_seconds|steps_per_second)":[^,}]*`)
	all := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = times.ReplaceAllString(string(text), "")
	}
	return all
}

// inside names the files in a folder.
func inside(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	for path := range state(dir) {
		files = append(files, path)
	}
	return files
}

// stamp shows whether a file has changed.
type stamp struct {
	inode    uint64
	size     int64
	modified int64
}

// state is the content of a folder as seen from outside; empty if it does not exist.
func state(dir string) map[string]stamp {
	files := map[string]stamp{}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // removed since: the state is read twice
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || name == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		s := stamp{inode: info.Sys().(*syscall.Stat_t).Ino}
		if !d.IsDir() {
			s.size, s.modified = info.Size(), info.ModTime().UnixNano()
		}
		files[name] = s
		return nil
	})
	return files
}

// snapshots runs a command that works in dir and copies the folder to states/0, states/1, ... as it is after each
// system call of the command that has changed it. It returns how many there are.
func snapshots(t *testing.T, cmd *exec.Cmd, dir, states string) int {
	t.Helper()
	const (
		exitKill = 0x100000 // PTRACE_O_EXITKILL
		inCall   = 0x80     // in the signal of a stop at a system call
	)
	runtime.LockOSThread() // who traces is a thread
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	if err := cmd.Start(); errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) {
		t.Skipf("this system does not let a test trace a process: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	group := cmd.Process.Pid
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(group, &status, syscall.WALL, nil); err != nil {
		t.Fatal(err)
	}
	if err := syscall.PtraceSetOptions(group,
		syscall.PTRACE_O_TRACESYSGOOD|syscall.PTRACE_O_TRACECLONE|exitKill); err != nil {
		t.Fatal(err)
	}
	n := 0
	last := state(dir)
	keep := func() {
		now := state(dir)
		if maps.Equal(now, last) || len(now) == 0 {
			return
		}
		copied := filepath.Join(states, fmt.Sprint(n))
		err := os.CopyFS(copied, os.DirFS(dir))
		if !maps.Equal(now, state(dir)) {
			// Another thread has changed it in the meantime, and will stop after that.
			if err := os.RemoveAll(copied); err != nil {
				t.Fatal(err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		last = now
		n++
	}
	for pid, signal := group, 0; ; {
		if err := syscall.PtraceSyscall(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
		var err error
		for pid, err = syscall.Wait4(-group, &status, syscall.WALL, nil); errors.Is(err, syscall.EINTR); {
			pid, err = syscall.Wait4(-group, &status, syscall.WALL, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		keep()
		signal = 0
		switch {
		case pid == group && (status.Exited() || status.Signaled()):
			if status.ExitStatus() != 0 {
				t.Fatalf("traced, the command ended with %v", status)
			}
			return n
		case status.Stopped() && status.StopSignal() != syscall.SIGTRAP && status.StopSignal() != syscall.SIGSTOP &&
			status.StopSignal()&inCall == 0:
			signal = int(status.StopSignal())
		}
	}
}
