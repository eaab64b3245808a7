package token

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// spell writes bytes in the alphabet of vocabularies.
func spell(text string) string {
	out := make([]byte, 0, 2*len(text))
	for i := range len(text) {
		out = utf8.AppendRune(out, byteRunes[text[i]])
	}
	return string(out)
}

// naiveTrain recounts all pairs before each merge.
func naiveTrain(texts []string, merges int, split splitter) []string {
	var words [][]string
	for _, text := range texts {
		for len(text) > 0 {
			n := split(text)
			words = append(words, strings.Split(spell(text[:n]), ""))
			text = text[n:]
		}
	}
	order := map[string]int{}
	runes := slices.Clone(byteRunes[:])
	slices.Sort(runes)
	for _, r := range runes {
		order[string(r)] = len(order)
	}
	var out []string
	for len(out) < merges {
		counts := map[[2]string]int{}
		for _, w := range words {
			for i := range len(w) - 1 {
				counts[[2]string{w[i], w[i+1]}]++
			}
		}
		var best [2]string
		for p, n := range counts {
			m := counts[best]
			if n > m || n == m && (order[p[0]] < order[best[0]] || p[0] == best[0] && order[p[1]] < order[best[1]]) {
				best = p
			}
		}
		if counts[best] == 0 {
			break
		}
		out = append(out, best[0]+" "+best[1])
		if _, ok := order[best[0]+best[1]]; !ok {
			order[best[0]+best[1]] = len(order)
		}
		for at, w := range words {
			merged := w[:0:0]
			for i := 0; i < len(w); i++ {
				if i+1 < len(w) && w[i] == best[0] && w[i+1] == best[1] {
					merged = append(merged, w[i]+w[i+1])
					i++
				} else {
					merged = append(merged, w[i])
				}
			}
			words[at] = merged
		}
	}
	return out
}

func TestTrainEqualsTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 50 {
		var texts []string
		for range 1 + r.IntN(20) {
			b := make([]byte, r.IntN(30))
			for i := range b {
				b[i] = "aaab \xff1"[r.IntN(7)]
			}
			texts = append(texts, string(b))
		}
		spec, err := Train(slices.Values(texts), 256+30, "smollm", nil)
		if err != nil {
			t.Fatal(err)
		}
		want := naiveTrain(texts, len(spec.Merges), preTokenizers["smollm"].split)
		if !slices.Equal(spec.Merges, want) {
			t.Fatalf("%q:\n got %q\nwant %q", texts, spec.Merges, want)
		}
		mustNew(t, spec)
	}
}

// TestTrainEqualsReference retrains testdata/small.json.
func TestTrainEqualsReference(t *testing.T) {
	text := corpus(t, "tinyshakespeare/input.txt")[:200000]
	data, err := os.ReadFile("testdata/hard.json")
	if err != nil {
		t.Fatal(err)
	}
	var hard hardSpec
	if err := json.Unmarshal(data, &hard); err != nil {
		t.Fatal(err)
	}
	texts := []string{text}
	for range 8 {
		texts = append(texts, hard.Pieces...)
	}
	got, err := Train(slices.Values(texts), 1200, "smollm", []string{"<|endoftext|>", "<|im_start|>", "<|im_end|>"})
	if err != nil {
		t.Fatal(err)
	}
	want := smallSpec(t, "smollm")
	if !slices.Equal(got.Tokens, want.Tokens[:1200]) { // two were added afterward
		t.Error("tokens differ from the reference's")
	}
	if !slices.Equal(got.Merges, want.Merges) {
		t.Error("merges differ from the reference's")
	}
}

func TestTrainIsDeterministic(t *testing.T) {
	texts := hardText(t)[:2000]
	a, err := Train(slices.Values(texts), 900, "gpt-2", []string{"<s>"})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := Train(slices.Values(texts), 900, "gpt-2", []string{"<s>"})
	if !reflect.DeepEqual(a, b) {
		t.Error("two trainings differ")
	}
	if len(a.Tokens) != 900 {
		t.Errorf("%d tokens, want 900", len(a.Tokens))
	}
}

func TestTrainNeverMakesASpecialToken(t *testing.T) {
	spec, err := Train(slices.Values(slices.Repeat([]string{"pad pad"}, 9)), 300, "gpt-2", []string{"pad"})
	if err != nil {
		t.Fatal(err)
	}
	tok := mustNew(t, spec)
	for _, id := range tok.Encode("pad pad", false) {
		if tok.IsSpecial(id) {
			t.Errorf("plain text became special token %d", id)
		}
	}
}

func TestTrainRefuses(t *testing.T) {
	for _, c := range []struct {
		size     int
		pre      string
		specials []string
		want     string
	}{
		{255, "gpt-2", nil, "want at least 256"},
		{1000, "nope", nil, `"nope" is not known`},
		{1000, "gpt-2", []string{"x", "x"}, "comes twice"},
		{1000, "gpt-2", []string{"!"}, "a byte's name"},
	} {
		_, err := Train(slices.Values([]string{"a"}), c.size, c.pre, c.specials)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

func BenchmarkTrain(b *testing.B) {
	text := corpus(b, "wikitext-2/valid.txt")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Train(slices.Values([]string{text}), 4096, "smollm", nil); err != nil {
			b.Fatal(err)
		}
	}
}
