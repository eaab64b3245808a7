package chat

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Values of a template are nil, bool, int64, float64, string and the types below.
// None of them changes once made, but for namespaces and iterators.
type (
	list  struct{ items []any }
	tuple struct{ items []any }

	// iterator is what filters such as map and select give: it can be gone through
	// once, is true even if empty, and has no length.
	iterator struct{ items []any }

	// dict keeps the order in which keys came.
	dict struct {
		keys, values []any
		index        map[any]int
	}

	// undefined stands for what is not there: as text it is empty, as a condition
	// false, as a sequence empty; all else is an error that says what is missing.
	undefined struct {
		what string
		of   string // the type that lacks it, if it is a member
	}

	namespace struct{ vars map[string]any }

	// function is a callable: a global, a method bound to its value, or a macro.
	function struct {
		call func(r *run, c *callArgs) any
	}
)

// String says what is missing, for errors.
func (u *undefined) String() string {
	if u.of != "" {
		return fmt.Sprintf("a value of type %s has no %q", u.of, u.what)
	}
	return u.what + " is not defined"
}

func newDict() *dict { return &dict{index: map[any]int{}} }

// keyOf makes equal keys equal in Go too: True is 1 is 1.0.
func keyOf(v any) (key any, ok bool) {
	switch v := v.(type) {
	case nil, string, int64:
		return v, true
	case bool:
		return number(v), true
	case float64:
		if i := int64(v); float64(i) == v {
			return i, true
		}
		return v, true
	}
	return nil, false
}

// get returns the value of a key.
func (d *dict) get(key any) (any, bool) {
	if k, ok := keyOf(key); ok {
		if i, ok := d.index[k]; ok {
			return d.values[i], true
		}
	}
	return nil, false
}

// set adds a key or replaces its value; it reports whether the key can be one.
func (d *dict) set(key, value any) bool {
	k, ok := keyOf(key)
	if !ok {
		return false
	}
	if i, ok := d.index[k]; ok {
		d.values[i] = value
		return true
	}
	d.index[k] = len(d.keys)
	d.keys = append(d.keys, key)
	d.values = append(d.values, value)
	return true
}

// items returns the pairs as tuples.
func (d *dict) items() []any {
	out := make([]any, len(d.keys))
	for i, key := range d.keys {
		out[i] = &tuple{[]any{key, d.values[i]}}
	}
	return out
}

// typeName is Python's name of a value's type, for errors.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "None"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	}
	return strings.TrimPrefix(reflect.TypeOf(v).String(), "*chat.")
}

// truth is Python's bool().
func truth(v any) bool {
	switch v := v.(type) {
	case nil, *undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case *list:
		return len(v.items) > 0
	case *tuple:
		return len(v.items) > 0
	case *dict:
		return len(v.keys) > 0
	}
	return true
}

// number is a bool as an integer.
func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// asInt returns an int, or a bool as one.
func asInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case bool:
		return number(v), true
	}
	return 0, false
}

// asFloat returns a number of any kind.
func asFloat(v any) (float64, bool) {
	if f, ok := v.(float64); ok {
		return f, true
	}
	i, ok := asInt(v)
	return float64(i), ok
}

// length is Python's len().
func (r *run) length(v any) int {
	switch v := v.(type) {
	case *undefined:
		return 0
	case string:
		r.spendText(len(v))
		return utf8.RuneCountInString(v)
	case *list:
		return len(v.items)
	case *tuple:
		return len(v.items)
	case *dict:
		return len(v.keys)
	}
	r.fail("%s has no length", typeName(v))
	return 0
}

// iterate returns what a loop over a value sees. The caller must not change it.
func (r *run) iterate(v any) []any {
	switch v := v.(type) {
	case *undefined:
		return nil
	case string:
		r.spend(len(v))
		out := make([]any, 0, len(v))
		for len(v) > 0 {
			_, n := utf8.DecodeRuneInString(v)
			out = append(out, v[:n])
			v = v[n:]
		}
		return out
	case *list:
		return v.items
	case *tuple:
		return v.items
	case *dict:
		return v.keys
	case *iterator:
		items := v.items
		v.items = nil
		return items
	}
	r.fail("%s cannot be iterated over", typeName(v))
	return nil
}

// str is Python's str().
func (r *run) str(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case *undefined:
		return ""
	}
	var b strings.Builder
	r.repr(&b, v, 0)
	r.spendText(b.Len())
	return b.String()
}

