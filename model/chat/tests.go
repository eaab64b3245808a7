package chat

import (
	"strings"
	"unicode"
)

// test computes v is name(args).
type test func(r *run, v any, c *callArgs) bool

// tests by name, filled by init as filters are.
var tests map[string]test

func init() {
	tests = map[string]test{
		"boolean":   typeTest("boolean", func(v any) bool { _, ok := v.(bool); return ok }),
		"callable":  typeTest("callable", func(v any) bool { _, ok := v.(*function); return ok }),
		"defined":   typeTest("defined", func(v any) bool { return !isUndefined(v) }),
		"undefined": typeTest("undefined", isUndefined),
		"none":      typeTest("none", func(v any) bool { return v == nil }),
		"true":      typeTest("true", func(v any) bool { return v == true }),
		"false":     typeTest("false", func(v any) bool { return v == false }),
		"string":    typeTest("string", func(v any) bool { _, ok := v.(string); return ok }),
		"integer":   typeTest("integer", func(v any) bool { _, ok := v.(int64); return ok }),
		"float":     typeTest("float", func(v any) bool { _, ok := v.(float64); return ok }),
		"number":    typeTest("number", func(v any) bool { _, ok := asFloat(v); return ok }),
		"mapping":   typeTest("mapping", func(v any) bool { _, ok := v.(*dict); return ok }),
		"iterable":  typeTest("iterable", isIterable),
		"sequence":  typeTest("sequence", func(v any) bool { _, ok := v.(*iterator); return !ok && isIterable(v) }),
		"lower":     caseTest("lower", unicode.IsUpper, unicode.IsLower),
		"upper":     caseTest("upper", unicode.IsLower, unicode.IsUpper),
		"odd":       func(r *run, v any, c *callArgs) bool { c.bind(r, "odd", nil); return r.leaves(v, int64(2), 1) },
		"even":      func(r *run, v any, c *callArgs) bool { c.bind(r, "even", nil); return r.leaves(v, int64(2), 0) },
		"divisibleby": func(r *run, v any, c *callArgs) bool {
			return r.leaves(v, c.bind(r, "divisibleby", []string{"num"})[0], 0)
		},
		"in":     binaryTest("in", "in"),
		"sameas": sameAs,
	}
	for op, names := range map[string]string{
		"==": "eq equalto ==", "!=": "ne !=", "<": "lt lessthan <", "<=": "le <=", ">": "gt greaterthan >", ">=": "ge >=",
	} {
		for name := range strings.FieldsSeq(names) {
			tests[name] = binaryTest(name, op)
		}
	}
}

func isUndefined(v any) bool { _, ok := v.(*undefined); return ok }

func isIterable(v any) bool {
	switch v.(type) {
	case string, *list, *tuple, *dict, *iterator, *undefined:
		return true
	}
	return false
}

// typeTest is a test of the value alone.
func typeTest(name string, f func(v any) bool) test {
	return func(r *run, v any, c *callArgs) bool {
		c.bind(r, name, nil)
		return f(v)
	}
}

// binaryTest is an operator as a test.
func binaryTest(name, op string) test {
	return func(r *run, v any, c *callArgs) bool {
		return r.holds(op, v, c.bind(r, name, []string{"other"})[0])
	}
}

// sameAs is Python's is: lists and their like are the same if they are one, and what never
// changes if type and value agree.
func sameAs(r *run, v any, c *callArgs) bool {
	other := c.bind(r, "sameas", []string{"other"})[0]
	if s, ok := v.(string); ok {
		r.spendText(len(s))
	}
	return v == other
}

// caseTest holds for text with a letter of the wanted case and none of the other.
func caseTest(name string, other, wanted func(rune) bool) test {
	return func(r *run, v any, c *callArgs) bool {
		c.bind(r, name, nil)
		s := r.str(v)
		r.spendText(len(s))
		return strings.IndexFunc(s, other) < 0 && strings.IndexFunc(s, wanted) >= 0
	}
}

// leaves tells whether a division of numbers leaves so much.
func (r *run) leaves(v, divisor any, rest int64) bool {
	if _, ok := asFloat(v); !ok {
		r.fail("divisibility wants numbers, not %s", typeName(v))
	}
	return r.equal(r.binary("%", v, divisor), rest, 0)
}
