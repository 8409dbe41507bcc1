package dynamics

import (
	"math"
	"os"
	"time"

	"quantal/results/store"
)

// ProgressName is the file that says how far an unfinished experiment is, for whoever looks at its folder.
const ProgressName = "progress.json"

// Told is what an experiment has told of its progress.
type Told struct {
	Share float64 `json:"share"`        // of the work that is done
	What  string  `json:"what"`         // is being done
	Left  float64 `json:"seconds_left"` // at the speed of this process so far; null if nobody knows
}

// tellInterval is how often the file is written at most.
const tellInterval = 2 * time.Second

// teller writes the file.
type teller struct {
	path       string
	began      time.Time
	first      float64 // the share when this process began
	last       time.Time
	otherwise  func(error) // is told of an error, and nothing is written any more
	then       Progress
	begun, off bool
}

func (t *teller) progress(done float64, what string) {
	if now := time.Now(); !t.begun {
		t.begun, t.began, t.first = true, now, done
	} else if !t.off && now.Sub(t.last) >= tellInterval {
		t.last = now
		told := Told{Share: done, What: what, Left: math.NaN()}
		if gained := done - t.first; gained > 0 {
			told.Left = now.Sub(t.began).Seconds() * (1 - done) / gained
		}
		text, err := store.EncodeJSON(told)
		if err == nil {
			err = store.WriteBytes(t.path, append(text, '\n'))
		}
		if err != nil {
			t.off = true
			t.otherwise(err)
		}
	}
	if t.then != nil {
		t.then(done, what)
	}
}

// end removes the file of an experiment that has finished.
func (t *teller) end() error {
	if err := os.Remove(t.path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
