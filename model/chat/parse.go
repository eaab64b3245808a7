package chat

import (
	"fmt"
	"slices"
	"strings"
)

// parser reads statements and expressions by recursive descent, with the precedence
// of Jinja's grammar.
type parser struct {
	tokens []lexeme
	at     int
	depth  int
	loops  int    // loops around this place, for break and continue
	macros int    // macros around this place
	tag    string // that is being read, as errors call it
}

func (p *parser) peek() lexeme { return p.tokens[p.at] }

func (p *parser) next() lexeme {
	t := p.tokens[p.at]
	if t.kind != tokEOF {
		p.at++
	}
	return t
}

func (p *parser) fail(format string, args ...any) {
	panic(&failure{p.peek().line, fmt.Sprintf(format, args...)})
}

// is reports whether the next token is this operator or name.
func (p *parser) is(kind tokenKind, text string) bool {
	t := p.peek()
	return t.kind == kind && t.text == text
}

// accept takes the next token if it is this operator or name.
func (p *parser) accept(kind tokenKind, text string) bool {
	if !p.is(kind, text) {
		return false
	}
	p.at++
	return true
}

func (p *parser) op(text string) bool   { return p.accept(tokOp, text) }
func (p *parser) word(text string) bool { return p.accept(tokName, text) }

// expect takes the next token, which must be of this kind and, if text is given, say
// that.
func (p *parser) expect(kind tokenKind, text, what string) lexeme {
	t := p.peek()
	if t.kind != kind || text != "" && t.text != text {
		p.unexpected(what)
	}
	return p.next()
}

// unexpected throws an error about the next token, where something else is wanted.
func (p *parser) unexpected(want string) {
	switch t := p.peek(); t.kind {
	case tokVarEnd, tokBlockEnd:
		p.fail("%s ends too early, want %s", p.tag, want)
	default:
		p.fail("%s: found %s, want %s", p.tag, t, want)
	}
}

func (p *parser) expectOp(text string) { p.expect(tokOp, text, fmt.Sprintf("%q", text)) }
func (p *parser) endBlock()            { p.expect(tokBlockEnd, "", "%}") }

// enter guards against nesting without bound.
func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		p.fail("nested deeper than %d", maxDepth)
	}
}

func (p *parser) leave() { p.depth-- }

// statements reads up to the end of the template or a block that is named in until,
// whose name is then the next token.
func (p *parser) statements(until ...string) []stmt {
	p.enter()
	defer p.leave()
	var body []stmt
	for {
		t := p.next()
		switch t.kind {
		case tokText:
			body = append(body, textStmt(t.text))
		case tokVarBegin:
			p.tag = "{{ … }}"
			e := p.tuple(true)
			p.expect(tokVarEnd, "", "}}")
			body = append(body, &outputStmt{at{t.line}, e})
		case tokBlockBegin:
			p.tag = "{% … %}"
			name := p.expect(tokName, "", "the name of a statement")
			p.tag = fmt.Sprintf("{%% %.40s … %%}", name.text)
			p.at--
			if slices.Contains(until, name.text) {
				return body
			}
			body = append(body, p.statement(t.line))
		default: // tokEOF
			if len(until) > 0 {
				p.fail("found the end of the template, want {%% %s %%}", strings.Join(until, " or "))
			}
			return body
		}
	}
}

// endOf takes the name of the block that ended statements, and its end.
func (p *parser) endOf() string {
	name := p.next().text
	if name != "elif" {
		p.endBlock()
	}
	return name
}

// blockUntil reads the end of this tag, the statements, and the end tag.
func (p *parser) blockUntil(end string) []stmt {
	p.endBlock()
	body := p.statements(end)
	p.endOf()
	return body
}

// statement reads one {% … %} with its body.
func (p *parser) statement(line int) stmt {
	name := p.next()
	pos := at{line}
	switch name.text {
	case "if":
		return p.ifStmt()
	case "for":
		return p.forStmt(pos)
	case "set":
		return p.setStmt(pos)
	case "macro":
		return p.macroStmt(pos)
	case "call":
		return p.callStmt(pos)
	case "with":
		return p.withStmt(pos)
	case "filter":
		f := p.filters(&captured{})
		return &filterStmt{pos, block{p.blockUntil("endfilter"), f}}
	case "generation":
		return &scopeStmt{p.blockUntil("endgeneration")}
	case "break", "continue":
		if p.loops == 0 {
			p.fail("%s outside a loop", name.text)
		}
		p.endBlock()
		if name.text == "break" {
			return jumpStmt(jumpBreak)
		}
		return jumpStmt(jumpContinue)
	}
	p.at--
	if strings.HasPrefix(name.text, "end") || name.text == "else" || name.text == "elif" {
		p.fail("%s without its beginning", name.text)
	}
	p.fail("statement {%% %s %%} is not supported", name.text)
	return nil
}

