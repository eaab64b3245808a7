package op

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/par"
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

func randomValue(r *rand.Rand, rows, cols int) *Value {
	v := &Value{Rows: rows, Cols: cols, Data: make([]float32, rows*cols)}
	for i := range v.Data {
		v.Data[i] = float32(r.NormFloat64())
	}
	return v
}

func randomQKV(r *rand.Rand, n int, h Heads) (q, k, v *Value) {
	return randomValue(r, n, h.Query*h.Dim), randomValue(r, n, h.KV*h.Dim), randomValue(r, n, h.KV*h.Dim)
}

// The shape of SmolLM2-135M: one layer's attention of a prompt of 512, and of a
// token after so many others. Short ones are what small models mostly see.
func BenchmarkAttention(b *testing.B) {
	pool := par.New(0)
	defer pool.Close()
	h := Heads{Query: 9, KV: 3, Dim: 64}
	r := rand.New(rand.NewPCG(1, 2))
	for _, format := range KVTypes() {
		for _, c := range []struct{ past, tokens int }{{0, 8}, {12, 1}, {0, 128}, {0, 512}, {512, 1}, {2048, 1}, {8192, 1}} {
			b.Run(fmt.Sprintf("%s/%d after %d", format, c.tokens, c.past), func(b *testing.B) {
				benchmarkAttention(b, pool, r, h, format, c.past, c.tokens)
			})
		}
	}
}

