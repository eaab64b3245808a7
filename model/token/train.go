package token

import (
	"container/heap"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
)

// Train learns a byte-level BPE vocabulary of at most vocabSize tokens: the special
// tokens, the 256 bytes, and then, one by one, the most frequent pair of neighboring
// tokens within the words of the texts, merged into one (Sennrich et al. 2016,
// arXiv:1508.07909, algorithm 1). Of equally frequent pairs the one of the smaller
// ids comes first, so the same texts give the same Spec, that of Hugging Face's
// BpeTrainer (which would also merge text into a special token). It ends early if no
// pair is left. The special tokens are not looked for in the texts.
func Train(texts iter.Seq[string], vocabSize int, pre string, specials []string) (Spec, error) {
	p, err := preTokenizerOf(pre)
	if err != nil {
		return Spec{}, err
	}
	if least := len(specials) + 256; vocabSize < least || vocabSize > math.MaxInt32 {
		return Spec{}, fmt.Errorf("token: a vocabulary of %d, want at least %d: %d special tokens and 256 bytes", vocabSize, least, len(specials))
	}
	t := trainer{counts: map[pair]int{}, words: map[pair]map[int32]struct{}{}}
	if err := t.alphabet(specials); err != nil {
		return Spec{}, err
	}
	t.count(texts, p.split)
	t.learn(vocabSize)
	return Spec{
		Model: "gpt2", Pre: pre, Tokens: t.tokens, Types: t.types, Merges: t.merges,
		BOS: -1, EOS: -1, EOT: -1, UNK: -1, PAD: -1,
	}, nil
}

// trainer holds each different word once, as ids, and which words a pair is in.
type trainer struct {
	tokens []string
	types  []int32
	merges []string
	ids    map[string]int32

	corpus []trainWord
	counts map[pair]int
	words  map[pair]map[int32]struct{}
	queue  pairQueue
}

type trainWord struct {
	ids   []int32
	count int
}

// alphabet lays down the special tokens and the bytes, in the order of the code
// points that spell them.
func (t *trainer) alphabet(specials []string) error {
	t.ids = map[string]int32{}
	for _, token := range specials {
		if _, ok := t.ids[token]; ok || token == "" {
			return fmt.Errorf("token: special token %q is empty or comes twice", token)
		}
		t.add(token, Control)
	}
	runes := slices.Clone(byteRunes[:])
	slices.Sort(runes)
	for _, r := range runes {
		if _, ok := t.ids[string(r)]; ok {
			return fmt.Errorf("token: special token %q is a byte's name", string(r))
		}
		t.add(string(r), Normal)
	}
	return nil
}

func (t *trainer) add(token string, kind int32) int32 {
	id := int32(len(t.tokens))
	t.ids[token] = id
	t.tokens = append(t.tokens, token)
	t.types = append(t.types, kind)
	return id
}

// count cuts the texts into words and counts words and pairs.
func (t *trainer) count(texts iter.Seq[string], split splitter) {
	index := map[string]int{}
	for text := range texts {
		for len(text) > 0 {
			n := split(text)
			i, ok := index[text[:n]]
			if !ok {
				i = len(t.corpus)
				index[strings.Clone(text[:n])] = i // the text itself may go
				t.corpus = append(t.corpus, trainWord{ids: t.bytes(text[:n])})
			}
			t.corpus[i].count++
			text = text[n:]
		}
	}
	for i, w := range t.corpus {
		for at := range len(w.ids) - 1 {
			t.change(pair{w.ids[at], w.ids[at+1]}, w.count, int32(i))
		}
	}
	for p, n := range t.counts {
		t.queue = append(t.queue, ranked{p, n})
	}
	heap.Init(&t.queue) // a total order: the map's does not matter
}

func (t *trainer) bytes(word string) []int32 {
	ids := make([]int32, len(word))
	for i := range len(word) {
		ids[i] = t.ids[string(byteRunes[word[i]])]
	}
	return ids
}

// change adds to the count of a pair in a word.
func (t *trainer) change(p pair, by int, word int32) {
	t.counts[p] += by
	if by > 0 {
		if t.words[p] == nil {
			t.words[p] = map[int32]struct{}{}
		}
		t.words[p][word] = struct{}{}
	}
}

// learn merges the most frequent pair until the vocabulary is full.
func (t *trainer) learn(vocabSize int) {
	for len(t.tokens) < vocabSize && len(t.queue) > 0 {
		top := heap.Pop(&t.queue).(ranked)
		if now := t.counts[top.pair]; now != top.count { // stale: queue it where it belongs
			if now > 0 {
				heap.Push(&t.queue, ranked{top.pair, now})
			}
			continue
		}
		left, right := t.tokens[top.left], t.tokens[top.right]
		id, ok := t.ids[left+right]
		if !ok {
			id = t.add(left+right, Normal)
		} else if t.types[id] == Control { // plain text must never become a special token
			delete(t.counts, top.pair)
			continue
		}
		t.merges = append(t.merges, left+" "+right)
		t.apply(top.pair, id)
	}
}

// apply puts id in place of a pair wherever it stands, and counts anew what that
// changes. Pairs whose count grew are queued; the queue finds out about the others
// when they come up.
func (t *trainer) apply(p pair, id int32) {
	grown := map[pair]struct{}{}
	for w := range t.words[p] { // sums do not depend on the order
		word := &t.corpus[w]
		ids, out := word.ids, word.ids[:0]
		for at := 0; at < len(ids); at++ {
			if at+1 == len(ids) || ids[at] != p.left || ids[at+1] != p.right {
				out = append(out, ids[at])
				continue
			}
			if n := len(out); n > 0 {
				t.change(pair{out[n-1], p.left}, -word.count, w)
				t.change(pair{out[n-1], id}, word.count, w)
				grown[pair{out[n-1], id}] = struct{}{}
			}
			if at+2 < len(ids) {
				t.change(pair{p.right, ids[at+2]}, -word.count, w)
				t.change(pair{id, ids[at+2]}, word.count, w)
				grown[pair{id, ids[at+2]}] = struct{}{}
			}
			out = append(out, id)
			at++
		}
		word.ids = out
	}
	delete(t.words, p)
	delete(t.counts, p)
	for g := range grown {
		if n := t.counts[g]; n > 0 {
			heap.Push(&t.queue, ranked{g, n})
		}
	}
}

// ranked is a pair with its count when it was queued.
type ranked struct {
	pair
	count int
}

// pairQueue is a heap of pairs, the most frequent first.
type pairQueue []ranked

func (q pairQueue) Len() int      { return len(q) }
func (q pairQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q pairQueue) Less(i, j int) bool {
	a, b := q[i], q[j]
	if a.count != b.count {
		return a.count > b.count
	}
	if a.left != b.left {
		return a.left < b.left
	}
	return a.right < b.right
}
func (q *pairQueue) Push(x any) { *q = append(*q, x.(ranked)) }
func (q *pairQueue) Pop() any {
	old := *q
	top := old[len(old)-1]
	*q = old[:len(old)-1]
	return top
}
