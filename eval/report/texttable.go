package report

import (
	"math"
	"slices"
	"strings"

	"limbeck/internal/typeset"
)

// textColumn is a column of numbers, right-aligned under a title that may take
// two lines and a unit.
type textColumn struct {
	title string
	unit  string
	cells []string
	fresh bool // starts a table of its own
}

// filled reports whether any row has something to say.
func (c *textColumn) filled() bool {
	return slices.ContainsFunc(c.cells, func(s string) bool { return s != absent })
}

// numbers makes a column's cells: every number scaled alike and with the same
// decimals, so that the eye compares lengths.
func numbers(values []Num, scale float64, decimals int) []string {
	out := make([]string, len(values))
	for i, n := range values {
		out[i] = absent
		if v, ok := n.Get(); ok {
			if decimals == ownDecimals {
				out[i] = typeset.Fixed(v*scale, evenDecimals(values[i:i+1], scale))
			} else {
				out[i] = typeset.Fixed(v*scale, decimals)
			}
		}
	}
	return out
}

// Where numbers of one column are further apart than farApart, each has decimals
// of its own: the column would be wide and say no more.
const (
	ownDecimals = -1
	farApart    = 1000
)

// evenDecimals chooses decimals for a whole column: two or three digits for
// its smallest number, none where thousands stand.
func evenDecimals(values []Num, scale float64) int {
	least, most := math.Inf(1), 0.0
	for _, v := range present(values) {
		if v = math.Abs(v * scale); v > 0 {
			least, most = min(least, v), max(most, v)
		}
	}
	switch {
	case len(values) > 1 && most >= farApart*least && least < 100:
		return ownDecimals
	case least >= 100 || most >= 10000:
		return 0
	case least >= 1:
		return 1
	case least >= 0.1:
		return 2
	}
	const maxDecimals = 8 // below that, nothing is worth its room
	return min(1+int(math.Ceil(-math.Log10(least))), maxDecimals)
}

// withErrors makes the cells of values with their standard errors, with decimals that
// show a digit of the smallest error.
func withErrors(values, errors []Num) []string {
	decimals, ofErrors := evenDecimals(values, 1), evenDecimals(errors, 1)
	if decimals == ownDecimals || ofErrors == ownDecimals {
		var out []string
		for i := range values {
			out = append(out, withErrors(values[i:i+1], errors[i:i+1])...)
		}
		return out
	}
	decimals = max(decimals, ofErrors-1)
	out := numbers(values, 1, decimals)
	for i, e := range numbers(errors, 1, decimals) {
		if out[i] != absent && e != absent {
			out[i] += " ± " + e
		}
	}
	return out
}

// finePercents makes the cells of shares that may be too small for digits, which then do
// not choose the decimals of the others.
func finePercents(values []Num) []string {
	others := slices.Clone(values)
	for i, n := range values {
		if _, ok := tiny(n); ok {
			others[i] = Num{}
		}
	}
	out := numbers(others, 100, evenDecimals(others, 100))
	for i, n := range values {
		if s, ok := tiny(n); ok {
			out[i] = s
		}
	}
	return out
}

// pick takes one number from each model.
func pick(models []Model, f func(*Model) Num) []Num {
	out := make([]Num, len(models))
	for i := range models {
		out[i] = f(&models[i])
	}
	return out
}

// known0 is a count as a Num, absent when 0.
func known0(n int64) Num {
	if n == 0 {
		return Num{}
	}
	return N(float64(n))
}

// tableMetrics is how many metrics stand in the first table; others follow in
// the second.
const tableMetrics = 3

// modelColumns lists the columns about the models: first those that decide,
// then a table of what else is known.
func (r *Report) modelColumns() []textColumn {
	var cols []textColumn
	add := func(title, unit string, scale float64, f func(*Model) Num) {
		values := pick(r.Models, f)
		cols = append(cols, textColumn{title, unit, numbers(values, scale, evenDecimals(values, scale)), false})
	}
	names := r.metricNames()
	add("size", "MB", 1e-6, func(m *Model) Num { return known0(m.Bytes) })
	add("params", "M", 1e-6, func(m *Model) Num { return known0(m.Params) })
	for _, name := range names[:min(tableMetrics, len(names))] {
		cols = append(cols, r.metricColumn(name))
	}
	add("tok", "/s", 1, func(m *Model) Num { return m.Speed.Decode.Median })
	add("req", "/s", 1, func(m *Model) Num { return m.Speed.Requests.Median })
	add("first token", "ms", 1e3, func(m *Model) Num { return m.Speed.FirstToken.Median })
	add("peak mem.", "MB", 1e-6, func(m *Model) Num { return known0(m.Speed.PeakMemory) })

	second := len(cols)
	for _, name := range names[min(tableMetrics, len(names)):] {
		cols = append(cols, r.metricColumn(name))
	}
	add("load", "ms", 1e3, func(m *Model) Num { return m.Speed.Load.Median })
	add("prompt tok", "/s", 1, func(m *Model) Num { return m.Speed.Prompt.Median })
	cols = append(cols, textColumn{"KL from teacher", "nats", withErrors(
		pick(r.Models, func(m *Model) Num { return m.divergence().KL }),
		pick(r.Models, func(m *Model) Num { return m.divergence().SE })), false})
	add("same top", "%", 100, func(m *Model) Num { return m.divergence().SameTop })
	cols = append(cols, textColumn{"dropped mass", "%", finePercents(
		pick(r.Models, func(m *Model) Num { return m.divergence().Dropped })), false})
	add("1,000 requests", r.currency(), 1, r.cost)
	for i := second; i < len(cols); i++ {
		if cols[i].filled() {
			cols[i].fresh = true
			break
		}
	}
	return slices.DeleteFunc(cols, func(c textColumn) bool { return !c.filled() })
}

