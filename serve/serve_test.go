package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"quantal/grid"
	"quantal/results/store"
	"quantal/train"
)

// ask sends a request as a browser on this machine does.
func ask(t testing.TB, h http.Handler, path string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "localhost:35367"
	for _, e := range edit {
		e(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// answer is the JSON of a request that succeeds.
func answerOf[T any](t testing.TB, h http.Handler, path string) (v T) {
	t.Helper()
	w := ask(t, h, path)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

type overview struct{ Items []cardRead }

type cardRead struct {
	ID, Name, Kind, State, Note    string
	Total, Done, Diverged, Running int
	Queued                         int
	Share                          float64
	Accuracy, R2, Sigma, Left      *float64
}

type plotRead struct {
	Panels []struct {
		Series []struct {
			Label string
			X, Y  []*float64
			IDs   []string
		}
	}
}

// cards are those of the overview by the ends of their names.
func cards(t testing.TB, h http.Handler) map[string]cardRead {
	t.Helper()
	all := map[string]cardRead{}
	for _, c := range answerOf[overview](t, h, "/api/overview").Items {
		all[filepath.Base(c.Name)] = c
	}
	return all
}

// Networks that fit numbers have R² wherever others have an accuracy.
func TestRegression(t *testing.T) {
	dir := t.TempDir()
	m := newMadeUp(t, filepath.Join(dir, "grid"), 5, 2, func(c *train.Config) { c.Likelihood = "gaussian" })
	for i, r2 := range []float64{-0.5, 0.75, 0.25} {
		r := store.Record{ID: m.points[i].ID, Settings: grid.SettingsOf(m.points[i].Config, "glyphs"), Status: store.Done,
			Kernels: "portable", Outcome: store.NoOutcome()}
		r.R2Sampled, r.R2Mean, r.SigmaRMS, r.Draws = &r2, &r2, 0.1*float64(i+1), m.points[i].Config.Draws
		r.LossSampled, r.LossMean, r.SigmaRMSLayers, r.Steps = 1, 1, []float64{r.SigmaRMS, r.SigmaRMS}, 100
		check(t, store.WriteRecord(m.folder.Path("points"), r))
	}
	f, r2 := run(t, filepath.Join(dir, "one"), 1, 0), 0.625
	e := epochOf(1, 1)
	e.AccuracySampled, e.AccuracyMean, e.R2Sampled, e.R2Mean = math.NaN(), math.NaN(), &r2, &r2
	check(t, f.AppendMetrics(e))
	run(t, filepath.Join(dir, "classes"), 1, 1)
	h := New([]string{dir}).Handler()
	all := cards(t, h)
	if g, one := all["grid"], all["one"]; g.R2 == nil || *g.R2 != 0.75 || *g.Sigma != 0.2 || g.Accuracy != nil ||
		one.R2 == nil || *one.R2 != r2 || one.Accuracy != nil || all["classes"].R2 != nil {
		t.Errorf("%+v", all)
	}
	points := answerOf[struct{ Columns []string }](t, h, "/api/points/"+all["grid"].ID)
	page := answerOf[struct{ Log []string }](t, h, "/api/item/"+all["one"].ID)
	if !slices.Contains(points.Columns, "r2_sampled") || slices.Contains(points.Columns, "accuracy_sampled") ||
		len(page.Log) != 1 || !strings.Contains(page.Log[0], "R² 0.6250") {
		t.Errorf("columns %v, log %v", points.Columns, page.Log)
	}
	both := answerOf[struct{ Outcomes []compared }](t, h, "/api/compare?of="+all["one"].ID+","+all["classes"].ID)
	if !slices.ContainsFunc(both.Outcomes, func(c compared) bool {
		return c.Name == "r2 sampled" && c.Values[0] == "0.625"
	}) {
		t.Errorf("compared: %+v", both.Outcomes)
	}
}

// A folder of a grid, runs and an experiment is on the pages, with all that is drawn of it, and follows its files.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	m := newMadeUp(t, filepath.Join(dir, "grids", "a"), 5, 2)
	m.finish(0, 12)
	m.network(0)
	run(t, filepath.Join(dir, "runs", "one"), 0.1, 5)
	finished := run(t, filepath.Join(dir, "runs", "two"), 1, 20)
	check(t, finished.WriteSummary(store.Outcome{AccuracySampled: 0.75, SigmaRMS: 0.2, Steps: 2000}))
	experiment, err := store.CreateExperiment(filepath.Join(dir, "runs", "spines"))
	check(t, err)
	check(t, experiment.WriteConfig(map[string]any{"seed": 1, "time": 2.5}))
	check(t, experiment.WriteSummary(map[string]any{"mean": 1}))
	picture := `<svg width="1pt" viewBox="0 0 1 1" xmlns="http://www.w3.org/2000/svg"></svg>`
	check(t, os.WriteFile(experiment.Path("fig.svg"), []byte(picture), 0o644))
	check(t, os.WriteFile(experiment.Path("fig.txt"), []byte("Title\n\nCaption."), 0o644))

	s := New([]string{dir})
	h := s.Handler()
	all := cards(t, h)
	if len(all) != 4 {
		t.Fatalf("items: %v", all)
	}
	a, one, two, spines := all["a"], all["one"], all["two"], all["spines"]
	if a.Kind != aGrid || a.State != stopped || a.Total != 40 || a.Done != 12 || a.Accuracy == nil {
		t.Errorf("grid: %+v", a)
	}
	if one.State != running || one.Done != 5 || one.Total != 20 || one.Left == nil || *one.Left > 15 || *one.Left < 10 {
		t.Errorf("unfinished run: %+v", one)
	}
	if two.State != done || *two.Accuracy != 0.75 || two.Share != 1 {
		t.Errorf("finished run: %+v", two)
	}
	if spines.Kind != anExperiment || spines.State != done {
		t.Errorf("experiment: %+v", spines)
	}

	over := "/plot/over.json?x=c&y=accuracy_sampled&of=" + a.ID
	marks := func() (n int) {
		for _, s := range answerOf[plotRead](t, h, over).Panels[0].Series {
			n += len(s.IDs)
		}
		return n
	}
	if n := marks(); n != 12 {
		t.Errorf("%d points drawn, want 12", n)
	}
	m.finish(12, 13) // a point finishes
	s.refresh(time.Now())
	if n := marks(); n != 13 {
		t.Errorf("%d points drawn, want 13", n)
	}
	page := answerOf[struct {
		Status struct{ Waiting int }
		Axes   axes
	}](t, h, "/api/item/"+a.ID)
	if page.Axes.X != "c" || page.Status.Waiting != 27 ||
		strings.Join(page.Axes.Varying, " ") != "noise rho_value c seed" {
		t.Errorf("page of the grid: %+v", page)
	}
	list := answerOf[struct{ Points [][]string }](t, h, "/api/points/"+a.ID).Points
	if len(list) != 40 {
		t.Errorf("%d points listed, want 40", len(list))
	}

	pair := one.ID + "," + two.ID
	different := answerOf[struct {
		Labels   []string
		Settings []struct {
			Name   string
			Values []string
		}
	}](t, h, "/api/compare?of="+pair)
	if len(different.Settings) != 1 || different.Settings[0].Name != "c" || different.Settings[0].Values[1] != "1" ||
		different.Labels[0] != "c 0.1" {
		t.Errorf("comparison: %+v", different)
	}
	curves := answerOf[plotRead](t, h, "/plot/curves.json?x=epoch&y=sigma_rms_layers_2&of="+pair).Panels[0].Series
	if len(curves) != 2 || len(curves[0].X) != 5 || *curves[1].Y[19] != epochOf(20, 1).SigmaRMSLayers[1] {
		t.Errorf("curves: %+v", curves)
	}
	if p := answerOf[plotRead](t, h, "/plot/learning.json?of="+one.ID); len(p.Panels) != 4 {
		t.Errorf("%d panels of the learning curve, want 4", len(p.Panels))
	}
	if p := answerOf[plotRead](t, h, "/plot/sigma.json?of="+a.ID+"/"+m.points[0].ID); len(p.Panels[0].Series) != 2 {
		t.Errorf("distribution of sigma: %+v", p)
	}
	for path, begin := range map[string]string{
		strings.Replace(over, ".json", ".svg", 1): "<?xml",
		strings.Replace(over, ".json", ".csv", 1): "panel,series,x,y,id\n",
		"/figure/" + a.ID + "/fig2.svg":           "<?xml",
		"/report/" + a.ID:                         "<!DOCTYPE html>",
		"/table/" + a.ID:                          "id,data,",
		"/table/" + one.ID:                        "id,data,",
		"/report/" + one.ID:                       "<!DOCTYPE html>",
		"/report/" + spines.ID:                    "<!DOCTYPE html>",
		"/file/" + spines.ID + "/fig.svg":         "<svg",
		"/item/" + a.ID:                           "<!DOCTYPE html>",
		"/":                                       "<!DOCTYPE html>",
		"/static/uPlot-LICENSE":                   "The MIT License",
	} {
		if w := ask(t, h, path); w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), begin) {
			t.Errorf("%s: %d %.60s, want %s", path, w.Code, w.Body, begin)
		}
	}
	if f := ask(t, h, "/api/figures/"+spines.ID).Body.String(); !strings.Contains(f, `"caption":"Title\n\nCaption."`) {
		t.Errorf("figures of the experiment: %s", f)
	}
	// What there is nothing of says so, and does not draw.
	for path, want := range map[string]int{
		"/plot/sigma.svg?of=" + one.ID: 422, "/plot/over.json?x=nonsense&y=c&of=" + a.ID: 422,
		"/plot/curves.csv?x=epoch&y=nll&of=" + a.ID + "/" + m.points[0].ID: 422, "/plot/over.json?x=c&y=c": 422,
		"/api/item/0000000000": 404, "/figure/" + a.ID + "/fig9.svg": 404, "/nothing": 404,
		"/plot/over.html?of=" + a.ID + "&x=c&y=c": 404,
	} {
		if w := ask(t, h, path); w.Code != want {
			t.Errorf("%s: %d %s, want %d", path, w.Code, w.Body, want)
		}
	}
}

// Grids and runs are side by side: all their networks in one plot, what differs between them, and networks of several.
func TestGridsSideBySide(t *testing.T) {
	dir := t.TempDir()
	a, b := newMadeUp(t, filepath.Join(dir, "a"), 5, 2), newMadeUp(t, filepath.Join(dir, "b"), 3, 1)
	a.finish(0, 12)
	b.finish(0, 12)
	run(t, filepath.Join(dir, "one"), 0.1, 5)
	h := New([]string{dir}).Handler()
	all := cards(t, h)
	of := all["a"].ID + "," + all["b"].ID + "," + all["one"].ID
	type column struct {
		Name   string
		Values []string
	}
	type comparison struct {
		IDs, Labels []string
		Grids       *struct {
			axes
			IDs, Names         []string
			Settings, Outcomes []column
		}
	}
	c := answerOf[comparison](t, h, "/api/compare?of="+of)
	if c.Grids == nil || len(c.Grids.IDs) != 3 || c.Grids.X != "c" || !slices.Contains(c.Grids.Varying, "folder") ||
		len(c.IDs) != 1 {
		t.Fatalf("three items: %+v", c)
	}
	differ := map[string][]string{}
	for _, s := range append(c.Grids.Settings, c.Grids.Outcomes...) {
		differ[s.Name] = s.Values
	}
	if got := differ["c"]; got[0] != "5 values, 0.0001 to 1000" || got[2] != "0.1" {
		t.Errorf("c: %q", got)
	}
	if got := differ["networks"]; got[0] != "12 of 40" || got[2] != "run, running" || differ["batch"] != nil {
		t.Errorf("networks: %q, batch %q", got, differ["batch"])
	}
	marks := map[string]int{}
	for _, s := range answerOf[plotRead](t, h, "/plot/over.json?x=c&y=accuracy_sampled&of="+of).Panels[0].Series {
		for _, id := range s.IDs {
			marks[id[:10]]++
		}
		if name, _, _ := strings.Cut(s.Label, ","); all[name].ID == "" || strings.Contains(s.Label, "epochs") {
			t.Errorf("series %q", s.Label) // the folder says how many epochs
		}
	}
	if marks[all["a"].ID] != 12 || marks[all["b"].ID] != 12 || marks[all["one"].ID] != 1 {
		t.Errorf("marks: %v", marks)
	}
	// A network of one beside one of another; the grids themselves are not asked for.
	pair := all["a"].ID + "/" + a.points[0].ID + "," + all["b"].ID + "/" + b.points[1].ID
	if c := answerOf[comparison](t, h, "/api/compare?of="+all["a"].ID+","+pair); len(c.IDs) != 2 || len(c.Grids.IDs) != 1 {
		t.Errorf("a grid and two networks: %+v", c)
	}
	c = answerOf[comparison](t, h, "/api/compare?of="+pair)
	if len(c.IDs) != 2 || c.Grids != nil || c.Labels[0] != "c 0.0001" {
		t.Errorf("two networks: %+v", c)
	}
}

// The folder knows how far an experiment is, and which networks of a grid wait in Slurm's queue.
func TestWaits(t *testing.T) {
	dir := t.TempDir()
	experiment, err := store.CreateExperiment(filepath.Join(dir, "spines"))
	check(t, err)
	check(t, experiment.WriteConfig(map[string]any{"seed": 1}))
	check(t, experiment.WriteEnvironment(store.Environment{Version: store.Version}))
	tell := func(text string) { check(t, os.WriteFile(experiment.Path("progress.json"), []byte(text), 0o644)) }
	tell(`{"share": 0.25, "what": "day 3", "seconds_left": 100000}`)
	m := newMadeUp(t, filepath.Join(dir, "a"), 2, 1)
	m.finish(0, 1)
	launch := m.folder.Path("launches", "0001")
	check(t, os.MkdirAll(filepath.Join(launch, "starts"), 0o755))
	chunks, err := json.Marshal([][]string{{m.points[0].ID, m.points[1].ID}, {m.points[2].ID}})
	check(t, err)
	plan := `{"name": "x", "chunks": ` + string(chunks) + `}`
	check(t, os.WriteFile(filepath.Join(launch, "plan.json"), []byte(plan), 0o644))
	s := New([]string{dir})
	h := s.Handler()
	c := cards(t, h)
	if e := c["spines"]; e.State != running || e.Share != 0.25 || e.Left == nil || *e.Left < 90000 {
		t.Errorf("an experiment at work: %+v", e)
	}
	if page := ask(t, h, "/api/item/"+c["spines"].ID).Body.String(); !strings.Contains(page, `"doing":"day 3"`) {
		t.Errorf("its page: %s", page)
	}
	if a := c["a"]; a.State != stopped || a.Queued != 0 {
		t.Errorf("before Slurm has accepted anything: %+v", a)
	}
	check(t, os.WriteFile(filepath.Join(launch, "jobs.json"), []byte(`[{"job": "7", "first": 0, "count": 2}]`), 0o644))
	tell(`{"share": 7, "what": "<script>"}`)
	s.refresh(time.Now())
	c = cards(t, h)
	if a := c["a"]; a.State != queued || a.Queued != 2 {
		t.Errorf("two wait in the queue, and one of the first task has finished: %+v", a)
	}
	list, page := ask(t, h, "/api/points/"+c["a"].ID).Body.String(), ask(t, h, "/api/item/"+c["a"].ID).Body.String()
	if strings.Count(list, `"queued"`) != 2 || !strings.Contains(page, `"jobs":["7"]`) {
		t.Errorf("the networks: %s, the page: %s", list, page)
	}
	if e := c["spines"]; e.Share != 0 {
		t.Errorf("progress that cannot be: %+v", e)
	}
	check(t, os.WriteFile(filepath.Join(launch, "starts", "chunk-0000.log"), []byte("now\n"), 0o644))
	s.refresh(time.Now())
	if a := cards(t, h)["a"]; a.Queued != 1 {
		t.Errorf("one task has begun: %+v", a)
	}
}

// Each answer has the headers that keep browsers from doing anything else, and only reading is answered.
func TestGuard(t *testing.T) {
	dir := t.TempDir()
	run(t, filepath.Join(dir, "one"), 0.1, 2)
	h := New([]string{dir}).Handler()
	id := cards(t, h)["one"].ID
	for _, path := range []string{"/", "/api/overview", "/api/item/" + id, "/static/app.js", "/nothing", "/plot/x.json"} {
		w := ask(t, h, path)
		for name, want := range map[string]string{"Content-Security-Policy": pagePolicy, "X-Content-Type-Options": "nosniff",
			"Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'",
		"connect-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(pagePolicy, part) {
			t.Errorf("the policy lacks %q", part)
		}
	}
	if p := ask(t, h, "/report/"+id).Header().Get("Content-Security-Policy"); p != sandboxPolicy {
		t.Errorf("policy of the report: %s", p)
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "PROPFIND"} {
		w := ask(t, h, "/api/overview", func(r *http.Request) { r.Method = method })
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
	if w := ask(t, h, "/api/overview", func(r *http.Request) { r.Method = "HEAD" }); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d, %d bytes", w.Code, w.Body.Len())
	}
	for host, want := range map[string]int{"localhost": 200, "LOCALHOST:1": 200, "127.0.0.1:35367": 200, "[::1]:8080": 200,
		"127.8.8.8": 200, "evil.example": 421, "evil.example:35367": 421, "localhost.evil.example": 421, "": 421,
		"192.168.1.7:35367": 421, "127.0.0.1.evil.example": 421, "[::1": 421} {
		w := ask(t, h, "/api/overview", func(r *http.Request) { r.Host = host })
		if host == "[::1" { // not the address of this machine by any reading, or by one that is
			want = w.Code
		}
		if w.Code != want {
			t.Errorf("Host %q: %d, want %d", host, w.Code, want)
		}
	}
	// The same bytes again are not sent again.
	w := ask(t, h, "/api/overview")
	again := ask(t, h, "/api/overview", func(r *http.Request) { r.Header.Set("If-None-Match", w.Header().Get("ETag")) })
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("the same again: %d, %d bytes", again.Code, again.Body.Len())
	}
}

