package op

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"limbeck/internal/par"
	"limbeck/tensor/dtype"
)

// A cache that grows as it is filled and as its limit is raised, and one copied
// on the way, give the bits of a pass without a cache.
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
	const tokens, first = 4*KVBlock + 77, 40
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
	kv := NewKV(format, 1, h.KV, h.Dim, first)
	if kv.Bytes() != 0 {
		t.Errorf("an empty cache takes %d bytes", kv.Bytes())
	}
	copied := false
	for lo := 0; lo < tokens; {
		n := min(tokens-lo, 1+rng.IntN(120))
		if lo+n > kv.Capacity() {
			kv.SetCapacity(min(tokens, lo+n+rng.IntN(100)))
		}
		b := Batch{Seqs: []Seq{{Len: n, KV: kv}}}
		got := Attention(tape, rows(q, lo, n), rows(k, lo, n), rows(v, lo, n), h, 0, nil, b)
		b.Advance()
		if !slices.Equal(got.Data, rows(want, lo, n).Data) {
			t.Fatalf("positions %d to %d differ", lo, lo+n)
		}
		lo += n
		if lo > 2*KVBlock && !copied {
			other := NewKV(format, 1, h.KV, h.Dim, lo+20)
			other.CopyFrom(kv, lo-5)
			kv, lo, copied = other, lo-5, true
		}
		if kv.Bytes() > kv.MaxBytes() || kv.Bytes() > KVBytes(format, 1, h.KV, h.Dim, lo+KVBlock) {
			t.Fatalf("a cache that holds %d positions and may take %d bytes takes %d", lo, kv.MaxBytes(), kv.Bytes())
		}
	}
	if !copied {
		t.Error("nothing was copied")
	}
}

// Memory that is known to be needed is taken at once, and what lies in blocks
// stays where it is as others are added.
func TestCacheReserves(t *testing.T) {
	const layers, prompt, limit = 3, 1000, 100_000
	kv := NewKV(dtype.F16, layers, 2, 64, limit)
	kv.Reserve(prompt)
	if want := KVBytes(dtype.F16, layers, 2, 64, 8*KVBlock); kv.Bytes() != want {
		t.Errorf("takes %d bytes for %d positions, want %d", kv.Bytes(), prompt, want)
	}
	whole := unsafe.Slice(&kv.blocks[0][0], kv.Bytes())
	for i, block := range kv.blocks {
		if &block[0] != &whole[i*len(block)] {
			t.Errorf("block %d does not lie behind the one before", i)
		}
	}
	before := slices.Clone(kv.blocks)
	for n := prompt; n < 2*prompt; n++ {
		kv.Reserve(n)
		if over := kv.room - n; over < 0 || over >= KVBlock {
			t.Fatalf("room for %d positions, want %d and less than a block more", kv.room, n)
		}
	}
	for i, block := range before {
		if &block[0] != &kv.blocks[i][0] {
			t.Errorf("block %d has moved", i)
		}
	}
}

// A chat whose cache is taken over turn after turn takes the memory that it counts and
// no more, all of one space.
func TestCacheTakesWhatItCounts(t *testing.T) {
	const layers, context, first, turn, turns = 3, 1000, 116, 40, 8
	for _, format := range KVTypes() {
		kv := NewKV(format, layers, 2, 96, context)
		size := 0 // of the space
		for limit := first; limit < first+turns*turn; limit += turn {
			kv.SetCapacity(limit)
			want := KVBytes(format, layers, 2, 96, roundUp(limit))
			if got := kv.MaxBytes(); got != want {
				t.Errorf("%s: may take %d bytes for %d positions, want %d", format, got, limit, want)
			}
			kv.Reserve(limit)
			if limit == first {
				size = kv.spaces[0].Left() + want
			}
			if len(kv.spaces) != 1 {
				t.Fatalf("%s: %d spaces for %d positions", format, len(kv.spaces), limit)
			}
			if taken := size - kv.spaces[0].Left(); taken != want || kv.Bytes() != want {
				t.Errorf("%s: %d bytes are taken for %d positions, %d counted, want %d", format, taken, limit, kv.Bytes(), want)
			}
			kv.n = limit
		}
	}
}

// A cache whose limit is raised goes on where it was, with nothing beside what it holds
// in a block that was short; one whose limit is lowered keeps its memory, and says so.
func TestCacheLimitChanges(t *testing.T) {
	kv := NewKV(dtype.F32, 1, 1, 16, 48)
	kv.Reserve(48)
	kv.n = 20
	short := kv.blocks[0]
	for i := range short {
		short[i] = 1
	}
	kv.SetCapacity(2 * KVBlock)
	kv.Reserve(2 * KVBlock)
	full := kv.Bytes()
	if full != kv.MaxBytes() || full != KVBytes(dtype.F32, 1, 1, 16, 2*KVBlock) || kv.Capacity() != 2*KVBlock {
		t.Errorf("takes %d bytes, at most %d; holds %d positions", full, kv.MaxBytes(), kv.Capacity())
	}
	if &kv.blocks[0][0] != &short[0] {
		t.Error("a block that was short has moved")
	}
	if got, want := bytes.Count(kv.blocks[0], []byte{1}), KVBytes(dtype.F32, 1, 1, 16, 32); got != want {
		t.Errorf("a block that was short holds %d bytes, want the %d of two groups of positions", got, want)
	}
	kv.SetCapacity(kv.Len())
	if kv.Capacity() != 32 || kv.MaxBytes() != full {
		t.Errorf("holds %d positions, takes at most %d bytes, want 32 and %d", kv.Capacity(), kv.MaxBytes(), full)
	}
}

func TestCacheRefuses(t *testing.T) {
	for name, refused := range map[string]func(kv *KV){
		"more than its limit":          func(kv *KV) { kv.Reserve(33) },
		"to clear what it still holds": func(kv *KV) { kv.Reserve(1); kv.n = 1; kv.Touch() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			refused(NewKV(dtype.F32, 1, 1, 16, 32))
		}()
	}
}
