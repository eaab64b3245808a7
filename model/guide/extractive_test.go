package guide

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestExtractiveFits(t *testing.T) {
	for _, c := range []struct {
		name, input, reply string
		want               bool
	}{
		{"no slots", "wake up", `{"intent": "alarm"}`, true},
		{"one slot", "wake me at six", `{"intent": "alarm", "time": "six"}`, true},
		{"several words", "play some old jazz now", `{"intent": "play", "genre": "old jazz", "time": "now"}`, true},
		{"the first word", "six am", `{"intent": "alarm", "time": "six"}`, true},
		{"all of the input", "six am", `{"intent": "alarm", "time": "six am"}`, true},
		{"a list", "six or seven", `{"intent": "alarm", "time": ["six", "seven"]}`, true},
		{"a slot after a list, from between", "six today or seven", `{"intent": "alarm", "time": ["six", "seven"], "date": "today"}`, true},
		{"the same word twice", "no no", `{"intent": "a", "b": "no", "c": "no"}`, true},
		{"a later place of the same words", "at noon or at six", `{"intent": "a", "b": "at six"}`, true},
		{"a word that begins like another", "tomato tom", `{"intent": "a", "b": "tom"}`, true},
		{"beside marks", "(six), please", `{"intent": "a", "b": "six"}`, true},
		{"with marks", "at 6:30 p.m.", `{"intent": "a", "b": "6:30 p.m."}`, true},
		{"before a mark", "john's list", `{"intent": "a", "b": "john"}`, true},
		{"quotes, a backslash, a line's end", "say \"a\\\nb\" now", `{"intent": "a", "b": "\"a\\\nb\""}`, true},
		{"a control character", "x\x01y z", `{"intent": "a", "b": "x\u0001y"}`, true},
		{"letters beyond ASCII", "spiel Übermut später", `{"intent": "a", "b": "Übermut", "c": "später"}`, true},
		{"a combining mark", "cafe\u0301 now", `{"intent": "a", "b": "` + "cafe\u0301" + `"}`, true},
		{"bytes that are no text", "a \xff b", `{"intent": "a", "b": "` + "\uFFFD" + `"}`, true},
		{"a name that a value spells", `the "b": x`, `{"intent": "a", "c": "the \"b\"", "b": "x"}`, true},

		{"nothing", "six", ``, false},
		{"not ended", "six", `{"intent": "alarm"`, false},
		{"more behind it", "six", `{"intent": "alarm"} `, false},
		{"another spelling", "six", `{"intent":"alarm"}`, false},
		{"no intent", "six", `{"time": "six"}`, false},
		{"an empty intent", "six", `{"intent": ""}`, false},
		{"an empty name", "six", `{"intent": "a", "": "six"}`, false},
		{"an empty value", "six", `{"intent": "a", "b": ""}`, false},
		{"a word that is not there", "six", `{"intent": "a", "b": "seven"}`, false},
		{"part of a word", "sixty", `{"intent": "a", "b": "six"}`, false},
		{"the end of a word", "sixty", `{"intent": "a", "b": "ty"}`, false},
		{"without its mark", "cafe\u0301 now", `{"intent": "a", "b": "cafe"}`, false},
		{"white space before", "at six", `{"intent": "a", "b": " six"}`, false},
		{"white space behind", "six am", `{"intent": "a", "b": "six "}`, false},
		{"in another order", "six today", `{"intent": "a", "b": "today", "c": "six"}`, false},
		{"the same place twice", "six", `{"intent": "a", "b": "six", "c": "six"}`, false},
		{"words that are apart", "six or seven", `{"intent": "a", "b": "six seven"}`, false},
		{"a name twice", "six seven", `{"intent": "a", "b": "six", "b": "seven"}`, false},
		{"the intent's name", "six seven", `{"intent": "a", "intent": "six"}`, false},
		{"a list of one where the input ends", "six", `{"intent": "a", "b": ["six"]}`, true},
		{"white space at the end of the input", "six \n", `{"intent": "a", "b": "six"}`, true},
		{"white space behind, at the end of the input", "six \n", `{"intent": "a", "b": "six \n"}`, false},
		{"a list of one", "six seven", `{"intent": "a", "b": ["six"]}`, false},
		{"an open list", "six seven", `{"intent": "a", "b": ["six", "seven"`, false},
		{"a number", "6", `{"intent": "a", "b": 6}`, false},
		{"an escape in a name", "six", `{"intent": "a\n"}`, false},
		{"a long name", "six", `{"intent": "a", "` + strings.Repeat("b", 64) + `": "six"}`, true},
		{"a name that is too long", "six", `{"intent": "a", "` + strings.Repeat("b", 65) + `": "six"}`, false},
		{"an intent that ends behind 64 bytes with a character", "six", `{"intent": "` + strings.Repeat("b", 63) + `日"}`, true},
		{"a name beyond ASCII", "six", `{"intent": "größe", "é": "six"}`, true},
		{"a name that is no text", "six", "{\"intent\": \"a\xffb\"}", false},
		{"a name that ends within a character", "six", "{\"intent\": \"a\xc3\"}", false},
		{"half an escape", `a\ b`, `{"intent": "a", "b": "a\"}`, false},
		{"a value of an empty input", "", `{"intent": "a", "b": "x"}`, false},
	} {
		if got := NewExtractive(c.input).Fits(c.reply); got != c.want {
			t.Errorf("%s: %q for %q: %v, want %v", c.name, c.reply, c.input, got, c.want)
		}
	}
}