// On an address that others can reach every request needs the token, which a URL turns into a cookie.
func TestToken(t *testing.T) {
	dir := t.TempDir()
	run(t, filepath.Join(dir, "one"), 0.1, 2)
	s := New([]string{dir})
	l, url, err := s.Listen("0.0.0.0:0")
	check(t, err)
	check(t, l.Close())
	_, token, ok := strings.Cut(url, "?token=")
	if !ok || len(token) < 20 {
		t.Fatalf("the URL %s has no token", url)
	}
	h := s.Handler()
	for _, path := range []string{"/", "/api/overview", "/static/app.js", "/events", "/?token=wrong", "/?token="} {
		if w := ask(t, h, path, func(r *http.Request) { r.Host = "node1.example:35367" }); w.Code != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", path, w.Code)
		}
	}
	w := ask(t, h, "/item/x?a=1&token="+token)
	cookies := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/item/x?a=1" || len(cookies) != 1 ||
		!cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("with the token: %d to %s, cookies %v", w.Code, w.Header().Get("Location"), cookies)
	}
	if to := ask(t, h, "//evil.example/?token="+token).Header().Get("Location"); strings.HasPrefix(to, "//") {
		t.Errorf("sent to %s", to)
	}
	if w := ask(t, h, "/api/overview", func(r *http.Request) { r.AddCookie(cookies[0]) }); w.Code != 200 {
		t.Errorf("with the cookie: %d", w.Code)
	}
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	if w := ask(t, h, "/api/overview", bearer); w.Code != 200 {
		t.Errorf("with the header: %d", w.Code)
	}
	// On a loopback address there is none.
	s = New(nil)
	l, url, err = s.Listen("127.0.0.1:0")
	check(t, err)
	defer l.Close()
	if strings.Contains(url, "token") {
		t.Errorf("token on a loopback address: %s", url)
	}
	// Unless it is asked for, as where others log in to the machine.
	shared := New(nil)
	shared.AskToken()
	other, url, err := shared.Listen("127.0.0.1:0")
	check(t, err)
	check(t, other.Close())
	if _, token, _ := strings.Cut(url, "?token="); len(token) < 20 || ask(t, shared.Handler(), "/").Code != 401 ||
		ask(t, shared.Handler(), "/?token="+token).Code != http.StatusSeeOther {
		t.Errorf("where a token is asked for: %s", url)
	}
	// A port that is taken, and what is no address.
	for _, address := range []string{l.Addr().String(), "nonsense", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", ":x"} {
		_, _, err := New(nil).Listen(address)
		if _, ok := errors.AsType[*AddressError](err); !ok || strings.Contains(err.Error(), "\n") ||
			!strings.Contains(err.Error(), address) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// A thousand networks: what is new is read once, answered once for a hundred browsers that all get the same bytes, and
// nobody looks at the folder when nobody listens.
func TestThousand(t *testing.T) {
	dir := t.TempDir()
	m := newMadeUp(t, filepath.Join(dir, "a"), 50, 5)
	if len(m.points) != 1000 {
		t.Fatalf("%d points", len(m.points))
	}
	m.finish(0, 999)
	s := New([]string{dir})
	h := s.Handler()
	id := cards(t, h)["a"].ID
	if s.files != 1000 { // the plan and the records
		t.Errorf("%d files read at first, want 1000", s.files)
	}
	paths := []string{"/api/overview", "/api/item/" + id, "/api/points/" + id,
		"/plot/over.json?x=c&y=accuracy_sampled&of=" + id}
	read := func() []string {
		var all sync.Map
		var g sync.WaitGroup
		for range 100 {
			g.Go(func() {
				for _, p := range paths {
					all.Store(ask(t, h, p).Body.String(), p)
				}
			})
		}
		g.Wait()
		var list []string
		all.Range(func(text, _ any) bool { list = append(list, text.(string)); return true })
		return list
	}
	if n := len(read()); n != len(paths) {
		t.Errorf("100 browsers got %d different answers to %d questions", n, len(paths))
	}
	if n := len(s.answers.made); n != 3 {
		t.Errorf("%d answers made, want 3", n)
	}
	before := s.files
	m.finish(999, 1000)
	s.refresh(time.Now())
	if n := s.files - before; n != 1 {
		t.Errorf("%d files read when one point had finished", n)
	}
	s.refresh(time.Now())
	if n := s.files - before; n != 1 {
		t.Errorf("%d files read when nothing had changed", n-1)
	}
	if n := len(read()); n != len(paths) {
		t.Errorf("100 browsers got %d different answers to %d questions", n, len(paths))
	}
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	if memory.HeapAlloc > 100<<20 {
		t.Errorf("%d MB in use", memory.HeapAlloc>>20)
	}
}

// What has not been read yet is on the overview with its name; its page waits, and nothing of it is drawn.
func TestUnread(t *testing.T) {
	dir := t.TempDir()
	m := newMadeUp(t, filepath.Join(dir, "a"), 2, 1)
	m.finish(0, 8)
	run(t, filepath.Join(dir, "one"), 0.1, 2)
	s := New([]string{dir})
	s.refresh(time.Now())
	var order []*item
	for _, i := range s.items {
		if i.kind == aGrid {
			i = &item{found: i.found, id: i.id, shown: i.shown} // as before the look
		}
		order = append(order, i)
	}
	s.publish(order)
	h, a := New(nil), s.state.Load()
	h.state.Store(a)
	h.looked = time.Now()
	names := cards(t, h.Handler())
	if names["a"].State != unread || names["a"].Kind != aGrid || names["one"].State != running {
		t.Errorf("the overview has %+v", names)
	}
	for path, want := range map[string]int{"/api/item/": 200, "/api/figures/": 422, "/report/": 422, "/table/": 422,
		"/plot/over.json?x=c&y=c&of=": 422, "/api/compare?of=": 422, "/api/points/": 422} {
		if w := ask(t, h.Handler(), path+names["a"].ID); w.Code != want {
			t.Errorf("%s: %d %s, want %d", path, w.Code, w.Body, want)
		}
	}
}

// Those who listen are told of a point that finishes, and the reader rests without them.
func TestEvents(t *testing.T) {
	dir := t.TempDir()
	m := newMadeUp(t, filepath.Join(dir, "a"), 2, 1)
	s := New([]string{dir})
	l, url, err := s.Listen("127.0.0.1:0")
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	response, err := http.Get(url + "events")
	check(t, err)
	lines := bufio.NewScanner(response.Body)
	next := func() string {
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return text
			}
		}
		return "no event"
	}
	first := next()
	m.finish(0, 1)
	if second := next(); second == first || !json.Valid([]byte(second)) {
		t.Errorf("events %q, then %q", first, second)
	}
	check(t, response.Body.Close())
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the address still answers")
	}
	_, _ = io.Copy(io.Discard, response.Body)
}
