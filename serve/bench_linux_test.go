package serve

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkThousand shows a grid of a thousand networks: the first look at it, one when nothing is new, one when a
// point has finished with all that its page then asks for, the same by a hundred browsers, and the plot as SVG.
func BenchmarkThousand(b *testing.B) {
	dir := b.TempDir()
	m := newMadeUp(b, filepath.Join(dir, "a"), 50, 5)
	m.finish(0, 1000)
	first := func() (*Server, http.Handler) {
		s := New([]string{dir})
		h := s.Handler()
		ask(b, h, "/api/overview")
		return s, h
	}
	// The time of processors, for a busy machine has others to serve.
	measure := func(name string, work func(i int)) {
		b.Run(name, func(b *testing.B) {
			used := func() time.Duration {
				var u syscall.Rusage
				check(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
				return time.Duration(u.Utime.Nano() + u.Stime.Nano())
			}
			before, n := used(), 0
			for ; b.Loop(); n++ {
				work(n)
			}
			b.ReportMetric(float64((used()-before).Microseconds())/1e3/float64(n), "cpu-ms/op")
		})
	}
	measure("first", func(int) { first() })
	s, h := first()
	id := cards(b, h)["a"].ID
	measure("nothing new", func(int) { s.refresh(time.Now()) })
	plot := "/plot/over.json?x=c&y=accuracy_sampled&of="
	measure("a point", func(i int) {
		m.finish(i%1000, i%1000+1)
		s.refresh(time.Now())
		for _, path := range []string{"/api/item/", "/api/points/", plot} {
			ask(b, h, path+id)
		}
	})
	web := httptest.NewServer(h)
	defer web.Close()
	measure("a hundred browsers", func(i int) {
		m.finish(i%1000, i%1000+1)
		s.refresh(time.Now())
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				for _, path := range []string{"/api/item/", "/api/points/", plot} {
					answer, err := http.Get(web.URL + path + id)
					if err == nil {
						_, err = io.Copy(io.Discard, answer.Body)
						_ = answer.Body.Close()
					}
					if err != nil {
						b.Error(err)
					}
				}
			})
		}
		all.Wait()
	})
	var peak syscall.Rusage
	check(b, syscall.Getrusage(syscall.RUSAGE_SELF, &peak))
	b.Logf("at most %d MB of memory, with the browsers' side", peak.Maxrss>>10)
	measure("svg", func(i int) { ask(b, h, strings.Replace(plot, ".json", ".svg", 1)+id+fmt.Sprint("&n=", i)) })
}
