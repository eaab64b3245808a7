package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"limbeck/eval/bench"
	"limbeck/eval/report"
	"limbeck/internal/machine"
)

// A result is what a run found.
type result struct {
	Machine report.Machine `json:"machine"`
	Limits  machine.Limits `json:"limits"`
	Rounds  int            `json:"rounds"`
	NoTorch string         `json:"pytorch_missing,omitempty"` // why it was not timed
	Rows    []outcome      `json:"rows"`
}

// An outcome is what became of a row.
type outcome struct {
	Name   string       `json:"name"`
	Unit   unit         `json:"unit"`
	Sides  []sideResult `json:"sides"`            // Limbeck first
	Limits []float64    `json:"limits,omitempty"` // of Limbeck's rounds
	By     string       `json:"limited_by,omitempty"`
	Cache  int64        `json:"kv_cache_bytes,omitempty"` // that Limbeck's sequences fill
	Goals  []verdict    `json:"goals,omitempty"`
}

// A sideResult is what one side did.
type sideResult struct {
	Name   string    `json:"name"`
	Flags  string    `json:"flags,omitempty"` // that were the fastest
	Trials []trial   `json:"trials,omitempty"`
	Values []float64 `json:"values"` // of the rounds
	Memory int64     `json:"peak_memory_bytes,omitempty"`
	Failed string    `json:"failed,omitempty"`

	// Unable lists programs with their signals, or the time that was not enough, if the
	// side is a peer's and each of its runs ended so.
	Unable []string `json:"unable,omitempty"`

	errs []error // of what Failed tells
}

// A trial is what one way of running a side gave.
type trial struct {
	Flags string  `json:"flags"`
	Value float64 `json:"value"`
}

// add adds what a run of a side gave.
func (o *outcome) add(s *sideResult, x *sample, err error) {
	if err != nil {
		s.fail(err)
		return
	}
	s.Values, s.Memory = append(s.Values, x.Value), max(s.Memory, x.Memory)
	o.Cache = max(o.Cache, x.cache)
	if x.limit > 0 {
		o.Limits, o.By = append(o.Limits, x.limit), x.by
	}
}

// fail keeps the errors of runs.
func (s *sideResult) fail(errs ...error) {
	s.Failed = errors.Join(errs...).Error()
	s.errs = append(s.errs, errs...)
}

// endings returns what [sideResult.Unable] is.
func (s *sideResult) endings() []string {
	if s.Name == limbeckName || len(s.Trials)+len(s.Values) > 0 {
		return nil
	}
	var out []string
	for _, err := range s.errs {
		u := new(unable)
		if !errors.As(err, &u) {
			return nil
		}
		if how := u.program + ": " + u.how; !slices.Contains(out, how) {
			out = append(out, how)
		}
	}
	return out
}

// side returns a side by its name; an empty one if there is none.
func (o *outcome) side(name string) *sideResult {
	for i := range o.Sides {
		if o.Sides[i].Name == name {
			return &o.Sides[i]
		}
	}
	return &sideResult{}
}

// median returns a side's median; 0 if it was not timed.
func (o *outcome) median(name string) float64 { return bench.Median(o.side(name).Values) }

func (o *outcome) memory(name string) int64 { return o.side(name).Memory }

// ratio returns how many times faster than a peer Limbeck is; 0 unknown.
func (o *outcome) ratio(peer string) float64 {
	own, other := o.median(limbeckName), o.median(peer)
	if own == 0 || other == 0 {
		return 0
	}
	if o.Unit == seconds {
		return other / own
	}
	return own / other
}

// share returns the median of Limbeck's parts of the limits of its rounds; 0
// unknown.
func (o *outcome) share() float64 {
	values := o.side(limbeckName).Values
	if len(values) != len(o.Limits) {
		return 0
	}
	var shares []float64
	for i, v := range values {
		shares = append(shares, v/o.Limits[i])
	}
	return bench.Median(shares)
}

// failures counts the sides that failed. What a peer does to itself is no mistake in how
// it was run, and all else is measured.
func (r *result) failures() int {
	n := 0
	for _, o := range r.Rows {
		for _, s := range o.Sides {
			if s.Failed != "" && s.Unable == nil {
				n++
			}
		}
	}
	return n
}

// figure writes a value with its unit's decimals, or a dash for 0.
func figure(v float64, format string) string {
	if v == 0 {
		return "—"
	}
	return fmt.Sprintf(format, v)
}

// value writes a side's median.
func (o *outcome) value(name string) string {
	v := o.median(name)
	if o.Unit == seconds {
		return figure(v, "%.2f")
	}
	if v >= 100 {
		return figure(v, "%.0f")
	}
	return figure(v, "%.1f")
}

// writeText writes tables in 80 columns.
func (r *result) writeText(w io.Writer) error {
	out := report.Report{Title: "Limbeck beside its peers", Machine: r.Machine,
		Tables: []report.Table{r.rates(), r.goals(), r.memories()}, Notes: r.notes()}
	return out.WriteText(w, report.TextOptions{})
}

// text makes cells of texts.
func text(texts ...string) []report.Cell {
	var out []report.Cell
	for _, t := range texts {
		out = append(out, report.Cell{Text: t})
	}
	return out
}

func columns(names ...string) []report.Column {
	var out []report.Column
	for _, n := range names {
		out = append(out, report.Column{Name: n})
	}
	return out
}

// peers lists the sides beside Limbeck that were timed at all, in the order of
// the columns.
func (r *result) peers() []string {
	return slices.DeleteFunc([]string{llamaCPP, ik, torch}, func(name string) bool {
		return !slices.ContainsFunc(r.Rows, func(o outcome) bool { return o.median(name) > 0 })
	})
}