// Wherever a reply has come to, something may follow until it is whole: no list must have
// a second value where there is none, no slot begins when the input is used up. What is
// whole fits.
func TestExtractiveLeavesAWay(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	characters := []string{"a", "b", " ", " ", "\n", "\"", "\\", "é", "e\u0301", "\u2028", "\u00a0", "\x01", "\xff", ",", "日"}
	for range 3000 {
		var input string
		for range rng.IntN(12) {
			input += characters[rng.IntN(len(characters))]
		}
		g := NewExtractive(input)
		var reply []byte
		for !g.Complete() {
			var next []byte
			for b := range 256 {
				if !g.Allows([]byte{byte(b)}) {
					continue
				}
				if next = append(next, byte(b)); len(reply) > 40 && g.at.part <= name && (b == '"' || b == '}') {
					next = []byte{byte(b)} // names are to end, and so is the reply
					break
				}
			}
			if len(next) == 0 || len(reply) > 500 {
				t.Fatalf("%q: nothing may follow %q, or always something", input, reply)
			}
			b := next[rng.IntN(len(next))]
			g.Add([]byte{b})
			reply = append(reply, b)
		}
		if !NewExtractive(input).Fits(string(reply)) {
			t.Fatalf("%q: %q is whole and does not fit", input, reply)
		}
	}
}

// A guide serves one reply after the other, and pieces may be of any size.
func TestExtractiveInPieces(t *testing.T) {
	const reply = `{"intent": "alarm", "time": ["six", "seven"], "date": "today"}`
	g := NewExtractive("six or seven today")
	for size := 1; size <= len(reply); size++ {
		g.Start()
		for rest := reply; rest != ""; {
			piece := rest[:min(size, len(rest))]
			rest = rest[len(piece):]
			if g.Complete() || !g.Allows([]byte(piece)) {
				t.Fatalf("pieces of %d: %q is not allowed before %q", size, piece, rest)
			}
			g.Add([]byte(piece))
		}
		if !g.Complete() {
			t.Fatalf("pieces of %d: not complete", size)
		}
	}
}

func TestExtractiveAllowsWithoutAllocating(t *testing.T) {
	g := NewExtractive(strings.Repeat("wake me at six ", 20))
	before := []byte(`{"intent": "alarm", "time": "si`)
	if !g.Allows(before) {
		t.Fatalf("%s is not allowed", before)
	}
	g.Add(before)
	piece := []byte(`x", "date": "`)
	g.Allows(piece)
	if n := testing.AllocsPerRun(100, func() { g.Allows(piece) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkExtractive(b *testing.B) {
	pieces := [][]byte{[]byte(`{"intent": "alarm_set", "`), []byte(`date`), []byte(`": "`), []byte("tom"), []byte("orrow"), []byte(`", "time": "`), []byte("six"), []byte(`"}`)}
	for b.Loop() {
		g := NewExtractive("wake me up tomorrow at six and tell me a joke")
		for _, p := range pieces {
			if !g.Allows(p) {
				b.Fatalf("%q is not allowed", p)
			}
			g.Add(p)
		}
	}
}
