package chat

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// globals are the functions that every template sees.
var globals = map[string]func(r *run, c *callArgs) any{
	"range":     rangeOf,
	"dict":      func(r *run, c *callArgs) any { return dictOf(r, c, "dict") },
	"namespace": namespaceOf,
	"joiner":    joiner,
	"raise_exception": func(r *run, c *callArgs) any {
		r.fail("%s", r.str(c.bind(r, "raise_exception", []string{"message"})[0]))
		return nil
	},
	"strftime_now": func(r *run, c *callArgs) any {
		format, ok := c.bind(r, "strftime_now", []string{"format"})[0].(string)
		if !ok {
			r.fail("strftime_now wants a str")
		}
		return r.strftime(format)
	},
}

// globalScope is the scope around every template's own, which holds the globals. Nothing writes
// to it: templates that are rendered at the same time share it.
var globalScope = func() *scope {
	s := &scope{vars: make(map[string]any, len(globals))}
	for name, f := range globals {
		s.vars[name] = &function{f}
	}
	return s
}()

func rangeOf(r *run, c *callArgs) any {
	if len(c.list) < 1 || len(c.list) > 3 || len(c.names) > 0 {
		r.fail("range wants one to three ints")
	}
	var v [3]int64
	for i, x := range c.list {
		n, ok := asInt(x)
		if !ok || n == math.MinInt64 {
			r.fail("range wants ints, not %s", typeName(x))
		}
		v[i] = n
	}
	from, to, step := int64(0), v[0], int64(1)
	if len(c.list) > 1 {
		from, to = v[0], v[1]
	}
	if len(c.list) > 2 {
		step = v[2]
	}
	if step == 0 {
		r.fail("range with step 0")
	}
	size := math.Ceil((float64(to) - float64(from)) / float64(step))
	if size > maxRange {
		r.fail("range of %.0f, want at most %d", size, maxRange)
	}
	var items []any
	for i := 0; i < int(size); i++ {
		items = append(items, from+int64(i)*step)
	}
	r.spend(len(items))
	return &list{items}
}

// dictOf makes a dictionary of another one, or of pairs, and of named arguments.
func dictOf(r *run, c *callArgs, what string) *dict {
	d := newDict()
	if len(c.list) > 1 {
		r.fail("%s takes at most one value without a name", what)
	}
	if len(c.list) == 1 {
		items := c.list[0]
		if from, ok := items.(*dict); ok {
			items = &list{from.items()}
		}
		for _, item := range r.iterate(items) {
			r.spend(1)
			pair := r.iterate(item)
			if len(pair) == 2 {
				r.spendKey(pair[0])
			}
			if len(pair) != 2 || !d.set(pair[0], pair[1]) {
				r.fail("%s wants pairs of a key and a value", what)
			}
		}
	}
	for i, name := range c.names {
		d.set(name, c.named[i])
	}
	return d
}

func namespaceOf(r *run, c *callArgs) any {
	ns := &namespace{map[string]any{}}
	d := dictOf(r, c, "namespace")
	for i, key := range d.keys {
		name, ok := key.(string)
		if !ok || strings.HasPrefix(name, "_") {
			r.fail("a namespace's field cannot be named %s", r.str(key))
		}
		ns.vars[name] = d.values[i]
	}
	return ns
}

// joiner gives nothing when first called, and then its separator.
func joiner(r *run, c *callArgs) any {
	sep := c.bind(r, "joiner", []string{"sep"}, ", ")[0]
	used := false
	return &function{func(*run, *callArgs) any {
		if used {
			return sep
		}
		used = true
		return ""
	}}
}

// layouts maps directives of strftime, in the C locale, to Go's layouts.
var layouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006",
	'd': "02", 'D': "01/02/06", 'e': "_2", 'F': "2006-01-02", 'h': "Jan", 'H': "15", 'I': "03",
	'j': "002", 'm': "01", 'M': "04", 'n': "\n", 'p': "PM", 'R': "15:04", 'S': "05", 't': "\t",
	'T': "15:04:05", 'x': "01/02/06", 'X': "15:04:05", 'y': "06", 'Y': "2006", '%': "%",
}

// strftime writes [Input]'s Now; %-d and its like leave out leading zeros.
func (r *run) strftime(format string) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		i++
		bare := i < len(format) && format[i] == '-'
		if bare {
			i++
		}
		if i >= len(format) {
			r.fail("strftime_now: %.40q ends within a directive", format)
		}
		text := r.directive(format[i])
		if bare {
			if text = strings.TrimLeft(text, "0 "); text == "" {
				text = "0"
			}
		}
		b.WriteString(text)
	}
	r.spendText(b.Len())
	return b.String()
}

func (r *run) directive(c byte) string {
	r.spend(1)
	switch c {
	case 'f':
		return fmt.Sprintf("%06d", r.now.Nanosecond()/int(time.Microsecond))
	case 'u':
		return fmt.Sprint((int(r.now.Weekday())+6)%7 + 1)
	case 'w':
		return fmt.Sprint(int(r.now.Weekday()))
	}
	layout, ok := layouts[c]
	if !ok {
		r.fail("strftime_now: %%%c is not supported", c)
	}
	return r.now.Format(layout)
}
