package compare

import (
	"fmt"
	"slices"
	"strings"

	"limbeck/eval/report"
	"limbeck/internal/machine"
	"limbeck/model"
	"limbeck/tensor/kernel"
)

// describe returns what a model is, as far as its file tells. It must not be
// packed yet.
func describe(m *model.Model) report.Model {
	c := m.Config()
	out := report.Model{
		Bytes: m.Bytes(), Params: int64(c.Params()), Architecture: c.Arch,
		Shape:   c.Shape(),
		Replies: m.Replies(),
		License: m.Meta.String(model.LicenseKey, ""),
	}
	var parts []report.Part
	var weights int64
	for _, p := range m.Parts() {
		parts = append(parts, report.Part{Name: p.Name, Bytes: int64(p.Bytes)})
		weights += int64(p.Bytes)
		for _, f := range p.Formats {
			if !slices.Contains(out.Formats, f) {
				out.Formats = append(out.Formats, f)
			}
		}
	}
	parts = append(parts, report.Part{Name: "tokenizer, metadata", Bytes: max(0, out.Bytes-weights)})
	out.Parts = slices.DeleteFunc(parts, func(p report.Part) bool { return p.Bytes == 0 })
	for _, line := range m.Meta.Strings(model.HistoryKey) {
		out.Lineage = append(out.Lineage, origin(line))
	}
	return out
}

// origin divides a line of a model's history: its first word says what was done. One
// that begins with a count is of weights that were drawn: "9,936 random weights, …".
func origin(line string) report.Origin {
	step, detail, _ := strings.Cut(line, " ")
	if step != "" && '0' <= step[0] && step[0] <= '9' {
		step, detail = "drawn", line
	}
	return report.Origin{Step: step, Detail: detail}
}

// noteFormats warns of a teacher as its training left it, in floats, beside
// students that are rounded: their size, speed and memory owe something to that.
func (c *comparison) noteFormats() {
	teacher := &c.rows[0].Model
	if c.rows[0].Role != report.Teacher || len(teacher.Rounded()) > 0 {
		return
	}
	var others []string
	for _, r := range c.rows[1:] {
		if f := r.Model.Rounded(); r.Role == report.Student && len(f) > 0 {
			others = append(others, fmt.Sprintf("%s in %s", r.Name, strings.Join(f, " and ")))
		}
	}
	if len(others) > 0 {
		c.Notes = append(c.Notes, report.Note{Title: "Formats", Text: fmt.Sprintf("warning: %s is stored in %s, %s. Size, speed and memory flatter what is rounded: "+
			"limbeck quantize gives a teacher that can be compared.", c.rows[0].Name, strings.Join(teacher.Formats, " and "), strings.Join(others, ", "))})
	}
}

// noteReplies says whose replies are held to a form, and whose are not.
func (c *comparison) noteReplies() {
	var held, free []string
	for _, r := range c.rows {
		if r.Model.Replies != "" {
			held = append(held, r.Name)
		} else {
			free = append(free, r.Name)
		}
	}
	if len(held) == 0 || c.task == nil {
		return
	}
	text := fmt.Sprintf("Those of %s are held to what their files say: %s. ", strings.Join(held, " and "), model.ExtractiveReplies)
	if len(free) > 0 {
		text += fmt.Sprintf("Those of %s are not. ", strings.Join(free, " and "))
	}
	c.Notes = append(c.Notes, report.Note{Title: "Replies", Text: text + "Other programs hold none: limbeck eval --free measures that."})
}

// machine describes where this runs. Threads matter to times alone.
func (c *comparison) machine() report.Machine {
	m := report.Machine{CPU: machine.CPU(), Tier: kernel.Tier()}
	if c.Rounds > 0 {
		m.Threads = c.pool.Threads()
	}
	return m
}
