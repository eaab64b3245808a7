package chat

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// filter computes v | name(args). It pays, by [run.spend] and its like, for what it makes
// or reads before it does.
type filter func(r *run, v any, c *callArgs) any

// filters by name. It is filled by init because map and select look filters and
// tests up in turn.
var filters map[string]filter

func init() {
	filters = map[string]filter{
		"abs": abs, "attr": attr, "capitalize": textFilter("capitalize", capitalize), "count": length, "d": defaultTo,
		"default": defaultTo, "dictsort": dictsort, "first": first, "float": toFloat, "format": format,
		"indent": indent, "int": toInt, "items": items, "join": joinItems, "last": last, "length": length,
		"list": toList, "lower": textFilter("lower", strings.ToLower), "map": mapItems, "max": maximum, "min": minimum,
		"reject": selecting("", false), "rejectattr": selecting("rejectattr", false), "replace": replace,
		"reverse": reverse, "round": round, "safe": textFilter("safe", func(s string) string { return s }),
		"select": selecting("", true), "selectattr": selecting("selectattr", true), "sort": sortItems,
		"string": textFilter("string", func(s string) string { return s }), "sum": sum, "title": textFilter("title", jinjaTitle),
		"tojson": tojson, "trim": trim, "unique": unique, "upper": textFilter("upper", strings.ToUpper), "wordcount": wordcount,
	}
}

// textFilter is a filter of text without arguments.
func textFilter(name string, f func(string) string) filter {
	return func(r *run, v any, c *callArgs) any {
		c.bind(r, name, nil)
		s := r.str(v)
		r.spendText(len(s))
		return f(s)
	}
}

func abs(r *run, v any, c *callArgs) any {
	c.bind(r, "abs", nil)
	if f, ok := v.(float64); ok {
		return math.Abs(f)
	}
	i, ok := asInt(v)
	if !ok {
		r.fail("abs wants a number, not %s", typeName(v))
	}
	if i < 0 {
		return r.intMath("-", 0, i)
	}
	return i
}

func attr(r *run, v any, c *callArgs) any {
	name := r.str(c.bind(r, "attr", []string{"name"})[0])
	r.spendKey(name)
	if ns, ok := v.(*namespace); ok {
		if x, ok := ns.vars[name]; ok {
			return x
		}
	}
	if m, ok := r.method(v, name); ok {
		return m
	}
	return &undefined{name, typeName(v)} // a dictionary's keys are no attributes
}

func length(r *run, v any, c *callArgs) any {
	c.bind(r, "length", nil)
	return int64(r.length(v))
}

func defaultTo(r *run, v any, c *callArgs) any {
	a := c.bind(r, "default", []string{"default_value", "boolean"}, "", false)
	if _, ok := v.(*undefined); ok || truth(a[1]) && !truth(v) {
		return a[0]
	}
	return v
}

func first(r *run, v any, c *callArgs) any {
	c.bind(r, "first", nil)
	if it, ok := v.(*iterator); ok && len(it.items) > 0 { // takes that one only
		x := it.items[0]
		it.items = it.items[1:]
		return x
	}
	if all := r.iterate(v); len(all) > 0 {
		return all[0]
	}
	return &undefined{what: "the first item of nothing"}
}

func last(r *run, v any, c *callArgs) any {
	c.bind(r, "last", nil)
	if _, ok := v.(*iterator); ok {
		r.fail("an iterator has no last item; make it a list first")
	}
	if all := r.iterate(v); len(all) > 0 {
		return all[len(all)-1]
	}
	return &undefined{what: "the last item of nothing"}
}

func toFloat(r *run, v any, c *callArgs) any {
	otherwise := c.bind(r, "float", []string{"default"}, 0.0)[0]
	if f, ok := asFloat(v); ok {
		return f
	}
	if f, ok := r.parseFloat(v, "float"); ok {
		return f
	}
	return otherwise
}

// floatWork is what it takes to find the float that is the nearest to a number in
// decimal, where that lies close to the middle of two; further digits, of which no more
// than floatDigits are looked at, take a unit each. [units]
const (
	floatWork   = 100
	floatDigits = 800
)

