package serve

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"quantal/results/store"
)

// Server shows folders. Its methods may be called at the same time.
type Server struct {
	token   string // empty if nobody is asked for one
	ask     bool   // for a token, also on a loopback address
	answers answers

	reading sync.Mutex // held by the reader
	names   []string   // of the folders
	items   map[string]*item
	version uint64
	files   int           // how many the reader has read, for tests
	looked  time.Time     // when it last began
	took    time.Duration // how long that took
	first   chan struct{} // closed when Serve has something to show; nil without Serve, where each look is a whole one
	state   atomic.Pointer[state]

	mutex     sync.Mutex
	listeners map[chan struct{}]bool
	listening chan struct{} // told when somebody begins to listen
}

// state is what the reader knows; it does not change.
type state struct {
	version  uint64
	views    map[string]*view
	overview blob
	versions []byte // of all views, for events
}

// The time between two looks is from interval to rarely, so that the reader works for share of its time if it can.
const (
	interval = time.Second
	rarely   = 5 * time.Second // a busy machine makes a look long
	share    = 0.01
)

// mostListeners is how many browsers are told of news at a time.
const mostListeners = 500

// New makes a server of folders: runs, grids, experiments, or folders with such below them. A folder need not exist
// yet.
func New(folders []string) *Server {
	return &Server{names: folders, items: map[string]*item{}, listeners: map[chan struct{}]bool{},
		listening: make(chan struct{}, 1)}
}

// AskToken makes Listen ask for a token on a loopback address, too, which other users of this machine can reach.
func (s *Server) AskToken() { s.ask = true }

// Show adds a folder.
func (s *Server) Show(folder string) {
	s.reading.Lock()
	defer s.reading.Unlock()
	s.names = append(s.names, folder)
	s.looked = time.Time{}
}

// AddressError says that a server cannot listen at an address.
type AddressError struct {
	Address string
	Err     error
}

func (e *AddressError) Error() string {
	return fmt.Sprintf("--http %s: want an address with a free port, as in 127.0.0.1:35367, or with port 0 for any: %v",
		e.Address, e.Err)
}

// Unwrap returns what the system says.
func (e *AddressError) Unwrap() error { return e.Err }

// Listen opens an address. If it can be reached from other machines, or after AskToken, requests will need a token,
// which is in the URL. Errors are an AddressError.
func (s *Server) Listen(address string) (l net.Listener, url string, err error) {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		if n, bad := strconv.Atoi(port); bad != nil || n < 0 || n > 65535 {
			err = errors.New("the port is no number from 0 to 65535")
		}
	}
	if err == nil {
		l, err = net.Listen("tcp", address)
	}
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err
		}
		return nil, "", &AddressError{address, err}
	}
	at := l.Addr().(*net.TCPAddr)
	if at.IP.IsLoopback() && !s.ask {
		return l, fmt.Sprintf("http://%s/", at), nil
	}
	key := make([]byte, 18)
	_, _ = rand.Read(key) // never fails
	s.token = base64.RawURLEncoding.EncodeToString(key)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = hostName()
	}
	return l, fmt.Sprintf("http://%s/?token=%s", net.JoinHostPort(host, strconv.Itoa(at.Port)), s.token), nil
}

// Serve answers requests until the context ends, whose cause it then returns.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	web := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, BaseContext: func(net.Listener) context.Context { return ctx }}
	looking := make(chan struct{})
	s.first = make(chan struct{})
	go func() {
		defer close(looking)
		s.refresh(time.Now()) // so that the first browser need not wait
		s.watch(ctx)
	}()
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		err := web.Close()
		<-ended
		<-looking
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
}

// Last shows those who listen how it ended, before Serve is stopped.
func (s *Server) Last() {
	s.mutex.Lock()
	n := len(s.listeners)
	s.mutex.Unlock()
	if n == 0 {
		return
	}
	s.refresh(time.Now())
	time.Sleep(interval) // they ask for what is new
}

