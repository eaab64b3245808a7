package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"limbeck/eval/bench"
	"limbeck/eval/report"
	"limbeck/internal/machine"
	"limbeck/internal/par"
	"limbeck/internal/typeset"
	"limbeck/recipe/steps"
	"limbeck/tensor/kernel"
)

func init() { register(doctorCommand) }

func doctorCommand(a *app) *cobra.Command {
	var f engineFlags
	cmd := &cobra.Command{
		Use: "doctor [MODEL]", GroupID: groupUse, Args: atMostOne,
		Short: "Say what this machine can do, and what holds it back",
		Long: "Says which kernels run, how many cores and how much memory there are, what the\n" +
			"machine's memory and arithmetic can do at most, and what holds it back.\n\n" +
			"With a model: whether it fits in memory, and the rates to expect, from its\n" +
			"layers (of a large one a few), timed now five times: the median, least and most.\n" +
			"While others use the machine, the rates are what they leave.\n\n" +
			"The environment variable LIMBECK_CPU keeps the kernels at a lower tier than the\n" +
			"processor has: " + strings.Join(kernel.Tiers(), ", ") + ".",
		Example: "  limbeck doctor\n  limbeck doctor model.gguf",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.doctor(cmd.Context(), &f, args) },
	}
	f.add(cmd.Flags())
	return cmd
}

func atMostOne(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageErrorf("one argument too many: %q", args[1])
	}
	return notEmpty(args, "MODEL")
}

// A diagnosis is what doctor prints.
type diagnosis struct {
	Machine    machine.Facts   `json:"machine"`
	Limits     machine.Limits  `json:"limits"`
	Hindrances []string        `json:"hindrances"` // for people, what weighs most first
	Model      *modelDiagnosis `json:"model,omitempty"`
}

// A modelDiagnosis is what doctor prints of a model.
type modelDiagnosis struct {
	Path    string         `json:"path"`
	Need    bench.Need     `json:"memory"`
	Context int            `json:"context"`
	Room    int            `json:"context_that_fits"` // tokens; 0 if not even the weights do
	Known   bool           `json:"memory_known"`      // whether the system tells what is available
	Fits    *bool          `json:"fits,omitempty"`    // with all of its context; nil if not known
	Layers  int            `json:"layers"`
	Timed   int            `json:"layers_timed"`
	Rates   []expectedRate `json:"rates"`
}

// An expectedRate stands beside what the limits allow, as [bench.WorkRate] does.
type expectedRate struct {
	bench.Forecast
	Bound report.Num `json:"limit_tokens_per_second"`
	By    string     `json:"limited_by"` // memory or arithmetic
	Share report.Num `json:"share_of_limit"`
}

func newExpected(f bench.Forecast, bound float64, by string) expectedRate {
	return expectedRate{f, report.N(bound), by, report.N(f.Rate / bound)}
}

func (a *app) doctor(ctx context.Context, f *engineFlags, args []string) error {
	d, err := unlessInterrupted(ctx, func() (*diagnosis, error) {
		d := &diagnosis{Machine: machine.Look()}
		pool := par.New(f.threads)
		defer pool.Close()
		d.Limits = machine.Measure(pool, machine.BeyondCaches)
		d.Hindrances = append([]string{}, d.Machine.Hindrances(&d.Limits)...)
		if len(args) == 0 {
			return d, nil
		}
		var err error
		d.Model, err = diagnose(ctx, f, args[0], pool, d)
		return d, err
	})
	if err != nil {
		return err
	}
	return a.print(d, d.write)
}

// diagnose tells whether a model fits and which rates to expect of it.
func diagnose(ctx context.Context, f *engineFlags, ref string, pool *par.Pool, d *diagnosis) (*modelDiagnosis, error) {
	m, err := steps.Open(ref)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	p, err := f.precision(m)
	if err != nil {
		return nil, err
	}
	s := bench.ShapeOf(m, p)
	out := &modelDiagnosis{Path: ref, Need: bench.NeedOf(s, s.Context), Context: s.Context, Room: s.Context,
		Known: d.Machine.Available > 0, Layers: m.Config().Layers}
	if out.Known {
		out.Room = s.Room(d.Machine.Available)
		fits := out.Room >= out.Context
		out.Fits = &fits
	}
	if out.Room == 0 {
		return out, nil
	}
	works, _ := bench.Works(min(s.Context, out.Room), 1, []int{512}, []int{0, 512}, nil)
	rates, timed, err := bench.Predict(ctx, m, works, pool, p)
	if err != nil {
		return nil, err
	}
	out.Timed = timed
	for _, r := range rates {
		rate, by := s.Bound(r.Work, &d.Limits)
		out.Rates = append(out.Rates, newExpected(r, rate, by))
	}
	return out, nil
}

