package results

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

const lockName = ".lock"

// Lock is the right to write in a folder. It belongs to the open file, so the system takes it back when the process ends,
// however it ends; the process id in the file is for people only.
type Lock struct{ file *flock.Flock }

// TakeLock takes the lock of a folder. A folder in use gives an InUseError.
func TakeLock(dir string) (*Lock, error) {
	path := filepath.Join(dir, lockName)
	file := flock.New(path, flock.SetPermissions(0o644))
	ok, err := file.TryLock()
	if err != nil {
		return nil, fileError(path, err)
	}
	if !ok {
		text, _ := os.ReadFile(path) // without it the holder is unknown, which InUseError can say
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		return nil, &InUseError{Path: dir, PID: max(pid, 0)}
	}
	// A full disk must not keep anyone from opening a run, so the process id is written if possible.
	_ = os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o644)
	return &Lock{file}, nil
}

// Release gives the lock back. Releasing twice does nothing.
func (l *Lock) Release() error {
	if l.file == nil {
		return nil
	}
	path := l.file.Path()
	_ = os.Truncate(path, 0) // nobody holds it any more
	err := l.file.Unlock()
	l.file = nil
	if err != nil {
		return fileError(path, err)
	}
	return nil
}
