package quantize

import (
	"fmt"
	"slices"
	"testing"

	"limbeck/data"
	"limbeck/internal/par"
	"limbeck/internal/testfiles"
	"limbeck/measure"
	"limbeck/model"
	"limbeck/nn/op"
	"limbeck/store/builtin"
	"limbeck/tensor/dtype"
	"limbeck/train"
)

// TestOrderOfFormats shows on real weights what the literature says: the divergence from
// the original grows with fewer bits and without a block's minimum, and the importance
// matrix lowers it. In each of three samples the means are in order; where it says
// sure, an interval paired by examples is above 0 too. The original is stored in q8_0,
// from which q8_0 differs by nothing.
func TestOrderOfFormats(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 1,074 examples with seven models, for half a minute of a core")
	}
	file, err := builtin.Model(builtin.HomeAssistant)
	if err != nil {
		t.Fatal(err)
	}
	original := opened(t, file)
	tests, calibration := samples(t, original)
	pool := par.New(1)
	defer pool.Close()
	imp, err := Calibrate(t.Context(), original, calibration, pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	const weighted = "q4_0 with the importance matrix"
	found := divergences(t, original, tests, map[string]Options{
		"q8_0": {Format: dtype.Q8_0}, "q5_1": {Format: dtype.Q5_1}, "q5_0": {Format: dtype.Q5_0},
		"q4_1": {Format: dtype.Q4_1}, "q4_0": {Format: dtype.Q4_0}, weighted: {Format: dtype.Q4_0, Importance: imp},
	})
	for _, c := range []struct {
		better, worse string
		sure          bool
	}{
		{"q8_0", "q5_1", true}, {"q5_1", "q5_0", false}, {"q5_0", "q4_1", true}, {"q4_1", "q4_0", false}, {weighted, "q4_0", false},
	} {
		for i := range tests {
			better, worse := found[c.better][i], found[c.worse][i]
			d := measure.Bootstrap{}.Compare(measure.Average, better, worse).Difference
			what := fmt.Sprintf("sample %d: %s %.5f nats, %s %.5f, difference %.5f to %.5f",
				i, c.better, measure.Mean(better).Value, c.worse, measure.Mean(worse).Value, d.Lo, d.Hi)
			if !(d.Value > 0) || c.sure && !(d.Lo > 0) {
				t.Error(what)
			} else if !(d.Lo > 0) {
				t.Log(what, "(not significant)")
			}
		}
	}
}

// divergences returns, for each way to store the original and each sample, every
// example's mean divergence from the original.
func divergences(t *testing.T, original *model.Model, tests [3][]train.Sequence, ways map[string]Options) map[string][3][]float64 {
	t.Helper()
	var known [len(tests)][][][]float32
	for i, set := range tests {
		known[i] = replyLogits(t, original, set)
	}
	found := map[string][len(tests)][]float64{}
	for name, o := range ways {
		m := applied(t, original, o, 1)
		var kl [len(tests)][]float64
		for i, set := range tests {
			for j, rows := range replyLogits(t, m, set) {
				var d measure.Divergences
				for r := range rows {
					d.Add(measure.Diverge(known[i][j][r], rows[r], nil))
				}
				d.EndItem()
				kl[i] = append(kl[i], d.Summary().KL.Value)
			}
		}
		found[name] = kl
	}
	return found
}

// samples returns three disjoint samples of the built-in teacher's test examples, and
// some of its training examples to calibrate by.
func samples(t *testing.T, m *model.Model) (tests [3][]train.Sequence, calibration []train.Sequence) {
	t.Helper()
	take := func(name string, first, step, n int) []train.Sequence {
		all, err := data.Load(testfiles.Data(t, builtin.HomeAssistant+"/"+name), data.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var some []data.Example
		for i := range n {
			some = append(some, all[first+i*step])
		}
		set, tooLong, err := data.Sequences(m, some, m.Config().Context)
		if err != nil || len(tooLong) > 0 {
			t.Fatalf("%d too long, %v", len(tooLong), err)
		}
		return set
	}
	// All of the 1,076, which lie in the order of their intents, in turn: of 60, q5_1 and
	// q5_0 can stand in any order.
	for i := range tests {
		tests[i] = take("test.jsonl", i, len(tests), 358)
	}
	return tests, take("train.jsonl", 0, 160, 60)
}

// replyLogits returns what m predicts at the tokens of each sequence's reply.
func replyLogits(t *testing.T, m *model.Model, set []train.Sequence) (rows [][][]float32) {
	t.Helper()
	tape := exactTape(t)
	for part := range slices.Chunk(set, 30) {
		var b op.Batch
		for _, s := range part {
			b.Add(s.IDs, s.From)
		}
		tape.Reset()
		logits, row := m.Head(tape, m.Forward(tape, b), nil), 0
		for _, s := range part {
			var own [][]float32
			for range len(s.IDs) - s.From {
				own = append(own, slices.Clone(logits.Row(row)))
				row++
			}
			rows = append(rows, own)
		}
	}
	return rows
}
