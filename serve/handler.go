package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"

	"quantal/internal/input"
)

//go:embed pages
var pages embed.FS

// What browsers may do with our pages, and with pictures and reports, which have styles of their own.
const (
	pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
	sandboxPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; " +
		"frame-ancestors 'none'; sandbox"
)

// Handler answers requests.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	shell := s.page("index.html", "text/html; charset=utf-8")
	mux.HandleFunc("/{$}", shell)
	mux.HandleFunc("/item/{id}", shell)
	const script, style, plain = "text/javascript; charset=utf-8", "text/css; charset=utf-8", "text/plain; charset=utf-8"
	for name, kind := range map[string]string{"app.js": script, "app.css": style, "uPlot.iife.min.js": script,
		"uPlot.min.css": style, "icon.svg": "image/svg+xml", "uPlot-LICENSE": plain} {
		mux.HandleFunc("/static/"+name, s.page(name, kind))
	}
	mux.HandleFunc("/events", s.events)
	mux.HandleFunc("/api/overview", func(w http.ResponseWriter, r *http.Request) { s.now().overview.send(w, r) })
	mux.HandleFunc("/api/item/{id}", s.answer(itemPage, true))
	mux.HandleFunc("/api/points/{id}", s.answer(points, false))
	mux.HandleFunc("/api/figures/{id}", s.answer(figureList, false))
	mux.HandleFunc("/api/compare", s.answer(compare, false))
	mux.HandleFunc("/plot/{what}", s.answer(plot, false))
	mux.HandleFunc("/figure/{id}/{name}", s.answer(figure, false))
	mux.HandleFunc("/table/{id}", s.answer(table, false))
	mux.HandleFunc("/report/{id}", s.answer(report, true))
	mux.HandleFunc("/file/{id}/{name}", func(w http.ResponseWriter, r *http.Request) {
		a, err := s.now().asked(r)
		var b blob
		if err == nil {
			b, err = file(a) // each time: others may draw it anew
		}
		b.err = err
		b.send(w, r)
	})
	return s.guard(mux)
}

// guard lets requests through that may have an answer, and says what browsers may do with it.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy": pagePolicy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"X-Frame-Options": "DENY", "Cross-Origin-Resource-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin", "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
		} {
			w.Header().Set(name, value)
		}
		refuse := func(status int, text string) {
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, text, status)
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(http.StatusMethodNotAllowed, "this server only shows: want GET or HEAD")
			return
		}
		if s.token == "" {
			if !loopback(r.Host) {
				refuse(http.StatusMisdirectedRequest, "want the address that quantal printed, or localhost with its port")
				return
			}
		} else if !s.admit(w, r) {
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)) // a recorder has none
		next.ServeHTTP(w, r)
	})
}

// loopback reports whether the host of a request names this machine to itself. The port may be another one, through a
// tunnel.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	at, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && at.IsLoopback()
}

