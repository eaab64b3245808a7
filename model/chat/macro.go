package chat

// macroDef is a macro as written.
type macroDef struct {
	name   string
	params []param
	body   []stmt
}

type param struct {
	name  string
	value expr // default, nil if none
}

type macroStmt struct {
	at
	def *macroDef
}

func (s *macroStmt) exec(r *run) jump {
	r.scope.vars[s.def.name] = s.def.bind(r.scope)
	return jumpNone
}

// macroExpr makes the caller of a call block.
type macroExpr struct{ def *macroDef }

func (e *macroExpr) eval(r *run) any { return e.def.bind(r.scope) }

// bind makes the macro callable; free names are those of the scope it stands in.
func (m *macroDef) bind(outer *scope) *function {
	return &function{func(r *run, c *callArgs) any {
		if r.macros++; r.macros > maxDepth {
			r.fail("macros call each other deeper than %d", maxDepth)
		}
		r.spend(scopeWork)
		inner := &scope{map[string]any{}, outer}
		m.arguments(r, c, inner)
		text, _ := r.capture(m.body, inner) // no loop is left from within a macro
		r.macros--
		return text
	}}
}

// arguments binds what the call gives, then the defaults. These see the parameters;
// those that have no value yet are undefined, whatever is called so outside.
func (m *macroDef) arguments(r *run, c *callArgs, inner *scope) {
	if len(c.list) > len(m.params) {
		r.fail("macro %q takes at most %d arguments, not %d", m.name, len(m.params), len(c.list))
	}
	r.spend(scopeWork / 2 * len(m.params))
	given := make(map[string]bool, len(m.params)) // by the names that there are
	for _, p := range m.params {
		given[p.name] = false
	}
	for i, v := range c.list {
		inner.vars[m.params[i].name] = v
		given[m.params[i].name] = true
	}
	for i, name := range c.names {
		twice, known := given[name]
		if twice {
			r.fail("macro %q got argument %q twice", m.name, name)
		}
		if !known && name != "caller" {
			r.fail("macro %q takes no argument %q", m.name, name)
		}
		inner.vars[name] = c.named[i]
		given[name] = true
	}
	for _, p := range m.params {
		if !given[p.name] {
			inner.vars[p.name] = &undefined{what: p.name}
		}
	}
	saved := r.scope
	r.scope = inner
	for _, p := range m.params {
		if !given[p.name] && p.value != nil {
			inner.vars[p.name] = r.eval(p.value)
		}
	}
	r.scope = saved
}

// block is the text that statements write, sent through filters, whose innermost
// operand is captured.
type block struct {
	body    []stmt
	filters expr
}

// captured is the operand of the filters of a block: what the block wrote.
type captured struct{}

// capturedName cannot be a template's name for anything.
const capturedName = "{%"

func (*captured) eval(r *run) any { return r.lookup(capturedName) }

// value returns the filtered text. A jump out of the block leaves none.
func (b *block) value(r *run) (any, jump) {
	text, j := r.capture(b.body, &scope{map[string]any{}, r.scope})
	if j != jumpNone {
		return nil, j
	}
	r.spendText(len(text))
	saved := r.scope
	r.scope = &scope{map[string]any{capturedName: text}, saved}
	v := r.eval(b.filters)
	r.scope = saved
	return v, jumpNone
}

// filterStmt writes a block.
type filterStmt struct {
	at
	block
}

func (s *filterStmt) exec(r *run) jump {
	v, j := s.value(r)
	if j == jumpNone {
		r.line = s.line
		r.write(r.str(v))
	}
	return j
}

// setBlockStmt assigns a block.
type setBlockStmt struct {
	at
	target target
	block
}

func (s *setBlockStmt) exec(r *run) jump {
	v, j := s.value(r)
	if j == jumpNone {
		r.line = s.line
		r.assign(s.target, v)
	}
	return j
}
