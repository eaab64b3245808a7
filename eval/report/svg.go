package report

import (
	"html/template"
	"strconv"
	"strings"
)

// svg writes an inline SVG. Positions along the width are percentages, so that
// one drawing fits a telephone and a wide screen with letters of one size;
// what stands outside the plot's area lies in the padding of its box.
//
// Every attribute and text is escaped here, and nowhere is a style attribute
// used: the page's content security policy forbids it.
type svg struct {
	b     strings.Builder
	stack []string
}

// open starts an element; attributes are pairs of name and value.
func (s *svg) open(name string, attrs ...string) {
	s.tag(name, attrs)
	s.b.WriteByte('>')
	s.stack = append(s.stack, name)
}

// close ends the element that was opened last.
func (s *svg) close() {
	last := len(s.stack) - 1
	s.b.WriteString("</" + s.stack[last] + ">")
	s.stack = s.stack[:last]
}

// elem writes an element without content.
func (s *svg) elem(name string, attrs ...string) {
	s.tag(name, attrs)
	s.b.WriteString("/>")
}

// text writes an element that holds only text.
func (s *svg) text(name, text string, attrs ...string) {
	s.open(name, attrs...)
	s.b.WriteString(template.HTMLEscapeString(text))
	s.close()
}

func (s *svg) tag(name string, attrs []string) {
	if len(attrs)%2 != 0 {
		panic("report: svg attributes must be pairs")
	}
	s.b.WriteString("<" + name)
	for i := 0; i < len(attrs); i += 2 {
		s.b.WriteString(" " + attrs[i] + `="` + template.HTMLEscapeString(attrs[i+1]) + `"`)
	}
}

// html is the finished drawing.
func (s *svg) html() template.HTML {
	for len(s.stack) > 0 {
		s.close()
	}
	return template.HTML(s.b.String())
}

// pc writes a share as a percentage with two decimals.
func pc(share float64) string {
	return trimZeros(strconv.FormatFloat(share*100, 'f', 2, 64)) + "%"
}

// px writes a length or coordinate with one decimal.
func px(v float64) string { return trimZeros(strconv.FormatFloat(v, 'f', 1, 64)) }

// axis is one side of a plot.
type axis struct {
	scale  scale
	title  string
	factor float64 // of the numbers at the ticks
	ticks  int     // at most about so many
}

// plotHeight is the height of a plot's area in pixels; page.css knows it too.
const plotHeight = 260

// startPlot opens a drawing with grid, ticks and titles of both axes. The name
// is what a screen reader says.
func startPlot(name string, x, y axis) *svg {
	s := new(svg)
	s.open("svg", "class", "plot", "role", "img", "aria-label", name)
	s.text("title", name)
	ticks := y.scale.ticks(y.ticks)
	for i, label := range tickLabels(ticks, y.factor) {
		at := pc(1 - y.scale.at(ticks[i]))
		s.elem("line", "class", "grid", "x1", "0", "x2", "100%", "y1", at, "y2", at)
		s.text("text", label, "class", "tick end", "x", "-8", "y", at, "dy", "0.32em")
	}
	ticks = x.scale.ticks(x.ticks)
	for i, label := range tickLabels(ticks, x.factor) {
		at := pc(x.scale.at(ticks[i]))
		s.elem("line", "class", "mark", "x1", at, "x2", at, "y1", "100%", "y2", px(plotHeight+5))
		s.text("text", label, "class", "tick mid", "x", at, "y", px(plotHeight+20))
	}
	s.elem("line", "class", "base", "x1", "0", "x2", "100%", "y1", "100%", "y2", "100%")
	s.text("text", y.title, "class", "axis", "x", "-44", "y", "-16")
	s.text("text", x.title, "class", "axis end", "x", "100%", "y", px(plotHeight+40))
	return s
}

// xy is a point in shares of the plot, y upward.
type xy struct{ x, y float64 }

// curve draws a line through points in a frame of its own that is stretched
// over the plot; strokes keep their width.
func (s *svg) curve(class string, points []xy, stairs bool) {
	if len(points) == 0 {
		return
	}
	const span = 1000
	var d strings.Builder
	for i, p := range points {
		x, y := px(p.x*span), px((1-p.y)*span)
		switch {
		case i == 0:
			d.WriteString("M" + x + " " + y)
		case stairs:
			d.WriteString("H" + x + "V" + y)
		default:
			d.WriteString("L" + x + " " + y)
		}
	}
	s.open("svg", "class", "stretch", "viewBox", "0 0 1000 1000", "preserveAspectRatio", "none", "width", "100%", "height", "100%")
	s.elem("path", "class", "curve "+class, "d", d.String())
	s.close()
}

// marker draws a model's sign with a label for pointer and screen reader.
func (s *svg) marker(l look, at xy, label string) {
	s.open("svg", "class", "spot "+l.Class, "x", pc(at.x), "y", pc(1-at.y), "tabindex", "0", "role", "img", "aria-label", label, "data-tip", label)
	s.text("title", label)
	s.elem("circle", "class", "hit", "r", "14")
	s.elem("path", "class", "sign", "d", l.Sign)
	s.close()
}
