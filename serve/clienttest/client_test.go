package clienttest

import (
	"context"
	"errors"
	"math"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model/chat"
	"limbeck/model/generate"
	"limbeck/serve"
)

// tiny returns a server for a tiny random model, and a function that gives the
// greedy reply to a prompt as the engine alone gives it.
func tiny(t *testing.T) (*serve.Server, func(prompt string) *generate.Reply) {
	t.Helper()
	pool := par.New(1)
	t.Cleanup(pool.Close)
	m := testkit.Model(1)
	m.Pack(pool)
	r := generate.NewRunner(m, pool, generate.Precision{Exact: true})
	return serve.New(r, serve.Options{Name: "tiny"}), func(prompt string) *generate.Reply {
		t.Helper()
		ids, err := m.PromptIDs([]chat.Message{{Role: "user", Content: prompt}})
		if err != nil {
			t.Fatal(err)
		}
		reply, err := r.NewSession(0).Reply(t.Context(), ids, generate.Options{MaxTokens: maxTokens}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return reply
	}
}

const maxTokens = 20 // of every reply

// asJSON returns text as it comes through JSON: a byte that is no UTF-8 becomes
// the replacement character.
func asJSON(text string) string { return string([]rune(text)) }

// client returns OpenAI's own client, talking to s.
func client(t *testing.T, s *serve.Server) openai.Client {
	t.Helper()
	h := httptest.NewServer(s.Handler())
	t.Cleanup(h.Close)
	return openai.NewClient(option.WithBaseURL(h.URL+"/v1/"), option.WithAPIKey("none"), option.WithMaxRetries(0))
}

func ask(prompt string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:     "tiny",
		Messages:  []openai.ChatCompletionMessageParamUnion{openai.UserMessage(prompt)},
		MaxTokens: openai.Int(maxTokens),
	}
}

