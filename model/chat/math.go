package chat

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

type binaryExpr struct {
	at
	op          string
	left, right expr
}

func (e *binaryExpr) eval(r *run) any {
	a, b := r.eval(e.left), r.eval(e.right)
	r.line = e.line
	if e.op == "~" {
		return r.join(r.str(a), r.str(b))
	}
	for _, v := range []any{a, b} {
		if u, ok := v.(*undefined); ok {
			r.fail("%s, so operator %s cannot take it", u, e.op)
		}
	}
	return r.binary(e.op, a, b)
}

// join puts two texts together.
func (r *run) join(a, b string) string {
	r.spendText(len(a) + len(b))
	return a + b
}

// binary applies an operator to values that are defined.
func (r *run) binary(op string, a, b any) any {
	if s, ok := a.(string); ok && op == "%" {
		return r.percent(s, b)
	}
	if i, ok := asInt(a); ok {
		if j, ok := asInt(b); ok {
			return r.intMath(op, i, j)
		}
	}
	if x, ok := asFloat(a); ok {
		if y, ok := asFloat(b); ok {
			return r.floatMath(op, x, y)
		}
	}
	switch op {
	case "+":
		if v, ok := r.concatenate(a, b); ok {
			return v
		}
	case "*":
		if n, ok := asInt(b); ok {
			if v, ok := r.repeat(a, n); ok {
				return v
			}
		}
		if n, ok := asInt(a); ok {
			if v, ok := r.repeat(b, n); ok {
				return v
			}
		}
	}
	r.fail("operator %s cannot take %s and %s", op, typeName(a), typeName(b))
	return nil
}

// concatenate adds text to text, a list to a list.
func (r *run) concatenate(a, b any) (any, bool) {
	items := func(x, y []any) []any {
		r.spend(len(x) + len(y))
		return append(append(make([]any, 0, len(x)+len(y)), x...), y...)
	}
	switch a := a.(type) {
	case string:
		if b, ok := b.(string); ok {
			return r.join(a, b), true
		}
	case *list:
		if b, ok := b.(*list); ok {
			return &list{items(a.items, b.items)}, true
		}
	case *tuple:
		if b, ok := b.(*tuple); ok {
			return &tuple{items(a.items, b.items)}, true
		}
	}
	return nil, false
}

// repeat is v * n for texts and lists.
func (r *run) repeat(v any, n int64) (any, bool) {
	n = max(n, 0)
	spend := func(size int) {
		if hi, lo := bits.Mul64(uint64(size), uint64(n)); hi != 0 || lo > maxOutput {
			r.fail("a value repeated %d times takes more than %d bytes", n, maxOutput)
		} else {
			r.spend(int(lo) / 8)
		}
	}
	repeated := func(items []any) (out []any) {
		if spend(8 * len(items)); len(items) == 0 {
			return nil
		}
		for range n {
			out = append(out, items...)
		}
		return out
	}
	switch v := v.(type) {
	case string:
		spend(len(v))
		return strings.Repeat(v, int(min(n, maxOutput))), true
	case *list:
		return &list{repeated(v.items)}, true
	case *tuple:
		return &tuple{repeated(v.items)}, true
	}
	return nil, false
}

// intMath computes with integers; results beyond 64 bits are an error.
func (r *run) intMath(op string, a, b int64) any {
	if b == 0 && (op == "/" || op == "//" || op == "%") {
		r.fail("division by zero")
	}
	result, ok := int64(0), true
	switch op {
	case "+":
		result = a + b
		ok = (result > a) == (b > 0)
	case "-":
		result = a - b
		ok = (result < a) == (b > 0)
	case "*":
		result = a * b
		ok = a == 0 || result/a == b && !(a == -1 && b == math.MinInt64)
	case "/":
		return float64(a) / float64(b)
	case "//", "%":
		q, m := a/b, a%b
		if m != 0 && (m < 0) != (b < 0) { // Python rounds down
			q, m = q-1, m+b
		}
		ok = !(a == math.MinInt64 && b == -1)
		if result = q; op == "%" {
			result, ok = m, true
		}
	case "**":
		if b < 0 {
			return r.floatMath(op, float64(a), float64(b))
		}
		result, ok = intPower(a, b)
	}
	if !ok {
		r.fail("%d %s %d is beyond 64 bits", a, op, b)
	}
	return result
}

