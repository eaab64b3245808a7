package report

// newModelGrid starts a table with one row a model, every column sortable, and
// returns what adds a column to it; one that no model fills is left out.
func (r *Report) newModelGrid(caption string) (*grid, addColumn) {
	g := &grid{Caption: caption, Head: []gridHead{{Text: "model"}}}
	looks := r.looks()
	for i := range r.Models {
		m := &r.Models[i]
		small := string(m.Role)
		if m.recorded() {
			small = "recorded earlier, not run now"
		}
		g.Rows = append(g.Rows, []gridCell{{Text: m.Name, Small: small, Look: &looks[i], Class: "model"}})
	}
	return g, func(head, tip string, cell func(*Model) gridCell) {
		column, filled := make([]gridCell, len(r.Models)), false
		for i := range r.Models {
			column[i] = cell(&r.Models[i])
			column[i].Class = "num"
			filled = filled || column[i].Text != absent
		}
		if !filled {
			return
		}
		g.Head = append(g.Head, gridHead{head, tip, true})
		for i := range column {
			g.Rows[i] = append(g.Rows[i], column[i])
		}
	}
}

// addColumn adds a column of numbers to a table of models.
type addColumn func(head, tip string, cell func(*Model) gridCell)

// modelGrids are the tables of models: how good they are, and what they need.
func (r *Report) modelGrids() []*grid {
	if len(r.Models) == 0 {
		return nil
	}
	quality, add := r.newModelGrid("Quality")
	for _, name := range r.metricNames() {
		add(r.metricHead(name), "", func(m *Model) gridCell { return r.metricCell(m, name) })
	}
	divergenceColumns(add)
	needs, add := r.newModelGrid("Size, memory and cost")
	add("size", "bytes of the file", func(m *Model) gridCell { return cellOf(known0(m.Bytes), size(m.Bytes)) })
	add("parameters", "", func(m *Model) gridCell { return cellOf(known0(m.Params), params(m.Params)) })
	r.needColumns(add)
	speed, add := r.newModelGrid("Speed")
	speedColumns(add)
	var out []*grid
	for _, g := range []*grid{quality, needs, speed} {
		if len(g.Head) > 1 {
			out = append(out, g)
		}
	}
	if len(out) == 0 {
		return []*grid{quality}
	}
	return out
}

// divergenceColumns adds how far a model is from the teacher.
func divergenceColumns(add addColumn) {
	add("KL from teacher", "KL(teacher ‖ model), nats a token", func(m *Model) gridCell {
		c := cellOf(m.divergence().KL, number(m.divergence().KL))
		if _, ok := m.divergence().SE.Get(); ok {
			c.Small = "± " + number(m.divergence().SE)
		}
		return c
	})
	add("same top, %", "mean over replies of the share of tokens with the teacher's first choice", func(m *Model) gridCell {
		return cellOf(m.divergence().SameTop, percent(m.divergence().SameTop))
	})
	add("dropped mass, %", "teacher's probability on tokens that the model lacks", func(m *Model) gridCell {
		return cellOf(m.divergence().Dropped, percentFine(m.divergence().Dropped))
	})
}

// needColumns adds what a model needs besides time.
func (r *Report) needColumns(add addColumn) {
	add("load", "time from the file to a model that is ready", rateCell(seconds, func(m *Model) Rate { return m.Speed.Load }))
	add("peak memory", "", func(m *Model) gridCell { return cellOf(known0(m.Speed.PeakMemory), size(m.Speed.PeakMemory)) })
	add("cost of 1,000, "+r.currency(), "1,000 requests", func(m *Model) gridCell {
		return cellOf(r.cost(m), number(r.cost(m)))
	})
}

// speedColumns adds what was timed.
func speedColumns(add addColumn) {
	add("prompt, tok/s", "tokens read a second", rateCell(number, func(m *Model) Rate { return m.Speed.Prompt }))
	add("decode, tok/s", "tokens written a second", rateCell(number, func(m *Model) Rate { return m.Speed.Decode }))
	add("first token", "time from the request to the first token", rateCell(seconds, func(m *Model) Rate { return m.Speed.FirstToken }))
	add("requests/s", "one after the other, text in to text out", rateCell(number, func(m *Model) Rate { return m.Speed.Requests }))
}

