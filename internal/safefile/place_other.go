//go:build !windows

package safefile

import (
	"os"
	"path/filepath"
	"syscall"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"
)

// OpenAsIs is a flag of os.OpenFile: a link is not followed, and a pipe without a writer does not make it wait.
const OpenAsIs = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// pending is a temporary file. While it is being written it is locked, if the file system has locks, so that a sweep
// knows that its process is alive.
type pending struct {
	*renameio.PendingFile
	lock *flock.Flock
}

func create(path string) (*pending, error) {
	for {
		f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o644),
			renameio.WithExistingPermissions())
		if err != nil {
			return nil, err
		}
		lock := lockOf(f.Name())
		locked, err := lock.TryLock()
		_, gone := os.Lstat(f.Name())
		if gone == nil && (locked || err != nil) {
			return &pending{f, lock}, nil
		}
		// A sweep of another process has removed it.
		_ = lock.Unlock()
		_ = f.Cleanup()
	}
}

// Cleanup removes the file unless it is in its place.
func (p *pending) Cleanup() {
	_ = p.PendingFile.Cleanup()
	_ = p.lock.Unlock()
}

func lockOf(path string) *flock.Flock { return flock.New(path, flock.SetFlag(os.O_RDONLY|OpenAsIs)) }

// unused reports whether no process is writing a temporary file, and lets none begin until release. An error says that
// it cannot be known.
func unused(path string) (is bool, release func(), err error) {
	lock := lockOf(path)
	is, err = lock.TryLock()
	return is, func() { _ = lock.Unlock() }, err
}

// patiently calls f: here a file may be replaced or removed while others have it open.
func patiently(f func() error) error { return f() }

// SyncFolder makes the names in a folder survive a power failure.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
