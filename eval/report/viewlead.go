package report

import (
	"math"
	"strings"

	"limbeck/internal/typeset"
)

// card is one figure of the summary.
type card struct {
	Value  string
	Label  string
	Detail string
}

// factor says how many times one number is another: "4.1 ×" and which word.
func factor(ratio float64, more, less string) (value, word string) {
	if ratio >= 1 {
		return times(ratio), more
	}
	return times(1 / ratio), less
}

// cards compares the student with the teacher in one figure each.
func (r *Report) cards() []card {
	t, s := r.sides()
	if t == nil || s == nil {
		return nil
	}
	var out []card
	if c, ok := r.qualityCard(t, s); ok {
		out = append(out, c)
	}
	flattered := flattery(t, s)
	if flattered != "" {
		flattered = "; flattered: " + flattered
	}
	// ratio is written so that more than 1 is what one hopes for.
	add := func(a, b Num, lowIsGood bool, more, less string, write func(Num) string) {
		x, ok1 := plotted(a)
		y, ok2 := plotted(b)
		if !ok1 || !ok2 || x <= 0 || y <= 0 {
			return
		}
		ratio := y / x
		if lowIsGood {
			ratio = x / y
		}
		value, word := factor(ratio, more, less)
		out = append(out, card{value, word, glue(write(b)) + " against " + glue(write(a)) + flattered})
	}
	rate := func(n Num) string { return number(n) + "/s" }
	money := func(n Num) string { return number(n) + " " + r.currency() }
	add(known0(t.Bytes), known0(s.Bytes), true, "smaller", "larger", Bytes.value)
	add(t.Speed.Requests.Median, s.Speed.Requests.Median, false, "the requests per second", "fewer requests per second", rate)
	add(t.Speed.FirstToken.Median, s.Speed.FirstToken.Median, true, "sooner to the first token", "later to the first token", seconds)
	add(known0(t.Speed.PeakMemory), known0(s.Speed.PeakMemory), true, "less memory", "more memory", Bytes.value)
	add(r.cost(t), r.cost(s), true, "cheaper for 1,000 requests", "dearer for 1,000 requests", money)
	return out
}

// glue keeps a number and its unit on one line.
func glue(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") }

// glueSigns keeps percent signs with their numbers, wherever the line breaks.
func glueSigns(s string) string { return strings.ReplaceAll(s, " %", "\u00a0%") }

// qualityCard shows the share of the teacher's score that the student has.
func (r *Report) qualityCard(t, s *Model) (card, bool) {
	info := r.Describe(r.primary())
	a, _ := t.metric(info.Name)
	b, _ := s.metric(info.Name)
	x, ok1 := plotted(a.Value)
	y, ok2 := plotted(b.Value)
	if !ok1 || !ok2 || x <= 0 {
		return card{}, false
	}
	detail := info.Unit.value(b.Value) + " against " + info.Unit.value(a.Value)
	if info.Unit == Percent {
		detail += " %"
	}
	if p := r.pair(t.Name, s.Name, info.Name); p != nil {
		if s := p.ratioRange(); s != "" {
			detail += "; interval of the ratio " + s + " %"
		}
	}
	return card{typeset.Fixed(y/x*100, 1) + " %", "of the teacher’s " + info.Title, detail}, true
}

// lead says the result in one or two sentences.
func (r *Report) lead() []string {
	t, s := r.sides()
	if t == nil || s == nil {
		return nil
	}
	var out []string
	if first := r.leadQuality(t, s); first != "" {
		out = append(out, glueSigns(first+r.leadCost(t, s)+"."))
	}
	if base := r.leadClassical(t, s); base != "" {
		out = append(out, glueSigns(base))
	}
	return out
}

// leadQuality claims what the lower bound of the ratio allows, no more.
func (r *Report) leadQuality(t, s *Model) string {
	info := r.Describe(r.primary())
	b, _ := s.metric(info.Name)
	a, _ := t.metric(info.Name)
	if _, ok := b.Value.Get(); !ok {
		return ""
	}
	if _, ok := a.Value.Get(); !ok {
		return ""
	}
	scores := info.Unit.value(b.Value) + " against " + info.Unit.value(a.Value)
	if info.Unit == Percent {
		scores += " %"
	}
	p := r.pair(t.Name, s.Name, info.Name)
	if p != nil && !info.LowerIsBetter {
		if lo, ok := plotted(p.RatioLo); ok && lo > 0 {
			return s.Name + " keeps at least " + typeset.Fixed(roundDown(lo, 1e-2)*100, 0) + " % of the " + info.Title + " of " + t.Name +
				" (measured " + scores + ", " + r.level() + " % confidence)"
		}
	}
	return s.Name + " has " + info.Title + " " + scores + " of " + t.Name
}

// leadCost says what that quality costs in size and speed.
func (r *Report) leadCost(t, s *Model) string {
	var parts []string
	if t.Bytes > 0 && s.Bytes > 0 {
		parts = append(parts, "at "+typeset.Fixed(float64(s.Bytes)/float64(t.Bytes)*100, 0)+" % of its size")
	}
	x, ok1 := plotted(t.Speed.Requests.Median)
	y, ok2 := plotted(s.Speed.Requests.Median)
	if ok1 && ok2 && x > 0 && y > 0 {
		parts = append(parts, "with "+times(y/x)+" its requests per second")
	}
	if len(parts) == 0 {
		return ""
	}
	cost := ", " + strings.Join(parts, " and ")
	if f := flattery(t, s); f != "" {
		cost += " (flattered: " + f + ")"
	}
	return cost
}

// flattery says to which formats s owes some of its size, speed and memory beside a
// teacher as its training left it, in floats, as "q8_0 against f32"; "" if it does not.
func flattery(t, s *Model) string {
	if len(t.Formats) == 0 || len(t.Rounded()) > 0 || len(s.Rounded()) == 0 {
		return ""
	}
	return strings.Join(s.Rounded(), " and ") + " against " + strings.Join(t.Formats, " and ")
}

// leadClassical says whether a language model was needed at all.
func (r *Report) leadClassical(t, s *Model) string {
	info := r.Describe(r.primary())
	for i := range r.Models {
		m := &r.Models[i]
		q, ok := m.metric(info.Name)
		p := r.pair(m.Name, s.Name, info.Name)
		if !m.classical() || !ok || p == nil {
			continue
		}
		text := "The classical baseline has " + info.withInterval(Metric{Value: q.Value}) + ": "
		switch p.class(info) {
		case classBetter:
			return text + "the student is better by " + info.amount(math.Abs(p.Diff.Or(0))) + "."
		case classWorse:
			text += "the student is worse by " + info.amount(math.Abs(p.Diff.Or(0)))
			if best, ok := t.metric(info.Name); ok && info.better(best.Value.Or(0), q.Value.Or(0)) {
				return text + " and not worth its place; the teacher has " + info.withInterval(Metric{Value: best.Value}) + "."
			}
			return text + ", and no language model is needed here."
		}
		return text + "the student is not significantly better, and a language model may not be needed here."
	}
	return ""
}