// watch looks at the folders from time to time while somebody listens.
func (s *Server) watch(ctx context.Context) {
	for {
		s.mutex.Lock()
		wait := s.listening
		if len(s.listeners) > 0 {
			wait = nil
		}
		s.mutex.Unlock()
		if wait != nil {
			select {
			case <-wait:
			case <-ctx.Done():
				return
			}
		}
		s.refresh(time.Now())
		s.reading.Lock()
		pause := s.pause()
		s.reading.Unlock()
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// pause is the time from the last look to the next, for who holds the lock of the reader.
func (s *Server) pause() time.Duration {
	return min(rarely, max(interval, time.Duration(float64(s.took)/share)))
}

// now is the state of not long ago.
func (s *Server) now() *state {
	switch {
	case s.state.Load() != nil:
	case s.first == nil:
		s.refresh(time.Now())
	default:
		<-s.first
	}
	if s.reading.TryLock() { // otherwise somebody else looks
		old := time.Since(s.looked) > s.pause()
		s.reading.Unlock()
		if old {
			s.refresh(time.Now())
		}
	}
	return s.state.Load()
}

// soon is how long browsers wait for what has been read at a first look, which may take longer in all.
const soon = 300 * time.Millisecond

// refresh looks at the folders, and tells those who listen if anything has changed.
func (s *Server) refresh(now time.Time) {
	s.reading.Lock()
	defer s.reading.Unlock()
	s.looked = now
	began := time.Now()
	defer func() { s.took = time.Since(began) }()
	changed := s.state.Load() == nil
	there := map[string]bool{}
	var order []*item
	for _, f := range find(s.names) {
		id := idOf(f.place)
		if there[id] {
			continue // named twice
		}
		there[id] = true
		i := s.items[id]
		if i == nil || i.kind != f.kind {
			i = &item{found: f, id: id, shown: f.name()}
			if len(s.names) == 1 && f.below != "." { // the page says below what
				i.shown = f.below
			}
			s.items[id] = i
		}
		order = append(order, i)
	}
	for id := range s.items {
		if !there[id] {
			delete(s.items, id)
			changed = true
		}
	}
	told := began
	for k, i := range order {
		fresh, files := i.look(now)
		if s.files += files; fresh {
			s.version++
			if i.view.version = s.version; i.view.content == 0 {
				i.view.content = s.version
			}
			changed = true
		}
		if more := k+1 < len(order); changed && (!more || s.first != nil && time.Since(told) > soon) {
			s.publish(order)
			told, changed = time.Now(), false
		}
	}
	if changed {
		s.publish(order)
	}
}

// publish makes what has been read the state, and tells those who listen. What has not been looked at yet is there
// with its name.
func (s *Server) publish(order []*item) {
	s.version++
	next := &state{version: s.version, views: map[string]*view{}}
	versions := map[string][]uint64{"": {s.version}}
	cards := []card{}
	for _, i := range order {
		v := i.view
		if v == nil {
			v = i.named(&view{card: blank(unread)})
		}
		next.views[v.ID] = v
		versions[v.ID] = []uint64{v.version, v.content}
		cards = append(cards, v.card)
	}
	next.overview = jsonBlob(map[string]any{"folders": append([]string{}, s.names...), "items": cards, "most": mostItems})
	next.versions, _ = store.EncodeJSON(versions) // numbers can always be written
	if s.state.Swap(next) == nil && s.first != nil {
		close(s.first)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for l := range s.listeners {
		select {
		case l <- struct{}{}:
		default: // told already
		}
	}
}

// listen registers somebody who wants to know of news; nil if there are too many.
func (s *Server) listen() (news chan struct{}, stop func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.listeners) >= mostListeners {
		return nil, nil
	}
	news = make(chan struct{}, 1)
	s.listeners[news] = true
	select {
	case s.listening <- struct{}{}:
	default:
	}
	return news, func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		delete(s.listeners, news)
	}
}