func benchmarkAttention(b *testing.B, pool *par.Pool, r *rand.Rand, h Heads, format *dtype.Type, past, tokens int) {
	tape := NewTape(pool)
	kv := NewKV(format, 1, h.KV, h.Dim, past+tokens)
	for kv.Len() < past {
		batch := Batch{Seqs: []Seq{{Len: min(256, past-kv.Len()), KV: kv}}}
		q, k, v := randomQKV(r, batch.Seqs[0].Len, h)
		Attention(tape, q, k, v, h, 0, nil, batch)
		batch.Advance()
		tape.Reset()
	}
	q, k, v := randomQKV(r, tokens, h)
	for b.Loop() {
		Attention(tape, q, k, v, h, 0, nil, Batch{Seqs: []Seq{{Len: tokens, KV: kv}}})
		tape.Reset()
	}
	pairs := float64(tokens) * (float64(past) + float64(tokens+1)/2)
	b.ReportMetric(4*pairs*float64(h.Query*h.Dim)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

// BenchmarkDecodeAttention is that of all layers for a token of each of 16 sequences
// after so many others, whose caches are in memory, or of one layer, in a cache of the
// processor.
func BenchmarkDecodeAttention(b *testing.B) {
	pool := par.New(0)
	defer pool.Close()
	h := Heads{Query: 9, KV: 3, Dim: 64}
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ past, layers int }{{160, 30}, {160, 1}, {1000, 30}} {
		b.Run(fmt.Sprintf("%d layers after %d", c.layers, c.past), func(b *testing.B) {
			tape := NewTape(pool)
			var batch Batch
			for range 16 {
				batch.Seqs = append(batch.Seqs, Seq{Len: c.past, KV: NewKV(dtype.F16, c.layers, h.KV, h.Dim, c.past+64)})
			}
			for i := range batch.Seqs {
				q, k, v := randomQKV(r, c.past, h)
				for layer := range c.layers {
					Attention(tape, q, k, v, h, layer, nil, Batch{Seqs: batch.Seqs[i : i+1]})
				}
			}
			batch.Advance()
			tape.Reset()
			for i := range batch.Seqs {
				batch.Seqs[i].Len = 1
			}
			q, k, v := randomQKV(r, len(batch.Seqs), h)
			for b.Loop() {
				for layer := range c.layers {
					Attention(tape, q, k, v, h, layer, nil, batch)
				}
				tape.Reset()
			}
			bytes := 16 * c.layers * h.KV * h.Dim * 2 * 2 * (c.past + 1)
			b.ReportMetric(float64(bytes)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
		})
	}
}

// roundingOf is the relative error of one element in a cache; see package
// arch's test of weights. That of f32 is of some 300 sums in a row, and that of
// f16 is of bf16 where products are.
var roundingOf = map[*dtype.Type]float64{
	dtype.F32: 0x1p-21, dtype.F16: 0x1p-11,
	dtype.Q8_0: 2.1 / 127 / math.Sqrt(12), dtype.Q4_0: 2.1 / 8 / math.Sqrt(12),
}

func init() {
	if kernel.FastPairs() {
		roundingOf[dtype.F16] = 0x1p-8
	}
}

// Attention with each cache is near the definition, computed in f64: as near as
// errors of keys, values and queries of the format's size let it be, and no
// nearer than a format that rounds can be.
func TestFlashIsAttention(t *testing.T) {
	const tokens = 2*KVBlock + 45
	h := Heads{Query: 6, KV: 2, Dim: 32}
	pool := par.New(2)
	defer pool.Close()
	r := rand.New(rand.NewPCG(3, 4))
	q, k, v := randomQKV(r, tokens, h)
	want := attentionByDefinition(q, k, v, h)
	for _, format := range KVTypes() {
		tape := NewTape(pool)
		tape.KV = format
		got := Attention(tape, q, k, v, h, 0, nil, Batch{Seqs: []Seq{{Len: tokens}}})
		var diff, norm float64
		for i, w := range want {
			d := float64(got.Data[i]) - w
			diff, norm = diff+d*d, norm+w*w
		}
		e, one := math.Sqrt(diff/norm), roundingOf[format]
		if !(e <= 2*math.Sqrt(3)*one) || format != dtype.F32 && e < one/8 {
			t.Errorf("%s: relative error %.1e, where one element's is %.1e", format, e, one)
		}
	}
}

// What is too large for a cache that rounds does not reach tokens before it, in one pass
// as little as token by token.
func TestFlashOfTooLargeValues(t *testing.T) {
	for _, format := range KVTypes() {
		if format != dtype.F32 { // which holds whatever is computed
			t.Run(format.Name, func(t *testing.T) { testTooLarge(t, format) })
		}
	}
}

func testTooLarge(t *testing.T, format *dtype.Type) {
	const tokens, large = 20, 5
	h := Heads{Query: 2, KV: 1, Dim: 18} // of no whole number of words
	if format.Len > 1 {
		h.Dim = 2 * format.Len
	}
	pool := par.New(1)
	defer pool.Close()
	r := rand.New(rand.NewPCG(7, 8))
	q, k, v := randomQKV(r, tokens, h)
	for i, x := range []float32{1e9, -1e9, float32(math.Inf(1)), 65519} {
		at := i * h.Dim / 4
		v.Row(large)[at], k.Row(large)[h.Dim-1-at] = x, x/10
	}
	at := func(v *Value, i int) *Value { return &Value{Rows: 1, Cols: v.Cols, Data: v.Row(i)} }
	tape := NewTape(pool)
	cache := func() *KV { return NewKV(format, 1, h.KV, h.Dim, tokens) }
	whole := Attention(tape, q, k, v, h, 0, nil, Batch{Seqs: []Seq{{Len: tokens, KV: cache()}}})
	kv := cache()
	for i := range tokens {
		one := Batch{Seqs: []Seq{{Len: 1, KV: kv}}}
		got := Attention(tape, at(q, i), at(k, i), at(v, i), h, 0, nil, one)
		one.Advance()
		for c, x := range got.Data {
			if w := whole.Row(i)[c]; x != w || math.IsNaN(float64(w)) || math.IsInf(float64(w), 0) {
				t.Errorf("token %d, channel %d: %v in one pass, %v after those before it", i, c, w, x)
			}
		}
	}
}

// A token of many sequences at once, whose prompts came in parts, gets the bits
// that it gets alone after a whole prompt: whoever stores and reads which blocks,
// and whether queries and keys are rotated as they are read or before.
func TestFlashOfManyIsThatOfEach(t *testing.T) {
	const sequences = 11
	h := Heads{Query: 4, KV: 2, Dim: 32}
	pool := par.New(2)
	defer pool.Close()
	r := rand.New(rand.NewPCG(5, 6))
	tape := NewTape(pool)
	rotation := NewRotation(h.Dim, 10000, 100)
	run := func(q, k, v *Value, b Batch) *Value {
		y := Attention(tape, q, k, v, h, 0, rotation, b)
		b.Advance()
		return y
	}
	rotated := func(q, k, v *Value, b Batch) *Value {
		q, k = clone(q), clone(k)
		RoPE(tape, q, rotation, b)
		RoPE(tape, k, rotation, b)
		y := Attention(tape, q, k, v, h, 0, nil, b)
		b.Advance()
		return y
	}
	rows := func(v *Value, lo, hi int) *Value {
		return &Value{Rows: hi - lo, Cols: v.Cols, Data: v.Data[lo*v.Cols : hi*v.Cols]}
	}
	for _, format := range KVTypes() {
		var together Batch
		var q, k, v, want []float32
		for i := range sequences {
			n := 60 + 31*i // up to three blocks
			qs, ks, vs := randomQKV(r, n+1, h)
			alone, parts := NewKV(format, 1, h.KV, h.Dim, n+1), NewKV(format, 1, h.KV, h.Dim, n+1)
			rotated(rows(qs, 0, n), rows(ks, 0, n), rows(vs, 0, n), Batch{Seqs: []Seq{{n, alone}}})
			for lo, hi := 0, 37; lo < n; lo, hi = hi, min(n, 2*hi+1) {
				run(rows(qs, lo, hi), rows(ks, lo, hi), rows(vs, lo, hi), Batch{Seqs: []Seq{{hi - lo, parts}}})
			}
			y := rotated(rows(qs, n, n+1), rows(ks, n, n+1), rows(vs, n, n+1), Batch{Seqs: []Seq{{1, alone}}})
			want = append(want, y.Data...)
			q, k, v = append(q, qs.Row(n)...), append(k, ks.Row(n)...), append(v, vs.Row(n)...)
			together.Seqs = append(together.Seqs, Seq{1, parts})
			tape.Reset()
		}
		value := func(data []float32) *Value { return &Value{Rows: sequences, Cols: len(data) / sequences, Data: data} }
		got := run(value(q), value(k), value(v), together)
		if !slices.Equal(got.Data, want) {
			t.Errorf("%s: %d sequences at once do not get what each gets alone", format, sequences)
		}
		tape.Reset()
	}
}

func clone(v *Value) *Value {
	return &Value{Rows: v.Rows, Cols: v.Cols, Data: slices.Clone(v.Data)}
}

// attentionByDefinition returns softmax(q·kᵀ/√Dim)·v of one sequence.
func attentionByDefinition(q, k, v *Value, h Heads) []float64 {
	out := make([]float64, len(q.Data))
	for i := range q.Rows {
		for head := range h.Query {
			at, kv := head*h.Dim, head/(h.Query/h.KV)*h.Dim
			weights, sum := make([]float64, i+1), 0.0
			for j := range weights {
				s := 0.0
				for c := range h.Dim {
					s += float64(q.Row(i)[at+c]) * float64(k.Row(j)[kv+c])
				}
				weights[j] = math.Exp(s / math.Sqrt(float64(h.Dim)))
				sum += weights[j]
			}
			for j, w := range weights {
				for c := range h.Dim {
					out[i*q.Cols+at+c] += w / sum * float64(v.Row(j)[kv+c])
				}
			}
		}
	}
	return out
}

func TestKVType(t *testing.T) {
	for _, c := range []struct {
		name string
		dim  int
		err  string
	}{
		{"f16", 7, ""}, {"f32", 7, ""}, {"q8_0", 64, ""}, {"q4_0", 32, ""}, {"Q8_0", 64, ""},
		{"q8_0", 80, "a KV cache of q8_0 holds heads of whole blocks of 32 channels; the model's have 80"},
		{"q5_0", 64, `a KV cache of "q5_0" is not known; known are: f32, f16, q8_0, q4_0`},
		{"", 64, `a KV cache of "" is not known; known are: f32, f16, q8_0, q4_0`},
	} {
		got, err := KVType(c.name, c.dim)
		if err == nil && (!strings.EqualFold(got.Name, c.name) || c.err != "") || err != nil && err.Error() != c.err {
			t.Errorf("KVType(%q, %d) = %v, %v, want error %q", c.name, c.dim, got, err, c.err)
		}
	}
}

// A cache takes what its format takes for keys and values.
func TestKVBytes(t *testing.T) {
	for _, format := range KVTypes() {
		kv := NewKV(format, 3, 2, 64, 160)
		if want := 2 * 3 * 2 * format.Bytes(64) * 160; kv.MaxBytes() != want || KVBytes(format, 3, 2, 64, 160) != want {
			t.Errorf("%s: %d and %d bytes, want %d", format, kv.MaxBytes(), KVBytes(format, 3, 2, 64, 160), want)
		}
	}
}
