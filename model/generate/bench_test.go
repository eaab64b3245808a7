package generate

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testfiles"
	"limbeck/internal/testkit"
	"limbeck/model"
)

// The work of the benchmark: so many requests, tokens of each prompt, and of
// each reply.
const (
	benchRequests = 16
	benchPrompt   = 128
	benchReply    = 64
)

// BenchmarkRequests answers requests one after the other and all at once, with
// prompts that have nothing in common and with ones whose first three quarters
// are the same. tok/s are output tokens over wall time, prompts included.
func BenchmarkRequests(b *testing.B) {
	for name, path := range map[string]func(b *testing.B) string{
		"teacher": func(*testing.B) string { return "../../store/builtin/home-assistant/teacher.gguf" },
		"135M":    func(b *testing.B) string { return testfiles.Model(b, testfiles.SmolLM2) },
	} {
		b.Run(name, func(b *testing.B) {
			m, err := model.Open(path(b))
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close()
			pool := par.New(0)
			defer pool.Close()
			m.Pack(pool)
			r := NewRunner(m, pool, Precision{})
			for _, rows := range []int{1, benchRequests} {
				for _, shared := range []int{0, benchPrompt * 3 / 4} {
					b.Run(map[int]string{1: "one-by-one", benchRequests: "at-once"}[rows]+map[bool]string{true: "-shared"}[shared > 0], func(b *testing.B) {
						benchmarkRequests(b, r, rows, shared)
					})
				}
			}
		})
	}
}

func benchmarkRequests(b *testing.B, r *Runner, rows, shared int) {
	rng := rand.New(rand.NewPCG(1, 1))
	vocab := r.Model.Config().Vocab
	for b.Loop() {
		prefix := testkit.IDs(rng, shared, vocab)
		batcher := NewBatcher(r, Limits{Rows: rows})
		batcher.batch.stops = nil // so that all replies have the same length
		var all sync.WaitGroup
		for range benchRequests {
			q := Request{Prompt: slices.Concat(prefix, testkit.IDs(rng, benchPrompt-shared, vocab)), Options: Options{MaxTokens: benchReply}}
			all.Go(func() {
				if reply, err := batcher.Reply(b.Context(), q, nil); err != nil || len(reply.IDs) != benchReply {
					b.Errorf("%d tokens, error %v", len(reply.IDs), err)
				}
			})
		}
		all.Wait()
		batcher.Shutdown(b.Context())
	}
	b.ReportMetric(float64(b.N*benchRequests*benchReply)/b.Elapsed().Seconds(), "tok/s")
}
