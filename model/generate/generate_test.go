package generate

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/nn/op"
)

func requests(r *rand.Rand, vocab int) []Request {
	var out []Request
	for range 9 {
		q := Request{Options: Options{MaxTokens: 5 + r.IntN(20), Temperature: float64(r.IntN(2)), RepeatPenalty: 1.3 * float64(r.IntN(2)), Seed: r.Uint64()}}
		for range 1 + r.IntN(60) {
			q.Prompt = append(q.Prompt, r.IntN(vocab))
		}
		out = append(out, q)
	}
	return out
}

// A request gets the same bits alone, in any batch, on any number of threads,
// and in a session whose cache holds part of its prompt.
func TestReplyDependsOnRequestAlone(t *testing.T) {
	for _, c := range computations {
		t.Run(c.String(), func(t *testing.T) {
			m := testkit.Stored(1, c.format)
			all := requests(rand.New(rand.NewPCG(3, 4)), m.Config().Vocab)
			var want []Reply
			for _, threads := range []int{1, 2, 3} {
				pool := par.New(threads)
				m.Pack(pool)
				r := NewRunner(m, pool, Precision{Exact: c.exact})
				for _, slots := range []int{1, 2, 9} {
					got := make([]Reply, len(all))
					if err := r.Many(context.Background(), all, slots, func(i int, reply *Reply) { got[i] = *reply }); err != nil {
						t.Fatal(err)
					}
					if want == nil {
						want = got
					}
					for i := range got {
						if !slices.Equal(got[i].IDs, want[i].IDs) || !slices.Equal(got[i].LogProbs, want[i].LogProbs) {
							t.Errorf("%d threads, %d slots: request %d differs", threads, slots, i)
						}
					}
				}
				sessionReplies(t, r, all, want)
				pool.Close()
			}
		})
	}
}

// Control tokens that end no turn are counted, and have a probability; in the text they
// are not, where a client that sent them back would begin a turn by them. A stop string
// that is the name of one ends the reply there.
func TestControlTokensAreNoText(t *testing.T) {
	const name = "<|im_start|>"
	m := testkit.Model(1)
	pool := par.New(1)
	defer pool.Close()
	m.Pack(pool)
	r, tk := NewRunner(m, pool, Precision{Exact: true}), m.Tokenizer
	start, _ := tk.ID(name)
	written := 0
	for seed := range uint64(20) {
		o := Options{MaxTokens: 60, Temperature: 3, Seed: seed}
		got, err := r.NewSession(0).Reply(t.Context(), []int{1, 2, 3}, o, nil)
		if err != nil {
			t.Fatal(err)
		}
		var text []byte
		for _, id := range got.IDs {
			if !tk.IsSpecial(id) {
				text = append(text, tk.Piece(id)...)
			}
		}
		if got.Text != string(text) || len(got.LogProbs) != len(got.IDs) {
			t.Errorf("%v: text %q with %d probabilities, want %q", got.IDs, got.Text, len(got.LogProbs), text)
		}
		first := slices.Index(got.IDs, start)
		if first < 0 {
			continue
		}
		written++
		o.Stop = []string{name}
		stopped, err := r.NewSession(0).Reply(t.Context(), []int{1, 2, 3}, o, nil)
		if err != nil || stopped.Finish != Stopped || !slices.Equal(stopped.IDs, got.IDs[:first+1]) {
			t.Errorf("with %s as a stop string: %+v, %v, want the end after token %d of %v", name, stopped, err, first, got.IDs)
		}
	}
	if written == 0 {
		t.Error("no reply had a control token: choose other seeds")
	}
}

// sessionReplies checks replies of one session, to a part of each prompt and then
// to all of it.
func sessionReplies(t *testing.T, r *Runner, all []Request, want []Reply) {
	t.Helper()
	s := r.NewSession(0)
	for i, q := range all {
		for _, cut := range []int{len(q.Prompt)/2 + 1, len(q.Prompt)} {
			reply, err := s.Reply(context.Background(), q.Prompt[:cut], q.Options, nil)
			if err != nil {
				t.Fatal(err)
			}
			if cut == len(q.Prompt) && !slices.Equal(reply.LogProbs, want[i].LogProbs) {
				t.Errorf("%d threads: request %d differs in a session", r.tape.Pool.Threads(), i)
			}
		}
	}
}

