package main

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// An ending is a reader that seems to end between its texts, as a console does that is
// interrupted, and then fails.
type ending struct{ texts []string }

var errOfEnding = errors.New("gone")

func (e *ending) Read(p []byte) (n int, err error) {
	if len(e.texts) == 0 {
		return 0, errOfEnding
	}
	n = copy(p, e.texts[0])
	e.texts = e.texts[1:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Lines come after an interruption, too, and none after an end that nothing explains.
func TestReadLines(t *testing.T) {
	for _, c := range []struct {
		interruptions int
		want          []string
		err           error
	}{{0, []string{"a", "b"}, nil}, {1, []string{"a", "b", "c"}, nil}, {2, []string{"a", "b", "c"}, errOfEnding}} {
		goesOn := func() bool { c.interruptions--; return c.interruptions >= 0 }
		lines, failed := readLines(t.Context(), &ending{[]string{"a\nb\n", "", "c\n", ""}}, goesOn)
		var got []string
		for line := range lines {
			got = append(got, line)
		}
		if !slices.Equal(got, c.want) || *failed != c.err {
			t.Errorf("read %q and %v, want %q and %v", got, *failed, c.want, c.err)
		}
	}
}

// A message of several lines is what stands between two fences, as it was typed.
func TestBlock(t *testing.T) {
	for typed, want := range map[string]string{
		"\"\"\"\na\n  b \n\n/bye\n\"\"\"":         "a\n  b\n\n/bye",
		"\"\"\"a\nb\"\"\"":                        "a\nb",
		" \"\"\"one\"\"\" ":                       "one",
		"\"\"\"\n\"\"\"":                          "",
		"\"\"\"\"\"\"":                            "",
		"\"\"\"\n\"a\" and \"\"\"b\"\"\"\n\"\"\"": "\"a\" and \"\"\"b",
	} {
		var b block
		var text string
		ended := false
		for line := range strings.SplitSeq(typed, "\n") {
			if ended { // the last fence begins another
				break
			}
			if !b.opens(line) {
				t.Fatalf("%q: %q is none of it", typed, line)
			}
			text, ended, _ = b.add(line)
		}
		if !ended || text != want || b.open {
			t.Errorf("%q: %q, ended %v, want %q", typed, text, ended, want)
		}
	}
	var b block
	b.add(fence)
	b.add(strings.Repeat("x", terminalLine))
	if text, ended, cut := b.add("y" + fence); !ended || !cut || b.open {
		t.Errorf("with a line that is cut: %q, ended %v, cut %v", text, ended, cut)
	}
	if b.opens("hello") {
		t.Error("a plain line is one of a block")
	}
}

func TestInterruptedJustNow(t *testing.T) {
	a := newApp(nil, io.Discard, io.Discard)
	if a.interrupts.justNow() {
		t.Error("there was no Ctrl-C, want that none is told of")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	restore := a.takeInterrupts(func() bool { return true })
	defer restore()
	a.onSignal(os.Interrupt, ctx, cancel)
	if !a.interrupts.justNow() || ctx.Err() != nil {
		t.Errorf("Ctrl-C is not told of, or ended the command (%v)", ctx.Err())
	}
}
