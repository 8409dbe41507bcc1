package serve

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"quantal/results/store"
)

// browser is a tab of a real browser.
type browser struct {
	t   testing.TB
	ctx context.Context
	url string

	mutex  sync.Mutex
	errors []string // that the pages have caused
}

// openBrowser serves folders and opens a browser.
func openBrowser(t testing.TB, folders ...string) *browser {
	t.Helper()
	if testing.Short() {
		t.Skip("the browser is slow")
	}
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		if os.Getenv("QUANTAL_REQUIRE_CHROMIUM") != "" {
			t.Fatal("there is no chromium")
		}
		t.Skip("NOT TESTED: the pages of quantal serve in a browser, because there is no chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(time.Hour), chromedp.Flag("mute-audio", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	tab, shut := chromedp.NewContext(allocator)
	url, end := served(t, folders...)
	t.Cleanup(func() {
		shut()
		stop()
		end()
	})
	b := &browser{t: t, ctx: tab, url: url}
	chromedp.ListenTarget(tab, func(event any) {
		b.mutex.Lock()
		defer b.mutex.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			b.errors = append(b.errors, e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
				b.errors = append(b.errors, fmt.Sprintf("console: %s", e.Args[0].Value))
			}
		case *cdplog.EventEntryAdded:
			if e.Entry.Level == cdplog.LevelError || e.Entry.Level == cdplog.LevelWarning {
				b.errors = append(b.errors, e.Entry.Text+" "+e.Entry.URL)
			}
		case *page.EventJavascriptDialogOpening:
			b.errors = append(b.errors, "a dialog opened: "+e.Message)
		}
	})
	b.do(cdplog.Enable(), page.Enable())
	return b
}

// served serves folders, until end is called.
func served(t testing.TB, folders ...string) (url string, end func()) {
	t.Helper()
	s := New(folders)
	l, url, err := s.Listen("127.0.0.1:0")
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	return strings.TrimSuffix(url, "/"), func() { cancel(); <-ended }
}

func (b *browser) do(actions ...chromedp.Action) {
	b.t.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// open opens a page and waits until it shows what there is.
func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.url + path))
	b.until("document.documentElement.dataset.version > 0")
}

// until waits until something is so in the page. While a page is being replaced it has no answer.
func (b *browser) until(condition string) {
	b.t.Helper()
	for so := false; !so; time.Sleep(30 * time.Millisecond) {
		_ = chromedp.Run(b.ctx, chromedp.Evaluate("Boolean("+condition+")", &so))
		if err := b.ctx.Err(); err != nil {
			b.t.Fatal(err)
		}
	}
}

// value is that of an expression in the page.
func (b *browser) value(expression string) (text string) {
	b.t.Helper()
	b.do(chromedp.Evaluate("String("+expression+")", &text))
	return text
}

func (b *browser) press(keys ...string) {
	b.t.Helper()
	for _, k := range keys {
		b.do(chromedp.KeyEvent(k))
	}
}

// look keeps a picture of the whole page for a person, if QUANTAL_SCREENSHOTS names a folder.
func (b *browser) look(name string) {
	b.t.Helper()
	dir := os.Getenv("QUANTAL_SCREENSHOTS")
	if dir == "" {
		return
	}
	check(b.t, os.MkdirAll(dir, 0o755))
	for look, screen := range map[string]struct {
		width, height int64
		scheme        string
	}{"light": {1200, 900, "light"}, "dark": {1200, 900, "dark"}, "narrow": {390, 844, "light"}} {
		var png []byte
		scheme := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: screen.scheme}}
		b.do(emulation.SetEmulatedMedia().WithFeatures(scheme), chromedp.EmulateViewport(screen.width, screen.height),
			chromedp.Sleep(700*time.Millisecond),
			chromedp.FullScreenshot(&png, 100))
		check(b.t, os.WriteFile(filepath.Join(dir, name+"-"+look+".png"), png, 0o644))
	}
	b.do(chromedp.EmulateViewport(1200, 900))
}

func (b *browser) faultless() {
	b.t.Helper()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, e := range b.errors {
		b.t.Errorf("the browser says: %s", e)
	}
}