// repr is Python's repr().
func (r *run) repr(b *strings.Builder, v any, depth int) {
	r.spend(1)
	if depth > maxDepth {
		r.fail("a value is nested deeper than %d", maxDepth)
	}
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		b.WriteString(map[bool]string{true: "True", false: "False"}[v])
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		b.WriteString(floatRepr(v))
	case string:
		r.spendText(len(v))
		start := b.Len()
		quoteRepr(b, v)
		r.spendEscapes(b.Len() - start - len(v))
	case *undefined:
		b.WriteString("Undefined")
	case *list:
		b.WriteByte('[')
		r.reprItems(b, v.items, depth)
		b.WriteByte(']')
	case *tuple:
		b.WriteByte('(')
		r.reprItems(b, v.items, depth)
		if len(v.items) == 1 {
			b.WriteByte(',')
		}
		b.WriteByte(')')
	case *dict:
		r.reprDict(b, v, depth)
	default:
		r.fail("%s cannot be written as text", typeName(v))
	}
}

func (r *run) reprDict(b *strings.Builder, d *dict, depth int) {
	b.WriteByte('{')
	for i, key := range d.keys {
		if i > 0 {
			b.WriteString(", ")
		}
		r.repr(b, key, depth+1)
		b.WriteString(": ")
		r.repr(b, d.values[i], depth+1)
	}
	b.WriteByte('}')
}

func (r *run) reprItems(b *strings.Builder, items []any, depth int) {
	for i, item := range items {
		if i > 0 {
			b.WriteString(", ")
		}
		r.repr(b, item, depth+1)
	}
}

// floatRepr writes the shortest digits that give the float back, as Python lays
// them out: with an exponent below 1e-4 and from 1e16 on.
func floatRepr(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// quoteRepr quotes as Python does: single quotes unless only those occur inside.
func quoteRepr(b *strings.Builder, s string) {
	quote := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	b.WriteRune(quote)
	for _, c := range s {
		switch {
		case c == quote || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(c):
			b.WriteRune(c)
		case c < 0x100:
			fmt.Fprintf(b, `\x%02x`, c)
		case c < 0x10000:
			fmt.Fprintf(b, `\u%04x`, c)
		default:
			fmt.Fprintf(b, `\U%08x`, c)
		}
	}
	b.WriteRune(quote)
}

// equal is Python's == .
func (r *run) equal(a, b any, depth int) bool {
	r.spend(1)
	if depth > maxDepth {
		r.fail("a value is nested deeper than %d", maxDepth)
	}
	if x, ok := asFloat(a); ok {
		y, ok := asFloat(b)
		i, iok := asInt(a)
		j, jok := asInt(b)
		if iok && jok {
			return i == j
		}
		return ok && x == y
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case string:
		b, ok := b.(string)
		r.spendText(min(len(a), len(b)))
		return ok && a == b
	case *undefined:
		_, ok := b.(*undefined)
		return ok
	case *list:
		b, ok := b.(*list)
		return ok && r.equalItems(a.items, b.items, depth)
	case *tuple:
		b, ok := b.(*tuple)
		return ok && r.equalItems(a.items, b.items, depth)
	case *dict:
		b, ok := b.(*dict)
		return ok && r.equalDicts(a, b, depth)
	}
	return a == b
}

func (r *run) equalItems(a, b []any, depth int) bool {
	return slices.EqualFunc(a, b, func(x, y any) bool { return r.equal(x, y, depth+1) })
}

func (r *run) equalDicts(a, b *dict, depth int) bool {
	if len(a.keys) != len(b.keys) {
		return false
	}
	for i, key := range a.keys {
		r.spendKey(key)
		v, ok := b.get(key)
		if !ok || !r.equal(a.values[i], v, depth+1) {
			return false
		}
	}
	return true
}

// compare orders two values as Python's < does: negative, 0 or positive.
func (r *run) compare(a, b any, depth int) int {
	r.spend(1)
	if depth > maxDepth {
		r.fail("a value is nested deeper than %d", maxDepth)
	}
	if i, ok := asInt(a); ok {
		if j, ok := asInt(b); ok {
			return int(number(i > j) - number(i < j))
		}
	}
	if x, ok := asFloat(a); ok {
		if y, ok := asFloat(b); ok {
			return int(number(x > y) - number(x < y))
		}
	}
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			r.spendText(min(len(x), len(y)))
			return strings.Compare(x, y)
		}
	case *list:
		if y, ok := b.(*list); ok {
			return r.compareItems(x.items, y.items, depth)
		}
	case *tuple:
		if y, ok := b.(*tuple); ok {
			return r.compareItems(x.items, y.items, depth)
		}
	}
	r.fail("%s and %s cannot be ordered", typeName(a), typeName(b))
	return 0
}

func (r *run) compareItems(a, b []any, depth int) int {
	for i := range min(len(a), len(b)) {
		if !r.equal(a[i], b[i], depth+1) {
			return r.compare(a[i], b[i], depth+1)
		}
	}
	return len(a) - len(b)
}
