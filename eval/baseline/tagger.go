package baseline

import (
	"context"
	"math"
	"slices"

	"limbeck/data"
)

// A tagger finds slots: it gives every word of a text a label, O for outside,
// B-name where a slot's value begins, I-name where it goes on. Labels are numbered
// 0, 1+2·slot, 2+2·slot.
type tagger struct {
	names    []string // of the slots, sorted
	features map[string]int32
	crf      *crf
}

const outside = 0

func begin(slot int) int16  { return int16(1 + 2*slot) }
func inside(slot int) int16 { return int16(2 + 2*slot) }

// continues reports whether a label is some slot's I.
func continues(label int) bool { return label > 0 && label%2 == 0 }

// trainTagger learns from structured examples, of which texts are what is read. It
// ends early when ctx does.
func trainTagger(ctx context.Context, texts []string, examples []data.Example, o Options) *tagger {
	t := &tagger{features: map[string]int32{}}
	golds := make([]data.Reply, len(examples))
	for i := range examples {
		golds[i], _ = examples[i].Gold()
		for _, s := range golds[i].Slots {
			t.names = append(t.names, s.Name)
		}
	}
	slices.Sort(t.names)
	t.names = slices.Compact(t.names)
	var seqs []sequence
	for i := range examples {
		text := texts[i]
		words := split(text)
		if len(words) == 0 {
			continue
		}
		seqs = append(seqs, sequence{
			features: t.extract(text, words, true),
			gold:     align(text, words, golds[i].Slots, t.names),
		})
	}
	t.crf = newCRF(1+2*len(t.names), len(t.features), seqs)
	t.crf.train(ctx, seqs, o)
	return t
}

// tag returns the slots of a text in its order, their values as they stand there.
func (t *tagger) tag(text string) []data.Slot {
	words := split(text)
	if len(words) == 0 {
		return nil
	}
	labels := t.crf.best(t.extract(text, words, false))
	var slots []data.Slot
	for i := 0; i < len(labels); {
		l := int(labels[i])
		if l == outside {
			i++
			continue
		}
		end := i + 1
		for end < len(labels) && int(labels[end]) == l+1 && continues(l+1) {
			end++
		}
		slots = append(slots, data.Slot{Name: t.names[(l-1)/2], Value: text[words[i].lo:words[end-1].hi]})
		i = end
	}
	return slots
}

// align labels the words of a text with its slots. Values are looked for in
// order, each after the end of the one before; one that is not there is looked for
// from the start; one that is no run of free words is left out.
func align(text string, words []word, slots []data.Slot, names []string) []int16 {
	labels := make([]int16, len(words))
	from := 0
	for _, s := range slots {
		slot, ok := slices.BinarySearch(names, s.Name)
		if !ok {
			continue
		}
		value := data.Normalize(s.Value)
		lo, hi := find(text, words, labels, value, from)
		if lo < 0 {
			lo, hi = find(text, words, labels, value, 0)
		}
		if lo < 0 {
			continue
		}
		labels[lo] = begin(slot)
		for i := lo + 1; i < hi; i++ {
			labels[i] = inside(slot)
		}
		from = hi
	}
	return labels
}

// find returns the first run of unlabeled words, from a word on, that spells a
// normalized value, or −1.
func find(text string, words []word, labels []int16, value string, from int) (lo, hi int) {
	for lo := from; lo < len(words); lo++ {
		for hi := lo + 1; hi <= len(words) && labels[hi-1] == outside; hi++ {
			run := data.Normalize(text[words[lo].lo:words[hi-1].hi])
			if run == value {
				return lo, hi
			}
			if len(run) > len(value) {
				break
			}
		}
	}
	return -1, -1
}

// best returns the likeliest labels (Viterbi 1967).
func (c *crf) best(features [][]int32) []int16 {
	n, k := len(features), c.labels
	back := make([]int16, n*k)
	score, next, own := make([]float64, k), make([]float64, k), make([]float64, k)
	for t, active := range features {
		c.scores(own, active)
		for y := range next {
			next[y] = own[y]
			if t == 0 {
				if continues(y) {
					next[y] = math.Inf(-1)
				}
				continue
			}
			from, s := c.bestBefore(score, y)
			back[t*k+y] = int16(from)
			next[y] += s
		}
		score, next = next, score
	}
	out := make([]int16, n)
	y := argmax(score)
	for t := n - 1; t >= 0; t-- {
		out[t] = int16(y)
		y = int(back[t*k+y])
	}
	return out
}

// bestBefore returns the label before y on the likeliest path, and its score.
// Pairs that training never saw weigh 0, if they are allowed.
func (c *crf) bestBefore(score []float64, y int) (int, float64) {
	best, most := -1, math.Inf(-1)
	i, end := c.into[y], c.into[y+1]
	for p, s := range score {
		if i < end && int(c.prev[i]) == p {
			s += float64(c.scale * c.pairs[i])
			i++
		} else if continues(y) {
			continue
		}
		if best < 0 || s > most {
			best, most = p, s
		}
	}
	return best, most
}

func argmax(x []float64) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}
