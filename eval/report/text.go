package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"limbeck/internal/typeset"
)

// TextOptions sets how WriteText shows a report. The zero value is 80 columns
// without color.
type TextOptions struct {
	Width    int  // columns; 80 if 0, at least 60
	Examples int  // examples shown; 3 if 0, none if negative
	Color    bool // ANSI colors

	// Rest says where all examples and differences stand, as "in report.json"; empty: in
	// no file, so that their number is told alone.
	Rest string
}

const (
	textWidth    = 80
	minTextWidth = 60
	textExamples = 3
)

// textWriter writes lines; the first error sticks, as in bufio. What comes from
// outside is made plain before it is measured, so that columns stay straight.
type textWriter struct {
	*bufio.Writer
	opts  TextOptions
	width int
	level string
}

// WriteText writes the report for a terminal: tables, the differences with
// their intervals, and a few examples on which the models differ.
func (r *Report) WriteText(w io.Writer, opts TextOptions) error {
	t := &textWriter{Writer: bufio.NewWriter(w), opts: opts, level: r.level()}
	if t.width = opts.Width; t.width == 0 {
		t.width = textWidth
	}
	t.width = max(t.width, minTextWidth)
	t.header(r)
	t.models(r)
	t.pairs(r)
	t.tables(r)
	t.examples(r)
	t.notes(r)
	if err := t.Flush(); err != nil {
		return fmt.Errorf("report: write text: %w", err)
	}
	return nil
}

// ANSI styles.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	accent = "36"
)

