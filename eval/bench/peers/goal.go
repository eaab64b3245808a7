package main

import (
	"fmt"
	"os"
	"strings"

	"limbeck/eval/bench"
)

// A goal is something to reach. check tells how far a row came, in words; met is
// unknown where the row lacks what it takes.
type goal struct {
	text  string
	check func(o *outcome, all []outcome) (reached string, met, known bool)
}

// atLeast is a multiple of a peer.
func atLeast(times float64, peer string) goal {
	return goal{fmt.Sprintf("≥ %g × %s", times, short(peer)), func(o *outcome, _ []outcome) (string, bool, bool) {
		ratio := o.ratio(peer)
		return fmt.Sprintf("%.2f × %s", ratio, short(peer)), ratio >= times, ratio > 0
	}}
}

// ofLimit is a share of what the machine allows.
func ofLimit(share float64) goal {
	return goal{fmt.Sprintf("≥ %.0f %% of limit", 100*share), func(o *outcome, _ []outcome) (string, bool, bool) {
		return fmt.Sprintf("%.0f %% of limit", 100*o.share()), o.share() >= share, o.share() > 0
	}}
}

// ofIdle is a share of Limbeck's own rate in another row.
func ofIdle(share float64, idle string) goal {
	return goal{fmt.Sprintf("≥ %.0f %% of idle", 100*share), func(o *outcome, all []outcome) (string, bool, bool) {
		for i := range all {
			if own, other := o.median(limbeckName), all[i].median(limbeckName); all[i].Name == idle && own > 0 && other > 0 {
				return fmt.Sprintf("%.0f %% of idle", 100*own/other), own >= share*other, true
			}
		}
		return "", false, false
	}}
}

// within is a time in seconds.
func within(most float64) goal {
	return goal{fmt.Sprintf("≤ %g s", most), func(o *outcome, _ []outcome) (string, bool, bool) {
		t := o.median(limbeckName)
		return fmt.Sprintf("%.2f s", t), t <= most, t > 0
	}}
}

// memoryAtMost bounds Limbeck's peak of memory, in bytes.
func memoryAtMost(most float64) goal {
	return goal{fmt.Sprintf("≤ %g GB", most/1e9), func(o *outcome, _ []outcome) (string, bool, bool) {
		m := float64(o.memory(limbeckName))
		return fmt.Sprintf("%.2f GB", m/1e9), m <= most, m > 0
	}}
}

// memoryBeside bounds Limbeck's peak of memory by a model's file and what the row's
// caches take.
func memoryBeside(model string) goal {
	return goal{fmt.Sprintf("≤ file + cache + %g MB", bench.BaseMemory/1e6), func(o *outcome, _ []outcome) (string, bool, bool) {
		info, err := os.Stat(model)
		if err != nil {
			return "", false, false
		}
		m, most := float64(o.memory(limbeckName)), float64(info.Size()+o.Cache)+bench.BaseMemory
		return fmt.Sprintf("%.0f of %.0f MB", m/1e6, most/1e6), m <= most, m > 0
	}}
}

// either is the easier of two goals.
func either(a, b goal) goal {
	return goal{a.text + " or " + b.text, func(o *outcome, all []outcome) (string, bool, bool) {
		said, met, known := a.check(o, all)
		other, metToo, knownToo := b.check(o, all)
		return join([]string{said, other}, []bool{known, knownToo}), met || metToo, known && knownToo || met || metToo
	}}
}

// A verdict is what became of a goal.
type verdict struct {
	Goal    string `json:"goal"`
	Reached string `json:"reached,omitempty"`
	Met     *bool  `json:"met,omitempty"` // absent: not known
}

// String says whether the goal is met.
func (v *verdict) String() string {
	switch {
	case v.Met == nil:
		return "not known"
	case *v.Met:
		return "met"
	}
	return "missed"
}

// judge sets what became of a row's goals.
func (o *outcome) judge(goals []goal, all []outcome) {
	o.Goals = nil
	for _, g := range goals {
		v := verdict{Goal: g.text}
		if said, met, known := g.check(o, all); known {
			v.Reached, v.Met = said, &met
		}
		o.Goals = append(o.Goals, v)
	}
}

// join lists the texts that are known.
func join(texts []string, known []bool) string {
	var out []string
	for i, t := range texts {
		if known[i] {
			out = append(out, t)
		}
	}
	return strings.Join(out, ", ")
}

// short is a peer's name in a table.
func short(name string) string {
	if name == ik {
		return "ik"
	}
	return name
}
