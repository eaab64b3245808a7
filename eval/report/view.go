package report

import (
	"html/template"
	"strconv"
	"strings"

	"limbeck/internal/typeset"
)

// page is what page.html shows, in its order. Every list may be empty; its
// section is then left out.
type page struct {
	Title    string
	Facts    []string
	Machine  []string
	Policy   string
	CSS      template.CSS
	JS       template.JS
	Lead     []string
	Cards    []card
	Quality  []figure
	Forests  []forest
	Models   []*grid
	Records  []string // what was recorded earlier
	Stats    *grid
	Bars     []bars
	Times    []figure
	Curves   []figure
	Plots    []figure
	Tables   []grid
	Examples []exampleView
	More     int // examples that only report.json holds
	Sheets   []sheet
	Method   []Note
	Notes    []Note
	Level    string
	Version  int
}

// maxExamples bounds the examples on the page; report.json has them all.
const (
	maxExamples  = 200
	openExamples = 12 // shown at once, the others on request
)

func (r *Report) page() *page {
	p := &page{
		Title: r.Title, Facts: r.dataFacts(), Machine: r.machineFacts(), Policy: securityPolicy(),
		CSS: template.CSS(pageCSS), JS: template.JS(pageJS), Lead: r.lead(), Cards: r.cards(),
		Forests: r.forests(), Models: r.modelGrids(), Stats: r.pairGrid(), Bars: r.byteBars(),
		Curves: r.curveFigures(), Plots: r.plotFigures(), Sheets: r.sheets(), Method: r.method(), Notes: r.Notes, Level: r.level(), Version: Version,
	}
	if p.Title == "" {
		p.Title = "Comparison of models"
	}
	p.Quality = r.qualityFigures()
	if f, ok := r.timesFigure(); ok {
		p.Times = append(p.Times, f)
	}
	for i := range r.Models {
		if m := &r.Models[i]; m.recorded() {
			p.Records = append(p.Records, m.recordNote())
		}
	}
	for i := range r.Tables {
		if tab := &r.Tables[i]; len(tab.Columns) > 0 {
			p.Tables = append(p.Tables, tab.grid())
		}
	}
	shown := r.Examples[:min(len(r.Examples), maxExamples)]
	looks := r.looks()
	for i := range shown {
		p.Examples = append(p.Examples, r.exampleView(&shown[i], looks))
	}
	p.More = len(r.Examples) - len(shown)
	return p
}

// First are the examples shown at once.
func (p *page) First() []exampleView { return p.Examples[:min(len(p.Examples), openExamples)] }

// Rest are the examples shown on request.
func (p *page) Rest() []exampleView { return p.Examples[len(p.First()):] }

// qualityFigures plots quality against size and against speed.
func (r *Report) qualityFigures() []figure {
	var out []figure
	title := r.Describe(r.primary()).Title
	if title != "" {
		title = strings.ToUpper(title[:1]) + title[1:]
	}
	note := "Bars: " + r.level() + " % intervals. Dashed: the models that none other beats in both."
	bytes := func(m *Model) Num { return known0(m.Bytes) }
	if f, ok := r.qualityFigure(figure{Title: title + " against size", Note: note}, "MB, logarithmic", bytes, 1e-6, true); ok {
		out = append(out, f)
	}
	rate := func(m *Model) Num { return m.Speed.Requests.Median }
	if f, ok := r.qualityFigure(figure{Title: title + " against speed", Note: note}, "requests/s, logarithmic", rate, 1, false); ok {
		out = append(out, f)
	}
	return out
}

// exampleView is an example with its differences marked.
type exampleView struct {
	ID      string
	Input   string
	Gold    string
	Replies []replyView
}

type replyView struct {
	Look       look
	Spans      []span
	Confidence string
	Score      string // right, wrong, or "" if unknown
}

