package chat

import (
	"slices"
	"strconv"
	"strings"
)

// path follows "a.b.0" into a value.
func (r *run) path(v any, attribute any) any {
	if i, ok := asInt(attribute); ok {
		r.spend(1)
		return r.item(v, i)
	}
	path := r.str(attribute)
	r.spendKey(path)
	for part := range strings.SplitSeq(path, ".") {
		r.spend(1)
		if i, err := strconv.ParseInt(part, 10, 64); err == nil && i >= 0 {
			v = r.item(v, i)
		} else {
			v = r.item(v, part)
		}
	}
	return v
}

// key returns what a sequence is ordered by: an attribute if one is given, text
// without its case unless told otherwise.
func (r *run) key(v, attribute, caseSensitive any) any {
	if attribute != nil {
		v = r.path(v, attribute)
	}
	if s, ok := v.(string); ok && !truth(caseSensitive) {
		r.spendText(len(s))
		return strings.ToLower(s)
	}
	return v
}

func joinItems(r *run, v any, c *callArgs) any {
	a := c.bind(r, "join", []string{"d", "attribute"}, "", nil)
	var b strings.Builder
	sep := r.str(a[0])
	for i, x := range r.iterate(v) {
		if a[1] != nil {
			x = r.path(x, a[1])
		}
		text := r.str(x)
		r.spendText(len(sep) + len(text))
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(text)
		if b.Len() > maxOutput {
			r.fail("join makes a text of more than %d bytes", maxOutput)
		}
	}
	return b.String()
}

// mapItems is map(attribute="a", default=x) or map("filter", arguments…).
func mapItems(r *run, v any, c *callArgs) any {
	if !truth(v) { // None too
		return &iterator{}
	}
	all := r.iterate(v)
	out := make([]any, len(all))
	if len(c.list) == 0 {
		otherwise, hasDefault := c.take(1, "default")
		attribute := c.bind(r, "map", []string{"attribute", "default"}, nil)[0]
		for i, x := range all {
			out[i] = r.path(x, attribute)
			if _, missing := out[i].(*undefined); missing && hasDefault {
				out[i] = otherwise
			}
		}
		return &iterator{out}
	}
	name := r.str(c.list[0])
	f, ok := filters[name]
	if !ok {
		r.fail("filter %q is not supported", name)
	}
	for i, x := range all {
		r.spend(1)
		out[i] = f(r, x, c.without(1))
	}
	return &iterator{out}
}

// without returns a copy that lacks the first n arguments.
func (c *callArgs) without(n int) *callArgs {
	return &callArgs{c.list[n:], slices.Clone(c.names), c.named}
}

// selecting makes select and reject, of items that pass a test or are true without one;
// with a name selectattr and rejectattr, of those of which an attribute does.
func selecting(byAttribute string, want bool) filter {
	attribute := byAttribute != ""
	return func(r *run, v any, c *callArgs) any {
		if !truth(v) { // None too
			return &iterator{}
		}
		var path any
		if attribute {
			if len(c.list) == 0 {
				r.fail("%s wants the name of an attribute", byAttribute)
			}
			path = c.list[0]
			c = c.without(1)
		}
		passes := func(r *run, x any, c *callArgs) bool { return truth(x) }
		if len(c.list) > 0 {
			name := r.str(c.list[0])
			f, ok := tests[name]
			if !ok {
				r.fail("test %q is not supported", name)
			}
			passes, c = f, c.without(1)
		}
		var kept []any
		for _, x := range r.iterate(v) {
			r.spend(1)
			subject := x
			if attribute {
				subject = r.path(x, path)
			}
			if passes(r, subject, c.without(0)) == want {
				kept = append(kept, x)
			}
		}
		return &iterator{kept}
	}
}

// sorted orders a copy by keys.
func (r *run) sorted(all []any, key func(any) any, reverse bool) []any {
	type keyed struct{ key, value any }
	pairs := make([]keyed, len(all))
	for i, x := range all {
		r.spend(1)
		pairs[i] = keyed{key(x), x}
	}
	slices.SortStableFunc(pairs, func(a, b keyed) int {
		if reverse {
			return r.compare(b.key, a.key, 0)
		}
		return r.compare(a.key, b.key, 0)
	})
	out := make([]any, len(all))
	for i, p := range pairs {
		out[i] = p.value
	}
	return out
}

func sortItems(r *run, v any, c *callArgs) any {
	a := c.bind(r, "sort", []string{"reverse", "case_sensitive", "attribute"}, false, false, nil)
	key := func(x any) any { return r.key(x, a[2], a[1]) }
	r.spendKey(a[2])
	if names, ok := a[2].(string); ok && strings.Contains(names, ",") {
		key = func(x any) any { // several attributes
			var parts []any
			for name := range strings.SplitSeq(names, ",") {
				parts = append(parts, r.key(x, name, a[1]))
			}
			return &tuple{parts}
		}
	}
	return &list{r.sorted(r.iterate(v), key, truth(a[0]))}
}

func dictsort(r *run, v any, c *callArgs) any {
	a := c.bind(r, "dictsort", []string{"case_sensitive", "by", "reverse"}, false, "key", false)
	d, ok := v.(*dict)
	by := slices.Index([]any{"key", "value"}, a[1])
	if !ok || by < 0 {
		r.fail("dictsort wants a dict, by key or value")
	}
	key := func(x any) any { return r.key(x.(*tuple).items[by], nil, a[0]) }
	return &list{r.sorted(d.items(), key, truth(a[2]))}
}

func unique(r *run, v any, c *callArgs) any {
	a := c.bind(r, "unique", []string{"case_sensitive", "attribute"}, false, nil)
	seen := map[any]bool{}
	var out []any
	for _, x := range r.iterate(v) {
		r.spend(1)
		k, ok := keyOf(r.key(x, a[1], a[0]))
		if !ok {
			r.fail("unique cannot take %s", typeName(x))
		}
		r.spendKey(k)
		if !seen[k] {
			seen[k] = true
			out = append(out, x)
		}
	}
	return &iterator{out}
}

func maximum(r *run, v any, c *callArgs) any { return r.extreme("max", v, c, 1) }
func minimum(r *run, v any, c *callArgs) any { return r.extreme("min", v, c, -1) }

// extreme returns the first of the items that sign times comparison puts last.
func (r *run) extreme(what string, v any, c *callArgs, sign int) any {
	a := c.bind(r, what, []string{"case_sensitive", "attribute"}, false, nil)
	var best, bestKey any = &undefined{what: "the " + what + " of nothing"}, nil
	for i, x := range r.iterate(v) {
		k := r.key(x, a[1], a[0])
		if i == 0 || sign*r.compare(k, bestKey, 0) > 0 {
			best, bestKey = x, k
		}
	}
	return best
}

func sum(r *run, v any, c *callArgs) any {
	a := c.bind(r, "sum", []string{"attribute", "start"}, nil, int64(0))
	total := a[1]
	for _, x := range r.iterate(v) {
		r.spend(1)
		if a[0] != nil {
			x = r.path(x, a[0])
		}
		if _, ok := asFloat(x); !ok {
			r.fail("sum wants numbers, not %s", typeName(x))
		}
		total = r.binary("+", total, x)
	}
	return total
}
