package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestTable(t *testing.T) {
	var b strings.Builder
	tab := table{head: []string{"model", "size", "note"}}
	tab.add("teacher", "11.2 MB", strings.Repeat("long ", 30))
	tab.add("student", "2.7 MB", "é")
	tab.write(&b)
	want := "model       size  note\n" +
		"teacher  11.2 MB  " + strings.Repeat("long ", 12) + "l…\n" +
		"student   2.7 MB  é\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(strings.TrimSpace(line)); n > tableWidth {
			t.Errorf("a line of %d characters", n)
		}
	}
}

// Columns stand below each other whatever is in them, and nothing of a file steers a
// terminal.
func TestTableOfFiles(t *testing.T) {
	var b strings.Builder
	tab := table{head: []string{"model", "size"}}
	tab.add("日本語", "1 MB")
	tab.add("a\x1b[2J\u202eb\nc", "2 MB")
	tab.write(&b)
	want := "model      size\n" +
		"日本語     1 MB\n" +
		"a␛[2J\ufffdb c  2 MB\n"
	if b.String() != want {
		t.Errorf("got\n%q\nwant\n%q", b.String(), want)
	}
}

// Nor does it where an error, a remark or a list quotes it.
func TestQuotedIsPlain(t *testing.T) {
	const hostile = "a\x1b[2J\u202eb"
	var out, errs strings.Builder
	a := newApp(nil, &out, &errs)
	a.tell(hostile)
	a.remark("%s", hostile)
	pairs(&out, [][2]string{{hostile, hostile}, {"日本", "語"}, {"alone", ""}})
	if want := "limbeck: a[2Jb\na[2Jb\n"; errs.String() != want {
		t.Errorf("got %q, want %q", &errs, want)
	}
	if want := "a[2Jb  a[2Jb\n日本   語\nalone  \n"; out.String() != want {
		t.Errorf("got %q, want %q", &out, want)
	}
}

func TestFigures(t *testing.T) {
	for v, want := range map[float64]string{0.01234: "0.0123", 1.5: "1.5", 12.34: "12.3", 99.96: "100", 123: "123", 999.6: "1k", 1234: "1.23k", 45.6e6: "45.6M"} {
		if got := figure(v); got != want {
			t.Errorf("figure(%v) = %s, want %s", v, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1234: "1,234", -1234: "-1,234", -123: "-123", 123456: "123,456", 1234567: "1.23M"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{300 * time.Millisecond: "0.3s", 12 * time.Second: "12s", 185 * time.Second: "3m05s", 130 * time.Minute: "2h10m"} {
		if got := duration(d); got != want {
			t.Errorf("duration(%v) = %s, want %s", d, got, want)
		}
	}
}

// clock is a progress whose time the test moves.
func clock(t *testing.T, fd int) (p *progress, out *strings.Builder, pass func(time.Duration)) {
	t.Helper()
	out = new(strings.Builder)
	p = newProgress(out)
	p.fd = fd
	now := time.Unix(1e9, 0)
	p.now = func() time.Time { return now }
	return p, out, func(d time.Duration) { now = now.Add(d) }
}

func TestPlainProgress(t *testing.T) {
	p, out, pass := clock(t, -1)
	for i := range 121 { // resumed at 1,000: the rate is that of this run
		p.report("train", int64(1000+10*i), 3000, "loss 1.25")
		pass(100 * time.Millisecond)
	}
	p.report("compare \x1b[2J", 1, 10, "") // of a file's name
	p.finish()
	const want = "train: 1,500 of 3,000 (50%), 100/s, 15s left, loss 1.25\n" +
		"train: 2,000 of 3,000 (67%), 100/s, 10s left, loss 1.25\n" +
		"train: 2,200 of 3,000 after 12s, loss 1.25\n" +
		"compare [2J: 1 of 10 after 0.0s\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

// Parts that take longer than the rate's window are measured from the first on, though
// it is told within them how far they are.
func TestProgressOfLongParts(t *testing.T) {
	p, out, pass := clock(t, -1)
	p.report("train", 0, 3, "")
	for part := range int64(2) {
		for i := range 4 {
			pass(25 * time.Second)
			p.report("train", part, 3, fmt.Sprintf("pass %d of 5", i+1))
		}
		pass(25 * time.Second)
		p.report("train", part+1, 3, "loss 1.25")
	}
	p.finish()
	for _, want := range []string{
		"train: 0 of 3 (0%), pass 1 of 5\n",
		"train: 1 of 3 (33%), 0.008/s, 4m10s left, loss 1.25\n",
		"train: 1 of 3 (33%), 0.008/s, 4m10s left, pass 4 of 5\n",
		"train: 2 of 3 after 4m10s, loss 1.25\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestQuietProgress(t *testing.T) {
	p, out, pass := clock(t, -1)
	p.quiet = true
	p.report("train", 1, 2, "")
	pass(time.Minute)
	p.report("train", 2, 2, "")
	p.finish()
	if out.Len() > 0 {
		t.Errorf("got %q", out)
	}
}

func TestBar(t *testing.T) {
	p, out, pass := clock(t, 1<<20) // no terminal has this number: 80 columns are assumed
	p.report("train", 0, 1000, "")
	for range 10 {
		pass(50 * time.Millisecond)
		p.report("train", p.done+50, 1000, "loss 1.25")
	}
	p.line("a remark")
	p.finish()
	text := out.String()
	for _, want := range []string{
		"\rtrain  [--------------------]   0%  0/1,000\x1b[K",
		"\rtrain  [##########----------]  50%  500/1,000  1k/s  0.5s left  loss 1.25\x1b[K",
		"\r\x1b[Ka remark\n",
		"train: 500 of 1,000 after 0.5s, loss 1.25\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
	if n := strings.Count(text, "train  ["); n != 6 { // one a tenth of a second
		t.Errorf("drawn %d times, want 6", n)
	}
}