func intPower(a, b int64) (int64, bool) {
	switch {
	case b == 0 || a == 1 || a == -1 && b%2 == 0:
		return 1, true
	case a == 0 || a == -1:
		return a, true
	}
	result := int64(1)
	for ; b > 0; b-- { // at most 63 rounds
		next := result * a
		if next/a != result {
			return 0, false
		}
		result = next
	}
	return result, true
}

func (r *run) floatMath(op string, a, b float64) any {
	if b == 0 && (op == "/" || op == "//" || op == "%") {
		r.fail("division by zero")
	}
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	case "//":
		// Not the floor of a/b, which may be rounded up to one more.
		return math.Round((a - r.floorMod(a, b)) / b)
	case "%":
		return r.floorMod(a, b)
	}
	return math.Pow(a, b)
}

// floorMod returns what is left of a after whole numbers of b, with b's sign.
// math.Mod takes up to as many steps as a has bits above those of b.
func (r *run) floorMod(a, b float64) float64 {
	_, high := math.Frexp(a)
	_, low := math.Frexp(b)
	r.spend(max(0, high-low) / 8)
	m := math.Mod(a, b)
	if m != 0 && (m < 0) != (b < 0) {
		m += b
	}
	return m
}

// signExpr is -x or +x.
type signExpr struct {
	at
	minus bool
	value expr
}

func (e *signExpr) eval(r *run) any {
	v := r.eval(e.value)
	r.line = e.line
	if i, ok := asInt(v); ok {
		if e.minus {
			return r.intMath("-", 0, i)
		}
		return i
	}
	f, ok := v.(float64)
	if !ok {
		r.fail("a sign cannot stand before %s", typeName(v))
	}
	if e.minus {
		return -f
	}
	return f
}

// percent is Python's "format % values", with %s %r %d %i %f %x and %%.
func (r *run) percent(format string, v any) string {
	values := []any{v}
	if t, ok := v.(*tuple); ok {
		values = t.items
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		start := i
		for i++; i < len(format) && strings.IndexByte("-+ 0123456789.", format[i]) >= 0; i++ {
		}
		if i == len(format) {
			r.fail("%.40q ends within a format", format)
		}
		if format[i] == '%' {
			b.WriteByte('%')
			continue
		}
		if len(values) == 0 {
			r.fail("%.40q wants more values", format)
		}
		one := r.formatOne(format[start:i], format[i], values[0])
		r.spendText(len(one))
		b.WriteString(one)
		values = values[1:]
	}
	if _, isDict := v.(*dict); len(values) > 0 && !isDict {
		r.fail("%.40q wants fewer values", format)
	}
	r.spendText(len(format))
	return b.String()
}

// maxWidth bounds the padding of a format.
const maxWidth = 1000

// formatOne writes one value; flags are those of C, which Go shares.
func (r *run) formatOne(flags string, verb byte, v any) string {
	for _, digits := range strings.FieldsFunc(flags, func(c rune) bool { return c < '0' || c > '9' }) {
		if n, err := strconv.Atoi(digits); err != nil || n > maxWidth {
			r.fail("format %q pads more than %d", flags, maxWidth)
		}
	}
	switch verb {
	case 's':
		return fmt.Sprintf(flags+"s", r.str(v))
	case 'r':
		var b strings.Builder
		r.repr(&b, v, 0)
		return fmt.Sprintf(flags+"s", b.String())
	case 'd', 'i', 'x':
		if f, ok := v.(float64); ok && verb != 'x' && math.Abs(f) < 1<<62 {
			v = int64(f)
		}
		if i, ok := asInt(v); ok {
			return fmt.Sprintf(flags+map[byte]string{'d': "d", 'i': "d", 'x': "x"}[verb], i)
		}
		r.fail("%%%c cannot write %s", verb, typeName(v))
	case 'f':
		if f, ok := asFloat(v); ok {
			return fmt.Sprintf(flags+"f", f)
		}
		r.fail("%%f cannot write %s", typeName(v))
	}
	r.fail("format %%%c is not supported", verb)
	return ""
}
