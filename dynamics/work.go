package dynamics

import "sync"

// Work counts how much of an experiment is done, in whatever unit, and tells it. Several threads may do so.
type Work struct {
	total, done float64
	job         Job
	counting    sync.Mutex
}

// NewWork is for an experiment that will take a total, none of which is done yet.
func NewWork(total float64, job Job) *Work { return &Work{total: total, job: job} }

// Did adds to what is done.
func (w *Work) Did(part float64, what string) {
	w.counting.Lock()
	defer w.counting.Unlock()
	w.done += part
	w.job.Tell(min(1, w.done/w.total), what)
}
