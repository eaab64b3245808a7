package train_test

import (
	"math"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/nn/op"
	"limbeck/train"
)

// What a model itself would say is exact; with one other token it is not. The
// loss is that of the logits.
func TestAssess(t *testing.T) {
	m := testkit.Model(5)
	pool := par.New(2)
	defer pool.Close()
	tape := op.NewTape(pool)
	tape.Exact = true
	next := func(ids []int) (best int, logits []float32) {
		tape.Reset()
		h := m.Forward(tape, op.Batch{IDs: ids, Seqs: []op.Seq{{Len: len(ids)}}})
		logits = m.Head(tape, h, []int{len(ids) - 1}).Row(0)
		for i, x := range logits {
			if x > logits[best] {
				best = i
			}
		}
		return best, logits
	}
	var said, other []train.Sequence
	var want float64
	rows := 0
	for _, prompt := range []string{"the cat", "a mat", "on"} {
		ids := m.Tokenizer.Encode(prompt, false)
		from := len(ids)
		for range 5 {
			best, logits := next(ids)
			var sum float64
			for _, x := range logits {
				sum += math.Exp(float64(x - logits[best]))
			}
			want += math.Log(sum)
			rows++
			ids = append(ids, best)
		}
		said = append(said, train.Sequence{IDs: ids, From: from})
		wrong := append([]int(nil), ids...)
		wrong[from+2]++
		other = append(other, train.Sequence{IDs: wrong, From: from})
	}
	loss, exact, err := train.Assess(t.Context(), tape, m, said)
	if err != nil {
		t.Fatal(err)
	}
	const tolerance = 1e-5 // f32 logits
	if exact != 1 || math.Abs(loss-want/float64(rows)) > tolerance {
		t.Errorf("its own replies: exact %g, loss %g; want 1 and %g", exact, loss, want/float64(rows))
	}
	if _, exact, err = train.Assess(t.Context(), tape, m, append(other, said[0])); err != nil || exact != 0.25 {
		t.Errorf("three other replies and one of its own: exact %g, %v; want 0.25", exact, err)
	}
	if _, _, err := train.Assess(t.Context(), tape, m, nil); err == nil {
		t.Error("nothing to assess: want an error")
	}
}