// parseFloat reads text as Python's float() does.
func (r *run) parseFloat(v any, what string) (float64, bool) {
	if u, ok := v.(*undefined); ok {
		r.fail("%s, so %s cannot take it", u, what)
	}
	s, ok := v.(string)
	r.spendText(len(s))
	if s = strings.TrimFunc(s, isSpace); !ok || strings.ContainsAny(s, "xXpP") {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	r.spend(floatWork + min(len(s), floatDigits))
	return f, true
}

func toInt(r *run, v any, c *callArgs) any {
	a := c.bind(r, "int", []string{"default", "base"}, int64(0), int64(10))
	if i, ok := asInt(v); ok {
		return i
	}
	if s, ok := v.(string); ok {
		r.spendText(len(s))
		base, ok := asInt(a[1])
		if !ok || base < 0 || base > 36 || base == 1 {
			r.fail("int: base is %s, want 0 or 2 to 36", r.str(a[1]))
		}
		digits := strings.ToLower(strings.ReplaceAll(strings.TrimFunc(s, isSpace), "_", ""))
		sign := "+"
		if digits != "" && (digits[0] == '+' || digits[0] == '-') {
			sign, digits = digits[:1], digits[1:]
		}
		if prefix := map[int64]string{2: "0b", 8: "0o", 16: "0x"}[base]; prefix != "" {
			digits = strings.TrimPrefix(digits, prefix)
		}
		if i, err := strconv.ParseInt(sign+digits, int(base), 64); err == nil {
			return i
		}
	}
	f, ok := v.(float64)
	if !ok {
		f, ok = r.parseFloat(v, "int")
	}
	if ok && math.Abs(f) < 1<<63 {
		return int64(f)
	}
	return a[0]
}

func format(r *run, v any, c *callArgs) any {
	if len(c.names) > 0 {
		r.fail("format with named values is not supported")
	}
	return r.percent(r.str(v), &tuple{c.list})
}

func indent(r *run, v any, c *callArgs) any {
	a := c.bind(r, "indent", []string{"width", "first", "blank"}, int64(4), false, false)
	pad, ok := a[0].(string)
	if !ok {
		n, ok := asInt(a[0])
		if !ok || n > maxWidth {
			r.fail("indent: width is %s, want text or an int of at most %d", r.str(a[0]), maxWidth)
		}
		pad = strings.Repeat(" ", int(max(n, 0)))
	}
	s := r.str(v)
	r.spendText(len(s))
	lines := r.lines(s + "\n")
	for i := range lines {
		if (i > 0 || truth(a[1])) && (lines[i] != "" || truth(a[2]) || i == 0) {
			r.spendText(len(pad) + len(lines[i]))
			lines[i] = pad + lines[i]
		}
	}
	return strings.Join(lines, "\n")
}

func items(r *run, v any, c *callArgs) any {
	c.bind(r, "items", nil)
	switch v := v.(type) {
	case *undefined:
		return &iterator{}
	case *dict:
		r.spend(len(v.keys))
		return &iterator{v.items()}
	}
	r.fail("items wants a dict, not %s", typeName(v))
	return nil
}

func replace(r *run, v any, c *callArgs) any {
	a := c.bind(r, "replace", []string{"old", "new", "count"}, nil)
	n := int64(-1)
	if a[2] != nil {
		n, _ = asInt(a[2])
	}
	return r.replaceText(r.str(v), r.str(a[0]), r.str(a[1]), int(n))
}

// replaceText replaces up to n times, paying for the result before it is made.
func (r *run) replaceText(s, old, new string, n int) string {
	count := strings.Count(s, old)
	if n >= 0 {
		count = min(count, n)
	}
	if size := len(s) + count*len(new); size > maxOutput {
		r.fail("replace makes a text of more than %d bytes", maxOutput)
	} else {
		r.spendText(size + len(s))
	}
	return strings.Replace(s, old, new, n)
}

func reverse(r *run, v any, c *callArgs) any {
	c.bind(r, "reverse", nil)
	all := slices.Clone(r.iterate(v))
	r.spend(len(all))
	slices.Reverse(all)
	if _, ok := v.(string); !ok {
		return &iterator{all}
	}
	var b strings.Builder
	for _, x := range all {
		b.WriteString(x.(string))
	}
	return b.String()
}

func round(r *run, v any, c *callArgs) any {
	a := c.bind(r, "round", []string{"precision", "method"}, int64(0), "common")
	f, ok := asFloat(v)
	places, isInt := asInt(a[0])
	if !ok || !isInt || places < -300 || places > 300 {
		r.fail("round wants a number and an int from -300 to 300, not %s and %.40s", typeName(v), r.str(a[0]))
	}
	r.spend(floatWork)
	scale := math.Pow(10, float64(places))
	switch a[1] {
	case "ceil":
		return math.Ceil(f*scale) / scale
	case "floor":
		return math.Floor(f*scale) / scale
	case "common":
	default:
		r.fail("round: method is %s, want common, ceil or floor", r.str(a[1]))
	}
	if places < 0 {
		return math.RoundToEven(f*scale) / scale
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(places), 64), 64)
	if i, ok := asInt(v); ok {
		return i
	}
	return rounded
}

func toList(r *run, v any, c *callArgs) any {
	c.bind(r, "list", nil)
	all := r.iterate(v)
	r.spend(len(all))
	return &list{all}
}

func trim(r *run, v any, c *callArgs) any {
	chars := c.bind(r, "trim", []string{"chars"}, nil)[0]
	return r.strip(r.str(v), chars, true, true)
}

func wordcount(r *run, v any, c *callArgs) any {
	c.bind(r, "wordcount", nil)
	notWord := func(c rune) bool { return c != '_' && !isAlpha(c) && !isDigit(c) }
	s := r.str(v)
	r.spendText(len(s))
	return int64(len(strings.FieldsFunc(s, notWord)))
}
