package chat

import (
	"fmt"
	"strings"
	"time"
)

// run is one rendering.
type run struct {
	out    []byte
	scope  *scope
	line   int // of what is being evaluated
	work   int // units spent
	made   int // bytes of output, in captured blocks too
	depth  int // of expressions and blocks being evaluated
	macros int // calls of macros under way
	now    time.Time
}

// scopeWork is what a scope costs, in nodes; a macro's parameter costs half of it, and
// looking into so many scopes one. [units]
const scopeWork = 8

// scope is a level of variables; reading goes outward, writing stays.
type scope struct {
	vars  map[string]any
	outer *scope
}

// at is the line of a node.
type at struct{ line int }

// stmt is a statement; exec says how it was left.
type stmt interface{ exec(r *run) jump }

// expr is an expression.
type expr interface{ eval(r *run) any }

// jump says whether a loop goes on after a statement.
type jump uint8

const (
	jumpNone jump = iota
	jumpBreak
	jumpContinue
)

// fail throws an error at the current line.
func (r *run) fail(format string, args ...any) {
	panic(&failure{r.line, fmt.Sprintf(format, args...)})
}

// spend counts work, and ends a template that takes too much.
func (r *run) spend(units int) {
	if units < 0 || units > maxWork-r.work {
		r.fail("the template takes too much work (limit: %d units)", maxWork)
	}
	r.work += units
}

// spendText counts the work of making or reading text.
func (r *run) spendText(bytes int) { r.spend(1 + bytes/16) }

// spendEscapes counts the work of what escapes add to a text: they are slower to make.
func (r *run) spendEscapes(bytes int) { r.spend(bytes / 4) }

// spendKey counts the work of hashing a key, which for a name is little.
func (r *run) spendKey(key any) {
	if s, ok := key.(string); ok {
		r.spend(len(s) / 16)
	}
}

// write adds to the output.
func (r *run) write(text string) {
	if r.made += len(text); r.made > maxOutput {
		r.fail("the template's output is too long (limit: %d bytes)", maxOutput)
	}
	r.out = append(r.out, text...)
}

// eval evaluates an expression.
func (r *run) eval(e expr) any {
	r.spend(1)
	if r.depth++; r.depth > maxEval {
		r.fail("expressions are nested deeper than %d", maxEval)
	}
	v := e.eval(r)
	r.depth--
	return v
}

// execute runs statements up to a jump.
func (r *run) execute(body []stmt) jump {
	for _, s := range body {
		r.spend(1)
		if j := s.exec(r); j != jumpNone {
			return j
		}
	}
	return jumpNone
}

// capture runs statements in a scope of their own, and returns what they write and
// how they were left.
func (r *run) capture(body []stmt, inner *scope) (string, jump) {
	out, saved := r.out, r.scope
	r.out, r.scope = nil, inner
	j := r.execute(body)
	text := string(r.out)
	r.out, r.scope = out, saved
	return text, j
}

// lookup finds a variable.
func (r *run) lookup(name string) any {
	levels := 0
	for s := r.scope; s != nil; s = s.outer {
		if v, ok := s.vars[name]; ok {
			return v
		}
		if levels++; levels%scopeWork == 0 {
			r.spend(1)
		}
	}
	return &undefined{what: name}
}

type textStmt string

func (s textStmt) exec(r *run) jump {
	r.write(string(s))
	return jumpNone
}

type outputStmt struct {
	at
	value expr
}

func (s *outputStmt) exec(r *run) jump {
	v := r.eval(s.value)
	r.line = s.line
	r.write(r.str(v))
	return jumpNone
}

type jumpStmt jump

func (s jumpStmt) exec(*run) jump { return jump(s) }

type ifStmt struct {
	test            expr
	then, otherwise []stmt
}

func (s *ifStmt) exec(r *run) jump {
	if truth(r.eval(s.test)) {
		return r.execute(s.then)
	}
	return r.execute(s.otherwise)
}

// scopeStmt is a block whose assignments end with it.
type scopeStmt struct{ body []stmt }

func (s *scopeStmt) exec(r *run) jump {
	saved := r.scope
	r.scope = &scope{map[string]any{}, saved}
	j := r.execute(s.body)
	r.scope = saved
	return j
}

type withStmt struct {
	at
	names  []string
	values []expr
	body   []stmt
}

