package op

import (
	"math"
	"math/rand/v2"
	"testing"

	"limbeck/internal/par"
	"limbeck/tensor/kernel"
)

// pairsGradTolerance bounds how far, of their norm, gradients of attention in bf16
// lie from those in f32: each comes of up to three products of factors rounded to
// 8 bits, whose errors are independent.
const pairsGradTolerance = 0x1p-7

// Attention in bf16 goes back as in f32 but for rounding, in sequences of any
// length and heads of any width.
func TestAttentionGradOfPairs(t *testing.T) {
	if !kernel.FastPairs() {
		t.Skip("this processor multiplies bf16 no faster, so that f32 is taken")
	}
	pool := par.New(2)
	defer pool.Close()
	for _, h := range []Heads{{6, 2, 16}, {2, 2, 6}, {3, 1, 5}} {
		for _, lens := range [][]int{{9}, {7, 64}, {65, 130}} {
			want, got := attentionGrads(pool, h, lens, false), attentionGrads(pool, h, lens, true)
			for i, name := range []string{"output", "queries", "keys", "values"} {
				if e := apart(got[i], want[i]); !(e <= pairsGradTolerance) {
					t.Errorf("%v, lengths %v: %s are off by %.1e of their norm", h, lens, name, e)
				}
			}
		}
	}
}

// attentionGrads returns an attention's output and the gradients of what it reads.
func attentionGrads(pool *par.Pool, h Heads, lens []int, bf16 bool) [][]float32 {
	tape := NewTape(pool)
	tape.BF16 = bf16
	tape.SetRecording(true)
	r := rand.New(rand.NewPCG(5, 5))
	rows, b := 0, Batch{}
	for _, n := range lens {
		rows, b.Seqs = rows+n, append(b.Seqs, Seq{Len: n})
	}
	random := func(cols int) *Value {
		v := tape.Value(rows, cols)
		for i := range v.Data {
			v.Data[i] = float32(r.NormFloat64())
		}
		return v
	}
	q, k, v := random(h.Query*h.Dim), random(h.KV*h.Dim), random(h.KV*h.Dim)
	y := Attention(tape, q, k, v, h, 0, nil, b)
	out := append([]float32(nil), y.Data...)
	tape.Drop(y) // made again on the way back
	dy := tape.Grad(y)
	for i := range dy {
		dy[i] = float32(r.NormFloat64())
	}
	tape.backTo(0)
	return [][]float32{out, q.Grad, k.Grad, v.Grad}
}

// apart returns the distance of x from want, of want's norm.
func apart(x, want []float32) float64 {
	d := append([]float32(nil), x...)
	kernel.Axpy(-1, want, d)
	return math.Sqrt(float64(kernel.SumSquares(d)) / float64(kernel.SumSquares(want)))
}
