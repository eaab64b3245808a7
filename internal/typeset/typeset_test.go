package typeset

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// steering is a text that would clear a screen, ring, turn what follows around, and
// break a line where no line feed is.
const steering = "a\x1b[2J\tb\n\r\x00é\u009b\x7f\u202ec\u2066\u2028d\u2029\xff"

func TestPlain(t *testing.T) {
	if got, want := Plain(steering), "a[2J\tb\nécd\ufffd"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLine(t *testing.T) {
	if got, want := Line(steering), "a␛[2J b  ␀é\ufffd␡\ufffdc\ufffd\ufffdd\ufffd\ufffd"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What Line replaces is what Plain leaves out, but for line feeds and tabs.
func TestOneIdeaOfPlain(t *testing.T) {
	for r := range rune(utf8.MaxRune) {
		if !utf8.ValidRune(r) || r == '\n' || r == '\t' {
			continue
		}
		s := string(r)
		if kept := Plain(s) == s; kept != (Line(s) == s) {
			t.Errorf("%U: Plain gives %q, Line %q", r, Plain(s), Line(s))
		}
	}
}

func TestWidth(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "日本": 4, "e\u0301": 1, "\U0001f600": 2, "ｱ": 1, "Ａ": 2} {
		if got := Width(s); got != want {
			t.Errorf("%q: %d columns, want %d", s, got, want)
		}
	}
	if got := Left("日本", 5) + "|" + Right("日本", 5) + "|" + Left("abc", 2); got != "日本 | 日本|abc" {
		t.Errorf("got %q", got)
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		s           string
		w           int
		end, middle string
	}{
		{"embedded-teacher-q8", 19, "embedded-teacher-q8", "embedded-teacher-q8"},
		{"embedded-teacher-q8", 12, "embedded-te…", "embed…her-q8"},
		{"日本語の模型", 7, "日本語…", "日…模型"},
	} {
		if got := Cut(c.s, c.w, "…"); got != c.end {
			t.Errorf("%s in %d: %s, want %s", c.s, c.w, got, c.end)
		}
		if got := CutMiddle(c.s, c.w, "…"); got != c.middle || Width(got) > c.w {
			t.Errorf("%s in %d: %s of %d, want %s", c.s, c.w, got, Width(got), c.middle)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		in         string
		w          int
		wrap, fold string
	}{
		{" ", 5, "", ""},
		{"a bb ccc", 4, "a bb|ccc", "a bb|ccc"},
		{"x abcdefgh y", 3, "x|abcdefgh|y", "x|abc|def|gh|y"},
		{"x abcdefgh y", 4, "x|abcdefgh|y", "x|abcd|efgh|y"},
		{"abcde y z", 3, "abcde|y z", "abc|de|y z"},
		{"日本語", 4, "日本語", "日本|語"},
		{"日本 a b", 5, "日本|a b", "日本|a b"},
		{"日本", 1, "日本", "日本"},
	} {
		if got := strings.Join(Wrap(c.in, c.w), "|"); got != c.wrap {
			t.Errorf("Wrap(%q, %d) = %q, want %q", c.in, c.w, got, c.wrap)
		}
		if got := strings.Join(Fold(c.in, c.w), "|"); got != c.fold {
			t.Errorf("Fold(%q, %d) = %q, want %q", c.in, c.w, got, c.fold)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Number(0), "0"}, {Number(999), "999"}, {Number(1115394), "1,115,394"}, {Number(-123), "-123"}, {Number(-123456), "-123,456"},
		{Counted(1, "label"), "1 label"}, {Counted(0, "label"), "0 labels"}, {Counted(2000, "label"), "2,000 labels"},
		{Fixed(-1234567.891, 2), "−1,234,567.89"}, {Fixed(-0.04, 1), "0.0"}, {Fixed(999, 0), "999"}, {Fixed(0, 0), "0"}, {Fixed(-12, 0), "−12"},
		{Bytes(0), "0 B"}, {Bytes(999), "999 B"}, {Bytes(1500), "1.5 kB"}, {Bytes(2741856), "2.7 MB"}, {Bytes(144811808), "145 MB"}, {Bytes(3_200_000_000), "3.2 GB"},
		{Bytes(99_949), "99.9 kB"}, {Bytes(99_950), "100 kB"}, {Bytes(999_499), "999 kB"}, {Bytes(999_500), "1.0 MB"}, {Bytes(999_960), "1.0 MB"}, {Bytes(999_999_999), "1.0 GB"},
		{Size(512), "512 B"}, {Size(99_000), "99.0 kB"}, {Size(260_000), "0.3 MB"}, {Size(2741856), "2.7 MB"}, {Size(144811808), "145 MB"}, {Size(3_200_000_000), "3.20 GB"},
		{Size(99_949), "99.9 kB"}, {Size(99_960), "0.1 MB"}, {Size(99_949_999), "99.9 MB"}, {Size(99_950_000), "100 MB"}, {Size(999_499_999), "999 MB"}, {Size(999_500_000), "1.00 GB"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
