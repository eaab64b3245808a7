package chat

import (
	"fmt"
	"strings"
)

type constExpr struct{ value any }

func (e *constExpr) eval(*run) any { return e.value }

type nameExpr struct{ name string }

func (e *nameExpr) eval(r *run) any { return r.lookup(e.name) }

// listExpr makes a list or a tuple.
type listExpr struct {
	items []expr
	tuple bool
}

func (e *listExpr) eval(r *run) any {
	items := make([]any, len(e.items))
	for i, item := range e.items {
		items[i] = r.eval(item)
	}
	if e.tuple {
		return &tuple{items}
	}
	return &list{items}
}

type dictExpr struct {
	at
	keys, values []expr
}

func (e *dictExpr) eval(r *run) any {
	d := newDict()
	for i, key := range e.keys {
		k := r.eval(key)
		v := r.eval(e.values[i])
		r.line = e.line
		r.spendKey(k)
		if !d.set(k, v) {
			r.fail("%s cannot be a key", typeName(k))
		}
	}
	return d
}

type condExpr struct{ test, then, otherwise expr }

func (e *condExpr) eval(r *run) any {
	if truth(r.eval(e.test)) {
		return r.eval(e.then)
	}
	if e.otherwise == nil {
		return &undefined{what: "the value of an if without else"}
	}
	return r.eval(e.otherwise)
}

// logicExpr is "or", or "and"; it gives the operand that decides.
type logicExpr struct {
	left, right expr
	or          bool
}

func (e *logicExpr) eval(r *run) any {
	left := r.eval(e.left)
	if truth(left) == e.or {
		return left
	}
	return r.eval(e.right)
}

type notExpr struct{ value expr }

func (e *notExpr) eval(r *run) any { return !truth(r.eval(e.value)) }

// compareExpr is a chain a < b <= c, each value evaluated at most once.
type compareExpr struct {
	at
	first expr
	ops   []string
	rest  []expr
}

func (e *compareExpr) eval(r *run) any {
	left := r.eval(e.first)
	for i, op := range e.ops {
		right := r.eval(e.rest[i])
		r.line = e.line
		if !r.holds(op, left, right) {
			return false
		}
		left = right
	}
	return true
}

// holds evaluates one comparison.
func (r *run) holds(op string, a, b any) bool {
	switch op {
	case "==":
		return r.equal(a, b, 0)
	case "!=":
		return !r.equal(a, b, 0)
	case "in":
		return r.contains(b, a)
	case "not in":
		return !r.contains(b, a)
	case "<":
		return r.compare(a, b, 0) < 0
	case "<=":
		return r.compare(a, b, 0) <= 0
	case ">":
		return r.compare(a, b, 0) > 0
	}
	return r.compare(a, b, 0) >= 0
}

// contains is Python's "item in v".
func (r *run) contains(v, item any) bool {
	switch v := v.(type) {
	case string:
		s, ok := item.(string)
		if !ok {
			r.fail("%s in str: want a str", typeName(item))
		}
		r.spendText(len(v))
		return strings.Contains(v, s)
	case *dict:
		r.spendKey(item)
		_, ok := v.get(item)
		return ok
	}
	for _, x := range r.iterate(v) {
		if r.equal(x, item, 0) {
			return true
		}
	}
	return false
}

// memberExpr is x.name: a method or field of the value, else a dictionary's key.
type memberExpr struct {
	at
	of   expr
	name string
}

func (e *memberExpr) eval(r *run) any {
	v := r.eval(e.of)
	r.line = e.line
	return r.member(v, e.name)
}

func (r *run) member(v any, name string) any {
	if m, ok := r.method(v, name); ok {
		return m
	}
	switch v := v.(type) {
	case *undefined:
		r.fail("%s, so %q cannot be taken from it", v, name)
	case *dict:
		if x, ok := v.get(name); ok {
			return x
		}
	case *namespace:
		if x, ok := v.vars[name]; ok {
			return x
		}
	case *loopState:
		return v.member(name)
	}
	return &undefined{name, typeName(v)}
}

// indexExpr is x[i]: an item, else a method or field.
type indexExpr struct {
	at
	of, index expr
}

func (e *indexExpr) eval(r *run) any {
	v, i := r.eval(e.of), r.eval(e.index)
	r.line = e.line
	return r.item(v, i)
}

// item is v[i], undefined if there is none.
func (r *run) item(v, i any) any {
	if u, ok := v.(*undefined); ok {
		r.fail("%s, so no item can be taken from it", u)
	}
	r.spendKey(i)
	if d, ok := v.(*dict); ok {
		if x, ok := d.get(i); ok {
			return x
		}
	}
	if name, ok := i.(string); ok {
		return r.member(v, name)
	}
	at, ok := asInt(i)
	if !ok {
		return &undefined{what: "an item of a value of type " + typeName(v)}
	}
	n, index := 0, at
	switch v.(type) {
	case string, *list, *tuple:
		n = r.length(v)
	}
	if at < 0 {
		at += int64(n)
	}
	if at < 0 || at >= int64(n) {
		return &undefined{what: fmt.Sprintf("item %d of a value of type %s", index, typeName(v))}
	}
	switch v := v.(type) {
	case string:
		return sliceText(v, int(at), int(at)+1)
	case *list:
		return v.items[at]
	}
	return v.(*tuple).items[at]
}