func (d *diagnosis) write(w io.Writer) {
	f := &d.Machine
	pairs(w, [][2]string{
		{"processor", f.CPU + ", " + f.System},
		{"kernels", kernelsText(f)},
		{"cores", coresText(f, d.Limits.Threads)},
		{"memory", memoryText(f)},
	})
	fmt.Fprintln(w)
	writeLimits(w, &d.Limits)
	fmt.Fprintln(w)
	if len(d.Hindrances) == 0 {
		fmt.Fprintln(w, "Nothing holds this machine back.")
	} else {
		fmt.Fprintln(w, "What holds this machine back:")
		for _, h := range d.Hindrances {
			writeItem(w, h)
		}
	}
	if d.Model != nil {
		fmt.Fprintln(w)
		d.Model.write(w, f.Available)
	}
}

// writeItem writes one item of a list, wrapped.
func writeItem(w io.Writer, text string) {
	mark := "  - "
	for _, line := range typeset.Wrap(text, tableWidth-len(mark)) {
		fmt.Fprintf(w, "%s%s\n", mark, line)
		mark = strings.Repeat(" ", len(mark))
	}
}

// kernelsText says which kernels run.
func kernelsText(f *machine.Facts) string {
	switch {
	case f.Tier != f.BestTier:
		return fmt.Sprintf("%s, by LIMBECK_CPU; %s would run", f.Tier, f.BestTier)
	case f.NextTier == "":
		return f.Tier + ", the highest tier"
	}
	return f.Tier + ", the highest that this build has on this processor"
}

func coresText(f *machine.Facts, threads int) string {
	text := fmt.Sprintf("%d, %d threads used", f.Online, threads)
	if f.Cores != f.Online {
		text = fmt.Sprintf("%d, %d for this process, %d threads used", f.Online, f.Cores, threads)
	}
	text += fmt.Sprintf("; %.1f busy with other programs", f.Busy)
	if f.Load > 0 {
		text += fmt.Sprintf(", load %.1f", f.Load)
	}
	return text
}

func memoryText(f *machine.Facts) string {
	if f.Memory == 0 || f.Available == 0 {
		return "not told by the system"
	}
	text := fmt.Sprintf("%s available of %s", typeset.Bytes(f.Available), typeset.Bytes(f.Memory))
	if f.Limit > 0 && f.Limit < f.Memory {
		text += fmt.Sprintf(", %s allowed by the control group", typeset.Bytes(f.Limit))
	}
	return text
}

// writeLimits writes the rates of one thread and of all.
func writeLimits(w io.Writer, l *machine.Limits) {
	var t table
	limits := bench.LimitTable(l)
	for _, c := range limits.Columns {
		t.head = append(t.head, c.Name)
	}
	for _, row := range limits.Rows {
		var cells []string
		for _, c := range row[:len(t.head)] {
			text := c.Text
			if text == "" {
				text = figure(c.Value.Or(0))
			}
			cells = append(cells, text)
		}
		t.add(cells...)
	}
	t.write(w)
}

func (m *modelDiagnosis) write(w io.Writer, available int64) {
	need := fmt.Sprintf("%s: weights %s, cache of %s tokens %s, the rest %s", typeset.Bytes(m.Need.All()), typeset.Bytes(m.Need.Weights),
		count(int64(m.Context)), typeset.Bytes(m.Need.KV), typeset.Bytes(m.Need.Base))
	pairs(w, [][2]string{{"model", m.Path}, {"needs", need}, {"verdict", m.verdict(available)}})
	if len(m.Rates) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := table{head: []string{"expect", "tok/s", "least, most", "limit", "of limit", "bound by"}}
	beyond := false
	for _, r := range m.Rates {
		share := r.Share.Or(0)
		beyond = beyond || bench.BeyondMemory(r.By, share)
		t.add(r.Work.String(), figure(r.Rate), figure(r.Least)+", "+figure(r.Most), figure(r.Bound.Or(0)), fmt.Sprintf("%.0f%%", 100*share), r.By)
	}
	t.write(w)
	if m.Timed < m.Layers {
		fmt.Fprintf(w, "From %d of %d layers, timed now.\n", m.Timed, m.Layers)
	} else {
		fmt.Fprintf(w, "From all %d layers, timed now.\n", m.Layers)
	}
	if beyond {
		fmt.Fprintln(w, strings.Join(typeset.Wrap(bench.BeyondMemoryNote, tableWidth), "\n"))
	}
}

// verdict says whether the model fits in what is available.
func (m *modelDiagnosis) verdict(available int64) string {
	switch {
	case !m.Known:
		return "whether it fits is not known: the system does not tell what memory there is"
	case m.Room == 0:
		return fmt.Sprintf("does not fit: %s are available", typeset.Bytes(available))
	case m.Room < m.Context:
		return fmt.Sprintf("fits with a context of at most %s tokens: --ctx %d", count(int64(m.Room)), m.Room)
	}
	return "fits, with all of its context"
}
