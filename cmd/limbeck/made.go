package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"limbeck/eval/report"
	"limbeck/internal/disk"
	"limbeck/internal/typeset"
	"limbeck/recipe/run"
	"limbeck/recipe/steps"
)

// A madeRun is what a run left for people: in its folder's top, not in its steps.
type madeRun struct {
	dir      string
	students []string       // GGUF files
	page     string         // the report's; "" if nothing was compared
	figures  string         // the report as JSON, likewise
	proof    *report.Report // nil if nothing was compared
}

// newMadeRun finds what the steps of plan made. An earlier run may have left more in
// the folder, but not of these settings.
func newMadeRun(dir string, plan *run.Plan) (*madeRun, error) {
	m := &madeRun{dir: dir}
	for _, s := range plan.Steps {
		for _, name := range s.Exports {
			path := filepath.Join(dir, name)
			switch {
			case filepath.Ext(name) == ".gguf":
				m.students = append(m.students, path)
			case name == steps.PageFile:
				m.page = path
			case name == steps.ReportFile:
				var err error
				m.figures = path
				if m.proof, err = readReport(path); err != nil {
					return nil, err
				}
			}
		}
	}
	slices.Sort(m.students)
	return m, nil
}

// readReport reads the report of a run.
func readReport(path string) (*report.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return report.ReadJSON(f)
}

// write says what was made, where it lies, and what to type next.
func (m *madeRun) write(w io.Writer) {
	m.writeProof(w)
	fmt.Fprintf(w, "made %s\n", m.dir)
	for _, path := range m.students {
		fmt.Fprintf(w, "student: %s, %s\n", path, typeset.Bytes(disk.Size(path)))
	}
	if m.page != "" {
		fmt.Fprintf(w, "report: %s\n", m.page)
	}
	if len(m.students) > 0 {
		m.writeNext(w, "your prompt")
	}
}

// writeProof writes the comparison's tables, if there was one.
func (m *madeRun) writeProof(w io.Writer) {
	if m.proof != nil {
		// The writer keeps its own errors.
		_ = m.proof.WriteText(w, report.TextOptions{Examples: -1, Rest: "in " + steps.ReportFile})
		fmt.Fprintln(w)
	}
}

// writeNext says how to talk to the first student.
func (m *madeRun) writeNext(w io.Writer, prompt string) {
	fmt.Fprintf(w, "Talk to the student:\n  %s run %s %q\n", program(), quoted(m.students[0]), prompt)
}
