package guide

import (
	"bytes"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Extractive guides replies that are one JSON object of an intent and slots, spelled as
// data.AppendReply does, whose values are pieces of the input:
//
//	{"intent": "alarm_set", "date": "tomorrow", "time": ["six am", "seven am"]}
//
// A value begins and ends where words do, and comes after the one before it; after a
// list, which gathers all values of a name, after the first of that. A list that has one
// value ends where the input does. No name occurs twice, none is spelled with an escape or
// longer than 64 bytes. Which intents and names there are is the model's to know.
type Extractive struct {
	input        []byte    // as a JSON string spells it
	starts, ends []bool    // whether values may start or end before a byte of input, or behind it
	reply        []byte    // so far; behind it is room for what is asked about
	at           place     // where that leads
	follows      [256]bool // what may come next in a value, if it is known
	known        bool
}

// A place is where a reply stands.
type place struct {
	part part
	want string // bytes that must come before anything else
	text int    // where in the reply the intent or name under way starts
	free int    // where in the input the next value may start, at the earliest
	from int    // where the value under way starts, at the earliest
	size int    // bytes of it that are there
	list int    // values of the list under way, with the one that is; 0: none
	back int    // free, once the list is closed
}

// A part is what a reply is within, or before.
type part uint8

const (
	intent part = iota
	members
	name
	values
	value
	items
	closed
)

const (
	opening   = `{"intent": "`
	separator = `, "`
	colon     = `: `
)

// longestName is how many bytes an intent or a name has at most, but for the rest of a
// character. A value takes words of the input that no other has, so that every reply ends.
const longestName = 64

// replyBytes is what most replies fit in.
const replyBytes = 256

// NewExtractive returns a guide to replies to input, one after the other.
func NewExtractive(input string) *Extractive {
	input = strings.TrimRightFunc(input, unicode.IsSpace) // no value ends there
	n := len(input) + 1
	edges := make([]bool, 2*n)
	g := &Extractive{input: make([]byte, 0, n), starts: edges[:0:n], ends: edges[n:n], reply: make([]byte, 0, replyBytes)}
	before := ' '
	for _, r := range input {
		g.bound(before, r)
		g.input = AppendEscaped(g.input, r)
		before = r
	}
	g.bound(before, ' ')
	g.Start()
	return g
}

// bound says whether values may start or end here, between two characters of the input.
func (g *Extractive) bound(before, after rune) {
	for len(g.starts) < len(g.input) {
		g.starts, g.ends = append(g.starts, false), append(g.ends, false)
	}
	edge := !WordRune(before) || !WordRune(after)
	g.starts = append(g.starts, edge && !unicode.IsSpace(after))
	g.ends = append(g.ends, edge && !unicode.IsSpace(before))
}

// WordRune reports whether r is a part of words: a letter, a digit, or a mark on one.
func WordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

// Start begins another reply.
func (g *Extractive) Start() {
	g.reply, g.at, g.known = g.reply[:0], place{part: intent, want: opening, text: len(opening)}, false
}

// Allows reports whether the reply may go on with piece.
func (g *Extractive) Allows(piece []byte) bool {
	if g.at.part == value && g.at.want == "" && len(piece) > 0 { // much is asked, little allowed
		if !g.known {
			g.look()
		}
		if !g.follows[piece[0]] {
			return false
		}
	}
	_, ok := g.after(piece)
	return ok
}

// look finds what may come next in the value under way.
func (g *Extractive) look() {
	g.follows, g.known = [256]bool{}, true
	p := g.at
	for i := range g.behind(&p) {
		if i < len(g.input) {
			g.follows[g.input[i]] = true
		}
	}
	if !g.escapes(&p) {
		g.follows['"'] = g.end(&p)
	}
}

// Add says that the reply goes on with piece, which is allowed.
func (g *Extractive) Add(piece []byte) {
	g.at, _ = g.after(piece)
	g.reply, g.known = append(g.reply, piece...), false
}

// Fits reports whether reply is one of those, whole.
func (g *Extractive) Fits(reply string) bool {
	g.Start()
	p, ok := g.after([]byte(reply))
	return ok && p.part == closed
}

// Complete reports whether the reply is whole.
func (g *Extractive) Complete() bool { return g.at.part == closed }

// after returns where piece leads, if it is allowed.
func (g *Extractive) after(piece []byte) (p place, ok bool) {
	p = g.at
	n, asked := len(g.reply), append(g.reply, piece...)
	g.reply = asked[:n]
	for i := n; i < len(asked); i++ {
		if !g.step(&p, asked[:i+1]) {
			return p, false
		}
	}
	return p, true
}

// step goes on from p by the last byte of reply, if that is allowed.
func (g *Extractive) step(p *place, reply []byte) bool {
	before, b := reply[:len(reply)-1], reply[len(reply)-1]
	if p.want != "" {
		ok := b == p.want[0]
		p.want = p.want[1:]
		return ok
	}
	switch p.part {
	case intent, name:
		text := before[p.text:]
		switch {
		case b != '"':
			return (len(text) < longestName || !utf8.RuneStart(b)) && spells(reply[p.text:])
		case len(text) == 0 || !utf8.Valid(text):
			return false
		case p.part == intent:
			p.part = members
			return true
		}
		p.part, p.want = values, colon
		return !holds(before[:p.text-1], before[p.text-1:])
	case members:
		if b == '}' {
			p.part = closed
			return true
		}
		*p = place{part: name, want: separator[1:], text: len(before) + len(separator), free: p.free}
		return b == separator[0] && g.start(p.free) >= 0
	case values:
		p.part = value
		if b == '[' {
			p.list, p.want = 1, `"`
			return true
		}
		return b == '"'
	case value:
		if b != '"' || g.escapes(p) {
			return g.extend(p, b)
		}
		return g.end(p)
	case items:
		if b == ']' {
			p.part, p.free = members, p.back
			return p.list > 1 || g.start(p.free) < 0
		}
		p.part, p.want, p.size = value, separator[1:], 0
		p.list++
		return b == separator[0] && g.start(p.free) >= 0
	}
	return false
}

// spells reports whether text, whose last byte is new, may be, or go on to be, an intent
// or a name: UTF-8 that a JSON string spells as it is.
func spells(text []byte) bool {
	if n := len(text) - 1; n == 0 || text[n-1] < utf8.RuneSelf {
		text = text[n:] // what comes before is whole
	}
	for len(text) > 0 && utf8.FullRune(text) {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 || r < ' ' || r == '"' || r == '\\' {
			return false
		}
		text = text[n:]
	}
	return true
}

// holds reports whether members hold one of that name, which starts with its quote: it
// stands before a colon. In values a quote comes behind a backslash. (A name that begins
// with a colon may be found where another ends; it is refused, and no other harm done.)
func holds(members, name []byte) bool {
	for {
		_, after, ok := bytes.Cut(members, name)
		if !ok || bytes.HasPrefix(after, []byte(`": `)) {
			return ok
		}
		members = after
	}
}

// start returns the first place at or behind i where a value may start, or -1.
func (g *Extractive) start(i int) int {
	for ; i < len(g.input); i++ {
		if g.starts[i] {
			return i
		}
	}
	return -1
}

// escapes reports whether the value under way ends with half an escape.
func (g *Extractive) escapes(p *place) bool {
	said := g.said(p)
	return (len(said)-len(bytes.TrimRight(said, `\`)))%2 == 1
}

// said returns what there is of the value under way.
func (g *Extractive) said(p *place) []byte { return g.input[p.from:][:p.size] }

// behind goes over the places of the input behind what there is of the value under way.
func (g *Extractive) behind(p *place) iter.Seq[int] {
	said, first := g.said(p), p.from
	if p.size == 0 {
		first = p.free
	}
	return func(yield func(int) bool) {
		for i := g.start(first); i >= 0; i = g.start(i + 1) {
			if bytes.HasPrefix(g.input[i:], said) && !yield(i+len(said)) {
				return
			}
		}
	}
}

// extend adds b to the value under way, if the input holds that.
func (g *Extractive) extend(p *place, b byte) bool {
	for i := range g.behind(p) {
		if i < len(g.input) && g.input[i] == b {
			p.from = i - p.size
			p.size++
			return true
		}
	}
	return false
}

// end ends the value under way, if the input holds it up to where a word ends.
func (g *Extractive) end(p *place) bool {
	if p.size == 0 {
		return false
	}
	for i := range g.behind(p) {
		if !g.ends[i] {
			continue
		}
		p.free = i
		if p.part = members; p.list > 0 {
			p.part = items
		}
		if p.list == 1 {
			p.back = i
		}
		return true
	}
	return false
}
