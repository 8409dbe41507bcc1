package bench

import "time"

// timing is a measurement of pace.
type timing struct {
	perStep float64 // seconds, the mean
	steps   int
	epochs  int // whole ones that the steps make up, or 0
}

// pace measures the mean time of a step with its share of the work at the beginning of an epoch, such as shuffling. run
// takes n steps from the given first one. After a warm-up of three tenths of the duration it times whole epochs, as
// many as begin within the duration, if one fits into it. Otherwise it times steps within an epoch for the duration and
// adds a perEpoch-th of the extra time of the epoch's first steps. gpu/model.py measures the peers by the same rule.
func pace(duration time.Duration, perEpoch int, now func() time.Time,
	run func(first, n int) error) (t timing, err error) {
	step := 0
	took := func(n int) (seconds float64) {
		if err != nil {
			return 0
		}
		began := now()
		err = run(step, n)
		step += n
		return now().Sub(began).Seconds()
	}
	limit, perStep, n := duration.Seconds(), 0., 1
	took(1) // wakes devices and compiles kernels
	for spent := 0.; err == nil; {
		seconds := took(n)
		spent += seconds
		perStep = seconds / float64(n)
		if spent >= 0.3*limit {
			break
		}
		n = max(1, min(int(0.1*limit/max(perStep, 1e-9)), 4*n, perEpoch/2))
	}
	step = (step + perEpoch - 1) / perEpoch * perEpoch
	total := 0.
	if perEpoch < 2 || perStep*float64(perEpoch) <= limit {
		for (t.epochs == 0 || total < limit) && err == nil {
			total += took(perEpoch)
			t.epochs++
		}
		t.steps = t.epochs * perEpoch
		t.perStep = total / float64(t.steps)
		return t, err
	}
	first, left := took(n), perEpoch-n
	t.steps = n
	for (t.steps == n || total < limit && left >= n) && err == nil {
		total += took(n)
		left -= n
		t.steps += n
	}
	within := total / float64(t.steps-n)
	t.perStep = within + max(0, first-float64(n)*within)/float64(perEpoch)
	return t, err
}
