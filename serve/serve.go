// Package serve answers clients of OpenAI's chat API with a local model.
//
//	GET  /healthz              {"status": "ok"}
//	GET  /v1/models            the one model
//	POST /v1/chat/completions  a reply, whole or streamed
//
// One engine answers one request at a time; the others wait in the order in
// which they came. A client that goes away frees its place. Fields of a request
// that are not known are ignored, as clients expect; known ones whose meaning
// cannot be kept (tools, several choices, a JSON schema, images) are errors that
// name them.
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
	"time"

	"limbeck/model/generate"
)

// Options say how a Server behaves. The zero value works.
type Options struct {
	Name      string // the model's id; "model" if empty
	Context   int    // tokens of prompt and reply together; 0: the model's
	MaxTokens int    // of replies whose request sets no limit; 0: as many as fit
	Log       func(format string, args ...any)
}

// A Server answers requests with one model.
type Server struct {
	o       Options
	runner  *generate.Runner
	session *generate.Session
	turn    chan struct{} // holds the engine: whoever sends has it, senders queue
	waiting chan struct{} // bounds the queue
	created int64
}

const (
	maxWaiting = 64 // requests; more are refused
	maxBody    = 4 << 20

	readTimeout     = 30 * time.Second // for a whole request
	writeTimeout    = 30 * time.Second // for each write of a reply
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 30 * time.Second // for replies on their way
)

// New returns a server for the model of r, which must serve nobody else.
func New(r *generate.Runner, o Options) *Server {
	if o.Name == "" {
		o.Name = "model"
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	return &Server{o: o, runner: r, session: r.NewSession(o.Context), created: time.Now().Unix(),
		turn: make(chan struct{}, 1), waiting: make(chan struct{}, maxWaiting)}
}

// Handler returns what answers the server's requests.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /v1/models", s.models)
	mux.HandleFunc("GET /v1/models/{id}", s.model)
	mux.HandleFunc("POST /v1/chat/completions", s.complete)
	for _, path := range []string{"/healthz", "/v1/models", "/v1/models/{id}", "/v1/chat/completions"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			fail(w, &apiError{status: http.StatusMethodNotAllowed, Message: r.Method + " is not for " + r.URL.Path})
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, &apiError{status: http.StatusNotFound, Message: "no such address: " + r.URL.Path})
	})
	return localOnly(mux)
}

// Serve answers on l until ctx ends; replies that are on their way then are
// finished, within a time.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: s.Handler(), ReadTimeout: readTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: 1 << 16}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := server.Shutdown(late)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-ended
	return err
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
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// enter waits for the engine. The caller calls leave when it needs it no more.
func (s *Server) enter(ctx context.Context) (leave func(), err error) {
	select {
	case s.waiting <- struct{}{}:
	default:
		return nil, &apiError{status: http.StatusTooManyRequests, Type: "rate_limit_error", Message: "too many requests are waiting"}
	}
	defer func() { <-s.waiting }()
	select {
	case s.turn <- struct{}{}:
		return func() { <-s.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
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

func (s *Server) model(w http.ResponseWriter, r *http.Request) {
	if id := r.PathValue("id"); id != s.o.Name {
		fail(w, s.unknownModel(id))
		return
	}
	reply(w, http.StatusOK, s.self())
}

func (s *Server) unknownModel(id string) *apiError {
	return &apiError{status: http.StatusNotFound, Param: "model", Code: "model_not_found",
		Message: "no model " + quote(id) + "; this server has " + quote(s.o.Name)}
}
