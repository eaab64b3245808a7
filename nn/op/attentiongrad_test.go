package op

import (
	"fmt"
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

// Pairs are multiplied where that is faster: of sequences that are long enough.
func TestShortSequencesTrainInF32(t *testing.T) {
	if !kernel.FastPairs() {
		t.Skip("this processor multiplies bf16 no faster, so that f32 is taken")
	}
	tape := NewTape(par.New(1))
	defer tape.Pool.Close()
	tape.BF16 = true
	h, least := Heads{2, 1, 16}, max(1, kernel.LeastPairs())
	for positions, want := range map[int]bool{least - 1: false, least: true, 512: true} {
		if _, pairs := tape.shapeKV(h, positions).layout.(pairsKV); pairs != want && positions > 0 {
			t.Errorf("%d positions: in pairs %v, want %v", positions, pairs, want)
		}
	}
	f32, bf16 := attentionGrads(tape.Pool, h, []int{512}, false), attentionGrads(tape.Pool, h, []int{512}, true)
	if apart(bf16[1], f32[1]) == 0 {
		t.Error("a long sequence is not rounded to bf16")
	}
}

// BenchmarkAttentionGrad goes back over a step of the demo's student, one layer on one
// thread, and over longer sequences of as many tokens.
func BenchmarkAttentionGrad(b *testing.B) {
	pool := par.New(1)
	defer pool.Close()
	for _, n := range []int{17, 32, 48, 64, 512} {
		for _, bf16 := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/bf16=%v", n, bf16), func(b *testing.B) {
				tape := NewTape(pool)
				tape.BF16 = bf16
				tape.SetRecording(true)
				h, batch := Heads{4, 2, 64}, Batch{}
				rows := 1024 / n * n
				for range rows / n {
					batch.Seqs = append(batch.Seqs, Seq{Len: n})
				}
				random := randomValues(tape, rows)
				y := Attention(tape, random(4*64), random(2*64), random(2*64), h, 0, nil, batch)
				clear(tape.Grad(y))
				back := tape.entries[0].node
				for b.Loop() {
					back.Backward(tape)
				}
			})
		}
	}
}

// attentionGrads returns an attention's output and the gradients of what it reads.
func attentionGrads(pool *par.Pool, h Heads, lens []int, bf16 bool) [][]float32 {
	tape := NewTape(pool)
	tape.BF16 = bf16
	tape.SetRecording(true)
	rows, b := 0, Batch{}
	for _, n := range lens {
		rows, b.Seqs = rows+n, append(b.Seqs, Seq{Len: n})
	}
	random := randomValues(tape, rows)
	q, k, v := random(h.Query*h.Dim), random(h.KV*h.Dim), random(h.KV*h.Dim)
	y := Attention(tape, q, k, v, h, 0, nil, b)
	out := append([]float32(nil), y.Data...)
	tape.Drop(y) // made again on the way back
	dy := tape.Grad(y)
	for i := range dy {
		dy[i] = float32(math.Sin(float64(i)))
	}
	tape.backTo(0)
	return [][]float32{out, q.Grad, k.Grad, v.Grad}
}

// randomValues returns what makes random values of so many rows, the same each time.
func randomValues(tape *Tape, rows int) func(cols int) *Value {
	r := rand.New(rand.NewPCG(5, 5))
	return func(cols int) *Value {
		v := tape.Value(rows, cols)
		for i := range v.Data {
			v.Data[i] = float32(r.NormFloat64())
		}
		return v
	}
}

// apart returns the distance of x from want, of want's norm.
func apart(x, want []float32) float64 {
	d := append([]float32(nil), x...)
	kernel.Axpy(-1, want, d)
	return math.Sqrt(float64(kernel.SumSquares(d)) / float64(kernel.SumSquares(want)))
}
