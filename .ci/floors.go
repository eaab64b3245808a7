// Command floors runs a demo, floors LIMBECK demo …, and holds the figures of its
// report to the least that they may be, and its memory to the most. With
// -interrupt before LIMBECK, the demo is interrupted and started again on the way, and
// its figures are free: it may be a shorter one, to be compared with the like.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"limbeck/eval/report"
)

// floors are a few points below what the frozen recipe gives: they find a
// broken step, not a small change.
var floors = []struct {
	model, metric string
	least         float64
}{
	{"teacher", "exact_match", 0.68},
	{"teacher", "intent_accuracy", 0.86},
	{"student", "exact_match", 0.67},
	{"student", "intent_accuracy", 0.86},
	{"student", "slot_f1", 0.68},
}

const (
	maxTeacher  = 12_000_000    // bytes
	studentPart = 4             // the student has at most this part of the teacher's bytes
	maxMemory   = 1_000_000_000 // bytes, of any step
	reportFile  = "limbeck-demo/report.json"
	timingsFile = "limbeck-demo/logs/timings.jsonl"
)

// killAt is the part of its longest step at which a demo is killed: on most machines
// late enough for a checkpoint. interruptAt is where it is interrupted then, and from
// where it must say that it goes on.
const killAt, interruptAt = 0.5, 0.75

func main() {
	interrupt := flag.Bool("interrupt", false, "kill the demo as it distills, start it again, interrupt that, and start it again")
	flag.Parse()
	if err := run(flag.Args(), *interrupt); err != nil {
		fmt.Fprintln(os.Stderr, "floors:", err)
		os.Exit(1)
	}
}

func run(args []string, interrupt bool) error {
	if interrupt {
		if _, err := demo(args, os.Kill, killAt); err != nil {
			return err
		}
		if _, err := demo(args, os.Interrupt, interruptAt); err != nil {
			return err
		}
	}
	from, err := demo(args, nil, 0)
	if err != nil {
		return err
	}
	if interrupt && from < interruptAt {
		return fmt.Errorf("interrupted at %.2f of the distillation, the demo went on from %.2f", interruptAt, from)
	}
	if err := checkSteps(timingsFile, interrupt); err != nil || interrupt {
		return err
	}
	return check(reportFile)
}

// demo runs a demo to its end, or to that by a signal: it is sent once the part at
// is distilled. from is the part from which it said that it goes on, 0 if it began.
func demo(args []string, s os.Signal, at float64) (from float64, err error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout = os.Stdout
	out, err := cmd.StderrPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	sent := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(os.Stderr, lines.Text())
		text := strings.ReplaceAll(lines.Text(), ",", "")
		var done, of float64
		if n, _ := fmt.Sscanf(text, "distill: goes on from step %g of %g", &done, &of); n == 2 {
			from = done / of
			continue
		}
		if n, _ := fmt.Sscanf(text, "distill: %g of %g ", &done, &of); n < 2 {
			continue
		}
		if s != nil && !sent && done/of >= at {
			if err := cmd.Process.Signal(s); err != nil {
				return 0, err
			}
			sent = true
		}
	}
	err = cmd.Wait()
	if s != nil && (!sent || err == nil) {
		return 0, fmt.Errorf("a demo that was to be ended by %v ended with %v", s, cmd.ProcessState)
	}
	if s != nil {
		err = nil
	}
	return from, err
}

// checkSteps looks at the memory that each attempt at a step took at most. Every step
// is finished once; one that was killed before that has no line, and one that was
// interrupted has one more.
func checkSteps(path string, interrupted bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	finished, failed := map[string]bool{}, 0
	for d := json.NewDecoder(f); ; {
		var a struct {
			Step   string
			Memory int64 // bytes
			Error  string
		}
		if err := d.Decode(&a); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if a.Memory <= 0 || a.Memory > maxMemory {
			return fmt.Errorf("%s took %d bytes of memory, want at most %d", a.Step, a.Memory, maxMemory)
		}
		fmt.Printf("%s: %d MB, at most %d\n", a.Step, a.Memory/1e6, maxMemory/1_000_000)
		if finished[a.Step] {
			return fmt.Errorf("%s was finished, and made again", a.Step)
		}
		if a.Error != "" {
			failed++
			continue
		}
		finished[a.Step] = true
	}
	want := 0
	if interrupted {
		want = 1
	}
	if len(finished) == 0 || failed != want {
		return fmt.Errorf("%s names %d finished steps, and %d that were not, want %d", path, len(finished), failed, want)
	}
	return nil
}

func check(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("the demo's report: %w", err)
	}
	defer f.Close()
	r, err := report.ReadJSON(f)
	if err != nil {
		return fmt.Errorf("the demo's report, %s: %w", path, err)
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
