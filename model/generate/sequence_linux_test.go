package generate

import (
	"math/rand/v2"
	"runtime/debug"
	"testing"

	"limbeck/internal/machine"
	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/tensor/dtype"
)

// A chat that is answered in memory for no more than its last turn, each turn of which
// takes over the cache of the one before, takes no more than that of the system.
func TestChatStaysWithinMemory(t *testing.T) {
	const first, more, reply, turns = 100, 40, 16, 8
	const last = first + (turns-1)*more + reply
	c := testkit.Even("llama", false)
	c.Layers, c.Heads, c.HeadDim, c.Context = 4, 2, 512, 1024 // 32 KB a position
	pool := par.New(1)
	defer pool.Close()
	m := randomModel(t, c, dtype.F32)
	m.Pack(pool)
	r := NewRunner(m, pool, Precision{Exact: true})
	rng := rand.New(rand.NewPCG(3, 4))
	answer := func(b *Batcher, prompt []int) *Reply {
		t.Helper()
		got, err := b.Reply(t.Context(), Request{Prompt: prompt, Options: Options{MaxTokens: reply, Endless: true}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	// What passes need beside caches is there before the clock runs.
	limit := r.NewKV(last).MaxBytes()
	b := NewBatcher(r, Limits{Memory: limit})
	answer(b, testkit.IDs(rng, last-reply, c.Vocab))
	b.Shutdown(t.Context())
	debug.FreeOSMemory()
	if !machine.ResetPeak() {
		t.Skip("the peak of memory cannot be reset here")
	}
	before := machine.PeakMemory()

	b = NewBatcher(r, Limits{Memory: limit})
	defer b.Shutdown(t.Context())
	prompt := testkit.IDs(rng, first, c.Vocab)
	for turn := range turns {
		got := answer(b, prompt)
		if turn > 0 && got.CachedTokens != len(prompt)-(more-reply)-1 {
			t.Errorf("turn %d: %d tokens of %d were in the cache", turn, got.CachedTokens, len(prompt))
		}
		prompt = append(append(prompt, got.IDs...), testkit.IDs(rng, more-reply, c.Vocab)...)
	}
	const mb, slack = 1 << 20, 4 << 20 // of the heap, and what systems count late
	if took := machine.PeakMemory() - before; took > int64(limit)+slack || took < int64(limit)/2 {
		t.Errorf("a chat took %d MB of memory, want %d", took/mb, limit/mb)
	}
}
