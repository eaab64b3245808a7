package report

import (
	"html/template"
	"slices"
	"strconv"
)

// bars are horizontal bars, one a model, each split into parts.
type bars struct {
	Title  string
	Note   string
	Rows   []barRow
	Legend []look
}

type barRow struct {
	Look  look
	Bar   template.HTML
	Total string
}

// partNames gives the parts of a file their colors, in this order; what else
// there may be shares the last one.
var partNames = []string{"embedding", "attention", "feed-forward", "norms", "output", "tokenizer, metadata"}

// partLook is the color of a part.
func partLook(name string) look {
	i := slices.Index(partNames, name)
	if i < 0 {
		i = len(partNames)
	}
	return look{"p" + strconv.Itoa(i), "M-6-6H6V6H-6Z", name}
}

// partBytes sums the parts of a model; ok is false if there are none to draw.
func (m *Model) partBytes() (total int64, ok bool) {
	for _, p := range m.Parts {
		if p.Bytes < 0 || p.Bytes > drawable {
			return 0, false
		}
		total += p.Bytes
	}
	return total, total > 0
}

// byteBars draws the files of the models by part: once as bytes, to compare
// the models, and once as shares, to see where the bytes of a small one lie.
func (r *Report) byteBars() []bars {
	abs := bars{Title: "Bytes by part", Note: "To scale: a bar is as long as the file is large."}
	rel := bars{Title: "Share by part", Note: "Each file stretched to the same length."}
	looks := r.looks()
	var most int64
	for i := range r.Models {
		if total, ok := r.Models[i].partBytes(); ok {
			most = max(most, total)
		}
	}
	for i := range r.Models {
		m := &r.Models[i]
		total, ok := m.partBytes()
		if !ok {
			continue
		}
		abs.Rows = append(abs.Rows, barRow{looks[i], m.bar(total, most), size(total)})
		rel.Rows = append(rel.Rows, barRow{looks[i], m.bar(total, total), size(total)})
		for _, p := range m.Parts {
			l := partLook(p.Name)
			if p.Bytes > 0 && !slices.Contains(abs.Legend, l) {
				abs.Legend = append(abs.Legend, l)
			}
		}
	}
	if len(abs.Rows) == 0 {
		return nil
	}
	rel.Legend = abs.Legend
	return []bars{abs, rel}
}

// bar draws one model's parts; the whole length stands for full bytes.
func (m *Model) bar(total, full int64) template.HTML {
	s := new(svg)
	s.open("svg", "class", "bar", "role", "img", "aria-label", m.Name+": "+size(total))
	at := 0.0
	for _, p := range m.Parts {
		if p.Bytes == 0 {
			continue
		}
		w := float64(p.Bytes) / float64(full)
		tip := p.Name + ": " + size(p.Bytes) + " (" + percent(N(float64(p.Bytes)/float64(total))) + " % of " + m.Name + ")"
		s.open("rect", "class", partLook(p.Name).Class, "x", pc(at), "width", pc(w), "height", "100%", "data-tip", tip)
		s.text("title", tip)
		s.close()
		at += w
	}
	return s.html()
}
