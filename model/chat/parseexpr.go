package chat

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// tuple reads an expression, or several with commas between, which make a tuple.
// Without conditional, "if" is not part of it.
func (p *parser) tuple(conditional bool) expr {
	read := p.expression
	if !conditional {
		read = p.or
	}
	first := read()
	if !p.is(tokOp, ",") {
		return first
	}
	items := []expr{first}
	for p.op(",") {
		switch t := p.peek(); {
		case t.kind == tokVarEnd, t.kind == tokBlockEnd, t.kind == tokOp && t.text == ")":
			return &listExpr{items, true}
		}
		items = append(items, read())
	}
	return &listExpr{items, true}
}

// expression reads a conditional expression: a if test else b.
func (p *parser) expression() expr {
	p.enter()
	defer p.leave()
	e := p.or()
	for p.word("if") {
		c := &condExpr{test: p.or(), then: e}
		if p.word("else") {
			c.otherwise = p.expression()
		}
		e = c
	}
	return e
}

func (p *parser) or() expr {
	left := p.and()
	for p.word("or") {
		left = &logicExpr{left, p.and(), true}
	}
	return left
}

func (p *parser) and() expr {
	left := p.not()
	for p.word("and") {
		left = &logicExpr{left, p.not(), false}
	}
	return left
}

func (p *parser) not() expr {
	if p.word("not") {
		p.enter()
		defer p.leave()
		return &notExpr{p.not()}
	}
	return p.compare()
}

var comparisons = []string{"==", "!=", "<", "<=", ">", ">="}

func (p *parser) compare() expr {
	first := p.math1()
	var c *compareExpr
	for {
		line, op := p.peek().line, ""
		switch t := p.peek(); {
		case t.kind == tokOp && slices.Contains(comparisons, t.text):
			op = p.next().text
		case p.word("in"):
			op = "in"
		case t.kind == tokName && t.text == "not" && p.tokens[p.at+1].kind == tokName && p.tokens[p.at+1].text == "in":
			p.at += 2
			op = "not in"
		}
		if op == "" {
			if c == nil {
				return first
			}
			return c
		}
		if c == nil {
			c = &compareExpr{at: at{line}, first: first}
		}
		c.ops = append(c.ops, op)
		c.rest = append(c.rest, p.math1())
	}
}

// binary reads a chain of operators of one level, from the left.
func (p *parser) binary(next func() expr, ops ...string) expr {
	left := next()
	for {
		t := p.peek()
		if t.kind != tokOp || !slices.Contains(ops, t.text) {
			return left
		}
		p.next()
		left = &binaryExpr{at{t.line}, t.text, left, next()}
	}
}

func (p *parser) math1() expr  { return p.binary(p.concat, "+", "-") }
func (p *parser) concat() expr { return p.binary(p.math2, "~") }
func (p *parser) math2() expr  { return p.binary(p.pow, "*", "/", "//", "%") }
func (p *parser) pow() expr    { return p.binary(func() expr { return p.unary(true) }, "**") }

func (p *parser) unary(filters bool) expr {
	p.enter()
	defer p.leave()
	var e expr
	switch t := p.peek(); {
	case p.op("-"), p.op("+"):
		e = &signExpr{at{t.line}, t.text == "-", p.unary(false)}
	default:
		e = p.primary()
	}
	e = p.postfix(e)
	if filters {
		e = p.filterChain(e)
	}
	return e
}

// constants by name.
var constants = map[string]any{"true": true, "True": true, "false": false, "False": false, "none": nil, "None": nil}

func (p *parser) primary() expr {
	t := p.next()
	switch {
	case t.kind == tokName:
		if v, ok := constants[t.text]; ok {
			return &constExpr{v}
		}
		if p.macros > 0 && (t.text == "varargs" || t.text == "kwargs") {
			p.fail("%s, a macro's further arguments, is not supported", t.text)
		}
		return &nameExpr{t.text}
	case t.kind == tokString:
		var s strings.Builder
		s.WriteString(t.text)
		for p.peek().kind == tokString { // neighbors are one string
			s.WriteString(p.next().text)
		}
		return &constExpr{s.String()}
	case t.kind == tokInt:
		return &constExpr{p.integer(t.text)}
	case t.kind == tokFloat:
		v, err := strconv.ParseFloat(t.text, 64)
		if err != nil && !math.IsInf(v, 0) {
			p.fail("number %.40s is not supported", t.text)
		}
		return &constExpr{v}
	case t.kind == tokOp && t.text == "(":
		return p.parenthesis()
	case t.kind == tokOp && t.text == "[":
		return &listExpr{p.items("]"), false}
	case t.kind == tokOp && t.text == "{":
		return p.dict(t.line)
	}
	if t.kind != tokEOF {
		p.at--
	}
	p.unexpected("an expression")
	return nil
}

// integer reads digits as Python does: after a leading 0 they are zeros, or follow a
// letter that tells the base.
func (p *parser) integer(text string) int64 {
	v, err := strconv.ParseInt(text, 0, 64)
	if len(text) > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9' {
		v, err = strconv.ParseInt(text, 10, 64)
		if v != 0 {
			err = strconv.ErrSyntax
		}
	}
	if err != nil {
		p.fail("integer %.40s is not supported", text)
	}
	return v
}

