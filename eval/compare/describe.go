package compare

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"limbeck/eval/report"
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
	parts := []report.Part{{Name: "embedding"}, {Name: "attention"}, {Name: "ffn"}, {Name: "norms"}, {Name: "output"}}
	var weights int64
	for _, w := range m.Weights() {
		n := int64(w.Bytes())
		parts[partOf(w.Name)].Bytes += n
		weights += n
		if f := w.Type().Name; !slices.Contains(out.Formats, f) {
			out.Formats = append(out.Formats, f)
		}
	}
	if out.Bytes == 0 {
		out.Bytes = sizeOf(x.Ref)
	}
	parts = append(parts, report.Part{Name: "tokenizer, metadata", Bytes: max(0, out.Bytes-weights)})
	out.Parts = slices.DeleteFunc(parts, func(p report.Part) bool { return p.Bytes == 0 })
	for _, line := range m.Meta.Strings(historyKey) {
		step, detail, _ := strings.Cut(line, " ")
		out.Lineage = append(out.Lineage, report.Origin{Step: step, Detail: detail})
	}
	return out
}

// partOf returns the index of the part that a tensor belongs to, by its name in
// GGUF.
func partOf(name string) int {
	switch {
	case strings.Contains(name, "norm"):
		return 3
	case strings.Contains(name, "attn"):
		return 1
	case strings.Contains(name, "ffn"):
		return 2
	case strings.HasPrefix(name, "output"):
		return 4
	}
	return 0
}

// sizeOf returns the bytes of a file or of a folder's files; 0 if there is none.
func sizeOf(path string) int64 {
	var sum int64
	// What cannot be read is not counted: this is for display.
	_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := os.Stat(p); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

// machine describes where this runs. Threads matter to times alone.
func (c *comparison) machine() report.Machine {
	m := report.Machine{CPU: cpu(), Tier: kernel.Tier()}
	if c.Rounds > 0 {
		m.Threads = c.workers()
	}
	return m
}

// cpu names the processor, where the system tells.
func cpu() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOARCH
}
