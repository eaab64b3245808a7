package token

import (
	"maps"
	"slices"
	"sync"
	"unicode/utf8"
)

// A splitter returns the size in bytes of the first word of a text that is not
// empty. Words lie end to end: no byte is lost. Where the reference uses a regular
// expression, the splitter is that expression by hand.
type splitter func(text string) int

// preTokenizer is a splitter, and how Hugging Face's tokenizer.json spells it.
type preTokenizer struct {
	split splitter
	json  string
}

// preTokenizers maps tokenizer.ggml.pre to how text is cut into words.
var preTokenizers = map[string]preTokenizer{
	"gpt-2": {
		func(text string) int { return splitGPT2(text, gpt2Classes()) },
		`{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}`,
	},
	"smollm": {
		func(text string) int { return splitGPT2(text, smollmClasses()) },
		`{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},` +
			`{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]}`,
	},
}

// preTokenizerOf looks a name up.
func preTokenizerOf(name string) (preTokenizer, error) {
	p, ok := preTokenizers[name]
	if !ok {
		return p, unknown("pre-tokenizer", name, slices.Sorted(maps.Keys(preTokenizers)))
	}
	return p, nil
}

// class is what a splitter needs to know of a code point.
type class uint8

const (
	other class = iota
	letter
	number
	space
	alone // a word by itself; those beside it see it as the end of the text
)

// Code points are classified in two steps: a block of 256, then its place there.
type classTable struct {
	blocks [utf8.MaxRune>>8 + 1]*[256]class
	ascii  [utf8.RuneSelf]class
}

// numbered puts a class on ranges of code points.
type numbered struct {
	ranges [][2]rune
	class  class
}

// newClassTable lays out the classes; what no set claims is other.
func newClassTable(sets ...numbered) *classTable {
	t := new(classTable)
	rest := new([256]class)
	for i := range t.blocks {
		t.blocks[i] = rest
	}
	for _, set := range sets {
		for _, r := range set.ranges {
			for c := r[0]; c <= r[1]; c++ {
				if t.blocks[c>>8] == rest {
					t.blocks[c>>8] = new([256]class)
				}
				t.blocks[c>>8][c&0xff] = set.class
			}
		}
	}
	copy(t.ascii[:], t.blocks[0][:])
	return t
}

var gpt2Classes = sync.OnceValue(func() *classTable {
	return newClassTable(numbered{letters, letter}, numbered{numbers, number}, numbered{spaces, space})
})

// SmolLM's digits are cut out one by one before the expression sees the text.
var smollmClasses = sync.OnceValue(func() *classTable {
	return newClassTable(numbered{letters, letter}, numbered{spaces, space}, numbered{digits, alone})
})

// at returns the class and size of the code point that text starts with; a byte
// that is not UTF-8 is other, as U+FFFD would be; the empty text is alone, which
// ends every run.
func (t *classTable) at(text string) (class, int) {
	if len(text) == 0 {
		return alone, 0
	}
	if c := text[0]; c < utf8.RuneSelf {
		return t.ascii[c], 1
	}
	r, size := utf8.DecodeRuneInString(text)
	return t.blocks[r>>8][r&0xff], size
}

// run returns where the run of code points of class c ends that begins at or
// before text[at:].
func (t *classTable) run(text string, at int, c class) int {
	for at < len(text) {
		k, size := t.at(text[at:])
		if k != c {
			break
		}
		at += size
	}
	return at
}

// splitGPT2 is the expression of GPT-2 (Radford et al. 2019, encoder.py):
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func splitGPT2(text string, t *classTable) int {
	if n := contraction(text); n > 0 {
		return n
	}
	c, size := t.at(text)
	if c == alone {
		return size
	}
	if text[0] == ' ' { // the space goes with the word behind it
		if c, size := t.at(text[1:]); c != space && c != alone {
			return t.run(text, 1+size, c)
		}
	}
	if c != space {
		return t.run(text, size, c)
	}
	return spaceRun(text, t)
}

// spaceRun is \s+(?!\S)|\s+ : a run of white space, but for its last code point if
// a word follows, unless that is all there is.
func spaceRun(text string, t *classTable) int {
	end, last := 0, 0
	for {
		c, size := t.at(text[end:])
		if c != space {
			if c == alone || last == 0 {
				return end
			}
			return last
		}
		last = end
		end += size
	}
}

// contraction is 's|'t|'re|'ve|'m|'ll|'d.
func contraction(text string) int {
	if len(text) < 2 || text[0] != '\'' {
		return 0
	}
	switch text[1] {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if len(text) > 2 && text[2] == 'e' {
			return 3
		}
	case 'l':
		if len(text) > 2 && text[2] == 'l' {
			return 3
		}
	}
	return 0
}
