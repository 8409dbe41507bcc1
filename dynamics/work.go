package dynamics

import "sync"

// Work counts how much of an experiment is done, in any unit, and reports it. Several threads may use it.
type Work struct {
	total, done float64
	job         Job
	counting    sync.Mutex
}

// NewWork is for an experiment with the given total work, none of which is done yet.
func NewWork(total float64, job Job) *Work { return &Work{total: total, job: job} }

// Did adds finished work.
func (w *Work) Did(part float64, what string) {
	w.counting.Lock()
	defer w.counting.Unlock()
	w.done += part
	w.job.Tell(min(1, w.done/w.total), what)
}