// divergence is never nil.
func (m *Model) divergence() *Divergence {
	if m.Divergence == nil {
		return &Divergence{}
	}
	return m.Divergence
}

// currency is the one of the costs that are shown, of this run if it has any.
func (r *Report) currency() string {
	for _, m := range r.measuredFirst() {
		if m.Cost.Currency != "" {
			return m.Cost.Currency
		}
	}
	return ""
}

// measuredFirst returns the models of this run, then those recorded earlier.
func (r *Report) measuredFirst() []*Model {
	var now, before []*Model
	for i := range r.Models {
		if m := &r.Models[i]; m.recorded() {
			before = append(before, m)
		} else {
			now = append(now, m)
		}
	}
	return append(now, before...)
}

// cost is what 1,000 requests of a model cost, if that is in the report's currency.
func (r *Report) cost(m *Model) Num {
	if m.Cost.Currency != r.currency() {
		return Num{}
	}
	return m.Cost.PerThousand
}

// metricColumn is the column of a metric.
func (r *Report) metricColumn(name string) textColumn {
	info := r.Describe(name)
	title := strings.ReplaceAll(info.Title, "accuracy", "acc.")
	values := pick(r.Models, func(m *Model) Num { q, _ := m.metric(name); return q.Value })
	if info.Unit == Percent {
		return textColumn{title, "%", numbers(values, 100, 1), false}
	}
	return textColumn{title, "", numbers(values, 1, evenDecimals(values, 1)), false}
}

// recordMark follows the names of models that were not run now.
const recordMark = " *"

func (t *textWriter) models(r *Report) {
	if len(r.Models) == 0 {
		return
	}
	names := make([]string, len(r.Models))
	styles := make([]string, len(r.Models))
	for i := range r.Models {
		m := &r.Models[i]
		names[i] = m.Name
		if m.recorded() {
			names[i] += recordMark
			styles[i] = dim
		}
	}
	t.table("model", names, styles, r.modelColumns())
	for i := range r.Models {
		if m := &r.Models[i]; m.recorded() {
			t.paragraph("* ", m.recordNote(), dim)
		}
	}
	t.flattery(r)
}

// flattery says below the table whose figures in it owe something to a format.
func (t *textWriter) flattery(r *Report) {
	teacher, _ := r.sides()
	if teacher == nil {
		return
	}
	var of []string
	for i := range r.Models {
		m := &r.Models[i]
		if by := flattery(teacher, m); m.Role == Student && by != "" {
			of = append(of, m.Name+" ("+by+")")
		}
	}
	if len(of) > 0 {
		t.paragraph("", "Size, speed and memory flatter "+strings.Join(of, ", ")+".", "")
	}
}

// recordNote says when and where the figures of a recorded model come from.
func (m *Model) recordNote() string {
	s := m.Name + ": recorded earlier, not run now"
	if m.RecordedOn != "" {
		s += ", " + m.RecordedOn
	}
	if m.Source != "" {
		s += ", " + m.Source
	}
	return s
}

// minName is the least room that the names of rows get.
const minName = 12

// table writes columns beside the names of their rows, in as many tables one
// below the other as the width asks for.
func (t *textWriter) table(head string, names, styles []string, cols []textColumn) {
	rowNames := []string{typeset.Line(head)}
	longest := typeset.Width(rowNames[0])
	for _, n := range names {
		n = typeset.Line(n)
		rowNames = append(rowNames, n)
		longest = max(longest, typeset.Width(n))
	}
	for i := range cols {
		cols[i].fit()
	}
	for {
		n := 0
		room := t.width - min(longest, minName)
		for n < len(cols) && (n == 0 || !cols[n].fresh) {
			if room -= 2 + cols[n].width(); room < 0 && n > 0 {
				break
			}
			n++
		}
		t.block(rowNames, styles, cols[:n], longest)
		if cols = cols[n:]; len(cols) == 0 {
			return
		}
	}
}

// Bounds on a column, for titles and texts that come from outside.
const (
	maxTitle = 14
	maxUnit  = 8
	maxCell  = 30
)

// titleLines breaks a column's title into the lines above its unit.
func (c *textColumn) titleLines() []string {
	longest := 6
	for _, w := range strings.Fields(typeset.Line(c.title)) {
		longest = max(longest, typeset.Width(w))
	}
	return typeset.Fold(typeset.Line(c.title), min(longest, maxTitle))
}