// styled wraps a string into an ANSI style if colors are wanted.
func (t *textWriter) styled(style, s string) string {
	if !t.opts.Color || style == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

// line writes a line without trailing spaces.
func (t *textWriter) line(s string) {
	t.WriteString(strings.TrimRight(s, " "))
	t.WriteByte('\n')
}

// section starts a block with a heading.
func (t *textWriter) section(title string) {
	t.line("")
	for _, l := range typeset.Fold(typeset.Line(title), t.width) {
		t.line(t.styled(bold, l))
	}
}

// paragraph writes wrapped text: the first line behind head, the others
// indented to the same column.
func (t *textWriter) paragraph(head, s, style string) {
	indent := typeset.Width(head)
	lines := typeset.Fold(typeset.Line(s), t.width-indent)
	if len(lines) == 0 {
		t.line(head)
		return
	}
	for i, l := range lines {
		if i > 0 {
			head = strings.Repeat(" ", indent)
		}
		t.line(head + t.styled(style, l))
	}
}

func (t *textWriter) header(r *Report) {
	title := r.Title
	if title == "" {
		title = "Comparison"
	}
	for _, l := range typeset.Fold(typeset.Line(title), t.width) {
		t.line(t.styled(bold, l))
	}
	for _, facts := range [][]string{r.dataFacts(), r.machineFacts()} {
		if len(facts) > 0 {
			t.paragraph("", strings.Join(facts, " · "), dim)
		}
	}
}

// dataFacts are the facts about task and data that head the report.
func (r *Report) dataFacts() []string {
	var facts []string
	add := func(s string) {
		if s != "" {
			facts = append(facts, s)
		}
	}
	add(r.Task)
	add(r.Data.Path)
	if r.Data.N == 0 {
		add(r.Data.Split)
	} else {
		add(typeset.Counted(r.Data.N, strings.TrimPrefix(r.Data.Split+" ", " ")+"example"))
	}
	for _, d := range [][2]string{{"file", r.Data.File}, {"examples", r.Data.Examples}} {
		if d[1] != "" {
			add(d[0] + " " + shortDigest(d[1]))
		}
	}
	return facts
}

// machineFacts are the facts about machine and day.
func (r *Report) machineFacts() []string {
	var facts []string
	for _, s := range []string{r.Machine.CPU, r.Machine.Tier} {
		if s != "" {
			facts = append(facts, s)
		}
	}
	if n := r.Machine.Threads; n > 0 {
		facts = append(facts, typeset.Counted(n, "thread"))
	}
	if r.Created != "" {
		facts = append(facts, r.Created)
	}
	return facts
}

// shortDigest keeps the first 12 digits after the algorithm's name.
func shortDigest(d string) string {
	algo, hex, ok := strings.Cut(d, ":")
	if !ok {
		return typeset.Cut(d, 12, "")
	}
	return algo + ":" + typeset.Cut(hex, 12, "")
}

// pairs writes each difference with its interval and verdict, grouped by pair.
func (t *textWriter) pairs(r *Report) {
	if len(r.Pairs) == 0 {
		return
	}
	t.section("Differences in quality, with " + t.level + " % intervals")
	names := 0
	for _, p := range r.Pairs {
		names = max(names, typeset.Width(typeset.Line(r.Describe(p.Metric).Title)))
	}
	names = min(names, 20)
	a, b, left := "", "", 0
	for i, p := range r.Pairs {
		if m := r.Describe(p.Metric); r.minor(p.Metric) && p.class(m) == classSame {
			left++
			continue
		}
		if i == 0 || p.A != a || p.B != b {
			a, b = p.A, p.B
			t.paragraph("  ", b+" − "+a, accent)
		}
		t.pair(&p, r.Describe(p.Metric), names)
	}
	if left > 0 {
		t.line(fmt.Sprintf("  … %d more that are not significant%s", left, t.rest(", ")))
	}
}

// rest says behind some text where the rest is; nothing if it is nowhere.
func (t *textWriter) rest(between string) string {
	if t.opts.Rest == "" {
		return ""
	}
	return between + t.opts.Rest
}

// minor tells whether a metric does not stand in the first table: its
// differences are told of if they are significant.
func (r *Report) minor(metric string) bool {
	return slices.Index(r.metricNames(), metric) >= tableMetrics
}

// pair writes one difference on one line, the verdict wrapped under it.
func (t *textWriter) pair(p *Pair, m MetricInfo, names int) {
	const indent = "    "
	name := typeset.Left(typeset.Cut(typeset.Line(m.Title), names, ""), names)
	line := indent + name + "  " + typeset.Right(m.Unit.delta(p.Diff), 6)
	if m.Unit == Percent {
		line += " points"
	}
	if lo, hi, ok := p.shownBounds(m); ok {
		line += fmt.Sprintf("  [%s, %s]", lo, hi)
	}
	under := strings.Repeat(" ", len(indent)+names+2)
	if test := p.test(); test != "" {
		if typeset.Width(line)+2+typeset.Width(test) > t.width {
			t.line(line)
			line = under + test
		} else {
			line += "  " + test
		}
	}
	t.line(line)
	style := map[string]string{classBetter: green, classWorse: red}[p.class(m)]
	t.paragraph(under, p.words(m), style)
}

// test writes the p-values, "" if there are none.
func (p *Pair) test() string {
	if _, ok := p.P.Get(); !ok {
		return ""
	}
	s := "p " + pvalue(p.P)
	if _, ok := p.PHolm.Get(); ok {
		s += " (Holm " + pvalue(p.PHolm) + ")"
	}
	return s
}

// examples writes the worst few differences.
func (t *textWriter) examples(r *Report) {
	n := t.opts.Examples
	if n == 0 {
		n = textExamples
	}
	n = min(n, len(r.Examples))
	if n <= 0 {
		return
	}
	t.section("Examples that differ, worst first")
	for i, e := range r.Examples[:n] {
		head := fmt.Sprintf("%2d  ", i+1)
		t.paragraph(head, e.Input, bold)
		t.exampleLines(&e)
	}
	if left := len(r.Examples) - n; left > 0 {
		t.line(fmt.Sprintf("    … %d more%s", left, t.rest(" ")))
	}
}

// exampleLines writes gold and replies under an input, the texts aligned.
func (t *textWriter) exampleLines(e *Example) {
	names := len("gold")
	for _, p := range e.Replies {
		names = max(names, typeset.Width(typeset.Line(p.Model)))
	}
	names = min(names, 18)
	var models []string
	for _, p := range e.Replies {
		models = append(models, typeset.Line(p.Model))
	}
	models = cutNames(models, names)
	if e.Gold != "" {
		t.paragraph("    "+typeset.Left("gold", names)+"           ", e.Gold, "")
	}
	for i, p := range e.Replies {
		mark, style := "  ", ""
		if s, ok := p.Score.Get(); ok && s >= 1 {
			mark, style = "✓", green
		} else if ok {
			mark, style = "✗", red
		}
		confidence := ""
		if v, ok := p.Confidence.Get(); ok {
			confidence = typeset.Fixed(v, 2)
		}
		name := typeset.Left(models[i], names)
		t.paragraph("    "+name+"  "+typeset.Left(mark, 2)+" "+typeset.Right(confidence, 4)+"  ", p.Text, style)
	}
}

func (t *textWriter) notes(r *Report) {
	if len(r.Notes) == 0 {
		return
	}
	t.section("Notes")
	for _, n := range r.Notes {
		text := n.Text
		if n.Title != "" {
			text = n.Title + ": " + text
		}
		t.paragraph("  ", text, "")
	}
}
