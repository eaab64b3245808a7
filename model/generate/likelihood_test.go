package generate

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/nn/op"
)

// likelihoodTolerance is of logarithms of probabilities near −6, in f32.
const likelihoodTolerance = 1e-5

// The penalty divides what is positive and multiplies the rest, once a token, if it
// is among the last 64 of prompt and reply. What a reply reports is from before it.
func TestPenalty(t *testing.T) {
	logits := []float32{4, -2, 0, 3, -1, 3.5, 1}
	old := slices.Repeat([]int{6}, 63) // before which one token is still looked at
	for name, c := range map[string]struct {
		penalty float64
		tokens  []int // of prompt and reply
		want    []float32
		chosen  int
	}{
		"none":                  {1, []int{0, 1}, logits, 0},
		"off":                   {0, []int{0, 1}, logits, 0},
		"positive":              {2, []int{0}, []float32{2, -2, 0, 3, -1, 3.5, 1}, 5},
		"negative":              {2, []int{1}, []float32{4, -4, 0, 3, -1, 3.5, 1}, 0},
		"zero":                  {2, []int{2}, logits, 0},
		"repeated":              {2, []int{0, 4, 0, 4, 0}, []float32{2, -2, 0, 3, -2, 3.5, 1}, 5},
		"encouraged":            {0.5, []int{3, 1}, []float32{4, -1, 0, 6, -1, 3.5, 1}, 3},
		"last of the window":    {2, append([]int{0}, old...), []float32{2, -2, 0, 3, -1, 3.5, 0.5}, 5},
		"older than the window": {2, append([]int{0, 6}, old...), []float32{4, -2, 0, 3, -1, 3.5, 0.5}, 0},
	} {
		w := &writer{Request: &Request{Options: Options{RepeatPenalty: c.penalty}}, seq: &sequence{tokens: c.tokens}}
		w.begin()
		got := slices.Clone(logits)
		w.choose(got)
		if !slices.Equal(got, c.want) || w.reply.IDs[0] != c.chosen {
			t.Errorf("%s: logits %v, token %d, want %v, token %d", name, got, w.reply.IDs[0], c.want, c.chosen)
		}
		if want := logSoftmax(logits)[c.chosen]; math.Abs(w.reply.LogProbs[0]-want) > likelihoodTolerance {
			t.Errorf("%s: log-probability %g, want %g", name, w.reply.LogProbs[0], want)
		}
	}
}

func logSoftmax(logits []float32) []float64 {
	var sum float64
	out := make([]float64, len(logits))
	for _, l := range logits {
		sum += math.Exp(float64(l))
	}
	for i, l := range logits {
		out[i] = float64(l) - math.Log(sum)
	}
	return out
}

// A reply is what one pass over it predicts, token by token: the likeliest, once the
// penalty has moved the tokens of prompt and reply before it. Its probabilities are
// those before the penalty, and its confidence is their product.
func TestReplyIsAsLikelyAsOnePassSays(t *testing.T) {
	m, pool := packed(t, 1)
	r := NewRunner(m, pool, Precision{Exact: true})
	// The window loses some of it.
	prompt := testkit.IDs(rand.New(rand.NewPCG(7, 7)), 50, m.Config().Vocab)
	var plain []int
	for _, penalty := range []float64{0, 1.5} {
		reply, err := r.NewSession(0).Reply(t.Context(), prompt, Options{MaxTokens: 40, RepeatPenalty: penalty, Endless: true}, nil)
		if err != nil || len(reply.IDs) != 40 {
			t.Fatalf("%d tokens, %v", len(reply.IDs), err)
		}
		if slices.Equal(reply.IDs, plain) {
			t.Error("the penalty changes nothing")
		}
		plain = reply.IDs
		confidence, read := 1.0, slices.Concat(prompt, reply.IDs)
		for i, logits := range onePass(r, m, read)[len(prompt)-1 : len(read)-1] {
			id, before := reply.IDs[i], read[:len(prompt)+i]
			want := logSoftmax(logits)[id]
			if math.Abs(reply.LogProbs[i]-want) > likelihoodTolerance {
				t.Errorf("penalty %g, token %d: log-probability %g, want %g", penalty, i, reply.LogProbs[i], want)
			}
			if p := math.Exp(want); math.Abs(reply.TokenConfidence(i)-p) > likelihoodTolerance*p {
				t.Errorf("penalty %g, token %d: confidence %g, want %g", penalty, i, reply.TokenConfidence(i), p)
			}
			if likeliest := penalized(logits, before[max(0, len(before)-64):], penalty); id != likeliest {
				t.Fatalf("penalty %g, token %d: %d, want %d", penalty, i, id, likeliest)
			}
			confidence *= math.Exp(want)
		}
		if got := reply.Confidence(); math.Abs(got/confidence-1) > 40*likelihoodTolerance {
			t.Errorf("penalty %g: confidence %g, want %g", penalty, got, confidence)
		}
	}
}

// onePass returns the logits after each of ids, which are read at once.
func onePass(r *Runner, m *model.Model, ids []int) (rows [][]float32) {
	t := op.NewTape(r.Tape().Pool)
	t.Exact = true
	logits := m.Head(t, m.Forward(t, op.Batch{IDs: ids, Seqs: []op.Seq{{Len: len(ids)}}}), nil)
	for i := range ids {
		rows = append(rows, slices.Clone(logits.Row(i)))
	}
	return rows
}

// penalized returns the likeliest token, by definition, once those of recent are
// penalized.
func penalized(logits []float32, recent []int, penalty float64) int {
	once := map[int]bool{}
	if penalty > 0 {
		for _, id := range recent {
			once[id] = true
		}
	}
	moved := slices.Clone(logits)
	for id := range maps.Keys(once) {
		if moved[id] > 0 {
			moved[id] /= float32(penalty)
		} else {
			moved[id] *= float32(penalty)
		}
	}
	return slices.Index(moved, slices.Max(moved))
}
