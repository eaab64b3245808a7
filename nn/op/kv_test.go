package op

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"limbeck/internal/par"
	"limbeck/tensor/dtype"
)

// A cache that grows as it is filled, and one copied on the way, give the bits
// of a pass without a cache.
func TestCacheGrows(t *testing.T) {
	for _, format := range KVTypes() {
		for _, dim := range []int{24, 7, 96} {
			if dim%format.Len == 0 {
				t.Run(fmt.Sprint(format.Name, "/", dim), func(t *testing.T) { cacheGrows(t, format, dim) })
			}
		}
	}
}

func cacheGrows(t *testing.T, format *dtype.Type, dim int) {
	const tokens = 2*FirstPositions + 77
	h := Heads{Query: 4, KV: 2, Dim: dim}
	pool := par.New(2)
	defer pool.Close()
	tape := NewTape(pool)
	tape.KV = format
	rng := rand.New(rand.NewPCG(1, 2))
	random := func(cols int) *Value {
		v := &Value{Rows: tokens, Cols: cols, Data: make([]float32, tokens*cols)}
		for i := range v.Data {
			v.Data[i] = float32(rng.NormFloat64())
		}
		return v
	}
	q, k, v := random(h.Query*h.Dim), random(h.KV*h.Dim), random(h.KV*h.Dim)
	want := Attention(tape, q, k, v, h, 0, nil, Batch{Seqs: []Seq{{Len: tokens}}})
	rows := func(v *Value, lo, n int) *Value {
		return &Value{Rows: n, Cols: v.Cols, Data: v.Data[lo*v.Cols : (lo+n)*v.Cols]}
	}
	kv := NewKV(format, 1, h.KV, h.Dim, tokens)
	if kv.Bytes() != 0 {
		t.Errorf("an empty cache takes %d bytes", kv.Bytes())
	}
	for lo := 0; lo < tokens; {
		n := min(tokens-lo, 1+rng.IntN(120))
		b := Batch{Seqs: []Seq{{Len: n, KV: kv}}}
		got := Attention(tape, rows(q, lo, n), rows(k, lo, n), rows(v, lo, n), h, 0, nil, b)
		b.Advance()
		if !slices.Equal(got.Data, rows(want, lo, n).Data) {
			t.Fatalf("positions %d to %d differ", lo, lo+n)
		}
		lo += n
		if lo > FirstPositions && kv.Cap() == roundUp(tokens) {
			other := NewKV(format, 1, h.KV, h.Dim, 2*tokens)
			other.CopyFrom(kv, kv.Len()-5)
			kv, lo = other, kv.Len()-5
		}
	}
	if kv.Bytes() > kv.MaxBytes() {
		t.Errorf("a cache that may take %d bytes takes %d", kv.MaxBytes(), kv.Bytes())
	}
}

// A cache whose limit is raised goes on where it was; one whose limit is lowered
// keeps its memory, and says so.
func TestCacheLimitChanges(t *testing.T) {
	kv := NewKV(dtype.F32, 1, 1, 16, 32)
	kv.reserve(0, 32)
	kv.n = 20
	kv.SetCap(2 * FirstPositions)
	kv.reserve(0, 2*FirstPositions)
	full := kv.Bytes()
	if full != kv.MaxBytes() || kv.Cap() != 2*FirstPositions {
		t.Errorf("takes %d bytes, at most %d; holds %d positions", full, kv.MaxBytes(), kv.Cap())
	}
	kv.SetCap(kv.Len())
	if kv.Cap() != 32 || kv.MaxBytes() != full {
		t.Errorf("holds %d positions, takes at most %d bytes, want 32 and %d", kv.Cap(), kv.MaxBytes(), full)
	}
}

func TestCacheRefusesMoreThanItsLimit(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewKV(dtype.F32, 1, 1, 16, 32).reserve(0, 33)
}
