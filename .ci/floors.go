// Command floors holds the figures of a demo's report to the least that they
// may be: go run .ci/floors.go REPORT.
package main

import (
	"fmt"
	"os"

	"limbeck/eval/report"
)

// floors are a few points below what the frozen recipe gives: they find a
// broken step, not a small change.
var floors = []struct {
	model, metric string
	least         float64
}{
	{"teacher", "exact_match", 0.62},
	{"teacher", "intent_accuracy", 0.85},
	{"student", "exact_match", 0.50},
	{"student", "intent_accuracy", 0.80},
	{"student", "slot_f1", 0.49},
}

const (
	maxTeacher  = 12_000_000 // bytes
	studentPart = 4          // the student has at most this part of the teacher's bytes
)

func main() {
	if err := check(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "floors:", err)
		os.Exit(1)
	}
}

func check(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := report.ReadJSON(f)
	if err != nil {
		return err
	}
	models := map[string]report.Model{}
	for _, m := range r.Models {
		models[m.Name] = m
	}
	for _, x := range floors {
		got, ok := 0.0, false
		for _, q := range models[x.model].Quality {
			if q.Name == x.metric {
				got, ok = q.Value.Or(0), true
			}
		}
		if !ok || got < x.least {
			return fmt.Errorf("%s: %s is %.3f (measured: %v), want at least %.3f", x.model, x.metric, got, ok, x.least)
		}
		fmt.Printf("%s: %s %.3f, at least %.3f\n", x.model, x.metric, got, x.least)
	}
	teacher, student := models["teacher"].Bytes, models["student"].Bytes
	if teacher <= 0 || teacher > maxTeacher || student <= 0 || studentPart*student > teacher {
		return fmt.Errorf("the teacher has %d bytes and the student %d; want at most %d, and a %dth of the teacher's", teacher, student, maxTeacher, studentPart)
	}
	return nil
}
