package compare

import (
	"fmt"
	"slices"
	"strings"

	"limbeck/eval/report"
	"limbeck/internal/disk"
	"limbeck/internal/machine"
	"limbeck/model"
	"limbeck/tensor/kernel"
)

// historyKey lists, oldest first, what was done to a model.
const historyKey = "limbeck.history"

// describe returns what a model is, as far as its file tells. It must not be
// packed yet.
func describe(m *model.Model, x Contestant) report.Model {
	c := m.Config()
	out := report.Model{
		Bytes: x.Bytes, Params: int64(c.Params()), Architecture: c.Arch,
		Shape:   fmt.Sprintf("%d layers, %d wide, %d heads, feed-forward %d, %d tokens", c.Layers, c.Width, c.Heads, c.FFN, c.Vocab),
		License: m.Meta.String("general.license", ""),
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
	if out.Bytes == 0 {
		out.Bytes = disk.Size(x.Ref)
	}
	parts = append(parts, report.Part{Name: "tokenizer, metadata", Bytes: max(0, out.Bytes-weights)})
	out.Parts = slices.DeleteFunc(parts, func(p report.Part) bool { return p.Bytes == 0 })
	for _, line := range m.Meta.Strings(historyKey) {
		step, detail, _ := strings.Cut(line, " ")
		out.Lineage = append(out.Lineage, report.Origin{Step: step, Detail: detail})
	}
	return out
}

// machine describes where this runs. Threads matter to times alone.
func (c *comparison) machine() report.Machine {
	m := report.Machine{CPU: machine.CPU(), Tier: kernel.Tier()}
	if c.Rounds > 0 {
		m.Threads = c.workers()
	}
	return m
}