func TestOfficialClient(t *testing.T) {
	s, want := tiny(t)
	c := client(t, s)
	alone := want("the cat")
	text := asJSON(alone.Text)

	q := ask("the cat")
	q.Logprobs = openai.Bool(true)
	got, err := c.Chat.Completions.New(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	choice := got.Choices[0]
	if choice.Message.Content != text || choice.FinishReason != alone.Finish || string(choice.Message.Role) != "assistant" {
		t.Errorf("got %q, %s, want %q, %s", choice.Message.Content, choice.FinishReason, text, alone.Finish)
	}
	if got.Usage.PromptTokens != int64(alone.PromptTokens) || got.Usage.CompletionTokens != int64(len(alone.IDs)) ||
		got.Usage.TotalTokens != got.Usage.PromptTokens+got.Usage.CompletionTokens {
		t.Errorf("usage %+v", got.Usage)
	}
	if l := choice.Logprobs.Content; len(l) == 0 || math.Abs(l[0].Logprob-alone.LogProbs[0]) > 1e-12 {
		t.Errorf("log-probabilities %+v, want %v", l, alone.LogProbs)
	}

	models, err := c.Models.List(t.Context())
	if err != nil || len(models.Data) != 1 || models.Data[0].ID != "tiny" {
		t.Errorf("models %+v, %v", models, err)
	}
}

func TestOfficialClientStreams(t *testing.T) {
	s, want := tiny(t)
	c := client(t, s)
	alone := want("the mat")

	q := ask("the mat")
	q.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := c.Chat.Completions.NewStreaming(t.Context(), q)
	var all openai.ChatCompletionAccumulator
	chunks := 0
	for stream.Next() {
		chunks++
		if !all.AddChunk(stream.Current()) {
			t.Fatalf("chunk %d does not fit the others: %+v", chunks, stream.Current())
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if got := all.Choices[0]; got.Message.Content != asJSON(alone.Text) || got.FinishReason != alone.Finish {
		t.Errorf("got %q, want %q", got.Message.Content, alone.Text)
	}
	if chunks < 4 || all.Usage.CompletionTokens != int64(len(alone.IDs)) {
		t.Errorf("%d chunks, usage %+v", chunks, all.Usage)
	}
}

// Many clients at once, whole and streamed, get what each gets alone; the last
// ones are told how much of their prompt was not read again.
func TestOfficialClientsShareTheBatch(t *testing.T) {
	s, want := tiny(t)
	c := client(t, s)
	prompts := []string{"the cat", "the mat", "a cat", "sat", "on the mat", "on the cat", "at", "mat"}
	alone := make([]*generate.Reply, len(prompts))
	for i, p := range prompts {
		alone[i] = want(p)
	}
	for round := range 2 {
		var all sync.WaitGroup
		for i, p := range prompts {
			all.Go(func() {
				text, usage, err := answer(t.Context(), c, p, i%2 == 0)
				if err != nil {
					t.Errorf("%q: %v", p, err)
					return
				}
				if text != asJSON(alone[i].Text) || usage.CompletionTokens != int64(len(alone[i].IDs)) || usage.PromptTokens != int64(alone[i].PromptTokens) {
					t.Errorf("%q: got %q, %d tokens, want %q", p, text, usage.CompletionTokens, alone[i].Text)
				}
				cached := usage.PromptTokensDetails.CachedTokens
				if cached >= usage.PromptTokens || round == 1 && cached != usage.PromptTokens-1 {
					t.Errorf("%q, round %d: %d of %d tokens cached", p, round, cached, usage.PromptTokens)
				}
			})
		}
		all.Wait()
	}
}

// answer returns the text and usage of a reply, streamed or not.
func answer(ctx context.Context, c openai.Client, prompt string, streamed bool) (string, openai.CompletionUsage, error) {
	q := ask(prompt)
	if !streamed {
		r, err := c.Chat.Completions.New(ctx, q)
		if err != nil {
			return "", openai.CompletionUsage{}, err
		}
		return r.Choices[0].Message.Content, r.Usage, nil
	}
	q.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := c.Chat.Completions.NewStreaming(ctx, q)
	defer stream.Close()
	text := ""
	var usage openai.CompletionUsage
	for stream.Next() {
		part := stream.Current()
		for _, choice := range part.Choices {
			text += choice.Delta.Content
		}
		usage = part.Usage
	}
	return text, usage, stream.Err()
}

func TestOfficialClientSamplesBySeed(t *testing.T) {
	s, _ := tiny(t)
	c := client(t, s)
	reply := func(seed int64) string {
		q := ask("on")
		q.Temperature, q.TopP, q.Seed = openai.Float(1.5), openai.Float(0.99), openai.Int(seed)
		r, err := c.Chat.Completions.New(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return r.Choices[0].Message.Content
	}
	if a, b := reply(1), reply(1); a != b {
		t.Errorf("one seed gave %q and %q", a, b)
	}
	if a, b := reply(1), reply(2); a == b {
		t.Errorf("two seeds gave %q", a)
	}
}

func TestOfficialClientStops(t *testing.T) {
	s, want := tiny(t)
	c := client(t, s)
	all := want("sat").Text
	stop := ""
	for i := len(all) / 2; i < len(all)-1; i++ { // a stop that JSON can carry
		if all[i] >= ' ' && all[i] < 0x7f {
			stop = all[i : i+1]
			break
		}
	}
	if stop == "" {
		t.Fatalf("no letter in %q: take another prompt", all)
	}
	q := ask("sat")
	q.Stop.OfString = openai.String(stop)
	r, err := c.Chat.Completions.New(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(all, stop)
	if got := r.Choices[0]; got.Message.Content != asJSON(before) || got.FinishReason != "stop" {
		t.Errorf("got %q, want %q", got.Message.Content, before)
	}
}

func TestOfficialClientSeesErrors(t *testing.T) {
	s, _ := tiny(t)
	c := client(t, s)
	q := ask("x")
	q.N = openai.Int(2)
	_, err := c.Chat.Completions.New(t.Context(), q)
	var e *openai.Error
	if !errors.As(err, &e) || e.StatusCode != 400 || e.Param != "n" || !strings.Contains(e.Message, "not supported") {
		t.Errorf("error %v", err)
	}
}
