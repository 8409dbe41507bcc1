package grid

import (
	"context"
	"sync"
	"time"

	"quantal/results/store"
)

// batch is points that train side by side, from the beginning or from a checkpoint.
type batch struct {
	points []Point
	from   *store.TeamCheckpoint // nil for the beginning; its networks are those of points
}

// cut takes the first n points off a batch.
func (b *batch) cut(n int) batch {
	first := batch{points: b.points[:n]}
	b.points = b.points[n:]
	if b.from != nil {
		first.from = &store.TeamCheckpoint{Names: b.from.Names[:n], Networks: b.from.Networks[:n]}
		b.from = &store.TeamCheckpoint{Names: b.from.Names[n:], Networks: b.from.Networks[n:]}
	}
	return first
}

// queue deals out what waits to the devices: to each that is free its share of what waits, as far as its memory takes
// it. When nothing waits any more, a device that is free has the one that has longest to go hand back what it is at,
// and they share that. So devices of one speed work in as few, large batches as there can be, and those of different
// speeds end together. What fails on a device comes back too. No result depends on who trains what, how it is cut, or
// when.
type queue struct {
	mutex   sync.Mutex
	changed *sync.Cond
	waiting []batch
	devices int // that have not failed
	idle    int // of these, that found nothing waiting
	jobs    map[*job]bool
	closed  bool
	// worth is the time that a batch has to have before it for others to share it: cutting it costs seconds.
	worth time.Duration
}

// job is a batch on a device.
type job struct {
	batch
	left     time.Duration // as far as is known
	handBack context.CancelFunc
}

const worthSharing = 20 * time.Second

func newQueue(waiting []batch, devices int) *queue {
	q := &queue{waiting: waiting, devices: devices, jobs: map[*job]bool{}, worth: worthSharing}
	q.changed = sync.NewCond(&q.mutex)
	return q
}

// take waits for the next job of a device, which is able to train some of the points of a batch at a time. It returns
// nil when all is done or the queue is closed. A job has to be given back by done or failed.
func (q *queue) take(able func([]Point) (int, error)) (*job, error) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for !q.closed && len(q.waiting) == 0 && len(q.jobs) > 0 {
		q.idle++
		q.changed.Wait()
		q.idle--
	}
	if q.closed || len(q.waiting) == 0 {
		return nil, nil
	}
	first := &q.waiting[0]
	n, err := able(first.points)
	if err != nil {
		return nil, err
	}
	sum, free := 0, q.devices-len(q.jobs)
	for _, b := range q.waiting {
		sum += len(b.points)
	}
	j := &job{batch: first.cut(min(n, (sum+free-1)/free, len(first.points)))}
	if len(first.points) == 0 {
		q.waiting = q.waiting[1:]
	}
	q.jobs[j] = true
	return j, nil
}

// done gives a job back, and what of it has to be trained still.
func (q *queue) done(j *job, rest []batch) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.giveBack(j, rest)
}

// failed takes a device out with its job, nil if it had none, and returns how many devices there are still.
func (q *queue) failed(j *job, rest []batch) int {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.devices--
	q.giveBack(j, rest)
	return q.devices
}

func (q *queue) giveBack(j *job, rest []batch) {
	delete(q.jobs, j)
	q.waiting = append(q.waiting, rest...)
	q.changed.Broadcast()
}

// goesOn notes how long a job has to go, and has it handed back if others are free to share it and none has longer.
func (q *queue) goesOn(j *job, left time.Duration) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	j.left = left
	if q.idle == 0 || len(q.waiting) > 0 || len(j.points) < 2 || left < q.worth {
		return
	}
	for other := range q.jobs {
		if other.left > left && len(other.points) > 1 {
			return
		}
	}
	j.handBack()
}

// close lets no device have another job.
func (q *queue) close() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.closed = true
	q.changed.Broadcast()
}
