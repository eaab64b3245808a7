package distill

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"limbeck/internal/testkit"
	"limbeck/model/arch"
	"limbeck/nn/op"
	"limbeck/tensor/dtype"
	"limbeck/train"
)

func TestLikeliest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		p := make([]float32, 1+rng.IntN(60))
		for i := range p {
			p[i] = float32(rng.IntN(12)) // many are equal
		}
		k := rng.IntN(len(p) + 1)
		want := make([]int32, len(p))
		for i := range want {
			want[i] = int32(i)
		}
		slices.SortFunc(want, func(a, b int32) int { return cmp.Or(cmp.Compare(p[b], p[a]), cmp.Compare(a, b)) })
		want = want[:k]
		slices.Sort(want)
		got := likeliest(nil, p, k)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("likeliest %d of %v: %v, want %v", k, p, got, want)
		}
	}
}

// wholeCache is what a [Reader] makes of set, from all logits of a sequence at once
// and the sums of all probabilities.
func wholeCache(t *testing.T, teachers []arch.Model, v Vocabulary, size int, set []train.Sequence, k int, temperature float64) *Cache {
	t.Helper()
	c := &Cache{K: k, Temperature: temperature, First: []int{0}}
	tape, n := op.NewTape(newPool(t, 1)), float64(len(teachers))
	block := make([]float32, blockFloats)
	var dropped []float64
	for _, s := range set {
		var b op.Batch
		b.Add(v.IDs(nil, s.IDs), s.From)
		rows := s.Targets()
		logP, sum, lost := make([]float32, rows*size), make([]float64, rows*size), make([]float64, rows)
		for _, m := range teachers {
			tape.Reset()
			logits := m.Head(tape, m.Forward(tape, b), nil) // of all rows
			for row := range rows {
				lost[row] += v.project(logP[row*size:(row+1)*size], logits.Row(row), temperature, block) / n
			}
			for i, l := range logP {
				sum[i] += math.Exp(float64(l)) / n
			}
		}
		for row := range rows {
			logP := logP[row*size : (row+1)*size]
			if n > 1 {
				for i := range logP {
					logP[i] = float32(logOf(sum[row*size+i]))
				}
			}
			ids, tail := likeliest(nil, logP, k), 1.0
			slices.Sort(ids)
			for _, id := range ids {
				c.IDs, c.LogP = append(c.IDs, id), append(c.LogP, logP[id])
				tail -= math.Exp(float64(logP[id]))
			}
			c.Tail = append(c.Tail, max(tail, 0))
		}
		c.First, dropped = append(c.First, len(c.Tail)), append(dropped, lost...)
	}
	for _, d := range dropped {
		c.Dropped += d / float64(len(dropped))
	}
	return c
}

// A cache has the bits of one that is made of all logits, of one teacher and of several,
// packed and not, however few rows' logits exist at once.
func TestCacheInChunks(t *testing.T) {
	const k, temperature = 5, 1.5
	packed := testkit.Decoder(testkit.Even("llama", true), dtype.Q8_0, 4)
	op.PackAll(packed.Weights(), newPool(t, 1), nil)
	fewer := Vocabulary{40, 3, 7, 0, 21, 22, 30}
	for name, teachers := range map[string][]arch.Model{
		"one": {decoder(shape(), 1)}, "packed": {packed},
		"three": {decoder(shape(), 1), decoder(shape(), 2), decoder(shape(), 3)}, "packed twice": {packed, packed},
	} {
		for _, v := range []Vocabulary{nil, fewer} {
			size := teachers[0].Config().Vocab
			if v != nil {
				size = len(v)
			}
			set := sequences(9, size)
			want := wholeCache(t, teachers, v, size, set, k, temperature)
			for _, limit := range []int{1, 4, op.MaxHeadRows} {
				for _, threads := range []int{1, 3} {
					t.Run(fmt.Sprintf("%s, %d tokens, %d rows, %d threads", name, size, limit, threads), func(t *testing.T) {
						r := NewReader(teachers, v, size, k, temperature, newPool(t, threads))
						r.limit = min(r.limit, limit)
						got, err := r.Read(t.Context(), set, nil)
						if err != nil {
							t.Fatal(err)
						}
						if !reflect.DeepEqual(got, want) {
							t.Errorf("got %+v, want %+v", got, want)
						}
					})
				}
			}
		}
	}
}
