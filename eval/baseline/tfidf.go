package baseline

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"limbeck/data"
)

// The n-grams that are features.
const (
	wordGrams = 2 // of 1 to 2 words
	minChars  = 2 // of 2 to 5 characters within a word and its borders
	maxChars  = 5
)

// A vector is sparse; indices ascend.
type vector struct {
	index []int32
	value []float32
}

// A tfidf turns texts into vectors: words and characters each weighted by
//
//	(1 + ln tf)·(1 + ln((1+n)/(1+df)))
//
// and scaled to unit length, as scikit-learn's TfidfVectorizer with sublinear_tf;
// n texts, df of them with the n-gram. Characters' n-grams are those of its
// analyzer char_wb: they stay within a word between two spaces.
type tfidf struct {
	words, chars block
}

// A block is one kind of n-grams.
type block struct {
	index map[string]int32
	idf   []float32
	grams func(text string, f func(gram string))
}

// size returns the number of features.
func (t *tfidf) size() int { return len(t.words.idf) + len(t.chars.idf) }

// fitTFIDF learns the features of texts and returns the texts' vectors.
func fitTFIDF(texts []string) (*tfidf, []vector) {
	t := &tfidf{}
	normal := make([]string, len(texts))
	for i, s := range texts {
		normal[i] = data.Normalize(s)
	}
	t.words = fitBlock(normal, eachWordGram)
	t.chars = fitBlock(normal, eachCharGram)
	rows := make([]vector, len(texts))
	for i, s := range normal {
		rows[i] = t.normalVector(s)
	}
	return t, rows
}

func fitBlock(texts []string, grams func(string, func(string))) block {
	b := block{index: map[string]int32{}, grams: grams}
	var df, last []int32
	for i, text := range texts {
		grams(text, func(g string) {
			at, ok := b.index[g]
			if !ok {
				at = int32(len(df))
				b.index[strings.Clone(g)] = at
				df, last = append(df, 0), append(last, -1)
			}
			if last[at] != int32(i) {
				df[at]++
				last[at] = int32(i)
			}
		})
	}
	b.idf = make([]float32, len(df))
	for i, d := range df {
		b.idf[i] = float32(1 + math.Log(float64(1+len(texts))/float64(1+d)))
	}
	return b
}

// vector returns the features of a text; n-grams never seen are left out.
func (t *tfidf) vector(text string) vector { return t.normalVector(data.Normalize(text)) }

func (t *tfidf) normalVector(text string) vector {
	var v vector
	v = t.words.appendTo(v, text, 0)
	return t.chars.appendTo(v, text, int32(len(t.words.idf)))
}

// appendTo appends the block's features, numbered from first.
func (b *block) appendTo(v vector, text string, first int32) vector {
	var ids []int32
	b.grams(text, func(g string) {
		if at, ok := b.index[g]; ok {
			ids = append(ids, at)
		}
	})
	slices.Sort(ids)
	start := len(v.index)
	var squares float64
	for i := 0; i < len(ids); {
		n := i
		for n < len(ids) && ids[n] == ids[i] {
			n++
		}
		w := (1 + math.Log(float64(n-i))) * float64(b.idf[ids[i]])
		v.index = append(v.index, first+ids[i])
		v.value = append(v.value, float32(w))
		squares += w * w
		i = n
	}
	for i := start; i < len(v.value); i++ {
		v.value[i] /= float32(math.Sqrt(squares))
	}
	return v
}

// eachWordGram calls f with every run of up to wordGrams words.
func eachWordGram(text string, f func(string)) {
	words := split(text)
	for i := range words {
		for n := 1; n <= wordGrams && i+n <= len(words); n++ {
			if n == 1 {
				f(text[words[i].lo:words[i].hi])
				continue
			}
			var b strings.Builder
			for _, w := range words[i : i+n] {
				b.WriteString(text[w.lo:w.hi])
				b.WriteByte(' ')
			}
			f(b.String())
		}
	}
}

// eachCharGram calls f with the runs of characters of " word ". A word shorter
// than a run gives itself once.
func eachCharGram(text string, f func(string)) {
	for _, word := range strings.Fields(text) {
		word = " " + word + " "
		length := utf8.RuneCountInString(word)
		for n := minChars; n <= maxChars; n++ {
			if length <= n {
				f(word)
				break
			}
			eachRun(word, n, f)
		}
	}
}

// eachRun calls f with every run of n characters of a string that has as many.
func eachRun(s string, n int, f func(string)) {
	hi := 0
	for range n {
		_, size := utf8.DecodeRuneInString(s[hi:])
		hi += size
	}
	for lo := 0; ; {
		f(s[lo:hi])
		if hi == len(s) {
			return
		}
		_, first := utf8.DecodeRuneInString(s[lo:])
		_, next := utf8.DecodeRuneInString(s[hi:])
		lo, hi = lo+first, hi+next
	}
}