func (r *Report) exampleView(e *Example, looks []look) exampleView {
	v := exampleView{ID: e.ID, Input: e.Input, Gold: e.Gold}
	for _, p := range e.Replies {
		rv := replyView{Look: look{Name: p.Model, Class: "s2", Sign: circle}, Spans: diffReply(e.Gold, p.Text)}
		for i := range r.Models {
			// Recorded models replied to other examples.
			if m := &r.Models[i]; m.Name == p.Model && m.Role != Recorded {
				rv.Look = looks[i]
				break
			}
		}
		if c, ok := p.Confidence.Get(); ok {
			rv.Confidence = typeset.Fixed(c, 2)
		}
		if s, ok := p.Score.Get(); ok {
			rv.Score = "wrong"
			if s >= 1 {
				rv.Score = "right"
			}
		}
		v.Replies = append(v.Replies, rv)
	}
	return v
}

// sheet is what is known of one model, and what it was made from.
type sheet struct {
	Look    look
	Role    string
	Facts   [][2]string
	Lineage []Origin
}

func (r *Report) sheets() []sheet {
	looks := r.looks()
	var out []sheet
	for i := range r.Models {
		m := &r.Models[i]
		s := sheet{Look: looks[i], Role: string(m.Role), Lineage: m.Lineage}
		add := func(name, value string) {
			if value != "" && value != absent {
				s.Facts = append(s.Facts, [2]string{name, value})
			}
		}
		add("Architecture", m.Architecture)
		add("Shape", m.Shape)
		add("Parameters", count(m.Params))
		add("File", fileFact(m.Bytes))
		add("Formats", strings.Join(m.Formats, ", "))
		add("License", m.License)
		add("Digest", shortDigest(m.Digest))
		add("Recorded", m.RecordedOn)
		add("Source", m.Source)
		for _, p := range m.Cost.Prices {
			add("Price: "+p.Name, strings.TrimSpace(trimZeros(number(p.Value))+" "+p.Unit))
		}
		if len(s.Facts)+len(s.Lineage) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// fileFact writes a file's size, rounded and exact.
func fileFact(bytes int64) string {
	if bytes == 0 {
		return ""
	}
	return size(bytes) + " (" + count(bytes) + " bytes)"
}

// Bootstrap is the method of the intervals that package measure computes. Reports that
// name none are of before the others beside it.
const (
	bootstrap = "paired bootstrap over items"
	Bootstrap = bootstrap + "; of scores of 0 or 1 that leave it nothing to draw, the exact interval of a share (Clopper and Pearson) and the score interval of a difference of shares (Tango)"
)

// method says how the figures were made, as far as the report knows.
func (r *Report) method() []Note {
	var out []Note
	add := func(title, text string) { out = append(out, Note{title, text}) }
	if n := r.Interval.Resamples; n > 0 {
		how := r.Interval.Method
		if how == "" {
			how = bootstrap
		}
		add("Intervals", r.level()+" %, "+count(int64(n))+" resamples, seed "+strconv.FormatUint(r.Interval.Seed, 10)+": "+how+
			". Where an interval of a difference holds 0, the difference is called not significant.")
	}
	for _, p := range r.Pairs {
		if _, ok := p.P.Get(); ok {
			add("Tests", "McNemar's exact test, two-sided, for scores of 0 or 1; p-values are corrected by Holm's method over the pairs.")
			break
		}
	}
	for _, m := range r.measuredFirst() {
		if m.Speed.Rounds > 0 {
			add("Speed", "Medians over "+strconv.Itoa(m.Speed.Rounds)+" alternated rounds, each in a fresh process, the same prompts, greedy replies; "+
				"requests one after the other, text in to text out. Sizes are in MB of 10⁶ bytes.")
			break
		}
	}
	for _, m := range r.Models {
		if m.Divergence != nil {
			add("Divergence", "KL(teacher ‖ model) in nats on the tokens of the reply, mean over items with its standard error; dropped mass is what the teacher gives to tokens that the model does not have.")
			break
		}
	}
	return out
}
