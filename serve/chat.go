package serve

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"limbeck/model/chat"
	"limbeck/model/generate"
	"limbeck/model/token"
)

// complete answers POST /v1/chat/completions.
func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	q, ids, err := s.read(w, r)
	if err != nil {
		fail(w, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	a := &answer{server: s, request: q, w: w, control: http.NewResponseController(w), cancel: cancel,
		id: "chatcmpl-" + rand.Text(), created: time.Now().Unix()}
	emit := a.emit
	if !q.stream {
		emit = nil
	}
	out, err := s.batch.Reply(ctx, generate.Request{Prompt: ids, Options: q.options, Context: s.o.Context}, emit)
	switch {
	case ctx.Err() != nil: // whether or not the reply ended first
		s.o.Log("a client went away")
		if !a.begun {
			fail(w, ctx.Err())
		}
		return
	case err != nil:
		a.fail(engineError(err))
		return
	}
	s.o.Log("%d prompt tokens (%d cached), %d reply tokens in %.2f s", out.PromptTokens, out.CachedTokens, len(out.IDs), out.Total.Seconds())
	a.end(out)
}

// read returns the checked request and its prompt.
func (s *Server) read(w http.ResponseWriter, r *http.Request) (*request, []int, error) {
	select {
	case s.bodies <- struct{}{}:
		defer func() { <-s.bodies }()
	default:
		return nil, nil, engineError(generate.ErrBusy)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var long *http.MaxBytesError
	if errors.As(err, &long) { // a client that still sends would not read the answer
		_, _ = io.CopyN(io.Discard, r.Body, maxRefused)
	}
	// The time to read is over. Left in force, the deadline would end the reply:
	// net/http reads on, to see whether the client goes away.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	switch {
	case long != nil:
		return nil, nil, &apiError{status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("the request is longer than %d MiB", maxBody/mib)}
	case err != nil:
		return nil, nil, &apiError{status: http.StatusBadRequest, Message: "the request did not arrive whole"}
	}
	// What waits here holds no more than its body.
	select {
	case s.reading <- struct{}{}:
		defer func() { <-s.reading }()
	case <-r.Context().Done():
		return nil, nil, r.Context().Err()
	}
	q, err := decode(body)
	if err != nil {
		return nil, nil, err
	}
	if q.model != "" && q.model != s.o.Name {
		return nil, nil, s.unknownModel(q.model)
	}
	if !q.limited {
		q.options.MaxTokens = s.o.MaxTokens
	}
	prompt, err := s.model.Prompt(q.messages)
	if err != nil {
		return nil, nil, wrong("messages", "%v", err)
	}
	if len(prompt) > s.longest {
		e := wrong("messages", "the prompt has %d bytes, more than the context of %d tokens can hold; shorten it", len(prompt), s.Context())
		e.Code = tooLong
		return nil, nil, e
	}
	q.options.Guide = s.model.Guide(q.messages)
	s.warnOmitted(q)
	return q, s.model.Tokenizer.Encode(prompt, true), nil
}

// warnOmitted warns, the first time, of a request whose system message the chat
// template leaves out.
func (s *Server) warnOmitted(q *request) {
	if s.omits && slices.ContainsFunc(q.messages, func(m chat.Message) bool { return m.Role == "system" }) {
		s.omitted.Do(func() {
			s.o.Warn("system messages of requests are left out: the model's chat template has no place for them")
		})
	}
}

// An answer is a reply on its way to a client.
type answer struct {
	server  *Server
	request *request
	w       http.ResponseWriter
	control *http.ResponseController
	cancel  func() // the client is gone
	id      string
	created int64
	begun   bool
	told    int          // tokens of the content whose probabilities were sent
	text    bytes.Buffer // of the event on its way
}

// completion is OpenAI's chat.completion, or a chunk of one.
type completion struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	Usage   *usage   `json:"usage,omitempty"`
}

// A counted is a chunk of a stream that counts tokens: null in all but the last.
type counted struct {
	*completion
	Usage *usage `json:"usage"`
}

type choice struct {
	Index    int       `json:"index"`
	Message  *message  `json:"message,omitempty"`
	Delta    *message  `json:"delta,omitempty"`
	LogProbs *logProbs `json:"logprobs"`
	Finish   *string   `json:"finish_reason"`
}

type message struct {
	Role    string          `json:"role,omitempty"`
	Content *string         `json:"content,omitempty"`
	Refusal json.RawMessage `json:"refusal,omitempty"` // null in whole ones: a refusal is content
}

type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
	Details    struct {
		Cached int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
}

type logProbs struct {
	Content []tokenLogProb `json:"content"`
	Refusal []tokenLogProb `json:"refusal"` // as a message's
}

type tokenLogProb struct {
	Token   string         `json:"token"`
	LogProb float64        `json:"logprob"`
	Bytes   []int          `json:"bytes"`
	Top     []tokenLogProb `json:"top_logprobs"`
}