// sliceText returns the code points from to to, which exist.
func sliceText(s string, from, to int) string {
	start, n := len(s), 0
	for i := range s {
		if n == from {
			start = i
		}
		if n == to {
			return s[start:i]
		}
		n++
	}
	return s[start:]
}

type sliceExpr struct {
	at
	of    expr
	parts [3]expr // from, to, step; nil if left out
}

func (e *sliceExpr) eval(r *run) any {
	v := r.eval(e.of)
	var bounds [3]any
	for i, part := range e.parts {
		if part != nil {
			bounds[i] = r.eval(part)
		}
	}
	r.line = e.line
	switch v := v.(type) {
	case string:
		if bounds[2] == nil { // bytes that are not UTF-8 survive
			from, to, _ := r.bounds(bounds, r.length(v))
			return sliceText(v, from, max(from, to))
		}
		var b strings.Builder
		for _, c := range r.slice(r.iterate(v), bounds) {
			b.WriteString(c.(string))
		}
		return b.String()
	case *list:
		return &list{r.slice(v.items, bounds)}
	case *tuple:
		return &tuple{r.slice(v.items, bounds)}
	case *undefined:
		r.fail("%s, so it cannot be sliced", v)
	}
	r.fail("%s cannot be sliced", typeName(v))
	return nil
}

// bounds resolves a slice as Python's slice.indices does.
func (r *run) bounds(parts [3]any, n int) (from, to, step int) {
	value := func(v any, otherwise int) int {
		if v == nil {
			return otherwise
		}
		i, ok := asInt(v)
		if !ok {
			r.fail("a slice's bound is a %s, want an int", typeName(v))
		}
		return int(max(min(i, 1<<30), -1<<30))
	}
	if step = value(parts[2], 1); step == 0 {
		r.fail("a slice's step is 0")
	}
	low, high := 0, n
	if step < 0 {
		low, high = -1, n-1
	}
	clamp := func(i int) int {
		if i < 0 {
			i += n
		}
		return max(low, min(i, high))
	}
	if from = low; step < 0 {
		from = high
	}
	if to = high; step < 0 {
		to = low
	}
	if parts[0] != nil {
		from = clamp(value(parts[0], 0))
	}
	if parts[1] != nil {
		to = clamp(value(parts[1], 0))
	}
	return from, to, step
}

func (r *run) slice(items []any, parts [3]any) []any {
	from, to, step := r.bounds(parts, len(items))
	var out []any
	for i := from; step > 0 && i < to || step < 0 && i > to; i += step {
		out = append(out, items[i])
	}
	r.spend(len(out))
	return out
}

// argument is one of a call: by position if it has no name.
type argument struct {
	name  string
	value expr
}

// callArgs are evaluated arguments.
type callArgs struct {
	list  []any
	names []string // of those given by name
	named []any
}

func (r *run) args(args []argument) *callArgs {
	c := &callArgs{}
	for _, a := range args {
		v := r.eval(a.value)
		if a.name == "" {
			c.list = append(c.list, v)
			continue
		}
		c.names = append(c.names, a.name)
		c.named = append(c.named, v)
	}
	return c
}

// take returns the argument at a position or of a name, and forgets it; done then
// finds what nobody took.
func (c *callArgs) take(at int, name string) (any, bool) {
	if at < len(c.list) {
		return c.list[at], true
	}
	for i, n := range c.names {
		if n == name {
			c.names[i] = ""
			return c.named[i], true
		}
	}
	return nil, false
}

// bind returns the arguments for names, in order; what is not given is the value in
// defaults, or an error if there is none.
func (c *callArgs) bind(r *run, what string, names []string, defaults ...any) []any {
	if len(c.list) > len(names) {
		r.fail("%s takes at most %d arguments, not %d", what, len(names), len(c.list))
	}
	out := make([]any, len(names))
	needed := len(names) - len(defaults)
	for i, name := range names {
		v, ok := c.take(i, name)
		switch {
		case ok:
			out[i] = v
		case i < needed:
			r.fail("%s wants an argument %q", what, name)
		default:
			out[i] = defaults[i-needed]
		}
	}
	for _, name := range c.names {
		if name != "" {
			r.fail("%s takes no argument %q", what, name)
		}
	}
	return out
}

type callExpr struct {
	at
	of   expr
	args []argument
}

func (e *callExpr) eval(r *run) any {
	f := r.eval(e.of)
	args := r.args(e.args)
	r.line = e.line
	return r.call(f, args)
}

func (r *run) call(f any, args *callArgs) any {
	switch f := f.(type) {
	case *function:
		return f.call(r, args)
	case *undefined:
		if f.of != "" {
			r.fail("a value of type %s has no method %q", f.of, f.what)
		}
		r.fail("%s, so it cannot be called", f)
	}
	r.fail("%s cannot be called", typeName(f))
	return nil
}

type filterExpr struct {
	at
	f    filter
	of   expr
	args []argument
}

func (e *filterExpr) eval(r *run) any {
	v := r.eval(e.of)
	args := r.args(e.args)
	r.line = e.line
	return e.f(r, v, args)
}

type testExpr struct {
	at
	f       test
	of      expr
	args    []argument
	negated bool
}

func (e *testExpr) eval(r *run) any {
	v := r.eval(e.of)
	args := r.args(e.args)
	r.line = e.line
	return e.f(r, v, args) != e.negated
}
