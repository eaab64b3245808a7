// Package serve answers clients of OpenAI's chat API with a local model.
//
//	GET  /healthz              {"status": "ok"}
//	GET  /v1/models            the one model, in a list
//	GET  /v1/models/{id}       the model of that id
//	POST /v1/chat/completions  a reply, whole or streamed
//
// Requests are answered together, in one batch, up to a number; the others wait
// in the order in which they came. Each gets what it would get alone. A client
// that goes away frees its place. Fields of a request that are not known are
// ignored, as clients expect; known ones whose meaning cannot be kept (tools,
// several choices, a grammar or JSON schema, images) are errors that name them. So is
// a request that is not UTF-8, or escapes half a surrogate pair, in whichever field.
//
// A stream has the log-probability of a token, if they are asked for, in the chunk in
// which the token's text begins.
//
// Control tokens that a model writes are counted as tokens of its reply, but the
// content holds none: sent back with the history, they would begin a turn. Those that a
// message spells out are control tokens, as they are to transformers and llama.cpp: who
// passes on texts of strangers takes them out, or a stranger speaks as the system.
//
// The server has no keys: it is for the loopback interface. It answers only
// requests that are addressed to a loopback name and come from no web page of
// another origin, so that pages in a browser cannot use it.
package serve

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"limbeck/internal/words"
	"limbeck/model"
	"limbeck/model/generate"
)

// Options say how a Server behaves. The zero value works.
type Options struct {
	Name      string                           // the model's id; "model" if empty
	Context   int                              // of prompt and reply, in tokens; 0: the model's
	MaxTokens int                              // if a request sets no limit; 0: as many as fit
	Parallel  int                              // requests answered at once; 0: generate chooses
	Cache     int                              // bytes for what they read; 0: generate chooses
	Log       func(format string, args ...any) // of each request
	Warn      func(format string, args ...any) // of what the server cannot do as asked; each once
}

// A Server answers requests with one model.
type Server struct {
	o       Options
	model   *model.Model
	batch   *generate.Batcher
	ending  atomic.Bool
	longest int           // bytes of a prompt that may fit
	bodies  chan struct{} // has room for as many requests as may arrive and wait to be read at once
	reading chan struct{} // has room for as many requests as are made into tokens at once
	omits   bool          // system messages, by the template
	omitted sync.Once     // warns of that
	created int64
}

const (
	mib        = 1 << 20
	maxBody    = 4 * mib  // bytes of a request
	maxBodies  = 128      // requests that arrive, or wait to be made into tokens
	maxRefused = 64 * mib // bytes read beyond them, to be told

	readTimeout     = 30 * time.Second // for a whole request
	writeTimeout    = 30 * time.Second // for each piece of a stream, and for a whole reply
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 30 * time.Second // for replies on their way
	closeTimeout    = 2 * time.Second  // for the last bytes of them
)

// New returns a server for the model of r, which must serve nobody else: its chat
// template is told the present.
func New(r *generate.Runner, o Options) *Server {
	if o.Name == "" {
		o.Name = "model"
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.Warn == nil {
		o.Warn = func(string, ...any) {}
	}
	r.Model.Clock = time.Now
	limits := generate.Limits{Rows: o.Parallel, Memory: o.Cache}
	s := &Server{o: o, model: r.Model, batch: generate.NewBatcher(r, limits), created: time.Now().Unix(),
		bodies: make(chan struct{}, maxBodies), reading: make(chan struct{}, runtime.GOMAXPROCS(0)), omits: r.Model.OmitsSystem()}
	s.longest = s.Context() * r.Model.Tokenizer.Longest()
	return s
}

// Context returns how many tokens of prompt and reply together a request has
// room for.
func (s *Server) Context() int {
	if s.o.Context > 0 {
		return min(s.o.Context, s.batch.Context())
	}
	return s.batch.Context()
}

// Handler returns what answers the server's requests.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, e := range []struct {
		method, path string
		answer       http.HandlerFunc
	}{
		{"GET", "/healthz", s.health},
		{"GET", "/v1/models", s.models},
		{"GET", "/v1/models/{id}", s.oneModel},
		{"POST", "/v1/chat/completions", s.complete},
	} {
		mux.HandleFunc(e.method+" "+e.path, e.answer)
		mux.HandleFunc(e.path, func(w http.ResponseWriter, r *http.Request) {
			allowed := e.method
			if allowed == http.MethodGet {
				allowed += ", " + http.MethodHead
			}
			w.Header().Set("Allow", allowed)
			fail(w, &apiError{status: http.StatusMethodNotAllowed, Message: r.Method + " is not for " + r.URL.Path + ", want " + e.method})
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		message := "no such address: " + r.URL.Path
		if !strings.HasPrefix(r.URL.Path, "/v1/") {
			message += "; those of the API begin with /v1"
		}
		fail(w, &apiError{status: http.StatusNotFound, Message: message})
	})
	return localOnly(mux)
}

// Serve answers on l until ctx ends. Replies that are on their way then are
// finished, within a time; requests that wait, and new ones, are refused. When
// Serve has returned no pass over the model is made; a request that is still being read
// may use its tokenizer and template.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: s.Handler(), ReadTimeout: readTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: 1 << 16}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		finish(ctx, shutdownTimeout, s.batch.Shutdown)
		return err
	case <-ctx.Done():
	}
	s.ending.Store(true)
	finish(ctx, shutdownTimeout, s.batch.Shutdown)
	var err error
	finish(ctx, closeTimeout, func(ctx context.Context) { err = server.Shutdown(ctx) })
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-ended
	return err
}

// finish calls f with a context that ends after a time, and not with ctx.
func finish(ctx context.Context, after time.Duration, f func(context.Context)) {
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), after)
	defer cancel()
	f(late)
}

// localOnly refuses what a web page may send: requests to a name that is not
// loopback's (DNS rebinding), and those of another origin.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A connection that is used again keeps the deadline of its last stream.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		if !IsLoopback(hostOf(r.Host)) {
			fail(w, &apiError{status: http.StatusForbidden, Message: "the host " + r.Host + " is not a loopback address"})
			return
		}
		if o := r.Header.Get("Origin"); o != "" && o != "http://"+r.Host {
			fail(w, &apiError{status: http.StatusForbidden, Message: "requests of web pages are refused"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return hostport
}

// IsLoopback tells whether host is localhost or a loopback address.
func IsLoopback(host string) bool {
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	ip := net.ParseIP(host)
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") || ip != nil && ip.IsLoopback()
}

// health tells that the server takes requests; while it shuts down, that it
// takes no more.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	if s.ending.Load() {
		reply(w, http.StatusServiceUnavailable, map[string]string{"status": "shutting down"})
		return
	}
	reply(w, http.StatusOK, map[string]string{"status": "ok"})
}

// modelJSON is OpenAI's model object.
type modelJSON struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

func (s *Server) self() modelJSON { return modelJSON{s.o.Name, "model", s.created, "limbeck"} }

func (s *Server) models(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, struct {
		Object string      `json:"object"`
		Data   []modelJSON `json:"data"`
	}{"list", []modelJSON{s.self()}})
}

func (s *Server) oneModel(w http.ResponseWriter, r *http.Request) {
	if id := r.PathValue("id"); id != s.o.Name {
		fail(w, s.unknownModel(id))
		return
	}
	reply(w, http.StatusOK, s.self())
}

func (s *Server) unknownModel(id string) *apiError {
	return &apiError{status: http.StatusNotFound, Param: "model", Code: "model_not_found",
		Message: "no model " + words.Quote(id) + "; this server has " + words.Quote(s.o.Name)}
}
