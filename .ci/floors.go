// Command floors runs a demo, floors LIMBECK demo …, and holds the figures of its
// report to the least that they may be, and its memory to the most.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"limbeck/eval/report"
)

// floors are a few points below what the frozen recipe gives: they find a
// broken step, not a small change.
var floors = []struct {
	model, metric string
	least         float64
}{
	{"teacher", "exact_match", 0.67},
	{"teacher", "intent_accuracy", 0.86},
	{"student", "exact_match", 0.60},
	{"student", "intent_accuracy", 0.83},
	{"student", "slot_f1", 0.60},
}

const (
	maxTeacher  = 12_000_000    // bytes
	studentPart = 4             // the student has at most this part of the teacher's bytes
	maxMemory   = 1_000_000_000 // bytes, of any step
	reportFile  = "limbeck-demo/report.json"
	timingsFile = "limbeck-demo/logs/timings.jsonl"
)

func main() {
	err := demo(os.Args[1:])
	if err == nil {
		err = check(reportFile)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "floors:", err)
		os.Exit(1)
	}
}

// demo runs a demo and looks at the memory that each of its steps took at most.
func demo(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	f, err := os.Open(timingsFile)
	if err != nil {
		return err
	}
	defer f.Close()
	steps := 0
	for d := json.NewDecoder(f); ; steps++ {
		var step struct {
			Step   string
			Memory int64 // bytes
		}
		if err := d.Decode(&step); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("%s: %w", timingsFile, err)
		}
		if step.Memory <= 0 || step.Memory > maxMemory {
			return fmt.Errorf("%s took %d bytes of memory, want at most %d", step.Step, step.Memory, maxMemory)
		}
		fmt.Printf("%s: %d MB, at most %d\n", step.Step, step.Memory/1e6, maxMemory/1_000_000)
	}
	if steps == 0 {
		return fmt.Errorf("%s names no step", timingsFile)
	}
	return nil
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