func TestPromptLongerThanContext(t *testing.T) {
	m := testkit.Model(1)
	pool := par.New(1)
	defer pool.Close()
	_, err := NewRunner(m, pool, Precision{Exact: true}).NewSession(16).Reply(context.Background(), make([]int, 20), Options{}, nil)
	if want := "the prompt, with one token to reply, has 21 tokens, 5 more than the context of 16 has room for; shorten it"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestStreamHoldsBackStopsAndCharacters(t *testing.T) {
	var out []string
	s := streamer{stops: []string{"END"}}
	take := func() {
		if text := s.take(); text != "" {
			out = append(out, text)
		}
	}
	for _, piece := range []string{"a", "\xc3", "\xa9", "E", "x", "EN", "D", "lost"} {
		if s.add([]byte(piece)) {
			break
		}
		take()
	}
	s.close()
	take()
	if want := []string{"a", "é", "Ex"}; !slices.Equal(out, want) {
		t.Errorf("streamed %q, want %q", out, want)
	}
}

// A request fails if the model's logits are no numbers, however it is asked: a reply
// of them would have a confidence that passes every comparison.
func TestLogitsThatAreNoNumbers(t *testing.T) {
	m := testkit.Model(1)
	for _, w := range m.Weights() {
		if w.Name == "output_norm.weight" {
			for i := range w.F32() {
				w.F32()[i] = math.MaxFloat32
			}
		}
	}
	pool := par.New(1)
	defer pool.Close()
	m.Pack(pool)
	r := NewRunner(m, pool, Precision{})
	q := Request{Prompt: []int{1, 2, 3}, Options: Options{MaxTokens: 4}}
	if reply, err := r.NewSession(0).Reply(t.Context(), q.Prompt, q.Options, nil); !errors.Is(err, ErrNotFinite) {
		t.Errorf("session: %+v, %v", reply, err)
	}
	if err := r.Many(t.Context(), []Request{q, q, q}, 2, func(i int, reply *Reply) { t.Errorf("many: %d: %+v", i, reply) }); !errors.Is(err, ErrNotFinite) {
		t.Errorf("many: %v", err)
	}
	b := NewBatcher(r, Limits{})
	if reply, err := b.Reply(t.Context(), q, nil); !errors.Is(err, ErrNotFinite) {
		t.Errorf("batcher: %+v, %v", reply, err)
	}
	b.Shutdown(t.Context())
}

// The caches that were prepared, or that a call left, serve the next one, which gets the
// same replies; what they held is forgotten.
func TestManyTakesCachesOver(t *testing.T) {
	const rows = 3
	m, pool := packed(t, 2)
	all := requests(rand.New(rand.NewPCG(5, 6)), m.Config().Vocab)
	for i := range all {
		all[i].Prompt[0] = 1 // as the token that begins every prompt
	}
	answer := func(r *Runner, rows int) []Reply {
		t.Helper()
		got := make([]Reply, len(all))
		if err := r.Many(t.Context(), all, rows, func(i int, reply *Reply) { got[i] = *reply }); err != nil {
			t.Fatal(err)
		}
		return got
	}
	want := answer(NewRunner(m, pool, Precision{}), rows)
	r := NewRunner(m, pool, Precision{})
	r.Prepare(rows, 100)
	caches := map[*op.KV]bool{}
	for _, s := range r.spare {
		caches[s.kv] = true
	}
	for call, rows := range []int{rows, 1, rows} {
		for i, got := range answer(r, rows) {
			if !slices.Equal(got.LogProbs, want[i].LogProbs) || call == 0 && got.CachedTokens != want[i].CachedTokens {
				t.Errorf("call %d: request %d differs; %d of its tokens were cached, %d without spare caches", call, i, got.CachedTokens, want[i].CachedTokens)
			}
		}
		if call < 2 && len(r.spare) != rows {
			t.Errorf("call %d left %d caches of %d rows", call, len(r.spare), rows)
		}
		for _, s := range r.spare {
			if call < 2 && !caches[s.kv] {
				t.Errorf("call %d made a cache though one was free", call)
			}
			if s.kv.Len() != 0 || len(s.tokens) != 0 || s.row != nil {
				t.Errorf("call %d left a cache that holds %d positions", call, s.kv.Len())
			}
		}
	}
}