// names are short names of the sides.
func names(sides []string) []string {
	var out []string
	for _, s := range sides {
		out = append(out, short(s))
	}
	return out
}

// rates lists medians and ratios.
func (r *result) rates() report.Table {
	t := report.Table{Title: "Medians, and how many times faster Limbeck is",
		Columns: columns("work", "unit", limbeckName)}
	for _, p := range r.peers() {
		t.Columns = append(t.Columns, columns(short(p), "×")...)
	}
	t.Columns = append(t.Columns, columns("of limit")...)
	for i := range r.Rows {
		o := &r.Rows[i]
		cells := []string{o.Name, string(o.Unit), o.value(limbeckName)}
		for _, p := range r.peers() {
			cells = append(cells, o.value(p), figure(o.ratio(p), "%.2f"))
		}
		t.Rows = append(t.Rows, text(append(cells, figure(100*o.share(), "%.0f %%"))...))
	}
	return t
}

// goals lists what was to be reached, a line a goal.
func (r *result) goals() report.Table {
	t := report.Table{Title: "Goals", Columns: columns("work", "goal", "reached", "")}
	for i := range r.Rows {
		for _, v := range r.Rows[i].Goals {
			t.Rows = append(t.Rows, text(r.Rows[i].Name, v.Goal, v.Reached, v.String()))
		}
	}
	return t
}

// memories lists peaks.
func (r *result) memories() report.Table {
	sides := append([]string{limbeckName}, r.peers()...)
	t := report.Table{Title: "Peak memory, MB", Columns: columns(append([]string{"work"}, names(sides)...)...)}
	for i := range r.Rows {
		cells := []string{r.Rows[i].Name}
		for _, p := range sides {
			cells = append(cells, figure(float64(r.Rows[i].memory(p))/1e6, "%.0f"))
		}
		t.Rows = append(t.Rows, text(cells...))
	}
	return t
}

// notes say how it was measured, and what failed.
func (r *result) notes() []report.Note {
	l := &r.Limits
	limits := fmt.Sprintf("reading %.1f GB/s", l.Read.All/1e9)
	for _, a := range l.Arithmetic {
		limits += fmt.Sprintf(", %s %.0f GOP/s", a.Kind, a.All/1e9)
	}
	out := []report.Note{{Title: "Limits measured in this run", Text: limits},
		{Title: "Method", Text: fmt.Sprintf("Medians of %d rounds in which the sides take turns, each in a fresh process with %d threads. Peers run with what was fastest of "+
			"the flags that they were tried with. A share of the limit is of the one that was measured in the same process, just before and after; of a training, before the rows.", r.Rounds, r.Machine.Threads)}}
	if r.NoTorch != "" {
		out = append(out, report.Note{Title: "PyTorch was not timed", Text: r.NoTorch})
	}
	for _, o := range r.Rows {
		for _, s := range o.Sides {
			if s.Failed != "" && s.Unable == nil {
				out = append(out, report.Note{Title: s.Name + " failed", Text: o.Name + ": " + s.Failed})
			}
		}
	}
	return append(out, r.unable()...)
}

// unable tells once of each program that gave no figure, and in which rows.
func (r *result) unable() []report.Note {
	type end struct{ side, how string }
	var ends []end
	rows := map[end][]string{}
	for _, o := range r.Rows {
		for _, s := range o.Sides {
			for _, how := range s.Unable {
				e := end{s.Name, how}
				if rows[e] == nil {
					ends = append(ends, e)
				}
				rows[e] = append(rows[e], o.Name)
			}
		}
	}
	var out []report.Note
	for _, e := range ends {
		out = append(out, report.Note{Title: e.side + " gave no figure", Text: e.how + " in " + strings.Join(rows[e], "; ")})
	}
	return out
}

// writeMarkdown writes one table with all of it.
func (r *result) writeMarkdown(w io.Writer) error {
	sides := append([]string{limbeckName}, r.peers()...)
	head := append([]string{"work"}, names(sides)...)
	for _, p := range r.peers() {
		head = append(head, "× "+short(p))
	}
	head = append(head, "of limit", "goal", "reached", "peak MB", "best flags")
	lines := []string{strings.Join(head, " | "), strings.Repeat("---|", len(head)-1) + "---"}
	for i := range r.Rows {
		lines = append(lines, strings.Join(r.Rows[i].markdown(sides), " | "))
	}
	_, err := io.WriteString(w, "| "+strings.Join(lines, " |\n| ")+" |\n")
	return err
}

// markdown returns the cells of a row: Limbeck is the first of sides.
func (o *outcome) markdown(sides []string) []string {
	cells := []string{o.Name + ", " + string(o.Unit)}
	var memory, flags []string
	for _, s := range sides {
		cells = append(cells, o.value(s))
		if m := o.memory(s); m > 0 {
			memory = append(memory, fmt.Sprintf("%s %.0f", short(s), float64(m)/1e6))
		}
		if f := o.side(s).Flags; f != "" {
			flags = append(flags, fmt.Sprintf("%s `%s`", short(s), f))
		}
	}
	for _, s := range sides[1:] {
		cells = append(cells, figure(o.ratio(s), "%.2f"))
	}
	var goals, reached []string
	for _, v := range o.Goals {
		said := v.String()
		if v.Reached != "" {
			said = v.Reached + ": " + said
		}
		goals, reached = append(goals, v.Goal), append(reached, said)
	}
	return append(cells, figure(100*o.share(), "%.0f %%"), strings.Join(goals, "; "), strings.Join(reached, "; "), strings.Join(memory, ", "), strings.Join(flags, ", "))
}