// In a real browser: the page loads, a point that finishes appears by itself, the keyboard suffices, names from files
// are text, and the browser has nothing to complain about.
func TestBrowser(t *testing.T) {
	dir := t.TempDir()
	m := newMadeUp(t, filepath.Join(dir, "grids", "a"), 8, 2)
	m.finish(0, 40)
	m.network(0)
	m.network(1)
	run(t, filepath.Join(dir, "runs", "one"), 0.1, 12)
	two := run(t, filepath.Join(dir, "runs", "two"), 1, 20)
	check(t, two.WriteSummary(store.Outcome{AccuracySampled: 0.75, SigmaRMS: 0.2, Steps: 2000}))
	script := `<img src=x onerror=alert(1)>`
	run(t, filepath.Join(dir, "runs", script), 0.3, 7)
	b := openBrowser(t, dir)

	b.open("/")
	b.until("document.querySelectorAll('tbody tr').length === 4 && !document.body.innerText.includes('being read')")
	text := b.value("document.body.innerText")
	if !strings.Contains(text, script) || !strings.Contains(text, "40 of 64 networks") {
		t.Errorf("the overview says %s", text)
	}
	// Tab reaches the boxes of the runs, and the space bar ticks them.
	for n := 0; b.value("page.chosen.size") != "2"; n++ {
		b.press(kb.Tab)
		if strings.HasPrefix(b.value("document.activeElement.ariaLabel"), "compare runs/") {
			b.press(" ")
		}
		if n > 100 {
			t.Fatal("Tab does not come to two boxes")
		}
	}
	b.until("page.comparison.curves.data?.panels === undefined && page.comparison.curves.data?.series.length === 2")
	// A grid beside them: all networks in one plot, and a click on one of its networks shows that beside the runs.
	b.do(chromedp.Click("input[aria-label='compare grids/a']", chromedp.ByQuery))
	marks := "page.comparison.networks.plot.points?.filter(p => p.id).length > 20"
	b.until(marks)
	b.do(chromedp.Evaluate(fmt.Sprintf("page.choose(%q, true)", idOf(place{dir, "grids/a"})+"/"+m.points[0].ID), nil))
	b.until(marks + " && page.comparison.body.querySelectorAll('thead th').length === 4")
	b.look("overview")

	// The link of the grid, by keyboard.
	b.do(chromedp.Focus("a[href^='/item/']", chromedp.ByQuery))
	b.press(kb.Enter)
	b.until("location.pathname.startsWith('/item/') && page instanceof Item && page.plot?.points?.length > 0")
	points := "page.plot.points.filter(p => p.id).length"
	before := b.value(points)
	m.finish(40, 41)
	b.until(points + " > " + before)
	if after := b.value(points); after != fmt.Sprint(atoi(t, before)+1) {
		t.Errorf("%s points, then %s", before, after)
	}
	b.do(chromedp.Focus(".plot", chromedp.ByQuery))
	b.press(kb.ArrowRight, kb.Enter, kb.ArrowRight, kb.ArrowRight, kb.Enter, kb.ArrowDown, kb.Enter)
	if n := b.value("page.chosen.size"); n != "3" {
		t.Errorf("%s points chosen by keyboard, want 3", n)
	}
	b.until("document.querySelectorAll('section:not([hidden]) thead th').length === 4")
	if hash := b.value("new URLSearchParams(location.hash.slice(1)).get('points').split(',').length"); hash != "3" {
		t.Errorf("%s points in the address, want 3", hash)
	}
	b.do(chromedp.Evaluate("[...document.querySelectorAll('details')].forEach(d => d.open = true)", nil))
	b.until("document.querySelectorAll('.picture img').length === 2 && [...document.querySelectorAll('.picture img')]" +
		".every(i => { i.loading = 'eager'; return i.complete && i.naturalWidth > 0 })")
	b.look("grid")

	// A distribution of sigma, and the page of a run.
	b.do(chromedp.Evaluate(fmt.Sprintf("page.chosen = new Set([%q]); page.chose()", m.points[0].ID), nil))
	b.until("page.comparison.sigma.data?.series.length > 0")
	b.open("/item/" + idOf(place{dir, "runs/two"}))
	b.until("page.learning?.every(p => p.u)")
	b.look("run")
	b.open("/item/" + idOf(place{dir, "runs/" + script}))
	b.until("document.querySelector('h1').textContent.includes('<img')")
	b.faultless()
}

// BenchmarkPaint opens the overview and the page of a grid of a thousand networks in a browser, of a server that has
// just begun and of one that knows the folder: when the browser first paints anything, and when it shows what there is.
func BenchmarkPaint(b *testing.B) {
	dir := b.TempDir()
	m := newMadeUp(b, filepath.Join(dir, "a"), 50, 5)
	m.finish(0, 1000)
	tab := openBrowser(b, dir)
	tab.open("/") // the browser itself is warm
	grid := "/item/" + idOf(place{dir, "a"})
	known := tab.url
	for _, of := range []struct{ name, path, shown string }{
		{"overview", "/", "document.body.innerText.includes('1000 of 1000 networks')"},
		{"grid", grid, "page.plot?.points?.length > 900"},
	} {
		for _, cold := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/cold=%v", of.name, cold), func(b *testing.B) {
				var painted, shown float64
				for n := 0; b.Loop(); n++ {
					end := func() {}
					if tab.url = known; cold {
						tab.url, end = served(b, dir)
					}
					tab.do(chromedp.Navigate(tab.url + of.path))
					tab.until(of.shown)
					first, all := 0.0, 0.0
					tab.do(chromedp.Evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime", &first),
						chromedp.Evaluate("performance.now()", &all))
					painted, shown = painted+(first-painted)/float64(n+1), shown+(all-shown)/float64(n+1)
					end()
				}
				b.ReportMetric(painted, "first-paint-ms")
				b.ReportMetric(shown, "shown-ms")
			})
		}
	}
}

func atoi(t *testing.T, text string) (n int) {
	t.Helper()
	_, err := fmt.Sscan(text, &n)
	check(t, err)
	return n
}
