package compare

import (
	"context"
	"unicode/utf8"

	"limbeck/data"
	"limbeck/eval/bench"
	"limbeck/eval/report"
)

// Prices are in one currency.
type Prices struct {
	Currency    string
	MachineHour float64 // one hour of the machine that runs the models
	Input       float64 // a million tokens read by the teacher, if it is rented
	Output      float64 // a million tokens written by it
}

// time measures speed and memory, if asked for, and sets the cost: that of a rented
// teacher's tokens needs no time.
func (c *comparison) time(ctx context.Context) error {
	if c.Rounds > 0 {
		if err := c.measure(ctx); err != nil {
			return err
		}
	}
	for _, r := range c.rows {
		c.price(r)
	}
	return nil
}

// measure lets all models reply to prompts in turn.
func (c *comparison) measure(ctx context.Context) error {
	prompts := c.prompts()
	var jobs []bench.Job
	for _, r := range c.rows {
		jobs = append(jobs, bench.Job{Name: r.Name, Model: r.Ref, Prompts: prompts, Threads: c.Threads, Exact: c.Exact, Cache: c.Cache,
			Most: r.Most, Local: r.local})
	}
	records, err := bench.Rounds(ctx, jobs, c.Rounds, func(done, total int, name string) {
		c.Progress("timing", int64(done), int64(total), name)
	})
	if err != nil {
		return err
	}
	for i, r := range c.rows {
		r.Model.Speed = speed(records[i])
	}
	return nil
}

// prompts are spread evenly over the examples.
func (c *comparison) prompts() (out [][]data.Message) {
	n := len(c.examples)
	if c.Prompts > 0 {
		n = min(n, c.Prompts)
	}
	for i := range n {
		e := &c.examples[i*len(c.examples)/n]
		p := e.Prompt()
		if p == nil { // plain text: its beginning
			n := min(len(e.Text), plainPrompt)
			for n < len(e.Text) && n > 0 && !utf8.RuneStart(e.Text[n]) {
				n--
			}
			p = []data.Message{{Content: e.Text[:n]}}
		}
		out = append(out, p)
	}
	return out
}

// plainPrompt is how many bytes of a plain text are a prompt.
const plainPrompt = 200

// speed sums up the rounds of one model.
func speed(rounds []bench.Record) report.Speed {
	s := report.Speed{Rounds: len(rounds)}
	over := func(of func(*bench.Record) float64) report.Rate { return bench.Spread(rounds, of) }
	s.Load = over(func(r *bench.Record) float64 { return r.Load })
	s.Prompt = over((*bench.Record).PromptRate)
	s.Decode = over((*bench.Record).DecodeRate)
	s.FirstToken = over((*bench.Record).FirstToken)
	s.Requests = over((*bench.Record).RequestRate)
	s.PeakMemory = int64(over(func(r *bench.Record) float64 { return float64(r.PeakMemory) }).Median.Or(0))
	for i := range rounds {
		for _, q := range rounds[i].Requests {
			s.Latencies = append(s.Latencies, report.N(q.Seconds))
		}
	}
	return s
}

// price sets the cost of 1,000 requests: of the machine's time, or of a rented
// teacher's tokens.
func (c *comparison) price(r *row) {
	const hour, thousand, million = 3600, 1000, 1e6
	p := c.Prices
	cost := report.Cost{Currency: p.Currency}
	switch rate, ok := r.Model.Speed.Requests.Median.Get(); {
	case r.Role == report.Teacher && p.Input+p.Output > 0:
		if len(r.Replies) == 0 { // a task that asks for none
			return
		}
		var read, written float64
		for _, x := range r.Replies {
			read, written = read+float64(x.Read), written+float64(x.Written)
		}
		n := float64(len(r.Replies))
		cost.PerThousand = report.N((read*p.Input + written*p.Output) / n * thousand / million)
		cost.Prices = []report.Price{{Name: "a million tokens read", Value: report.N(p.Input), Unit: p.Currency},
			{Name: "a million tokens written", Value: report.N(p.Output), Unit: p.Currency}}
	case ok && rate > 0 && p.MachineHour > 0:
		cost.PerThousand = report.N(thousand / rate / hour * p.MachineHour)
		cost.Prices = []report.Price{{Name: "an hour of the machine", Value: report.N(p.MachineHour), Unit: p.Currency}}
	default:
		return
	}
	r.Model.Cost = cost
}
