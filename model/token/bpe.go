package token

import (
	"fmt"
	"runtime"
	"strings"
	"sync"

	"limbeck/internal/pages"
)

// byteBPE is byte-level byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909,
// on bytes as in GPT-2): a word starts as one token a byte; of all neighboring pairs
// that have a merge, the one of lowest rank, leftmost, becomes one token, until none
// is left.
type byteBPE struct {
	split  splitter
	single [256]int32 // token of a byte, -1 if none
	merges *mergeTable
	cache  wordCache
	work   sync.Pool // of *merger
}

// pair is two neighboring tokens.
type pair struct{ left, right int32 }

// merge is what a pair becomes, and how urgent that is.
type merge struct{ rank, id int32 }

func newByteBPE(s Spec) (algorithm, error) {
	pre, err := preTokenizerOf(s.Pre)
	if err != nil {
		return nil, err
	}
	return &byteBPE{split: pre.split, cache: newWordCache()}, nil
}

func (b *byteBPE) learn(s Spec, ids *index) error {
	for c := range b.single {
		b.single[c] = -1
		if id, ok := ids.find(string(byteRunes[c])); ok && s.kind(id) == Normal {
			b.single[c] = int32(id)
		}
	}
	found, err := findMerges(s.Merges, ids)
	if err != nil {
		return err
	}
	b.merges = newMergeTable(len(found))
	for rank, f := range found {
		b.merges.put(pair{f[0], f[1]}, merge{int32(rank), f[2]})
	}
	b.work.New = func() any { return &merger{merges: b.merges} }
	return nil
}

// findMerges returns the ids of left, right and whole of each merge. All cores
// look: vocabularies have up to 300,000, and a model waits for them to be opened.
func findMerges(lines []string, ids *index) ([][3]int32, error) {
	found := pages.Make[[3]int32](len(lines))
	errs := make([]error, runtime.GOMAXPROCS(0))
	part := (len(lines) + len(errs) - 1) / len(errs)
	var all sync.WaitGroup
	for i := range errs {
		lo, hi := min(i*part, len(lines)), min((i+1)*part, len(lines))
		all.Go(func() {
			next := 0
			for rank := lo; rank < hi && errs[i] == nil; rank++ {
				if found[rank], errs[i] = findMerge(lines[rank], ids, next); errs[i] != nil {
					errs[i] = fmt.Errorf("token: merge %d of %d: %w", rank+1, len(lines), errs[i])
				}
				next = int(found[rank][2]) + 1
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// findMerge reads one line, "left right". In most vocabularies the whole has the id after
// that of the line before, next, where it is looked for first.
func findMerge(line string, ids *index, next int) (found [3]int32, err error) {
	a, b, ok := strings.Cut(line, " ")
	if !ok || a == "" || b == "" || strings.Contains(b, " ") {
		return found, fmt.Errorf("%.80q, want two tokens with a space between", line)
	}
	left, hasLeft := ids.find(a)
	right, hasRight := ids.find(b)
	whole, hasWhole := next, true
	if !ids.unique || next >= len(ids.tokens) || !joined(ids.tokens[next], a, b) {
		whole, hasWhole = ids.find(a + b)
	}
	for i, has := range [3]bool{hasLeft, hasRight, hasWhole} {
		if !has {
			return found, fmt.Errorf("%.80q: token %.80q is not in the vocabulary", line, [3]string{a, b, a + b}[i])
		}
	}
	return [3]int32{int32(left), int32(right), int32(whole)}, nil
}

// joined reports whether whole is a and b.
func joined(whole, a, b string) bool {
	return len(whole) == len(a)+len(b) && whole[:len(a)] == a && whole[len(a):] == b
}

func (b *byteBPE) encode(dst []int, text string) []int {
	for len(text) > 0 {
		n := b.split(text)
		dst = b.word(dst, text[:n])
		text = text[n:]
	}
	return dst
}

// word appends the ids of one word.
func (b *byteBPE) word(dst []int, word string) []int {
	if len(word) == 1 {
		if id := b.single[word[0]]; id >= 0 {
			dst = append(dst, int(id))
		}
		return dst
	}
	if ids, ok := b.cache.get(word); ok {
		return appendIDs(dst, ids)
	}
	m := b.work.Get().(*merger)
	m.load(word, &b.single)
	m.merge()
	ids := m.result()
	dst = appendIDs(dst, ids)
	b.cache.put(word, ids)
	b.work.Put(m)
	return dst
}

func appendIDs(dst []int, ids []int32) []int {
	for _, id := range ids {
		dst = append(dst, int(id))
	}
	return dst
}

// decode maps the code points of a token back to bytes; a token that has others is
// taken as it is.
func (b *byteBPE) decode(dst []byte, token string) []byte {
	start := len(dst)
	for _, r := range token {
		if int(r) >= len(runeBytes) || runeBytes[r] < 0 {
			return append(dst[:start], token...)
		}
		dst = append(dst, byte(runeBytes[r]))
	}
	return dst
}

func (b *byteBPE) missing() []byte {
	var missing []byte
	for c, id := range b.single {
		if id < 0 {
			missing = append(missing, byte(c))
		}
	}
	return missing
}

// byteRunes is the alphabet in which vocabularies spell bytes: printable bytes of
// Latin-1 stand for themselves, the others, in order, for U+0100 and on (GPT-2's
// encoder.py, bytes_to_unicode). runeBytes is its inverse, -1 where there is none.
var byteRunes, runeBytes = func() (runes [256]rune, bytes [0x100 + 256]int16) {
	for r := range bytes {
		bytes[r] = -1
	}
	next := rune(0x100)
	for c := range runes {
		r := rune(c)
		if !(r >= '!' && r <= '~' || r >= 0xa1 && r <= 0xff && r != 0xad) {
			r = next
			next++
		}
		runes[c] = r
		bytes[r] = int16(c)
	}
	return runes, bytes
}()