// fit cleans every text of a column and bounds its length.
func (c *textColumn) fit() {
	c.unit = typeset.Cut(typeset.Line(c.unit), maxUnit, "")
	c.cells = slices.Clone(c.cells)
	for i, s := range c.cells {
		c.cells[i] = typeset.Cut(typeset.Line(s), maxCell, "…")
	}
}

// width is the room that a fitted column needs.
func (c *textColumn) width() int {
	w := typeset.Width(c.unit)
	for _, s := range append(c.titleLines(), c.cells...) {
		w = max(w, typeset.Width(s))
	}
	return w
}

// block writes one table: titles aligned to the bottom, units, rows.
func (t *textWriter) block(names, styles []string, cols []textColumn, longest int) {
	widths := make([]int, len(cols))
	heads := make([][]string, len(cols))
	height, used := 0, 0
	units := slices.ContainsFunc(cols, func(c textColumn) bool { return c.unit != "" })
	for i := range cols {
		widths[i] = cols[i].width()
		heads[i] = cols[i].titleLines()
		if units {
			heads[i] = append(heads[i], cols[i].unit)
		}
		height = max(height, len(heads[i]))
		used += 2 + widths[i]
	}
	first := min(longest, max(t.width-used, minName))
	t.line("")
	for y := range height {
		line := strings.Repeat(" ", first)
		if y == height-1 {
			line = typeset.Left(typeset.Cut(names[0], first, "…"), first)
		}
		for i, h := range heads {
			s := ""
			if k := y - (height - len(h)); k >= 0 {
				s = h[k]
			}
			line += "  " + typeset.Right(s, widths[i])
		}
		t.line(t.styled(bold, strings.TrimRight(line, " ")))
	}
	for row, name := range cutNames(names[1:], first) {
		line := typeset.Left(name, first)
		for i := range cols {
			line += "  " + typeset.Right(cols[i].cells[row], widths[i])
		}
		t.line(t.styled(styles[row], strings.TrimRight(line, " ")))
	}
}

// cutNames shortens names at their ends, or in the middle where the ends tell
// them apart.
func cutNames(names []string, w int) []string {
	out := make([]string, len(names))
	seen := map[string]int{}
	for i, name := range names {
		out[i] = cutName(name, w)
		seen[out[i]]++
	}
	for i, name := range names {
		if seen[out[i]] > 1 && out[i] != name {
			plain, marked := strings.CutSuffix(name, recordMark)
			if !marked {
				out[i] = typeset.CutMiddle(plain, w, "…")
			}
		}
	}
	return out
}

// cutName shortens a row's name, but never the mark at its end.
func cutName(name string, w int) string {
	plain, marked := strings.CutSuffix(name, recordMark)
	if !marked {
		return typeset.Cut(name, w, "…")
	}
	return typeset.Cut(plain, w-len(recordMark), "…") + recordMark
}

// tables writes the report's own tables, the first column as row names.
func (t *textWriter) tables(r *Report) {
	for i := range r.Tables {
		tab := &r.Tables[i]
		if len(tab.Columns) == 0 {
			continue
		}
		t.section(tab.Title)
		names := make([]string, len(tab.Rows))
		cols := make([]textColumn, len(tab.Columns)-1)
		for c := range cols {
			cols[c] = textColumn{title: tab.Columns[c+1].Name, cells: make([]string, len(tab.Rows))}
			if tab.Columns[c+1].Unit == Percent {
				cols[c].unit = "%"
			}
		}
		for y, row := range tab.Rows {
			names[y] = tab.text(row, 0)
			for c := range cols {
				cols[c].cells[y] = tab.text(row, c+1)
			}
		}
		t.table(tab.Columns[0].Name, names, make([]string, len(names)), cols)
		if tab.Note != "" {
			t.paragraph("  ", tab.Note, dim)
		}
	}
}

// text writes one cell; a row may be shorter than the columns.
func (tab *Table) text(row []Cell, col int) string {
	if col >= len(row) {
		return absent
	}
	cell, write := row[col], tab.writer(col)
	if cell.Text != "" {
		return cell.Text
	}
	s := write(cell.Value)
	if lo, ok := cell.Lo.Get(); ok {
		if hi, ok := cell.Hi.Get(); ok {
			return s + " [" + write(N(lo)) + ", " + write(N(hi)) + "]"
		}
	}
	if _, ok := cell.SE.Get(); ok {
		s += " ± " + write(cell.SE)
	}
	return s
}

// writer returns how a column's numbers are written: plain ones all with the
// same decimals.
func (tab *Table) writer(col int) func(Num) string {
	unit := tab.Columns[col].Unit
	if unit != Plain {
		return unit.value
	}
	var values []Num
	for _, row := range tab.Rows {
		if col < len(row) {
			values = append(values, row[col].Value)
		}
	}
	d := evenDecimals(values, 1)
	return func(n Num) string { return numbers([]Num{n}, 1, d)[0] }
}
