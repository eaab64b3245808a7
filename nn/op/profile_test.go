package op

import (
	"testing"
	"time"

	"limbeck/internal/par"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// All time is some operation's, products are told apart by weight, and a pass
// without a profile does nothing of the kind.
func TestProfile(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	tape := NewTape(pool)
	packed := Shaped(2, 3)
	if err := packed.Set(tensor.FromF32("blk.7.attn_k.weight", make([]float32, 6), 2, 3)); err != nil {
		t.Fatal(err)
	}
	packed.Pack(pool, nil)
	w := Shaped(2, 3)
	if err := w.Set(tensor.FromF32("blk.7.ffn_up.weight", make([]float32, 6), 2, 3)); err != nil {
		t.Fatal(err)
	}
	pass := func() {
		x := MatMul(tape, tape.Value(4, 3), w)
		Add(tape, x, x)
		MatMuls(tape, tape.Value(4, 3), packed, packed)
	}
	pass()
	tape.Profile = &Profile{}
	tape.Profile.Start()
	start := tape.Profile.last
	for range 3 {
		tape.Reset()
		pass()
	}
	spent := tape.Profile.Stop()
	took := tape.Profile.last.Sub(start)
	var sum time.Duration
	for s, x := range spent {
		if x.Time < 0 {
			t.Errorf("%v took %v", s, x.Time)
		}
		sum += x.Time
	}
	if sum <= 0 || sum != took {
		t.Errorf("%v in all, want %v", sum, took)
	}
	for _, want := range []Spender{{Op: "matmul", Weight: "ffn_up"}, {Op: "matmul", Weight: "attn_k+attn_k"}, {Op: "add"}, {Op: Outside}} {
		if _, ok := spent[want]; !ok {
			t.Errorf("nothing for %v in %v", want, spent)
		}
	}
	if len(spent) != 4 {
		t.Errorf("got %v", spent)
	}
}

// What operations have to do follows from shapes: of products, a weight's bytes
// once a pass and two operations an element and row; of attention, the cache's
// bytes and the positions up to each row's own.
func TestCost(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	weight := func(name string, f *dtype.Type, rows, cols int) *Weight {
		w := Shaped(rows, cols)
		if err := w.Set(tensor.New(name, f, rows, cols)); err != nil {
			t.Fatal(err)
		}
		w.Pack(pool, nil)
		return w
	}
	up, down, plain := weight("up", dtype.Q4_0, 16, 64), weight("down", dtype.Q8_0, 16, 64), weight("plain", dtype.F32, 16, 64)
	h := Heads{Query: 6, KV: 3, Dim: 64}
	half := 2.0 * 6 * 64
	attention := map[*dtype.Type]Arithmetic{dtype.F32: {F32: 2 * half}, dtype.F16: {F32: 2 * half}, dtype.Q8_0: {Int8: half, F32: half}, dtype.Q4_0: {Int8: half, F32: half}}
	if kernel.FastPairs() {
		attention[dtype.F16] = Arithmetic{BF16: 2 * half}
	}
	const layers, past, rows = 2, 100, 5 // rows see 101 to 105 positions
	for _, exact := range []bool{false, true} {
		for _, kv := range KVTypes() {
			once, ok := attention[kv]
			if !ok {
				t.Fatalf("cache of %s: the test does not know what it multiplies", kv)
			}
			tape := NewTape(pool)
			tape.Exact = exact
			cache := NewKV(kv, layers, h.KV, h.Dim, 200)
			for _, n := range []int{past, rows} {
				tape.Reset()
				tape.Profile = &Profile{}
				tape.Profile.Start()
				x := tape.Value(n, 64)
				clear(x.Data)
				MatMul(tape, x, plain)
				MatMuls(tape, x, up, down)
				batch := One(make([]int, n), cache)
				q, k := tape.Value(n, h.Query*h.Dim), tape.Value(n, h.KV*h.Dim)
				clear(q.Data)
				clear(k.Data)
				Attention(tape, q, k, k, h, 1, nil, batch)
				batch.Advance()
			}
			spent := tape.Profile.Stop()
			int8 := Arithmetic{Int8: 2 * 2 * 16 * 64 * rows}
			if exact {
				int8 = Arithmetic{F32: int8.Int8}
			}
			for s, want := range map[Spender]Cost{
				{Op: "matmul", Weight: "plain"}:   {4 * 16 * 64, Arithmetic{F32: 2 * 16 * 64 * rows}},
				{Op: "matmul", Weight: "up+down"}: {16 * 64 / 32 * (18 + 34), int8},
				{Op: "attention"}:                 {float64(KVBytes(kv, 1, h.KV, h.Dim, past+rows)), once.Times(101 + 102 + 103 + 104 + 105)},
				{Op: Outside}:                     {},
			} {
				if got := spent[s].Cost; got != want {
					t.Errorf("exact %v, cache of %s, %v: %+v, want %+v", exact, kv.Name, s, got, want)
				}
			}
			if got := AttentionArithmetic(kv, h); got != once {
				t.Errorf("cache of %s: %+v, want %+v", kv.Name, got, once)
			}
		}
	}
}
