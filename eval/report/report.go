// Package report holds what a comparison of models found, and shows it three
// ways: as text in 80 columns, as JSON, and as one HTML file that needs no
// network.
//
// A [Report] is plain data. The comparison fills it in; this package computes
// no statistic of its own beyond ratios and quantiles of numbers it was given.
// Whatever is unknown stays at its zero value: an absent [Num], an empty slice,
// 0 for a count. Every rendering copes with any field missing, and treats all
// strings as hostile: they come from data sets and from models.
package report

import "limbeck/internal/typeset"

// Version is the schema's version, written into every report. It rises when a
// field changes its name or meaning, not when one is added.
const Version = 2

// Report is one comparison: models, their scores on one data set, the paired
// differences between them, and how all of it was measured.
type Report struct {
	Version  int          `json:"schema_version"`
	Title    string       `json:"title"`
	Created  string       `json:"created"` // RFC 3339; empty if bytes must not depend on the clock
	Task     string       `json:"task"`
	Data     Data         `json:"data"`
	Machine  Machine      `json:"machine"`
	Interval Interval     `json:"interval"`
	Metrics  []MetricInfo `json:"metrics"` // the first is the one that decides
	Models   []Model      `json:"models"`  // in the order of the tables
	Pairs    []Pair       `json:"pairs"`
	Curves   []Curve      `json:"curves"`
	Tables   []Table      `json:"tables"`
	Plots    []Plot       `json:"plots,omitempty"`
	Examples []Example    `json:"examples"` // worst first
	Notes    []Note       `json:"notes"`
}

// Data names the data set that the models were scored on.
type Data struct {
	Path     string `json:"path"`
	File     string `json:"file_digest"`     // of the file at Path
	Examples string `json:"examples_digest"` // of the examples scored
	N        int    `json:"n"`               // examples scored
	Split    string `json:"split"`
}

// Machine is where speed was measured.
type Machine struct {
	CPU     string `json:"cpu"`
	Tier    string `json:"tier"` // which kernels ran; see kernel.Tiers
	Threads int    `json:"threads"`
}

// Interval says how the intervals of the report were made.
type Interval struct {
	Level     Num    `json:"level"` // coverage, 0.95 unless set
	Method    string `json:"method"`
	Resamples int    `json:"resamples"`
	Seed      uint64 `json:"seed"`
}

// Unit says how a metric or a column is written for people. JSON always keeps
// the plain number.
type Unit string

// The units that the renderings know.
const (
	Plain   Unit = ""        // a number as it is
	Percent Unit = "percent" // a share from 0 to 1, shown times 100
	Bytes   Unit = "bytes"   // shown in MB of 10⁶ bytes
	Seconds Unit = "seconds" // shown in ms, or s
)

// MetricInfo describes a metric that models were scored with.
type MetricInfo struct {
	Name          string `json:"name"`  // as in Metric.Name: exact_match
	Title         string `json:"title"` // for people: exact match
	Unit          Unit   `json:"unit"`
	LowerIsBetter bool   `json:"lower_is_better"`
}

// Curve is the course of one training.
type Curve struct {
	Name   string       `json:"name"`
	Metric string       `json:"metric"` // name of the metric in the points
	Points []CurvePoint `json:"points"`
}

// CurvePoint is what was logged at one optimizer step.
type CurvePoint struct {
	Step       int `json:"step"`
	Train      Num `json:"train"`      // mean training loss since the last point that has one
	Validation Num `json:"validation"` // validation loss
	Metric     Num `json:"metric"`
}

// Table is a table of its own, an ablation for instance.
type Table struct {
	Title   string   `json:"title"`
	Note    string   `json:"note"`
	Columns []Column `json:"columns"`
	Rows    [][]Cell `json:"rows"`
}

// Column heads a column of a Table.
type Column struct {
	Name string `json:"name"`
	Unit Unit   `json:"unit"`
}

// Cell is a text, or a number with an optional standard error or interval.
type Cell struct {
	Text  string `json:"text"`
	Value Num    `json:"value"`
	SE    Num    `json:"se"`
	Lo    Num    `json:"lo"`
	Hi    Num    `json:"hi"`
}

// Example is one item of the data on which models differ.
type Example struct {
	ID      string  `json:"id"`
	Input   string  `json:"input"`
	Gold    string  `json:"gold"`
	Replies []Reply `json:"replies"`
}

// Reply is what one model said to an Example.
type Reply struct {
	Model      string `json:"model"`
	Text       string `json:"text"`
	Confidence Num    `json:"confidence"` // probability of the reply
	Score      Num    `json:"score"`      // by the report's first metric: 1 right, 0 wrong
}

// Note is a remark on method or outcome.
type Note struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

// known describes the metrics that Limbeck's own tasks report.
var known = []MetricInfo{
	{"exact_match", "exact match", Percent, false},
	{"accuracy", "accuracy", Percent, false},
	{"intent_accuracy", "intent accuracy", Percent, false},
	{"slot_f1", "slot F1", Percent, false},
	{"invalid_json", "invalid JSON", Percent, true},
	{"foreign_values", "values not in input", Percent, true},
	{"perplexity", "perplexity", Plain, true},
}

// Describe returns what is known of a metric: the report's own entry, else
// Limbeck's, else the name itself as a plain number.
func (r *Report) Describe(name string) MetricInfo {
	for _, list := range [][]MetricInfo{r.Metrics, known} {
		for _, m := range list {
			if m.Name != name {
				continue
			}
			if m.Title == "" {
				m.Title = name
			}
			return m
		}
	}
	return MetricInfo{Name: name, Title: name}
}

// metricNames lists the metrics in the order of the tables: those that the
// report declares, then others as models bring them.
func (r *Report) metricNames() []string {
	var names []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, m := range r.Metrics {
		add(m.Name)
	}
	for _, m := range r.Models {
		for _, q := range m.Quality {
			add(q.Name)
		}
	}
	return names
}

// primary is the metric that decides, "" when nothing was scored.
func (r *Report) primary() string {
	if names := r.metricNames(); len(names) > 0 {
		return names[0]
	}
	return ""
}

// level is the coverage of the intervals in percent, as text.
func (r *Report) level() string {
	return trimZeros(typeset.Fixed(r.Interval.Level.Or(0.95)*100, 2))
}
