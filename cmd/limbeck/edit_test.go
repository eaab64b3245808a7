package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/term"
)

// editorOf returns an editor of keys that are typed, without a terminal.
func editorOf(in io.Reader, out io.Writer) *editor {
	e := &editor{raw: new(rawMode), screen: out, keys: newKeys(in, out)}
	e.term = newTerminal(e.keys, nil)
	return e
}

// What is typed becomes lines, whole or in pieces.
func TestEditorLines(t *testing.T) {
	const up = "\x1b[A"
	for typed, want := range map[string][]string{
		"ab\x1b[Dx\r":                            {"axb"},
		"b\x1b[Ha\x1b[Fc\r":                      {"abc"},
		"b\x1b[1~a\x1b[4~c\r":                    {"abc"}, // as tmux spells Home and End
		"b\x1bOHa\x1bOFc\x1bOP\r":                {"abc"}, // and as keypads do, with F1
		"one two\x1b[1;5D\x1b[1;5Dx\r":           {"xone two"},
		"grün 猫🙂\x7f\x7f狗\r":                     {"grün 狗"},
		"a\tb\x7fc\r":                            {"a\tc"},                 // as in pasted code
		"a\r\r \rb\r" + up + up + "\r":           {"a", "", " ", "b", "a"}, // no empty line is kept
		"a\ra\rb\r" + up + up + up + "\r":        {"a", "a", "b", "a"},
		"a\r\nb\nc\r\r":                          {"a", "b", "c", ""},
		"\x1b[200~a\rb\x1b[201~c\r":              {"a", "bc"},
		"caf\xe9\rs\xff\r\ufffd\r":               {"caf?", "s?", "?"}, // and none waits for a key
		strings.Repeat("x", 5000) + "\r" + "b\r": {strings.Repeat("x", terminalLine+1), "b"},
	} {
		for name, in := range map[string]io.Reader{"at once": strings.NewReader(typed), "in pieces": iotest.OneByteReader(strings.NewReader(typed))} {
			e := editorOf(in, io.Discard)
			for i, w := range want {
				if got, err := e.line(promptSign); got != w || err != nil {
					t.Errorf("%q %s: line %d is %q, %v, want %q", typed, name, i, got, err, w)
				}
			}
			if got, err := e.line(promptSign); err != io.EOF {
				t.Errorf("%q %s: then %q, %v, want the end", typed, name, got, err)
			}
		}
	}
}

// Ctrl-C drops the line alone; Ctrl-D ends the input where the line is empty, and deletes a
// character where it is not. What is behind the end is for others.
func TestEditorControls(t *testing.T) {
	in := strings.NewReader("a\rlost\x03\x1b[A\rxb\x1b[H\x04\r\x04exit\r")
	e := editorOf(in, io.Discard)
	for i, want := range []struct {
		line string
		err  error
	}{{"a", nil}, {"", errDropped}, {"a", nil}, {"b", nil}, {"", io.EOF}} {
		if got, err := e.line(promptSign); got != want.line || !errors.Is(err, want.err) {
			t.Errorf("line %d is %q, %v, want %q, %v", i, got, err, want.line, want.err)
		}
	}
	if n := in.Len(); n != len("exit\r") {
		t.Errorf("%d bytes are left behind the end, want those of exit", n)
	}
}

// A sequence that has no end is dropped; it would be asked for for ever.
func TestEditorOfEndlessSequence(t *testing.T) {
	e := editorOf(strings.NewReader("\x1b["+strings.Repeat("1", 1000)), io.Discard)
	if got, err := e.line(promptSign); !errors.Is(err, errDropped) {
		t.Errorf("got %q, %v, want %v", got, err, errDropped)
	}
}

// What is drawn is as wide as the editor takes it for.
func TestEditorDrawsTabs(t *testing.T) {
	var out bytes.Buffer
	if got, err := editorOf(strings.NewReader("a\tb\u009b\r"), &out).line(promptSign); got != "a\tb\u009b" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if strings.ContainsAny(out.String(), "\t\u009b") || !strings.HasPrefix(out.String(), promptSign+"a") {
		t.Errorf("drew %q, want the sign, and spaces for controls", &out)
	}
}

// What is told amid a line stands above it, and the line is drawn again.
func TestEditorTells(t *testing.T) {
	var out bytes.Buffer
	in, typed := io.Pipe()
	e := editorOf(in, &out)
	e.raw.before = &term.State{}
	read := make(chan string)
	go func() {
		line, _ := e.line(blockSign)
		read <- line
	}()
	if _, err := typed.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := typed.Write([]byte("b")); err != nil { // which is taken once a is drawn
		t.Fatal(err)
	}
	e.tell("told")
	if _, err := typed.Write([]byte("\r")); err != nil {
		t.Fatal(err)
	}
	if line := <-read; line != "ab" || !strings.Contains(out.String(), "told\r\n"+promptSign+"a") {
		t.Errorf("read %q, drew %q", line, &out)
	}
}
