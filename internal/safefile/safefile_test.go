package safefile

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"quantal/internal/specialfile"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("SAFEFILE_HALF"); path != "" { // a process that is killed while it writes
		_ = Write(path, func(w io.Writer) error {
			fmt.Fprint(w, "half")
			fmt.Println("writing")
			time.Sleep(time.Hour) // not select: without cgo Go would end the process as one that hangs
			return nil
		})
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func wantContent(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	check(t, err)
	if string(got) != want {
		t.Errorf("%s holds %q, want %q", path, got, want)
	}
}

// wantNames checks the names in a folder, in alphabetical order.
func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("the folder has %q, want %q", got, want)
	}
}

func TestWriteAndOpen(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "folder")
	check(t, os.Mkdir(folder, 0o755))
	check(t, os.Symlink(folder, filepath.Join(dir, "linked")))
	path := filepath.Join(dir, "linked", "a.txt") // a link to the folder is followed
	check(t, Write(path, text("one")))
	check(t, Write(path, text("two")))
	wantContent(t, filepath.Join(folder, "a.txt"), "two")
	f, err := Open(path, os.O_WRONLY|os.O_APPEND)
	check(t, err)
	check(t, text(" three")(f))
	check(t, f.Close())
	wantContent(t, path, "two three")
	if _, err := Open(filepath.Join(folder, "none"), os.O_WRONLY); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	failed := errors.New("failed")
	if err := Write(path, func(w io.Writer) error { return errors.Join(text("three")(w), failed) }); !errors.Is(err,
		failed) {
		t.Errorf("error %v, want %v", err, failed)
	}
	wantContent(t, path, "two three")
	wantNames(t, folder, "a.txt")
}

// A file that is not regular stays as it is, and so does the target of a link.
func TestOnlyRegularFiles(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	check(t, os.WriteFile(target, []byte("precious"), 0o644))
	makers := map[string]func(path string) error{
		"a symbolic link": func(path string) error { return os.Symlink(target, path) },
		"a folder":        func(path string) error { return os.Mkdir(path, 0o755) },
		"a pipe":          specialfile.Pipe,
		"a socket": func(path string) error {
			l, err := net.Listen("unix", path)
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err
		},
		"a device": specialfile.Null,
	}
	for what, place := range makers {
		t.Run(what, func(t *testing.T) {
			path := filepath.Join(dir, strings.ReplaceAll(what, " ", "-"))
			if err := place(path); errors.Is(err, os.ErrPermission) || errors.Is(err, errors.ErrUnsupported) {
				t.Skip("only root makes devices, and Windows none in folders")
			} else {
				check(t, err)
			}
			before, err := os.Lstat(path)
			check(t, err)
			_, openError := Open(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
			for _, err := range []error{Write(path, text("lost")), Replace(path, text("lost")), openError} {
				if want := "is not a regular file but " + what; err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want one with %q", err, want)
				}
			}
			after, err := os.Lstat(path)
			check(t, err)
			if before.Mode() != after.Mode() || !os.SameFile(before, after) {
				t.Errorf("it was %v and is %v", before.Mode(), after.Mode())
			}
			wantContent(t, target, "precious")
		})
	}
	nowhere := filepath.Join(dir, "nowhere")
	check(t, os.Symlink(filepath.Join(dir, "new"), nowhere))
	if err := Write(nowhere, text("x")); err == nil {
		t.Error("a link to nothing is replaced")
	}
	if _, err := os.Lstat(filepath.Join(dir, "new")); err == nil {
		t.Error("a link to nothing is followed")
	}
}

// The next write of the same file removes what a killed process left; files being written stay, and files with other
// names.
func TestLeftoversGo(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a+.npz")
	killed := exec.Command(os.Args[0])
	killed.Env = append(os.Environ(), "SAFEFILE_HALF="+path)
	out, err := killed.StdoutPipe()
	check(t, err)
	check(t, killed.Start())
	_, err = io.ReadFull(out, make([]byte, len("writing")))
	check(t, err)
	left, err := filepath.Glob(filepath.Join(dir, ".a+.npz*"))
	check(t, err)
	if len(left) != 1 {
		t.Fatalf("the temporary files are %v", left)
	}

	// The other process is still writing.
	check(t, Write(path, text("first")))
	check(t, Sweep(dir, 0))
	wantNames(t, dir, filepath.Base(left[0]), "a+.npz")

	check(t, killed.Process.Kill())
	_ = killed.Wait()              // its error is that it was killed
	if runtime.GOOS == "windows" { // which cannot tell it from one that is about to get its name
		old := time.Now().Add(-2 * time.Hour)
		check(t, os.Chtimes(left[0], old, old))
	}
	others := []string{".a+.npz", ".a+.npz.1", ".a.npz123", ".aa.npz123", ".notes123"}
	for _, name := range others {
		check(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	check(t, Write(path, text("second")))
	wantContent(t, path, "second")
	wantNames(t, dir, slices.Concat(others, []string{"a+.npz"})...)
	check(t, Sweep(dir, time.Hour)) // too young
	wantNames(t, dir, slices.Concat(others, []string{"a+.npz"})...)
	check(t, Sweep(dir, 0))
	wantNames(t, dir, ".a+.npz", ".a+.npz.1", ".notes123", "a+.npz")
	check(t, Sweep(filepath.Join(dir, "none"), 0))
}

// Two processes that write one file at the same time do not remove each other's temporary file.
func TestWritersSideBySide(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	check(t, Write(path, func(w io.Writer) error {
		check(t, text("outer")(w))
		check(t, Write(path, text("inner")))
		wantContent(t, path, "inner")
		return nil
	}))
	wantContent(t, path, "outer")
	const writers, times = 8, 50
	done := make(chan error)
	for range writers {
		go func() {
			var err error
			for range times {
				err = errors.Join(err, Write(path, text("whole")))
			}
			done <- err
		}()
	}
	for range writers {
		check(t, <-done)
	}
	wantContent(t, path, "whole")
	wantNames(t, dir, "a.csv")
}
