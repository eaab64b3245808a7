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
		"boolean":   typeTest(func(v any) bool { _, ok := v.(bool); return ok }),
		"callable":  typeTest(func(v any) bool { _, ok := v.(*function); return ok }),
		"defined":   typeTest(func(v any) bool { return !isUndefined(v) }),
		"undefined": typeTest(isUndefined),
		"none":      typeTest(func(v any) bool { return v == nil }),
		"true":      typeTest(func(v any) bool { return v == true }),
		"false":     typeTest(func(v any) bool { return v == false }),
		"string":    typeTest(func(v any) bool { _, ok := v.(string); return ok }),
		"integer":   typeTest(func(v any) bool { _, ok := v.(int64); return ok }),
		"float":     typeTest(func(v any) bool { _, ok := v.(float64); return ok }),
		"number":    typeTest(func(v any) bool { _, ok := asFloat(v); return ok }),
		"mapping":   typeTest(func(v any) bool { _, ok := v.(*dict); return ok }),
		"iterable":  typeTest(isIterable),
		"sequence":  typeTest(func(v any) bool { _, ok := v.(*iterator); return !ok && isIterable(v) }),
		"lower":     caseTest(unicode.IsUpper, unicode.IsLower),
		"upper":     caseTest(unicode.IsLower, unicode.IsUpper),
		"odd":       func(r *run, v any, c *callArgs) bool { c.bind(r, "odd", nil); return r.leaves(v, int64(2), 1) },
		"even":      func(r *run, v any, c *callArgs) bool { c.bind(r, "even", nil); return r.leaves(v, int64(2), 0) },
		"divisibleby": func(r *run, v any, c *callArgs) bool {
			return r.leaves(v, c.bind(r, "divisibleby", []string{"num"})[0], 0)
		},
		"in":     binaryTest("in"),
		"sameas": binaryTest("=="),
	}
	for op, names := range map[string]string{
		"==": "eq equalto ==", "!=": "ne !=", "<": "lt lessthan <", "<=": "le <=", ">": "gt greaterthan >", ">=": "ge >=",
	} {
		for name := range strings.FieldsSeq(names) {
			tests[name] = binaryTest(op)
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
func typeTest(f func(v any) bool) test {
	return func(r *run, v any, c *callArgs) bool {
		c.bind(r, "test", nil)
		return f(v)
	}
}

// binaryTest is an operator as a test.
func binaryTest(op string) test {
	return func(r *run, v any, c *callArgs) bool {
		return r.holds(op, v, c.bind(r, "test", []string{"other"})[0])
	}
}

// caseTest holds for text with a letter of the wanted case and none of the other.
func caseTest(other, wanted func(rune) bool) test {
	return func(r *run, v any, c *callArgs) bool {
		c.bind(r, "test", nil)
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