// admit reports whether a request has the token, and answers it otherwise. One in the URL becomes a cookie.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool {
	same := func(text string) bool {
		a, b := sha256.Sum256([]byte(text)), sha256.Sum256([]byte(s.token))
		return subtle.ConstantTimeCompare(a[:], b[:]) == 1
	}
	name := "quantal"
	if _, port, err := net.SplitHostPort(r.Host); err == nil && len(port) <= 5 {
		name += "-" + port // browsers do not tell cookies of ports apart
	}
	query := r.URL.Query()
	if given := query.Get("token"); given != "" && same(given) {
		http.SetCookie(w, &http.Cookie{Name: name, Value: s.token, Path: "/", HttpOnly: true,
			SameSite: http.SameSiteStrictMode})
		query.Del("token")
		// Within this server whatever the path is: //other is another one.
		to := url.URL{Path: "/" + strings.TrimLeft(path.Clean(r.URL.Path), `/\`), RawQuery: query.Encode()}
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, to.String(), http.StatusSeeOther)
		return false
	}
	for _, c := range r.CookiesNamed(name) {
		if same(c.Value) {
			return true
		}
	}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && same(bearer) {
		return true
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "want the URL that quantal printed, with its token", http.StatusUnauthorized)
	return false
}

// page answers with a file of the program.
func (s *Server) page(name, kind string) http.HandlerFunc {
	data, err := pages.ReadFile("pages/" + name)
	b := newBlob(kind, data)
	b.err = err
	return func(w http.ResponseWriter, r *http.Request) { b.send(w, r) }
}

// asked is a request for something about items.
type asked struct {
	*http.Request
	views  []*view
	points [][]string // of each view that is a grid, the chosen ones
	whole  []bool     // each view is asked for itself
}

// mostAsk is how many items a request may name.
const mostAsk = 200

// answer answers requests that name items by the path or the list of=ID,GRID/POINT,...; make is called once for each
// version of their content, or with progress for each version of them.
func (s *Server) answer(make func(asked) (blob, error), progress bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a, err := s.now().asked(r)
		if err != nil {
			sendError(w, err)
			return
		}
		key := r.URL.Path + "?" + r.URL.RawQuery
		for _, v := range a.views {
			key += fmt.Sprintf("|%s %d", v.ID, v.content)
			if progress {
				key += fmt.Sprintf(" %d", v.version)
			}
		}
		s.answers.get(key, func() blob {
			for _, v := range a.views {
				if err := v.missing(); err != nil && !progress {
					return blob{err: err}
				}
			}
			b, err := make(a)
			b.err = err
			return b
		}).send(w, r)
	}
}

func (s *state) asked(r *http.Request) (asked, error) {
	a := asked{Request: r}
	var list []string
	if id := r.PathValue("id"); id != "" {
		list = append(list, id)
	} else if of := r.URL.Query().Get("of"); of != "" {
		list = strings.Split(of, ",")
	}
	if len(list) == 0 || len(list) > mostAsk {
		return a, fmt.Errorf("%w: want from 1 to %d items, got %d", errAsked, mostAsk, len(list))
	}
	for _, text := range list {
		id, point, _ := strings.Cut(text, "/")
		v := s.views[id]
		if v == nil {
			return a, errNone
		}
		at := len(a.views)
		for i, other := range a.views {
			if other == v {
				at = i
			}
		}
		if at == len(a.views) {
			a.views, a.points, a.whole = append(a.views, v), append(a.points, nil), append(a.whole, false)
		}
		if point != "" {
			a.points[at] = append(a.points[at], point)
		} else {
			a.whole[at] = true
		}
	}
	return a, nil
}

// events tells a browser of versions until it goes.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	news, stop := s.listen()
	if news == nil {
		http.Error(w, "too many browsers listen", http.StatusServiceUnavailable)
		return
	}
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return
	}
	control := http.NewResponseController(w)
	send := func(text string) bool {
		_ = control.SetWriteDeadline(time.Now().Add(time.Minute)) // a recorder has none
		_, err := fmt.Fprint(w, text)
		return err == nil && control.Flush() == nil
	}
	now := s.now()
	for send(fmt.Sprintf("data: %s\n\n", now.versions)) {
		told := now.version
		for now.version == told {
			select {
			case <-news:
				now = s.state.Load()
			case <-time.After(20 * time.Second):
				if !send(": still here\n\n") {
					return
				}
			case <-r.Context().Done():
				return
			}
		}
	}
}

// kinds are the media types of the files that are shown from the folder of an item.
var kinds = map[string]string{".svg": "image/svg+xml", ".png": "image/png", ".csv": "text/csv; charset=utf-8",
	".txt": "text/plain; charset=utf-8", ".json": "application/json", ".jsonl": "text/plain; charset=utf-8",
	".toml": "text/plain; charset=utf-8"}

// file answers with a file in the folder of an item, not below it.
func file(a asked) (blob, error) {
	name := a.PathValue("name")
	kind, ok := kinds[path.Ext(name)]
	if !ok || strings.HasPrefix(name, ".") || strings.ContainsAny(name, `/\`) || !fs.ValidPath(name) {
		return blob{}, errNone
	}
	f, closed, err := a.views[0].open()
	if err != nil {
		return blob{}, errNone
	}
	defer closed()
	data, err := input.From(f, name, mostSaved)
	if err != nil {
		return blob{}, errNone
	}
	b := newBlob(kind, data)
	b.sandbox = true
	return b, nil
}
