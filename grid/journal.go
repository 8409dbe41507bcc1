package grid

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"quantal/internal/safefile"
	"quantal/results/store"
)

// entry is a line of a journal: all that depends on clocks, hosts and interruptions is here and nowhere else.
type entry struct {
	Time time.Time `json:"time"`
	// start, resume, checkpoint, share, finish, diverged, lost (a device), failed (all), end
	Event   string   `json:"event"`
	Points  []string `json:"points,omitempty"`
	Step    int      `json:"step,omitempty"`
	Seconds float64  `json:"seconds,omitempty"` // that this process has spent on these points, training and testing
	Host    string   `json:"host,omitempty"`
	PID     int      `json:"pid,omitempty"`
	Device  string   `json:"device,omitempty"`
	Kernels string   `json:"kernels,omitempty"`
	Error   string   `json:"error,omitempty"`

	networks int // how many points, of an entry that a Watcher has read
}

// journal is this process's file. Lines that cannot be written are lost without harm: no result depends on them.
type journal struct {
	mutex sync.Mutex
	file  *os.File
	host  string
}

func openJournal(dir string) (*journal, error) {
	host := hostName()
	now := time.Now().UTC()
	name := fmt.Sprintf("%s-%s-%d.jsonl", now.Format("20060102-150405.000"), host, os.Getpid())
	file, err := safefile.Open(filepath.Join(dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY)
	if err != nil {
		return nil, fmt.Errorf("grid: %w", err)
	}
	return &journal{file: file, host: host}, nil
}

func hostName() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		return "unknown"
	}
	return strings.ReplaceAll(host, string(filepath.Separator), "_")
}

func (j *journal) write(e entry) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	e.Time, e.Host, e.PID = time.Now().UTC(), j.host, os.Getpid()
	line, err := store.EncodeJSON(e)
	if err != nil {
		return
	}
	_, _ = j.file.Write(append(line, '\n'))
}

func (j *journal) close() error {
	j.write(entry{Event: "end"})
	if err := j.file.Close(); err != nil {
		return fmt.Errorf("grid: %w", err)
	}
	return nil
}

// readJournals reads all lines of all processes, oldest first. Lines that were cut off are skipped.
func readJournals(dir string) ([]entry, error) {
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("grid: %w", err)
	}
	var entries []entry
	for _, f := range files {
		file, err := os.Open(filepath.Join(dir, f.Name()))
		if err != nil {
			return nil, fmt.Errorf("grid: %w", err)
		}
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 16<<20) // a line lists all points of a batch
		for lines.Scan() {
			var e entry
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				entries = append(entries, e)
			}
		}
		if err := errors.Join(lines.Err(), file.Close()); err != nil {
			return nil, fmt.Errorf("grid: %s: %w", f.Name(), err)
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return a.Time.Compare(b.Time) })
	return entries, nil
}
