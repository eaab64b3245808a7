package serve

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model/chat"
	"limbeck/model/generate"
)

// tinyServer returns a server for a tiny random model.
func tinyServer(t *testing.T) *Server {
	t.Helper()
	pool := par.New(1)
	t.Cleanup(pool.Close)
	m := testkit.Model(1)
	m.Pack(pool)
	return New(generate.NewRunner(m, pool, true), Options{Name: "tiny"})
}

// want returns the greedy reply to prompt, as the engine alone gives it.
func want(t *testing.T, s *Server, prompt string, o generate.Options) *generate.Reply {
	t.Helper()
	ids, err := s.runner.Model.PromptIDs([]chat.Message{{Role: "user", Content: prompt}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.runner.NewSession(0).Reply(t.Context(), ids, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// asJSON returns text as it comes through JSON: a byte that is no UTF-8 becomes
// the replacement character.
func asJSON(text string) string { return string([]rune(text)) }

func post(t *testing.T, h http.Handler, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest("POST", "http://localhost/v1/chat/completions", strings.NewReader(body))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestErrorsAreInOpenAIsShape(t *testing.T) {
	h := tinyServer(t).Handler()
	messages := `"messages": [{"role": "user", "content": "hi"}]`
	for _, c := range []struct {
		name, body         string
		status             int
		message, param, id string
	}{
		{"no JSON", `{"model": `, 400, "not JSON: line 1, byte 10", "", ""},
		{"a wrong type", `{` + messages + `, "temperature": "hot"}`, 400, "temperature: is a JSON string, want a number", "temperature", ""},
		{"no messages", `{"model": "tiny"}`, 400, "want at least one", "messages", ""},
		{"another model", `{"model": "gpt-9", ` + messages + `}`, 404, `no model "gpt-9"; this server has "tiny"`, "model", "model_not_found"},
		{"tools", `{` + messages + `, "tools": [{"type": "function"}]}`, 400, "tools are not supported", "tools", "unsupported"},
		{"two choices", `{` + messages + `, "n": 2}`, 400, "other than one choice", "n", "unsupported"},
		{"a schema", `{` + messages + `, "response_format": {"type": "json_schema"}}`, 400, `"json_schema"`, "response_format", "unsupported"},
		{"an image", `{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}]}`, 400,
			`content of type "image_url" is not supported`, "messages[0].content[1]", "unsupported"},
		{"a role", `{"messages": [{"role": "wizard", "content": "a"}]}`, 400, `is "wizard", want`, "messages[0].role", ""},
		{"too hot", `{` + messages + `, "temperature": 3}`, 400, "is 3, want 0 to 2", "temperature", ""},
		{"no tokens", `{` + messages + `, "max_completion_tokens": 0}`, 400, "want 1 or more", "max_completion_tokens", ""},
		{"an empty stop", `{` + messages + `, "stop": ["x", ""]}`, 400, "a string is empty", "stop", ""},
		{"too long", `{"messages": [{"role": "user", "content": "` + strings.Repeat("xq", 80) + `"}]}`, 400,
			"more than the context of 128", "messages", "context_length_exceeded"},
		{"much too long", strings.Repeat(" ", maxBody+1), 413, "longer than 4 MB", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := post(t, h, c.body)
			var got struct {
				Error struct {
					Message, Type string
					Param, Code   *string
				}
			}
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			same := func(got *string, want string) bool {
				return got == nil && want == "" || got != nil && *got == want
			}
			e := got.Error
			if status != c.status || !strings.Contains(e.Message, c.message) || !same(e.Param, c.param) || !same(e.Code, c.id) || e.Type == "" {
				t.Errorf("status %d: %s", status, body)
			}
		})
	}
}

func TestUnknownFieldsAreIgnored(t *testing.T) {
	status, body := post(t, tinyServer(t).Handler(), `{"model": "tiny", "messages": [{"role": "developer", "content": "x", "colour": 1},
		{"role": "user", "content": [{"type": "text", "text": "hi"}]}], "max_tokens": 3, "n": 1, "tools": [], "store": true, "user": "me"}`)
	if status != 200 {
		t.Errorf("status %d: %s", status, body)
	}
}

func TestOtherAddressesAndMethods(t *testing.T) {
	h := tinyServer(t).Handler()
	for _, c := range []struct {
		method, url, origin string
		status              int
	}{
		{"GET", "http://localhost/healthz", "", 200},
		{"GET", "http://127.0.0.1:8080/v1/models", "", 200},
		{"GET", "http://[::1]:8080/v1/models/tiny", "", 200},
		{"GET", "http://localhost/v1/models/other", "", 404},
		{"GET", "http://localhost/v1/chat/completions", "", 405},
		{"GET", "http://localhost/", "", 404},
		{"GET", "http://evil.example/healthz", "", 403},
		{"GET", "http://localhost/healthz", "http://evil.example", 403},
		{"GET", "http://localhost:1/healthz", "http://localhost:1", 200},
	} {
		r := httptest.NewRequest(c.method, c.url, nil)
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s of %q: status %d, want %d: %s", c.method, c.url, c.origin, w.Code, c.status, w.Body)
		}
	}
}

// Many clients at once get what each would get alone.
func TestRequestsQueue(t *testing.T) {
	s := tinyServer(t)
	h := s.Handler()
	prompts := []string{"a", "bb", "the cat", "zzz", "mat on cat", "q"}
	replies := make([]string, len(prompts))
	for i, p := range prompts {
		replies[i] = want(t, s, p, generate.Options{MaxTokens: 20}).Text
	}
	var all sync.WaitGroup
	for i, p := range prompts {
		all.Go(func() {
			status, body := post(t, h, `{"messages": [{"role": "user", "content": "`+p+`"}], "max_tokens": 20}`)
			var c completion
			if err := json.Unmarshal([]byte(body), &c); err != nil || status != 200 {
				t.Errorf("status %d, %v: %s", status, err, body)
				return
			}
			if got := *c.Choices[0].Message.Content; got != asJSON(replies[i]) {
				t.Errorf("%q: got %q, want %q", p, got, replies[i])
			}
		})
	}
	all.Wait()
}

// A client that goes away while it waits, or while its reply is written, makes
// room for the next.
func TestClientGoesAway(t *testing.T) {
	s := tinyServer(t)
	leave, err := s.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := s.enter(ctx)
		gone <- err
	}()
	cancel()
	if err := <-gone; err == nil {
		t.Error("the engine was given to a client that is gone")
	}
	leave()

	ctx, cancel = context.WithCancel(t.Context())
	r := httptest.NewRequest("POST", "http://localhost/v1/chat/completions",
		strings.NewReader(`{"messages": [{"role": "user", "content": "a"}], "stream": true}`)).WithContext(ctx)
	w := &leavingClient{httptest.NewRecorder(), cancel}
	s.Handler().ServeHTTP(w, r)
	if strings.Contains(w.Body.String(), "[DONE]") {
		t.Error("the reply was finished for nobody")
	}
	if status, body := post(t, s.Handler(), `{"messages": [{"role": "user", "content": "b"}], "max_tokens": 2}`); status != 200 {
		t.Errorf("the next client: status %d: %s", status, body)
	}
}

// A leavingClient goes away with the first bytes.
type leavingClient struct {
	*httptest.ResponseRecorder
	leave func()
}

func (c *leavingClient) Write(b []byte) (int, error) {
	defer c.leave()
	return c.ResponseRecorder.Write(b)
}

func TestQueueIsBounded(t *testing.T) {
	s := tinyServer(t)
	for range maxWaiting {
		s.waiting <- struct{}{}
	}
	if status, body := post(t, s.Handler(), `{"messages": [{"role": "user", "content": "a"}]}`); status != http.StatusTooManyRequests {
		t.Errorf("status %d: %s", status, body)
	}
}

// The server ends when its context does, and finishes the reply on its way.
func TestShutdownFinishesReplies(t *testing.T) {
	s := tinyServer(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()

	leave, err := s.enter(t.Context()) // so that the request is on its way, but not done
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		body []byte
		err  error
	}
	answered := make(chan result, 1)
	go func() {
		r, err := http.Post("http://"+l.Addr().String()+"/v1/chat/completions", "application/json",
			strings.NewReader(`{"messages": [{"role": "user", "content": "a"}], "max_tokens": 5}`))
		if err != nil {
			answered <- result{err: err}
			return
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		answered <- result{body, err}
	}()
	for len(s.waiting) == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	leave()
	if r := <-answered; r.err != nil || !strings.Contains(string(r.body), `"chat.completion"`) {
		t.Errorf("%v: %s", r.err, r.body)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"model": "m", "messages": [{"role": "user", "content": "hi"}], "stop": ["a"], "seed": -1, "top_k": -1}`))
	f.Add([]byte(`{"messages": [{"role": "system", "content": [{"type": "text", "text": "a"}]}], "stream": true, "stream_options": {"include_usage": true}}`))
	f.Add([]byte(`{"n": 2}`))
	f.Add([]byte(`{"messages": [{"role": "user", "content": null}], "stop": "x", "tool_choice": {"type": "function"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := decode(body)
		if err != nil {
			if _, ok := err.(*apiError); !ok {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if o := q.options; len(q.messages) == 0 || o.MaxTokens < 0 || o.TopK < 0 || !(o.Temperature >= 0) || len(o.Stop) > maxStops {
			t.Errorf("accepted %+v", q)
		}
	})
}
