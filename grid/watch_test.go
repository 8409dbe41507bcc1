package grid

import (
	"context"
	"math"
	"os"
	"reflect"
	"testing"

	"quantal/results/store"
)

// A Watcher that reads again and again says what a Status from the beginning says, and reads each file once.
func TestWatcher(t *testing.T) {
	c, set := small(t)
	points := several(t, c)
	f := planned(t, t.TempDir(), points[:len(points)-1])
	w := NewWatcher(f.Dir)
	files := os.DirFS(f.Dir)
	same := func() News {
		t.Helper()
		news, err := w.Read(files)
		check(t, err)
		want, err := f.Status()
		check(t, err)
		got := w.Status
		got.Processes, want.Processes = nil, nil // they go on in between
		got.NetworkStepsPerSecond, got.SecondsLeft, want.NetworkStepsPerSecond, want.SecondsLeft = 0, 0, 0, 0
		if !reflect.DeepEqual(got, want) {
			t.Errorf("the watcher says\n%+v, want\n%+v", got, want)
		}
		finished, err := f.Finished()
		check(t, err)
		if got := w.Finished(files); !reflect.DeepEqual(got.Records, finished.Records) ||
			len(got.Damaged) != len(finished.Damaged) {
			t.Errorf("the watcher has %v and %v damaged, want %v and %v", got.Records, got.Damaged, finished.Records,
				finished.Damaged)
		}
		return news
	}
	if news := same(); !news.Changed || news.Files != 1 || len(news.Points) != 0 {
		t.Errorf("of a plan: %+v", news)
	}
	told := 0
	check(t, f.Run(context.Background(), set, f.Points(), options(), Events{Finished: func(r store.Record) {
		told += len(same().Points)
	}}))
	told += len(same().Points)
	if told != len(f.Points()) {
		t.Errorf("%d records are new, of %d", told, len(f.Points()))
	}
	if news := same(); news.Changed || news.Files != 0 {
		t.Errorf("of nothing new: %+v", news)
	}
	// A journal that is no text does not fill the memory, look after look.
	huge, err := os.Create(f.Path(journalName, "huge.jsonl"))
	check(t, err)
	check(t, huge.Truncate(1<<40)) // sparse
	check(t, huge.Close())
	if news, err := w.Read(files); err != nil || news.Files != 0 || w.journals["huge.jsonl"] != math.MaxInt64 {
		t.Errorf("of an endless line: %+v, %v, read as far as %d", news, err, w.journals["huge.jsonl"])
	}
	check(t, os.Remove(huge.Name()))
	// A record that is damaged, one of another grid, one that is removed, and more points.
	first, second := f.Path(pointsName, points[0].ID+".json"), f.Path(pointsName, points[1].ID+".json")
	record, err := os.ReadFile(first)
	check(t, err)
	check(t, os.WriteFile(first, record[:len(record)/2], 0o644))
	stranger, err := store.ReadRecord(f.Path(pointsName), points[1].ID)
	check(t, err)
	stranger.ID = "stranger"
	check(t, store.WriteRecord(f.Path(pointsName), stranger))
	check(t, os.Remove(second))
	if news := same(); len(news.Points) != 3 || len(w.Status.Damaged) != 2 || w.Status.Waiting != 2 {
		t.Errorf("of three changes: %+v, %+v", news, w.Status)
	}
	check(t, os.Remove(f.Path(pointsName, "stranger.json")))
	check(t, os.Remove(first))
	if same(); len(w.Status.Damaged) != 0 {
		t.Errorf("damaged files that are gone: %v", w.Status.Damaged)
	}
	check(t, os.WriteFile(first, record, 0o644))
	_, err = f.Extend("more", points)
	check(t, err)
	if same(); w.Status.Points != len(points) || len(w.Planned) != len(points) {
		t.Errorf("after a second plan: %+v", w.Status)
	}
	check(t, os.WriteFile(f.Path("plan.json"), []byte("{}"), 0o644))
	if _, err := w.Read(files); err == nil || len(w.Records) != 0 {
		t.Errorf("a plan of another kind: %v, %d records", err, len(w.Records))
	}
}