// rateCell writes a median over its spread over rounds.
func rateCell(write func(Num) string, get func(*Model) Rate) func(*Model) gridCell {
	return func(m *Model) gridCell {
		v := get(m)
		c := cellOf(v.Median, write(v.Median))
		_, ok1 := v.Min.Get()
		_, ok2 := v.Max.Get()
		if ok1 && ok2 {
			c.Small = write(v.Min) + " to " + write(v.Max)
		}
		return c
	}
}

// metricHead is a metric's title with its unit.
func (r *Report) metricHead(name string) string {
	m := r.Describe(name)
	if m.Unit == Percent {
		return m.Title + ", %"
	}
	return m.Title
}

// metricCell is a score over its interval.
func (r *Report) metricCell(m *Model, name string) gridCell {
	q, _ := m.metric(name)
	unit := r.Describe(name).Unit
	c := cellOf(q.Value, unit.value(q.Value))
	_, ok1 := q.Lo.Get()
	_, ok2 := q.Hi.Get()
	if ok1 && ok2 {
		c.Small = unit.value(q.Lo) + " to " + unit.value(q.Hi)
	} else if _, ok := q.SE.Get(); ok {
		c.Small = "± " + unit.value(q.SE)
	}
	return c
}

// pairGrid is the table of all paired statistics.
func (r *Report) pairGrid() *grid {
	if len(r.Pairs) == 0 {
		return nil
	}
	g := &grid{Caption: "Paired differences", Head: []gridHead{{Text: "A"}, {Text: "B"}, {Text: "metric"}, {Text: "n", Numeric: true},
		{"B − A", "percentages in points", true}, {Text: "interval", Numeric: true}, {"p", "McNemar, exact, two-sided", true},
		{"p, Holm", "corrected over the pairs", true}, {"B / A, %", "ratio of the scores", true}, {Text: "interval", Numeric: true}, {Text: "verdict"}}}
	for i := range r.Pairs {
		p := &r.Pairs[i]
		m := r.Describe(p.Metric)
		r1, r2 := absent, absent
		if lo, hi, ok := p.shownBounds(m); ok {
			r1 = lo + " to " + hi
		}
		if s := p.ratioRange(); s != "" {
			r2 = s
		}
		g.Rows = append(g.Rows, []gridCell{{Text: p.A}, {Text: p.B}, {Text: m.Title}, cellOf(known0(int64(p.N)), count(int64(p.N))),
			cellOf(p.Diff, m.Unit.delta(p.Diff)), {Text: r1, Class: "num", Key: key(p.Lo)}, cellOf(p.P, pvalue(p.P)), cellOf(p.PHolm, pvalue(p.PHolm)),
			cellOf(p.Ratio, percent(p.Ratio)), {Text: r2, Class: "num", Key: key(p.RatioLo)}, {Text: glueSigns(p.words(m)), Class: "verdict " + p.class(m)}})
	}
	return g
}

// grid makes a table of the report ready for the page.
func (tab *Table) grid() grid {
	g := grid{Caption: tab.Title, Note: tab.Note}
	for i, c := range tab.Columns {
		h := gridHead{Text: c.Name, Numeric: i > 0}
		if c.Unit == Percent {
			h.Text += ", %"
		}
		g.Head = append(g.Head, h)
	}
	for _, row := range tab.Rows {
		var cells []gridCell
		for c := range tab.Columns {
			cell := gridCell{Text: tab.text(row, c)}
			if c > 0 {
				cell.Class = "num"
			}
			if c < len(row) {
				cell.Key = key(row[c].Value)
			}
			cells = append(cells, cell)
		}
		g.Rows = append(g.Rows, cells)
	}
	return g
}
