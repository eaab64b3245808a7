package generate

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/internal/testkit/allocs"
)

// Whatever the pieces and the stop strings, what is streamed is the text before the
// first stop string, in whole characters as far as the pieces have any. No part of
// it changes after it was taken.
func TestStreamIsTextBeforeStop(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	words := func(most int) string { // of few characters: stop strings occur, and nearly occur
		var b strings.Builder
		for range 1 + r.IntN(most) {
			b.WriteString([]string{"a", "b", "é", "€"}[r.IntN(4)])
		}
		return b.String()
	}
	stopped := 0
	for range 3000 {
		s := streamer{stops: []string{words(6), "", words(9)}}
		text := words(60)
		want := text
		var taken, copies []string
		take := func() {
			if part := s.take(); part != "" {
				taken, copies = append(taken, part), append(copies, strings.Clone(part))
			}
		}
		for at := 0; at < len(text); {
			n := min(1+r.IntN(5), len(text)-at) // bytes, which may cut characters
			at += n
			if s.add([]byte(text[at-n : at])) {
				stopped++
				first := len(text)
				for _, stop := range s.stops {
					if i := strings.Index(text[:at], stop); stop != "" && i >= 0 {
						first = min(first, i)
					}
				}
				want = text[:first]
				break
			} else if len(s.stops) > 0 && (strings.Contains(text[:at], s.stops[0]) || strings.Contains(text[:at], s.stops[2])) {
				t.Fatalf("%q of %q: not stopped by %q", text[:at], text, s.stops)
			}
			take()
		}
		s.close()
		take()
		if got := strings.Join(taken, ""); got != want || s.text.String() != want {
			t.Fatalf("stops %q: streamed %q, whole %q, want %q", s.stops, taken, s.text.String(), want)
		}
		for i, part := range taken {
			if part != copies[i] || !utf8.ValidString(part) {
				t.Fatalf("part %d was %q, is %q, want it unchanged and whole characters", i, copies[i], part)
			}
		}
	}
	if stopped < 500 {
		t.Errorf("%d texts stopped: the test does not test what it is for", stopped)
	}
}

// Whatever is held back, a piece has the tokens whose text begins in it, in their order,
// and the pieces have all that begin in the text, but for the last without text.
func TestPiecesHaveTheirTokens(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	texts := []string{"", "a", "b", "ab", "€"[:1], "€"[1:], "€a"}
	held := 0
	for range 2000 {
		w := &writer{Request: &Request{}, textOf: func(id int) []byte { return []byte(texts[id]) }}
		w.text.stops = []string{"abb", "ba€"}
		var begins []int // of the tokens, in the text
		told, sent, size := 0, 0, 0
		tell := func() {
			w.tell(func(p Piece) {
				from := sent
				sent += len(p.Text)
				for i, id := range p.IDs {
					if b := begins[told+i]; b >= sent || b < from && texts[id] != "" || w.reply.IDs[told+i] != id || w.reply.LogProbs[told+i] != p.LogProbs[i] {
						t.Fatalf("token %d, which begins at %d, came with bytes %d to %d", told+i, b, from, sent)
					}
				}
				if told += len(p.IDs); told < len(begins) {
					held++
					if begins[told] < sent {
						t.Fatalf("token %d, which begins at %d, did not come with bytes %d to %d", told, begins[told], from, sent)
					}
				}
			})
		}
		for stopped := false; !stopped && len(begins) < 12; {
			id := r.IntN(len(texts))
			w.reply.IDs, w.reply.LogProbs = append(w.reply.IDs, id), append(w.reply.LogProbs, -r.Float64())
			begins, size = append(begins, size), size+len(texts[id])
			stopped = w.add([]byte(texts[id]))
			if r.IntN(2) == 0 {
				tell()
			}
		}
		w.text.close()
		tell()
		for i := told; i < len(begins); i++ {
			if begins[i] < w.text.text.Len() {
				t.Fatalf("token %d, which begins at %d of %d bytes, came with none", i, begins[i], w.text.text.Len())
			}
		}
	}
	if held < 500 {
		t.Errorf("%d pieces came before a token that was held back: the test does not test what it is for", held)
	}
}

// Steps whose text is streamed do not allocate either, stop strings being looked for.
func TestStreamingDoesNotAllocate(t *testing.T) {
	pool := par.New(2)
	defer pool.Close()
	m := testkit.Model(1)
	m.Pack(pool)
	r := NewRunner(m, pool, Precision{})
	long := strings.Repeat("never written ", 10)
	var b *batch
	var streamed, before [2]int
	const warm, steps = 20, 12
	n := allocs.OfEach(steps, func() func() {
		b = newBatch(r, Limits{Rows: 2})
		b.stops = nil // so that nobody leaves
		var emits [2]func(Piece)
		for i := range emits {
			emits[i] = func(p Piece) { streamed[i] += len(p.Text) }
			w, err := b.newWriter(t.Context(), &Request{Prompt: []int{1, 2, 3}, Options: Options{Temperature: 1, Seed: uint64(i), Stop: []string{"never", long}}})
			if err != nil || !b.admit(w) {
				t.Fatal(err)
			}
		}
		step := func() {
			b.step()
			for i, w := range b.rows {
				w.tell(emits[i])
			}
		}
		for range warm {
			step()
		}
		before = streamed
		return step
	})
	if n != 0 {
		t.Errorf("%v allocations in %d steps", n, steps)
	}
	if len(b.rows) != 2 || streamed[0] == before[0] || streamed[1] == before[1] {
		t.Fatalf("%d rows, %v bytes of text after %v: want two that are streamed", len(b.rows), streamed, before)
	}
}

// A text that outgrows its memory, as none of ordinary tokens does, takes more by shares:
// 16,384 tokens of 4 bytes find none large enough some 30 times.
func TestTextGrowsRarely(t *testing.T) {
	const tokens, most = 16384, 40
	piece := []byte("word")
	n := testing.AllocsPerRun(3, func() {
		s := new(streamer)
		for range tokens {
			s.add(piece)
			if s.take() != "word" {
				t.Error("a token was not streamed")
			}
		}
	})
	if n > most {
		t.Errorf("%v allocations for %d tokens, want at most %d", n, tokens, most)
	}
}
