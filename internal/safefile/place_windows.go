package safefile

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"
)

// OpenAsIs is a flag of os.OpenFile. It is empty: that a link is not followed, Open checks before.
const OpenAsIs = 0

// pending is a temporary file. Nobody can remove it while it is open.
type pending struct {
	*os.File
	path string
	done bool
}

func create(path string) (*pending, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"*") // ends in a number
	if err != nil {
		return nil, err
	}
	return &pending{File: f, path: path}, nil
}

// Cleanup removes the file unless it is in its place.
func (p *pending) Cleanup() {
	if !p.done {
		_ = p.Close() // perhaps again
		_ = Remove(p.Name())
	}
}

// CloseAtomicallyReplace gives the file its name, in place of the file that has it, once both are on the disk.
func (p *pending) CloseAtomicallyReplace() error {
	if err := errors.Join(p.Sync(), p.Close()); err != nil {
		return err
	}
	from, err := windows.UTF16PtrFromString(p.Name())
	if err != nil {
		return &os.PathError{Op: "rename", Path: p.Name(), Err: err}
	}
	to, err := windows.UTF16PtrFromString(p.path)
	if err == nil {
		err = patiently(func() error {
			return windows.MoveFileEx(from, to, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH)
		})
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: p.Name(), New: p.path, Err: err}
	}
	p.done = true
	return nil
}

// unused knows only of a file that is open. One that is not may be about to get its name.
func unused(path string) (is bool, release func(), err error) {
	release = func() {}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return false, release, err
	}
	const alone = 0 // fails while others have the file open
	file, err := windows.CreateFile(name, windows.GENERIC_READ, alone, nil, windows.OPEN_EXISTING, 0, 0)
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return false, release, nil
	}
	if err == nil {
		err = errors.Join(windows.CloseHandle(file), errors.ErrUnsupported)
	}
	return false, release, err
}

// patiently repeats what fails because others have the file open, as readers and virus scanners do for moments.
func patiently(f func() error) error {
	const attempts, longest = 12, 500 * time.Millisecond // about 3 s in all
	pause := time.Millisecond
	for attempt := 1; ; attempt++ {
		err := f()
		if attempt == attempts || !errors.Is(err, windows.ERROR_SHARING_VIOLATION) &&
			!errors.Is(err, windows.ERROR_ACCESS_DENIED) {
			return err
		}
		time.Sleep(pause)
		pause = min(2*pause, longest)
	}
}

// SyncFolder does nothing: names are written through to the disk when files get them.
func SyncFolder(string) error { return nil }