func (s *withStmt) exec(r *run) jump {
	inner := &scope{map[string]any{}, r.scope}
	for i, name := range s.names { // values see the scope outside
		inner.vars[name] = r.eval(s.values[i])
	}
	saved := r.scope
	r.scope = inner
	j := r.execute(s.body)
	r.scope = saved
	return j
}

// target is what is assigned to.
type target struct {
	names  []targetName
	unpack bool
}

// targetName is a variable, or, with a field, that of a namespace.
type targetName struct{ name, field string }

// assign stores a value, taking it apart if the target is several names.
func (r *run) assign(t target, v any) {
	if !t.unpack {
		r.assignName(t.names[0], v)
		return
	}
	items := r.iterate(v)
	if len(items) != len(t.names) {
		r.fail("%d values for %d names", len(items), len(t.names))
	}
	r.spend(len(items))
	for i, name := range t.names {
		r.assignName(name, items[i])
	}
}

func (r *run) assignName(t targetName, v any) {
	if t.field == "" {
		r.scope.vars[t.name] = v
		return
	}
	ns, ok := r.lookup(t.name).(*namespace)
	if !ok {
		r.fail("%s.%s cannot be set: %s is no namespace", t.name, t.field, t.name)
	}
	if strings.HasPrefix(t.field, "_") {
		r.fail("a namespace's field cannot be named %q", t.field)
	}
	ns.vars[t.field] = v
}

type setStmt struct {
	at
	target target
	value  expr
}

func (s *setStmt) exec(r *run) jump {
	v := r.eval(s.value)
	r.line = s.line
	r.assign(s.target, v)
	return jumpNone
}

type forStmt struct {
	at
	target          target
	over, filter    expr
	body, otherwise []stmt
}

func (s *forStmt) exec(r *run) jump {
	over := r.eval(s.over)
	r.line = s.line
	items := r.iterate(over)
	saved := r.scope
	defer func() { r.scope = saved }()
	if s.filter != nil {
		items = s.filtered(r, items, saved)
	}
	loop := &loopState{items: items}
	ended := false // whether any round came to the end of the body, without which "else" follows
	for i := range items {
		r.spend(scopeWork)
		loop.at = i
		r.scope = &scope{map[string]any{"loop": loop}, saved}
		r.line = s.line
		r.assign(s.target, items[i])
		j := r.execute(s.body)
		if j == jumpBreak {
			break
		}
		ended = ended || j == jumpNone
	}
	r.scope = saved
	if !ended {
		r.scope = &scope{map[string]any{}, saved}
		return r.execute(s.otherwise)
	}
	return jumpNone
}

// filtered keeps the items for which the loop's condition holds.
func (s *forStmt) filtered(r *run, items []any, outer *scope) []any {
	var kept []any
	for _, item := range items {
		r.spend(scopeWork)
		r.scope = &scope{map[string]any{}, outer}
		r.assign(s.target, item)
		if truth(r.eval(s.filter)) {
			kept = append(kept, item)
		}
	}
	r.scope = outer
	return kept
}

// loopState is the variable "loop".
type loopState struct {
	items   []any
	at      int
	changed []any
}

// member returns loop.name. It is long as a table is: a case a name.
func (l *loopState) member(name string) any {
	n := len(l.items)
	beside := func(i int) any {
		if i < 0 || i >= n {
			return &undefined{what: "loop." + name}
		}
		return l.items[i]
	}
	switch name {
	case "index":
		return int64(l.at + 1)
	case "index0":
		return int64(l.at)
	case "revindex":
		return int64(n - l.at)
	case "revindex0":
		return int64(n - l.at - 1)
	case "first":
		return l.at == 0
	case "last":
		return l.at == n-1
	case "length":
		return int64(n)
	case "depth": // counts recursion only
		return int64(1)
	case "depth0":
		return int64(0)
	case "previtem":
		return beside(l.at - 1)
	case "nextitem":
		return beside(l.at + 1)
	case "cycle":
		return &function{func(r *run, c *callArgs) any {
			if len(c.list) == 0 {
				r.fail("loop.cycle wants values")
			}
			return c.list[l.at%len(c.list)]
		}}
	case "changed":
		return &function{func(r *run, c *callArgs) any {
			same := l.changed != nil && r.equalItems(l.changed, c.list, 0)
			l.changed = append([]any{}, c.list...)
			return !same
		}}
	}
	return &undefined{what: "loop." + name}
}
