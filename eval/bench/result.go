package bench

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"limbeck/eval/report"
	"limbeck/internal/machine"
	"limbeck/internal/par"
	"limbeck/internal/typeset"
	"limbeck/tensor/kernel"
)

// A Result is what a bench found: the rates of models beside the limits of the
// machine, all measured in one run.
type Result struct {
	Machine report.Machine `json:"machine"`
	Limits  machine.Limits `json:"limits"`
	Rounds  int            `json:"rounds"`
	Models  []Rates        `json:"models"`
}

// Rates are those of one model.
type Rates struct {
	Name     string      `json:"name"`
	Model    string      `json:"model"`
	Load     report.Rate `json:"load_seconds"`
	Memory   int64       `json:"peak_memory_bytes"` // 0 unknown
	Shape    Shape       `json:"shape"`
	Works    []WorkRate  `json:"works"`
	Profiles []Profile   `json:"profiles,omitempty"` // of the last round
}

// A WorkRate is how fast a work was done.
type WorkRate struct {
	Work
	Rate  report.Rate `json:"tokens_per_second"`
	Bound report.Num  `json:"limit_tokens_per_second"` // what the machine's limits allow
	By    string      `json:"limited_by"`              // memory or arithmetic
	Share report.Num  `json:"share_of_limit"`
}

// Options say what a bench does. Jobs give the models; what two have among their works
// is compared.
type Options struct {
	Jobs     []Job
	Rounds   int
	Progress func(done, total int, name string) // may be nil
}

// Run times the models in alternating rounds, each in a fresh process, and
// measures the machine's limits before and after them, on the first one's threads.
// There must be a model.
func Run(ctx context.Context, o Options) (*Result, error) {
	pool := par.New(o.Jobs[0].Threads)
	defer pool.Close()
	limits := machine.Measure(pool, machine.BeyondCaches)
	records, err := Rounds(ctx, o.Jobs, o.Rounds, o.Progress)
	if err != nil {
		return nil, err
	}
	limits = limits.Better(machine.Measure(pool, machine.BeyondCaches))
	out := &Result{Machine: report.Machine{CPU: machine.CPU(), Tier: kernel.Tier(), Threads: pool.Threads()},
		Limits: limits, Rounds: o.Rounds}
	for i := range o.Jobs {
		out.Models = append(out.Models, newRates(&o.Jobs[i], records[i], &limits))
	}
	return out, nil
}

// newRates sums up the rounds of one model.
func newRates(j *Job, rounds []Record, limits *machine.Limits) Rates {
	out := Rates{Name: j.Name, Model: j.Model, Shape: rounds[0].Shape, Profiles: rounds[len(rounds)-1].Profiles}
	out.Load = Spread(rounds, func(r *Record) float64 { return r.Load })
	out.Memory = int64(Spread(rounds, func(r *Record) float64 { return float64(r.PeakMemory) }).Median.Or(0))
	for i, w := range j.Works {
		rate := Spread(rounds, func(r *Record) float64 { return r.Rates[i] })
		bound, by := out.Shape.Bound(w, limits)
		out.Works = append(out.Works, WorkRate{w, rate, report.N(bound), by, report.N(rate.Median.Or(0) / bound)})
	}
	for i := range out.Profiles {
		out.Profiles[i].judge(limits)
	}
	return out
}