// part returns a completion with the fields that all parts of the answer share.
func (a *answer) part(object string, choices ...choice) *completion {
	if choices == nil {
		choices = []choice{}
	}
	return &completion{ID: a.id, Object: object, Created: a.created, Model: a.server.o.Name, Choices: choices}
}

// end completes the answer.
func (a *answer) end(r *generate.Reply) {
	finish := choice{Finish: &r.Finish}
	if n := a.tokens(r); a.request.logprobs && (a.told < n || !a.request.stream) {
		finish.LogProbs = a.logProbs(r.IDs[a.told:n], r.LogProbs[a.told:n])
	}
	if !a.request.stream {
		finish.Message = &message{Role: "assistant", Content: &r.Text, Refusal: json.RawMessage("null")}
		c := a.part("chat.completion", finish)
		c.Usage = usageOf(r)
		a.deadline()
		reply(a.w, http.StatusOK, c)
		return
	}
	a.begin()
	finish.Delta = &message{}
	a.chunk(nil, finish)
	if a.request.usage {
		a.chunk(usageOf(r))
	}
	a.write([]byte("data: [DONE]\n\n"))
}

// chunk sends one of a stream's chunks; u is nil in all but the last.
func (a *answer) chunk(u *usage, choices ...choice) {
	c := a.part("chat.completion.chunk", choices...)
	if a.request.usage {
		a.event(counted{c, u})
		return
	}
	a.event(c)
}

// emit sends a piece of the reply, and how likely its tokens were.
func (a *answer) emit(p generate.Piece) {
	a.begin()
	c := choice{Delta: &message{Content: &p.Text}}
	if a.request.logprobs && len(p.IDs) > 0 {
		c.LogProbs = a.logProbs(p.IDs, p.LogProbs)
	}
	a.told += len(p.IDs)
	a.chunk(nil, c)
}

// begin sends what comes before the first text of a stream.
func (a *answer) begin() {
	if a.begun {
		return
	}
	a.begun = true
	a.w.Header().Set("Content-Type", "text/event-stream")
	a.w.Header().Set("Cache-Control", "no-cache")
	a.w.Header().Set("X-Accel-Buffering", "no") // nginx would hand the stream on at its end
	empty := ""
	a.chunk(nil, choice{Delta: &message{Role: "assistant", Content: &empty}})
}

// event sends one event of a stream.
func (a *answer) event(v any) {
	a.text.Reset()
	a.text.WriteString("data: ")
	if err := json.NewEncoder(&a.text).Encode(v); err != nil { // with a line feed
		a.cancel() // a logprob of a logit of −Inf
		return
	}
	a.text.WriteByte('\n')
	a.write(a.text.Bytes())
}

// write sends bytes. A client that does not take a piece of them in time is gone; one
// that reads slowly, but on, has time for each.
func (a *answer) write(b []byte) {
	const piece = 4096
	for b := range slices.Chunk(b, piece) {
		a.deadline()
		_, err := a.w.Write(b)
		if err == nil {
			err = a.control.Flush()
		}
		if err != nil {
			a.cancel()
			return
		}
	}
}

// fail answers with an error, which ends a stream that has begun.
func (a *answer) fail(e *apiError) {
	if !a.begun {
		fail(a.w, e)
		return
	}
	a.event(e.body())
}

func (a *answer) deadline() {
	_ = a.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every writer has deadlines
}

func usageOf(r *generate.Reply) *usage {
	u := &usage{Prompt: r.PromptTokens, Completion: len(r.IDs), Total: r.PromptTokens + len(r.IDs)}
	u.Details.Cached = r.CachedTokens
	return u
}

// tokens returns how many of a reply's tokens are its content's: all but the one that
// ended the turn, or those that lie behind the content, in the stop string that ended it;
// one that begins before it is there whole.
func (a *answer) tokens(r *generate.Reply) int {
	tk, last := a.server.model.Tokenizer, len(r.IDs)-1
	switch {
	case r.Finish != generate.Stopped:
		return len(r.IDs)
	case slices.Contains(tk.Stops(), r.IDs[last]):
		return last
	}
	return within(len(r.Text), r.IDs, tk)
}

// logProbs returns the probabilities of tokens of the content. A control token that ended
// nothing has one, but no text, so that the texts of all make the content.
func (a *answer) logProbs(ids []int, of []float64) *logProbs {
	out := &logProbs{Content: []tokenLogProb{}}
	for i, id := range ids {
		text := a.server.model.Tokenizer.Text(id)
		t := tokenLogProb{Token: string(text), LogProb: of[i], Bytes: []int{}, Top: []tokenLogProb{}}
		for _, b := range text {
			t.Bytes = append(t.Bytes, int(b))
		}
		out.Content = append(out.Content, t)
	}
	return out
}

// within returns how many tokens begin within so many bytes of their text.
func within(size int, ids []int, tk *token.Tokenizer) int {
	for i, id := range ids {
		if size <= 0 {
			return i
		}
		size -= len(tk.Text(id))
	}
	return len(ids)
}
