package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"limbeck/internal/typeset"
)

// A progress shows how far work is: as a bar on a terminal, elsewhere as a
// line now and then. Its report method is what packages are given.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	fd    int // of the terminal; -1 if w is none
	quiet bool
	now   func() time.Time

	stage   string
	done    int64
	total   int64
	note    string
	began   time.Time
	shown   time.Time
	samples []sample // of the last rateWindow, oldest first
	drawn   bool     // a bar stands in the terminal's last line
}

// A sample is how much was done at a time.
type sample struct {
	at   time.Time
	done int64
}

const (
	redraw     = 100 * time.Millisecond // between two drawings of the bar
	sayEvery   = 5 * time.Second        // between two plain lines
	rateWindow = 20 * time.Second       // over which the rate is measured
	maxSamples = 64
	barWidth   = 20
)

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, fd: -1, now: time.Now}
	if f := screenOf(w); f != nil {
		p.fd = int(f.Fd())
	}
	return p
}

// report tells how far a stage is. total 0: not known. It is safe for
// concurrent use, and cheap enough to call at every step.
func (p *progress) report(stage string, done, total int64, note string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.quiet {
		return
	}
	stage, note = typeset.Plain(stage), typeset.Plain(note) // they may quote a file
	now := p.now()
	if stage != p.stage {
		p.end(now)
		p.stage, p.began, p.samples, p.shown = stage, now, p.samples[:0], time.Time{}
		if p.fd < 0 {
			p.shown = now // the first plain line comes after a while
		}
	}
	p.done, p.total, p.note = done, total, note
	p.sample(now)
	wait := sayEvery
	if p.fd >= 0 {
		wait = redraw
	}
	if now.Sub(p.shown) >= wait || p.fd >= 0 && done == total {
		p.shown = now
		p.show(now)
	}
}

// sample remembers when how much was done, spread over the window.
func (p *progress) sample(now time.Time) {
	n := len(p.samples)
	if n > 0 && p.done < p.samples[n-1].done { // it began again
		p.samples, n = p.samples[:0], 0
	}
	if n > 0 && p.done == p.samples[n-1].done { // work of long parts is measured by whole ones
		return
	}
	if n > 1 && now.Sub(p.samples[n-2].at) < rateWindow/maxSamples {
		p.samples[n-1] = sample{now, p.done}
		return
	}
	p.samples = append(p.samples, sample{now, p.done})
	for len(p.samples) > 2 && now.Sub(p.samples[1].at) > rateWindow {
		p.samples = append(p.samples[:0], p.samples[1:]...)
	}
}

// rate returns what was done a second lately; 0 if that is not known yet.
func (p *progress) rate() float64 {
	if len(p.samples) < 2 {
		return 0
	}
	first, last := p.samples[0], p.samples[len(p.samples)-1]
	if d := last.at.Sub(first.at).Seconds(); d > 0 {
		return float64(last.done-first.done) / d
	}
	return 0
}

// line clears the bar away, writes text, and lets the bar come back.
func (p *progress) line(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintln(p.w, text)
	p.shown = time.Time{}
}

// finish ends the stage that is shown.
func (p *progress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end(p.now())
	p.stage = ""
}

func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

// end leaves a line that says what the stage did.
func (p *progress) end(now time.Time) {
	if p.stage == "" || p.quiet {
		return
	}
	p.clear()
	text := fmt.Sprintf("%s: %s in %s", p.stage, count(p.done), duration(now.Sub(p.began)))
	if p.total > 0 && p.done < p.total {
		text = fmt.Sprintf("%s: %s of %s after %s", p.stage, count(p.done), count(p.total), duration(now.Sub(p.began)))
	}
	if p.note != "" {
		text += ", " + p.note
	}
	fmt.Fprintln(p.w, text)
}

func (p *progress) show(now time.Time) {
	if p.fd < 0 {
		fmt.Fprintln(p.w, p.plain())
		return
	}
	width, _, err := term.GetSize(p.fd)
	if err != nil || width < 20 {
		width = 80
	}
	fmt.Fprint(p.w, "\r"+typeset.Cut(p.bar(), width-1, "…")+"\x1b[K")
	p.drawn = true
}

// figures are what bar and line have in common.
func (p *progress) figures() []string {
	var f []string
	rate := p.rate()
	if rate > 0 && p.total != 1 {
		f = append(f, figure(rate)+"/s")
	}
	if rate > 0 && p.total > p.done {
		left := time.Duration(float64(p.total-p.done) / rate * float64(time.Second))
		f = append(f, duration(left)+" left")
	}
	if p.note != "" {
		f = append(f, p.note)
	}
	return f
}

func (p *progress) bar() string {
	parts := []string{p.stage}
	if p.total > 0 {
		share := min(1, float64(p.done)/float64(p.total))
		full := int(share * barWidth)
		parts = append(parts, fmt.Sprintf("[%s%s] %3.0f%%", strings.Repeat("#", full), strings.Repeat("-", barWidth-full), 100*share),
			count(p.done)+"/"+count(p.total))
	} else {
		parts = append(parts, count(p.done))
	}
	return strings.Join(append(parts, p.figures()...), "  ")
}

// plain is the line of what is no terminal, which .ci/floors.go reads.
func (p *progress) plain() string {
	text := p.stage + ": " + count(p.done)
	if p.total > 0 {
		text += fmt.Sprintf(" of %s (%.0f%%)", count(p.total), 100*float64(p.done)/float64(p.total))
	}
	return strings.Join(append([]string{text}, p.figures()...), ", ")
}

// count writes a number with commas, shortened from a million on.
func count(n int64) string {
	if n >= 1e6 {
		return figure(float64(n))
	}
	return typeset.Number(int(n))
}

// figure writes a number with three digits: 0.0123, 12.3, 1.23k, 45.6M.
func figure(v float64) string {
	unit := ""
	for _, u := range []string{"k", "M", "G", "T"} {
		if v < 999.5 {
			break
		}
		v, unit = v/1000, u
	}
	switch {
	case v >= 99.95:
		return fmt.Sprintf("%.0f%s", v, unit)
	case v >= 9.995:
		return fmt.Sprintf("%.1f%s", v, unit)
	}
	return strconv.FormatFloat(v, 'g', 3, 64) + unit
}

// duration writes a time for people: 0.3s, 12s, 3m05s, 2h10m.
func duration(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
}
