package report

import (
	"html/template"
	"strconv"
)

// look is how a model is drawn: the same color and sign all over the page.
type look struct {
	Class string // page.css gives it a color
	Sign  string // path around 0, 0, in pixels
	Name  string
}

// Signs by role, so that color is never the only difference.
const (
	circle   = "M-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0-11 0Z"
	square   = "M-5-5H5V5H-5Z"
	triangle = "M0-6L6 5H-6Z"
	diamond  = "M0-7L7 0L0 7L-7 0Z"

	stroke = "M-8-1.5H8V1.5H-8Z"
	dashes = "M-8-1.5H-4V1.5H-8ZM-2-1.5H2V1.5H-2ZM4-1.5H8V1.5H4Z"
)

// line is l as a legend shows it beside a plot of lines.
func (l look) line(dashed bool) look {
	l.Class, l.Sign = l.Class+" line", stroke
	if dashed {
		l.Sign = dashes
	}
	return l
}

// Colors: page.css holds so many for models; the first four belong to roles.
const (
	colors      = 8
	roleColors  = 4
	recordColor = 3
)

// looks gives every model its look: the first model of a role gets the role's
// color, others the colors that are left, round and round.
func (r *Report) looks() []look {
	byRole := map[Role]int{Teacher: 0, Student: 1, Baseline: 2, Recorded: recordColor}
	signs := map[Role]string{Teacher: square, Student: circle, Baseline: triangle, Recorded: diamond}
	_, student := r.sides()
	taken := map[Role]bool{}
	next := roleColors
	out := make([]look, len(r.Models))
	for i := range r.Models {
		m := &r.Models[i]
		color, ok := byRole[m.Role]
		// The student of the summary is the last one; it gets the role's color.
		if !ok || taken[m.Role] || (m.Role == Student && m != student) {
			color = roleColors + (next-roleColors)%(colors-roleColors)
			next++
		} else {
			taken[m.Role] = true
		}
		class := "s" + strconv.Itoa(color)
		if m.recorded() {
			class += " recorded"
		}
		sign := signs[m.Role]
		if sign == "" {
			sign = circle
		}
		out[i] = look{Class: class, Sign: sign, Name: m.Name}
	}
	return out
}

// figure is a plot with its words.
type figure struct {
	Title  string
	Note   string
	Plot   template.HTML
	Legend []look
	Table  *grid // the same in numbers
}

// grid is a table for the template: text cells with an optional number to sort
// by.
type grid struct {
	Caption string
	Note    string
	Head    []gridHead
	Rows    [][]gridCell
}

type gridHead struct {
	Text    string
	Tip     string
	Numeric bool
}

type gridCell struct {
	Text  string
	Small string // a second line
	Key   string // what to sort by; "" sorts by text
	Class string
	Look  *look
}

// key is a sorting key for a number.
func key(n Num) string {
	if v, ok := n.Get(); ok {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return ""
}

// cellOf makes a numeric cell.
func cellOf(n Num, text string) gridCell {
	return gridCell{Text: text, Key: key(n), Class: "num"}
}