func (p *parser) ifStmt() stmt {
	s := &ifStmt{test: p.tuple(false)}
	p.endBlock()
	s.then = p.statements("elif", "else", "endif")
	switch p.endOf() {
	case "elif":
		p.enter() // a chain of elif nests
		s.otherwise = []stmt{p.ifStmt()}
		p.leave()
	case "else":
		s.otherwise = p.statements("endif")
		p.endOf()
	}
	return s
}

func (p *parser) forStmt(pos at) stmt {
	s := &forStmt{at: pos, target: p.targets(false)}
	p.expect(tokName, "in", `"in"`)
	s.over = p.tuple(false)
	if p.word("if") {
		s.filter = p.expression()
	}
	if p.is(tokName, "recursive") {
		p.fail("a recursive loop is not supported")
	}
	p.endBlock()
	p.loops++
	s.body = p.statements("endfor", "else")
	p.loops--
	if p.endOf() == "else" {
		s.otherwise = p.statements("endfor")
		p.endOf()
	}
	return s
}

// targets reads what is assigned to: names with commas between, perhaps in
// parentheses, or, with namespaces, a field of one.
func (p *parser) targets(namespaces bool) target {
	paren := p.op("(")
	t := target{}
	for {
		name := p.expect(tokName, "", "a name")
		if slices.Contains(reserved, name.text) {
			p.at--
			p.fail("%q cannot be assigned to", name.text)
		}
		field := ""
		if namespaces && p.op(".") {
			field = p.expect(tokName, "", "a name").text
		}
		t.names = append(t.names, targetName{name.text, field})
		if !p.op(",") {
			break
		}
		t.unpack = true
		if p.is(tokOp, ")") || p.is(tokOp, "=") || p.is(tokName, "in") {
			break
		}
	}
	if paren {
		p.expectOp(")")
	}
	return t
}

// reserved names are constants or operators.
var reserved = []string{"true", "false", "none", "True", "False", "None", "and", "or", "not", "in", "is", "if", "else"}

func (p *parser) setStmt(pos at) stmt {
	t := p.targets(true)
	if p.op("=") {
		value := p.tuple(true)
		p.endBlock()
		return &setStmt{pos, t, value}
	}
	if t.unpack {
		p.unexpected("=")
	}
	var f expr = &captured{}
	if p.is(tokOp, "|") {
		p.next()
		f = p.filters(f)
	}
	return &setBlockStmt{pos, t, block{p.blockUntil("endset"), f}}
}

// filters reads a chain of filters without its first bar.
func (p *parser) filters(e expr) expr {
	e = p.filter(e)
	for p.op("|") {
		e = p.filter(e)
	}
	return e
}

func (p *parser) macroStmt(pos at) stmt {
	name := p.expect(tokName, "", "a macro's name").text
	m := p.signature(name)
	m.body = p.macroBody("endmacro")
	return &macroStmt{pos, m}
}

// macroBody reads a body in which no loop around counts.
func (p *parser) macroBody(end string) []stmt {
	loops := p.loops
	p.loops = 0
	p.macros++
	body := p.blockUntil(end)
	p.loops = loops
	p.macros--
	return body
}

// signature reads (a, b=1) .
func (p *parser) signature(name string) *macroDef {
	m := &macroDef{name: name}
	p.expectOp("(")
	for !p.op(")") {
		if len(m.params) > 0 {
			p.expectOp(",")
			if p.op(")") {
				break
			}
		}
		param := param{name: p.expect(tokName, "", "a parameter's name").text}
		if p.op("=") {
			param.value = p.expression()
		} else if n := len(m.params); n > 0 && m.params[n-1].value != nil {
			p.fail("parameter %q without a default follows one with", param.name)
		}
		m.params = append(m.params, param)
	}
	return m
}

func (p *parser) callStmt(pos at) stmt {
	caller := &macroDef{name: "caller"}
	if p.is(tokOp, "(") {
		caller = p.signature("caller")
	}
	call, ok := p.postfix(p.primary()).(*callExpr)
	if !ok {
		p.fail("{%% call %%} wants a call of a macro")
	}
	caller.body = p.macroBody("endcall")
	call.args = append(slices.Clip(call.args), argument{name: "caller", value: &macroExpr{caller}})
	return &outputStmt{pos, call}
}

func (p *parser) withStmt(pos at) stmt {
	s := &withStmt{at: pos}
	for p.peek().kind != tokBlockEnd {
		if len(s.names) > 0 {
			p.expectOp(",")
		}
		s.names = append(s.names, p.expect(tokName, "", "a name").text)
		p.expectOp("=")
		s.values = append(s.values, p.expression())
	}
	s.body = p.blockUntil("endwith")
	return s
}
