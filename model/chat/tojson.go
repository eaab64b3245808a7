package chat

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// jsonStyle are the options of the filter tojson, which are those of Python's
// json.dumps.
type jsonStyle struct {
	indent      string // one level; with it, each item has its own line
	lines       bool
	item, key   string // separators
	ascii, sort bool
}

// tojson is the filter as transformers defines it.
func tojson(r *run, v any, c *callArgs) any {
	a := c.bind(r, "tojson", []string{"ensure_ascii", "indent", "separators", "sort_keys"}, false, nil, nil, false)
	style := jsonStyle{item: ", ", key: ": ", ascii: truth(a[0]), sort: truth(a[3])}
	switch indent := a[1].(type) {
	case nil:
	case string:
		style.indent, style.lines = indent, true
	default:
		n, ok := asInt(indent)
		if !ok || n > maxDepth {
			r.fail("tojson: indent is %s, want an int of at most %d", r.str(indent), maxDepth)
		}
		style.indent, style.lines = strings.Repeat(" ", int(max(n, 0))), true
	}
	if style.lines {
		style.item = ","
	}
	if a[2] != nil {
		s := r.iterate(a[2])
		if len(s) != 2 {
			r.fail("tojson: separators want two texts")
		}
		style.item, style.key = r.str(s[0]), r.str(s[1])
	}
	var b strings.Builder
	r.writeJSON(&b, v, &style, 0)
	return b.String()
}

func (r *run) writeJSON(b *strings.Builder, v any, style *jsonStyle, depth int) {
	if depth > maxDepth {
		r.fail("a value is nested deeper than %d", maxDepth)
	}
	r.spendText(depth * len(style.indent))
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		b.WriteString(jsonFloat(v))
	case string:
		r.spendText(len(v))
		r.quoteJSON(b, v, style.ascii)
	case *list:
		r.writeJSONItems(b, "[", "]", len(v.items), style, depth, func(i int) {
			r.writeJSON(b, v.items[i], style, depth+1)
		})
	case *tuple:
		r.writeJSON(b, &list{v.items}, style, depth)
	case *dict:
		order := r.jsonOrder(v, style.sort)
		r.writeJSONItems(b, "{", "}", len(order), style, depth, func(i int) {
			key := r.jsonKey(v.keys[order[i]])
			r.spendText(len(key) + len(style.key))
			r.quoteJSON(b, key, style.ascii)
			b.WriteString(style.key)
			r.writeJSON(b, v.values[order[i]], style, depth+1)
		})
	default:
		r.fail("%s cannot be written as JSON", typeName(v))
	}
}

// writeJSONItems writes brackets, separators and line breaks around items.
func (r *run) writeJSONItems(b *strings.Builder, open, end string, n int, style *jsonStyle, depth int, item func(i int)) {
	newline := func(depth int) {
		if style.lines {
			b.WriteByte('\n')
			b.WriteString(strings.Repeat(style.indent, depth))
		}
	}
	b.WriteString(open)
	for i := range n {
		if i > 0 {
			b.WriteString(style.item)
			r.spendText(len(style.item))
		}
		newline(depth + 1)
		item(i)
	}
	if n > 0 {
		newline(depth)
	}
	b.WriteString(end)
}

// jsonOrder returns the indices of the keys in the order of writing.
func (r *run) jsonOrder(d *dict, sorted bool) []int {
	order := make([]int, len(d.keys))
	for i := range order {
		order[i] = i
	}
	if sorted {
		slices.SortStableFunc(order, func(i, j int) int { return r.compare(d.keys[i], d.keys[j], 0) })
	}
	return order
}

// jsonKey writes a key as JSON's text.
func (r *run) jsonKey(key any) string {
	switch key := key.(type) {
	case string:
		return key
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(key)
	case float64:
		return jsonFloat(key)
	}
	return r.str(key)
}

func jsonFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case math.IsNaN(f):
		return "NaN"
	}
	return floatRepr(f)
}

// jsonEscapes are the short ones.
var jsonEscapes = map[rune]string{
	'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`,
}

func (r *run) quoteJSON(b *strings.Builder, s string, ascii bool) {
	start := b.Len()
	b.WriteByte('"')
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		short, ok := jsonEscapes[c]
		switch {
		case ok:
			b.WriteString(short)
		case c < ' ' || ascii && c > '~' && c < 0x10000:
			fmt.Fprintf(b, `\u%04x`, c)
		case ascii && c > '~':
			c -= 0x10000
			fmt.Fprintf(b, `\u%04x\u%04x`, 0xd800+c>>10, 0xdc00+c&0x3ff)
		default:
			b.WriteString(s[i : i+n]) // as it is, valid or not
		}
		i += n
	}
	b.WriteByte('"')
	r.spendEscapes(b.Len() - start - len(s))
}
