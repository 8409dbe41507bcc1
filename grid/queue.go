package grid

import (
	"context"
	"sync"
	"time"

	"quantal/results/store"
)

// batch is a set of points that train together, from the beginning or from a checkpoint.
type batch struct {
	points []Point
	from   *store.TeamCheckpoint // nil for the beginning; its networks are those of points
}

// cut removes the first n points from a batch.
func (b *batch) cut(n int) batch {
	first := batch{points: b.points[:n]}
	b.points = b.points[n:]
	if b.from != nil {
		first.from = &store.TeamCheckpoint{Names: b.from.Names[:n], Networks: b.from.Networks[:n]}
		b.from = &store.TeamCheckpoint{Names: b.from.Names[n:], Networks: b.from.Networks[n:]}
	}
	return first
}

// queue deals out waiting points to the devices: to each free device its share, within its memory. When nothing is
// waiting, a free device makes the one with the most work left hand back its batch, and they share that. So devices of
// equal speed work in as few, large batches as possible, and those of different speeds end at the same time. Points
// also return to the queue if their device fails. No result depends on which device trains a point, how batches are
// cut, or when.
type queue struct {
	mutex   sync.Mutex
	changed *sync.Cond
	waiting []batch
	devices int // that have not failed
	idle    int // of these, those that found nothing waiting
	jobs    map[*job]bool
	closed  bool
	// worth is the time that a batch must have left for others to share it: cutting it costs seconds.
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
// nil when all is done or the queue is closed. A job must be returned by done or failed.
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

// done returns a job, with the part of it that still must be trained.
func (q *queue) done(j *job, rest []batch) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.giveBack(j, rest)
}

// failed removes a device and takes back its job, nil if it had none, and returns how many devices are left.
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

// goesOn notes how much time a job has left, and makes the device hand it back if others are free to share it and no
// job has more.
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

// close makes take return no more jobs.
func (q *queue) close() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.closed = true
	q.changed.Broadcast()
}
