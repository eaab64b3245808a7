package op

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"limbeck/internal/par"
	"limbeck/tensor/dtype"
)

func randomValue(r *rand.Rand, rows, cols int) *Value {
	v := &Value{Rows: rows, Cols: cols, Data: make([]float32, rows*cols)}
	for i := range v.Data {
		v.Data[i] = float32(r.NormFloat64())
	}
	return v
}

// The shape of SmolLM2-135M: one layer's attention of a prompt of 512, and of a
// token after so many others.
func BenchmarkAttention(b *testing.B) {
	pool := par.New(0)
	defer pool.Close()
	h := Heads{Query: 9, KV: 3, Dim: 64}
	r := rand.New(rand.NewPCG(1, 2))
	for _, format := range KVTypes() {
		for _, c := range []struct{ past, tokens int }{{0, 512}, {512, 1}, {2048, 1}, {8192, 1}} {
			b.Run(fmt.Sprintf("%s/%d after %d", format, c.tokens, c.past), func(b *testing.B) {
				benchmarkAttention(b, pool, r, h, format, c.past, c.tokens)
			})
		}
	}
}

func benchmarkAttention(b *testing.B, pool *par.Pool, r *rand.Rand, h Heads, format *dtype.Type, past, tokens int) {
	tape := NewTape(pool)
	kv := NewKV(format, 1, h.KV, h.Dim, past+tokens)
	qkv := func(n int) (q, k, v *Value) {
		return randomValue(r, n, h.Query*h.Dim), randomValue(r, n, h.KV*h.Dim), randomValue(r, n, h.KV*h.Dim)
	}
	for kv.Len() < past {
		batch := Batch{Seqs: []Seq{{Len: min(256, past-kv.Len()), KV: kv}}}
		q, k, v := qkv(batch.Seqs[0].Len)
		Attention(tape, q, k, v, h, 0, batch)
		batch.Advance()
		tape.Reset()
	}
	q, k, v := qkv(tokens)
	for b.Loop() {
		Attention(tape, q, k, v, h, 0, Batch{Seqs: []Seq{{Len: tokens, KV: kv}}})
		tape.Reset()
	}
	pairs := float64(tokens) * (float64(past) + float64(tokens+1)/2)
	b.ReportMetric(4*pairs*float64(h.Query*h.Dim)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