func (p *parser) parenthesis() expr {
	if p.op(")") {
		return &listExpr{nil, true}
	}
	e := p.tuple(true)
	p.expectOp(")")
	return e
}

// items reads expressions up to the closing bracket.
func (p *parser) items(end string) []expr {
	var items []expr
	for !p.op(end) {
		if len(items) > 0 {
			p.expectOp(",")
			if p.op(end) {
				break
			}
		}
		items = append(items, p.expression())
	}
	return items
}

func (p *parser) dict(line int) expr {
	d := &dictExpr{at: at{line}}
	for !p.op("}") {
		if len(d.keys) > 0 {
			p.expectOp(",")
			if p.op("}") {
				break
			}
		}
		d.keys = append(d.keys, p.expression())
		p.expectOp(":")
		d.values = append(d.values, p.expression())
	}
	return d
}

// postfix reads members, subscripts and calls.
func (p *parser) postfix(e expr) expr {
	for {
		t := p.peek()
		switch {
		case p.op("."):
			if p.peek().kind == tokInt {
				i, _ := strconv.ParseInt(p.next().text, 10, 64)
				e = &indexExpr{at{t.line}, e, &constExpr{i}}
				continue
			}
			e = &memberExpr{at{t.line}, e, p.expect(tokName, "", "a name behind the dot").text}
		case p.op("["):
			e = p.subscript(t.line, e)
		case t.kind == tokOp && t.text == "(":
			e = &callExpr{at{t.line}, e, p.arguments()}
		default:
			return e
		}
	}
}

// subscript reads x[i] or x[from:to:step] behind the bracket.
func (p *parser) subscript(line int, e expr) expr {
	var parts [3]expr
	n, colons := 0, 0
	for !p.is(tokOp, "]") {
		if p.op(":") {
			if colons++; colons > 2 {
				p.fail("more than two colons in a slice")
			}
			n = colons
			continue
		}
		if p.is(tokOp, ",") {
			p.fail("a subscript of several values is not supported")
		}
		if parts[n] != nil {
			p.unexpected("]")
		}
		parts[n] = p.expression()
	}
	p.expectOp("]")
	if colons > 0 {
		return &sliceExpr{at{line}, e, parts}
	}
	if parts[0] == nil {
		p.fail("a subscript without a value")
	}
	return &indexExpr{at{line}, e, parts[0]}
}

// arguments reads (a, b, name=c).
func (p *parser) arguments() []argument {
	var args []argument
	p.expectOp("(")
	for !p.op(")") {
		if len(args) > 0 {
			p.expectOp(",")
			if p.op(")") {
				break
			}
		}
		if p.is(tokOp, "*") || p.is(tokOp, "**") {
			p.fail("unpacking arguments by %s is not supported", p.peek().text)
		}
		var a argument
		if t := p.peek(); t.kind == tokName && p.tokens[p.at+1].kind == tokOp && p.tokens[p.at+1].text == "=" {
			a.name = t.text
			p.at += 2
		} else if n := len(args); n > 0 && args[n-1].name != "" {
			p.fail("an argument without a name follows one with")
		}
		a.value = p.expression()
		args = append(args, a)
	}
	return args
}

// filterChain reads filters, tests and calls of what they give.
func (p *parser) filterChain(e expr) expr {
	for {
		t := p.peek()
		switch {
		case p.op("|"):
			e = p.filter(e)
		case p.word("is"):
			e = p.test(e)
		case t.kind == tokOp && t.text == "(":
			e = &callExpr{at{t.line}, e, p.arguments()}
		default:
			return e
		}
	}
}

// filter reads a filter's name and arguments, behind the bar.
func (p *parser) filter(e expr) expr {
	name := p.expect(tokName, "", "a filter's name")
	f, ok := filters[name.text]
	if !ok {
		p.at--
		p.fail("filter %q is not supported", name.text)
	}
	x := &filterExpr{at{name.line}, f, e, nil}
	if p.is(tokOp, "(") {
		x.args = p.arguments()
	}
	return x
}

// test reads what follows "is".
func (p *parser) test(e expr) expr {
	negated := p.word("not")
	name := p.expect(tokName, "", "a test's name")
	f, ok := tests[name.text]
	if !ok {
		p.at--
		p.fail("test %q is not supported", name.text)
	}
	x := &testExpr{at{name.line}, f, e, nil, negated}
	switch t := p.peek(); {
	case t.kind == tokOp && t.text == "(":
		x.args = p.arguments()
	case t.kind == tokName && !slices.Contains([]string{"else", "or", "and", "is", "if", "in", "not", "recursive"}, t.text),
		t.kind == tokString, t.kind == tokInt, t.kind == tokFloat,
		t.kind == tokOp && (t.text == "[" || t.text == "{"):
		x.args = []argument{{value: p.postfix(p.primary())}}
	}
	return x
}
