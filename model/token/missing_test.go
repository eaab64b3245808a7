package token

import (
	"slices"
	"strings"
	"testing"
)

// smolMissing are the bytes that SmolLM2's vocabulary has no token for: 13 that are
// in no UTF-8, six control characters, and what U+40000 to U+BFFFF, which are not
// assigned, begin with.
const smolMissing = "\x04\x06\x13\x14\x16\x1d" + "\xc0\xc1" + "\xf1\xf2" + "\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff"

// Vocabularies lack these bytes and no others: whatever else is in hard text, valid
// UTF-8 or not, decoding gives back. That what is lost has no ids in the reference
// either is for [TestReal], whose hard text holds such bytes.
func TestMissingBytes(t *testing.T) {
	for _, c := range []struct {
		name, missing string
		tokenizer     func(t testing.TB) *Tokenizer
	}{
		{"smollm2", smolMissing, func(t testing.TB) *Tokenizer { return realModel(t, "smollm2") }},
		{"built-in teacher", smolMissing, builtinTeacher},
		{"gpt2", "", func(t testing.TB) *Tokenizer { return realModel(t, "gpt2") }},
		{"small", "", func(t testing.TB) *Tokenizer { return mustNew(t, smallSpec(t, "smollm")) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			tok := c.tokenizer(t)
			if got := string(tok.MissingBytes()); got != c.missing {
				t.Errorf("no tokens for % x, want % x", got, c.missing)
			}
			text := hardText(t)
			if lost := checkDecoding(t, tok, text, c.missing); (lost > 0) != (c.missing != "") {
				t.Errorf("%d bytes of hard text are lost", lost)
			}
			g := lcg(1)
			for i := range text {
				text[i] = broken(&g, text[i])
			}
			checkDecoding(t, tok, text, c.missing)
		})
	}
}

// The built-in teacher's vocabulary spells all of the corpora, as [TestReal] says of
// those of golden.json.
func TestBuiltinTeacherSpellsCorpora(t *testing.T) {
	tok := builtinTeacher(t)
	for file := range readGolden(t).Models["smollm2"] {
		if file == "hard" || strings.Contains(file, "train") {
			continue
		}
		t.Run(file, func(t *testing.T) { checkDecoding(t, tok, []string{corpus(t, file)}, "") })
	}
}

// checkDecoding compares texts, without the bytes that are missing, with what
// decoding their ids gives. It returns how many bytes those are.
func checkDecoding(t *testing.T, tok *Tokenizer, texts []string, missing string) (lost int) {
	t.Helper()
	for _, text := range texts {
		want := slices.DeleteFunc([]byte(text), func(c byte) bool { return strings.IndexByte(missing, c) >= 0 })
		lost += len(text) - len(want)
		for _, special := range []bool{true, false} {
			if got := tok.Decode(tok.Encode(text, special)); string(got) != string(want) {
				t.Fatalf("special %v: %q became %q, want %q", special, text, got, want)
			}
		}
	}
	return lost
}

// broken puts any bytes in the place of some.
func broken(g *lcg, text string) string {
	b := []byte(text)
	for range 1 + len(b)/8 {
		b[g.below(len(b))] = byte(g.below(256))
	}
	return string(b)
}