// Spread returns the median of a figure over rounds, the least and the
// greatest. What is not above 0 was not measured.
func Spread(rounds []Record, of func(*Record) float64) report.Rate {
	var all []float64
	for i := range rounds {
		if v := of(&rounds[i]); v > 0 {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return report.Rate{}
	}
	return report.Rate{Median: report.N(Median(all)), Min: report.N(slices.Min(all)), Max: report.N(slices.Max(all))}
}

// Report returns the result as tables, plots and remarks.
func (r *Result) Report() *report.Report {
	out := &report.Report{Version: report.Version, Title: "Bench", Machine: r.Machine}
	for i := range r.Models {
		m := &r.Models[i]
		out.Tables = append(out.Tables, m.table())
		for j := range m.Profiles {
			out.Tables = append(out.Tables, m.Profiles[j].table(m.Name))
		}
	}
	if len(r.Models) == 1 {
		out.Title = "Bench of " + r.Models[0].Name
	} else if len(r.Models) == 2 {
		out.Title = "Bench of " + r.Models[0].Name + " and " + r.Models[1].Name
		out.Tables = append(out.Tables, r.ratios())
	}
	out.Tables = append(out.Tables, LimitTable(&r.Limits))
	out.Plots = append(out.Plots, r.plot(Prompt, "Reading prompts", "tokens of the prompt"))
	out.Plots = append(out.Plots, r.plot(Decode, "Writing tokens", "tokens before, one sequence"), r.batchPlot())
	out.Plots = slices.DeleteFunc(out.Plots, func(p report.Plot) bool { return len(p.Lines) == 0 })
	out.Notes = []report.Note{{Title: "Method", Text: fmt.Sprintf("Rounds: %d, each in a fresh process; tok/s are their medians, of all sequences together. The limit is the rate that this "+
		"machine's memory, from which each pass reads the weights and the cache once, or its arithmetic would allow.", r.Rounds)}}
	if slices.ContainsFunc(r.Models, func(m Rates) bool { return len(m.Profiles) > 0 }) {
		out.Notes = append(out.Notes, report.Note{Title: "Where the time goes", Text: "Times are of one prompt; of one token; of one step, which writes a token of each sequence; or of one run of all " +
			"requests. GB/s are of the weights and caches that an operation multiplies by, each read once a pass; GOP/s count a multiplication and an addition " +
			"as two. Shares are of the limit, of memory or of arithmetic, that an operation is nearer to; those on activations alone have none."})
	}
	return out
}

func number(n report.Num) report.Cell { return report.Cell{Value: n} }

// table lists the works of one model.
func (m *Rates) table() report.Table {
	t := report.Table{Title: "Rates of " + m.Name, Columns: []report.Column{{Name: "work"}, {Name: "tok/s"}, {Name: "min"}, {Name: "max"},
		{Name: "limit"}, {Name: "of limit", Unit: report.Percent}, {Name: "bound by"}}}
	for _, w := range m.Works {
		t.Rows = append(t.Rows, []report.Cell{{Text: w.Work.String()}, number(w.Rate.Median), number(w.Rate.Min), number(w.Rate.Max),
			number(w.Bound), number(w.Share), {Text: w.By}})
	}
	t.Note = fmt.Sprintf("Ready after %.2f s; %s of weights a pass, %s of cache a token", m.Load.Median.Or(0), typeset.Size(m.Shape.Bytes), typeset.Size(m.Shape.KV))
	if m.Memory > 0 {
		t.Note += "; peak memory " + typeset.Size(m.Memory)
	}
	t.Note += "."
	if slices.ContainsFunc(m.Works, func(w WorkRate) bool { return BeyondMemory(w.By, w.Share.Or(0)) }) {
		t.Note += " " + BeyondMemoryNote
	}
	return t
}

// ratios sets the second model's rates over the first one's.
func (r *Result) ratios() report.Table {
	a, b := &r.Models[0], &r.Models[1]
	t := report.Table{Title: b.Name + " over " + a.Name + ", tok/s", Columns: []report.Column{{Name: "work"}, {Name: a.Name}, {Name: b.Name}, {Name: "ratio"}}}
	for _, x := range a.Works {
		for _, y := range b.Works {
			if x.Work != y.Work {
				continue
			}
			p, q := x.Rate.Median, y.Rate.Median
			t.Rows = append(t.Rows, []report.Cell{{Text: x.Work.String()}, number(p), number(q), {Text: fmt.Sprintf("%.2f ×", q.Or(0)/p.Or(0))}})
		}
	}
	return t
}

// table lists where the time of a unit went, and how fast the operations were at what
// has a limit.
func (p *Profile) table(model string) report.Table {
	t := report.Table{Title: fmt.Sprintf("%s: where the time goes, %s", model, p.Work),
		Columns: []report.Column{{Name: "operation"}, {Name: "ms/" + p.Unit}, {Name: "share", Unit: report.Percent},
			{Name: "GB/s"}, {Name: "GOP/s"}, {Name: "of limit", Unit: report.Percent}, {Name: "bound by"}}}
	beyond := false
	for _, s := range p.Parts {
		name := s.Op
		if s.Weight != "" {
			name += " " + s.Weight
		}
		row := []report.Cell{{Text: name}, p.milliseconds(s.Seconds), number(report.N(s.Seconds / p.Seconds))}
		if s.By != "" {
			row = append(row, number(report.N(s.Bytes/s.Seconds/1e9)), number(report.N(s.Arithmetic.All()/s.Seconds/1e9)), number(s.Share), report.Cell{Text: s.By})
		}
		t.Rows = append(t.Rows, row)
		beyond = beyond || BeyondMemory(s.By, s.Share.Or(0))
	}
	t.Rows = append(t.Rows, []report.Cell{{Text: "total"}, p.milliseconds(p.Seconds), number(report.N(1))})
	units := p.Unit
	if p.Units != 1 {
		units += "s"
	}
	t.Note = fmt.Sprintf("Measured over %s %s, in which threads waited for others for %.1f %% of their time.", typeset.Number(p.Units), units, 100*p.Idle)
	if beyond {
		t.Note += " " + BeyondMemoryNote
	}
	return t
}

// milliseconds writes a part of the time with as many decimals as show four digits of
// all of it: parts are a thousand times apart, and are compared.
func (p *Profile) milliseconds(seconds float64) report.Cell {
	v, decimals := 1e3*seconds, 3-int(math.Floor(math.Log10(max(1e-3, 1e3*p.Seconds))))
	if decimals <= 0 {
		return report.Cell{Text: typeset.Number(int(math.Round(v))), Value: report.N(v)}
	}
	return report.Cell{Text: strconv.FormatFloat(v, 'f', decimals, 64), Value: report.N(v)}
}

// LimitTable lists the limits of a machine.
func LimitTable(l *machine.Limits) report.Table {
	all := fmt.Sprintf("%d threads", l.Threads)
	t := report.Table{Title: "Limits of this machine", Columns: []report.Column{{Name: "limit"}, {Name: "unit"}, {Name: "1 thread"}, {Name: all}}}
	if l.Threads == 1 {
		t.Columns = t.Columns[:3]
	}
	add := func(name, unit string, r machine.Rate) {
		t.Rows = append(t.Rows, []report.Cell{{Text: name}, {Text: unit}, number(report.N(r.One / 1e9)), number(report.N(r.All / 1e9))})
	}
	add("reading memory", "GB/s", l.Read)
	for _, r := range l.Arithmetic {
		add(r.Kind+" arithmetic: "+r.By, "GOP/s", r)
	}
	return t
}

// plot draws the rates of a kind for one sequence over its tokens, and each
// model's limit.
func (r *Result) plot(kind Kind, title, x string) report.Plot {
	at := func(w Work) int {
		if kind == Decode {
			return w.after()
		}
		return w.Tokens
	}
	return r.lines(report.Plot{Title: title, Note: "Dashed: what the machine's limits allow.", X: x, Y: "tokens/s"}, at,
		func(w Work) bool { return w.Kind == kind && w.Batch == 1 })
}

// batchPlot draws the rates of decoding one sequence and several at once, with
// little before.
func (r *Result) batchPlot() report.Plot {
	return r.lines(report.Plot{Title: "Writing several sequences at once", Note: "Dashed: what the machine's limits allow.", X: "sequences", Y: "tokens/s, all together"},
		func(w Work) int { return w.Batch }, func(w Work) bool { return w.Kind == Decode && (w.Batch > 1 || w.after() == 0) })
}

// lines adds to p, for each model, the rates of the works that are wanted and
// their limits.
func (r *Result) lines(p report.Plot, x func(Work) int, want func(Work) bool) report.Plot {
	for i := range r.Models {
		rates, limit := report.Line{Name: r.Models[i].Name}, report.Line{Name: "limit of " + r.Models[i].Name, Limit: true}
		for _, w := range r.Models[i].Works {
			if want(w.Work) {
				rates.Points = append(rates.Points, report.Point{X: float64(x(w.Work)), Y: w.Rate.Median})
				limit.Points = append(limit.Points, report.Point{X: float64(x(w.Work)), Y: w.Bound})
			}
		}
		if len(rates.Points) < 2 {
			continue
		}
		for _, l := range []report.Line{rates, limit} {
			slices.SortFunc(l.Points, func(a, b report.Point) int { return cmp.Compare(a.X, b.X) })
			p.Lines = append(p.Lines, l)
		}
	}
	return p
}
