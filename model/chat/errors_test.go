package chat

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestParseErrors names line and construct.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"a\n{% include 'x' %}", "line 2: statement {% include %} is not supported"},
		{"{% extends 'x' %}", "line 1: statement {% extends %} is not supported"},
		{"\n\n{{ x | nope }}", `line 3: filter "nope" is not supported`},
		{"{{ x is nope }}", `line 1: test "nope" is not supported`},
		{"{% for x in y recursive %}{% endfor %}", "a recursive loop is not supported"},
		{"{{ f(*x) }}", "unpacking arguments by * is not supported"},
		{"{{ f(**x) }}", "unpacking arguments by ** is not supported"},
		{"{{ x[1, 2] }}", "a subscript of several values is not supported"},
		{"{{ '\\N{DASH}' }}", "escape \\N{…} is not supported"},
		{"{{ 99999999999999999999 }}", "integer 99999999999999999999 is not supported"},
		{"{% if x %}", "found the end of the template, want {% elif or else or endif %}"},
		{"{% endif %}", "endif without its beginning"},
		{"{% for x in y %}{% endif %}", "endif without its beginning"},
		{"{% break %}", "break outside a loop"},
		{"{% macro f(x) %}{{ kwargs }}{% endmacro %}", "line 1: kwargs, a macro's further arguments, is not supported"},
		{"{% for x in y %}{% macro f() %}{% break %}{% endmacro %}{% endfor %}", "break outside a loop"},
		{"{{ x", "tag without its end }}"},
		{"{% x", "tag without its end %}"},
		{"{# x", "comment without its end"},
		{"{% raw %}", "raw without its endraw"},
		{"{{ 'x }}", "string without its end '"},
		{"{{ (x] }}", "unexpected ']'"},
		{"{{ x $ y }}", "unexpected character '$'"},
		{"{{ }}", "chat template, line 1: {{ … }} ends too early, want an expression"},
		{"{% if %}", "chat template, line 1: {% if … %} ends too early, want an expression"},
		{"\n{% for x y %}{% endfor %}", `chat template, line 2: {% for … %}: found "y", want "in"`},
		{"{% for x in y %}{% endfor z %}", `{% endfor … %}: found "z", want %}`},
		{"{% 5 %}", `{% … %}: found "5", want the name of a statement`},
		{"{{ x. }}", "{{ … }} ends too early, want a name behind the dot"},
		{"{{ x y }}", `"y", want }}`},
		{"{% set true = 1 %}", `"true" cannot be assigned to`},
		{"{% set a, b %}{% endset %}", "want ="},
		{"{{ x[1:2:3:4] }}", "more than two colons"},
		{"{{ '\\ud800' }}", "is no code point"},
		{"{{ " + strings.Repeat("(", 1000) + strings.Repeat(")", 1000) + "}}", "nested deeper than"},
		{"{{ " + strings.Repeat("not ", 1000) + "x }}", "nested deeper than"},
		{strings.Repeat("{% if x %}", 1000), "nested deeper than"},
		{strings.Repeat("x", maxSource+1), "want at most"},
	} {
		_, err := Parse(c.source)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: error %v, want %q", c.source, err, c.want)
		}
	}
}

// A template that is cut off anywhere, so that a block has no end, is refused, by an
// error that names the line.
func TestTruncated(t *testing.T) {
	for _, file := range []string{"llama3", "features-blocks", "features-whitespace"} {
		source, err := os.ReadFile("testdata/templates/" + file + ".jinja")
		if err != nil {
			t.Fatal(err)
		}
		whole := "{% if x %}" + string(source) + "{% endif %}"
		if _, err := Parse(whole); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		for n := len("{%"); n < len(whole); n++ {
			_, err := Parse(whole[:n])
			var line int
			if _, scanErr := fmt.Sscanf(fmt.Sprint(err), "chat template, line %d: ", &line); scanErr != nil || line < 1 || line > 1+strings.Count(whole[:n], "\n") {
				t.Fatalf("%s: %d of %d bytes: got %v, want an error that names the line", file, n, len(whole), err)
			}
		}
	}
}

func TestRenderErrors(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"\n{{ raise_exception('no ' ~ 1) }}", "line 2: no 1"},
		{"{{ a.b }}", `a is not defined, so "b" cannot be taken from it`},
		{"{{ messages[0].role }}", `item 0 of a value of type list is not defined, so "role" cannot be taken from it`},
		{"{{ a + 1 }}", "a is not defined, so operator + cannot take it"},
		{"{{ f() }}", "chat template, line 1: f is not defined, so it cannot be called"},
		{"a\n{{ 'x'.foo() }}", `chat template, line 2: a value of type str has no method "foo"`},
		{"{{ 'x'.foo.bar }}", `a value of type str has no "foo", so "bar" cannot be taken from it`},
		{"{{ 'a' + 1 }}", "operator + cannot take str and int"},
		{"{{ 1 // 0 }}", "division by zero"},
		{"{{ 9223372036854775807 + 1 }}", "beyond 64 bits"},
		{"{{ 3 ** 99 }}", "beyond 64 bits"},
		{"{{ [1].append(2) }}", "method append, which changes its value, is not defined"},
		{"{% set a.b = 1 %}", "a is no namespace"},
		{"{% set ns = namespace() %}{% set ns._x = 1 %}", `cannot be named "_x"`},
		{"{{ 1 | tojson(2, 3, 4, 5, 6) }}", "tojson takes at most 4 arguments, not 5"},
		{"{{ 1 | tojson(width=3) }}", `tojson takes no argument "width"`},
		{"{{ x | upper(1) }}", "upper takes at most 0 arguments, not 1"},
		{"{{ x is string(1) }}", "string takes at most 0 arguments, not 1"},
		{"{{ x is lower(1) }}", "lower takes at most 0 arguments, not 1"},
		{"{{ 'x'.islower(1) }}", "islower takes at most 0 arguments, not 1"},
		{"{{ x is sameas }}", `sameas wants an argument "other"`},
		{"{{ [1] | selectattr }}", "selectattr wants the name of an attribute"},
		{"{{ [1] | rejectattr }}", "rejectattr wants the name of an attribute"},
		{"{{ 1.5 | round(-301) }}", "round wants a number and an int from -300 to 300, not float and -301"},
		{"{{ 'a' | round }}", "from -300 to 300, not str and 0"},
		{"{{ x | tojson }}", "undefined cannot be written as JSON"},
		{"{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}", `macro "f" takes at most 1 arguments, not 2`},
		{"{% macro f(a) %}{% endmacro %}{{ f(b=2) }}", `macro "f" takes no argument "b"`},
		{"{% set a, b = [1] %}", "1 values for 2 names"},
		{"{{ {[]: 1} }}", "list cannot be a key"},
		{"{{ strftime_now('%Q') }}", "%Q is not supported"},
		{"{{ 'x' is in 1 }}", "int cannot be iterated over"},
		{"{{ [1, 'a'] | sort }}", "str and int cannot be ordered"},
	} {
		tmpl, err := Parse(c.source)
		if err != nil {
			t.Errorf("%q: %v", c.source, err)
			continue
		}
		text, err := tmpl.Render(Input{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %q, error %v, want %q", c.source, text, err, c.want)
		}
	}
}

// hostile templates must end, soon, with an error that names the line.
var hostile = map[string]string{
	"loops":          "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
	"doubling":       "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(999) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
	"doubling lists": "{% set ns = namespace(s=[1]) %}{% for i in range(999) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
	"shared lists":   "{% set ns = namespace(s=[1]) %}{% for i in range(999) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
	"deep lists":     "{% set ns = namespace(s=[1]) %}{% for i in range(9999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s | tojson }}",
	"deep equality":  "{% set ns = namespace(s=[1], t=[1]) %}{% for i in range(9999) %}{% set ns.s = [ns.s] %}{% set ns.t = [ns.t] %}{% endfor %}{{ ns.s == ns.t }}",
	"deep order":     "{% set ns = namespace(s=[1], t=[2]) %}{% for i in range(9999) %}{% set ns.s = [ns.s] %}{% set ns.t = [ns.t] %}{% endfor %}{{ ns.s < ns.t }}",
	"recursion":      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
	"two by turns":   "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}",
	"own default":    "{% macro f(a=f()) %}{% endmacro %}{{ f() }}",
	"own call block": "{% macro f() %}{% call f() %}{% endcall %}{% endmacro %}{{ f() }}",
	"tree recursion": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(100) }}",
	"repeat":         "{{ 'x' * 99999999999 }}",
	"repeat lists":   "{{ ([0] * 9999999) * 9999999 }}",
	"repeat replace": "{{ ('x' * 999999) | replace('x', 'y' * 999999) }}",
	"join":           "{{ range(99999) | join('x' * 99999) }}",
	"output":         "{% set s = 'x' * 1000000 %}{% for i in range(9999) %}{{ s }}{% endfor %}",
	"formats":        "{% set s = 'x' * 16000000 %}{{ ('%s' * 100000) % ((s,) * 100000) }}",
	"long keys":      "{% set d = {'x' * 16000000: 1} %}{{ ([d] * 100000) | tojson }}",
	"separators":     "{{ ([{'a': 1, 'b': 2}] * 100000) | tojson(separators=(',', 'x' * 16000000)) }}",
	"splitlines":     "{{ ('\\n' * 16000000).splitlines() | length }}",
	"split":          "{{ (',' * 16000000).split(',') | length }}",
	"split space":    "{% set s = 'x ' * 8000000 %}{{ s.split() | length }}{{ s.split() | length }}",
	"padding":        "{{ '%99999999999d' % 1 }}",
	"width":          "{{ 'x' | indent(99999999999) }}",
	"range":          "{{ range(99999999999) }}",
	"chain":          "{{ x" + strings.Repeat(" ~ x", 100000) + " }}",
	"members":        "{{ {}" + strings.Repeat(" | d", 100000) + " }}",
	"self":           "{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns.x }}",
	"fractions":      "{{ 2.0 ** 99999 | int }}{{ (10 ** 400.0) | int + nope }}",

	// What takes long does not count as little.
	"long int":         often("{% set s = 'z' * 10000000 %}", "s | int"),
	"long float":       often("{% set s = 'z' * 10000000 %}", "s | float"),
	"short floats":     often("{% set s = '4.9e-324' %}", "["+strings.Repeat("s | float, ", 400)+"]"),
	"fine floats":      often("{% set s = '4.9' ~ '3' * 770 ~ 'e-320' %}", "["+strings.Repeat("s | float, ", 100)+"]"),
	"far remainders":   often("{% set x, y = 1.7976931348623157e308, 5.123456789e-308 %}", "["+strings.Repeat("x % y, ", 100)+"]"),
	"rounding":         often("{% set x = 1.2345678901234567e-160 %}", "["+strings.Repeat("x | round(300), ", 200)+"]"),
	"long item":        often("{% set d, s = {'a': 1}, 'z' * 10000000 %}", "d[s]"),
	"long member":      often("{% set s = 'z' * 10000000 %}", "''[s]"),
	"long key in":      often("{% set s = 'z' * 10000000 %}{% set d = {s: 1} %}", "s in d"),
	"long key got":     often("{% set s = 'z' * 10000000 %}{% set d = {s: 1} %}", "d.get(s)"),
	"long key set":     often("{% set s = 'z' * 10000000 %}", "{s: 1}"),
	"long key of dict": often("{% set pairs = [['z' * 10000000, 1]] %}", "dict(pairs)"),
	"long keys equal":  often("{% set d = {'z' * 10000000: 1} %}", "d == d"),
	"long attr":        often("{% set s = 'z' * 10000000 %}", "s | attr(s)"),
	"long attribute":   often("{% set s = 'z' * 10000000 %}", "[s] | map(attribute=s) | list"),
	"long number":      often("{% set s = '1' * 10000000 %}", "['x'] | selectattr(s) | list"),
	"long sort":        often("{% set s = 'z' * 10000000 %}", "[] | sort(attribute=s)"),
	"index attribute":  often("{% set l = [[1]] * 2000000 %}", "l | map(attribute=0)"),
	"unique":           often("{% set l = ['z' * 10000000] %}", "l | unique(case_sensitive=true)"),
	"sum":              often("{% set l = [1] * 2000000 %}", "l | sum"),
	"removeprefix":     often("{% set s, t = 'z' * 10000000, 'z' * 9999999 %}", "s.removeprefix(t)"),
	"removesuffix":     often("{% set s, t = 'z' * 10000000, 'z' * 9999999 %}", "s.removesuffix(t)"),
	"indent":           often("{% set s = 'z' * 10000000 %}", "s | indent"),
	"escapes":          "{{ ['\\x01' * 8000000] | string | length }}",
	"JSON escapes":     "{{ ('\\x01' * 8000000) | tojson | length }}",
	"strftime":         "{{ strftime_now('%n' * 8000000) | length }}",
	"parameters":       "{% macro f(" + numbered(50000, "") + ") %}{% endmacro %}" + often("", "f()"),
	"named parameters": "{% macro f(" + numbered(40000, "") + ") %}{% endmacro %}" + often("", "f("+numbered(40000, "=1")+")"),
	"named fields":     "{{ ('{x}' * 200000).format(" + numbered(50000, "=1") + ", x=1) | length }}",
	"unpacking":        often("{% set l = [0] * 50000 %}", "0 %}{% set "+numbered(50000, "")+" = l"),
	"long name":        often("", strings.Repeat("x", 500000)),
	"many scopes":      strings.Repeat("{% with %}", 190) + often("", "["+strings.Repeat("x,", 5000)+"]") + strings.Repeat("{% endwith %}", 190),
}

// often is a template that evaluates an expression again and again.
func often(first, expression string) string {
	return first + "{% for i in range(500) %}{% set y = " + expression + " %}{% endfor %}"
}

// numbered lists n names, each with what is behind it.
func numbered(n int, behind string) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint("x", i, behind)
	}
	return strings.Join(names, ",")
}

func TestHostileTemplatesEnd(t *testing.T) {
	const limit = time.Minute // some 50 times what the limits of work allow: machines may be loaded
	for name, source := range hostile {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			tmpl, err := Parse(source)
			if err == nil {
				_, err = tmpl.Render(Input{})
			}
			if err == nil || !strings.HasPrefix(err.Error(), "chat template, line 1: ") {
				t.Errorf("got %v, want an error that names the line", err)
			}
			if took := time.Since(start); took > limit {
				t.Errorf("took %v", took)
			}
		})
	}
}

// Neighboring strings are one, made in a time that grows as they do.
func TestManyNeighbors(t *testing.T) {
	const (
		neighbors = 100000
		perToken  = 1000 // bytes to parse one, at most: a token, in an array that has grown
	)
	source := "{{ '" + strings.Repeat("z", maxSource/2) + "'" + strings.Repeat("'x'", neighbors) + " }}"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tmpl, err := Parse(source)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if made := after.TotalAlloc - before.TotalAlloc; made > neighbors*perToken {
		t.Errorf("parsing %d strings made %d bytes, want at most %d", neighbors, made, neighbors*perToken)
	}
	if text, err := tmpl.Render(Input{}); err != nil || len(text) != maxSource/2+neighbors {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

func TestLongConversationsRender(t *testing.T) {
	source, err := os.ReadFile("testdata/templates/qwen3.jinja")
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := Parse(string(source))
	if err != nil {
		t.Fatal(err)
	}
	var in Input
	for i := range 2000 {
		in.Messages = append(in.Messages,
			Message{Role: "user", Content: fmt.Sprint("question ", i)},
			Message{Role: "assistant", Content: strings.Repeat("a long answer ", 100)})
	}
	text, err := tmpl.Render(in)
	if n := strings.Count(text, "question "); err != nil || n != len(in.Messages)/2 {
		t.Errorf("%d questions, %v, want %d", n, err, len(in.Messages)/2)
	}
}

func TestConcurrentRendering(t *testing.T) {
	tmpl, err := Parse("{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			got, err := tmpl.Render(Input{Messages: make([]Message, n)})
			if err != nil || got != fmt.Sprint(n) {
				t.Errorf("%q, %v, want %d", got, err, n)
			}
		})
	}
	wg.Wait()
}

// What is not there is undefined or none, and bytes that are no text stay.
func TestInput(t *testing.T) {
	tmpl, err := Parse("{{ bos_token is defined }}|{{ tools is none }}|{{ messages[0].name is defined }}|{{ messages[0].content }}")
	if err != nil {
		t.Fatal(err)
	}
	got, err := tmpl.Render(Input{Messages: []Message{{Role: "user", Content: "bytes \xff stay"}}})
	if want := "False|True|False|bytes \xff stay"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func FuzzTemplate(f *testing.F) {
	files, err := filepath.Glob("testdata/templates/*.jinja")
	if err != nil || len(files) == 0 {
		f.Fatal("no templates", err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for part := range strings.SplitSeq(string(source), "\n") { // short seeds mutate better
			f.Add(part)
		}
	}
	tools := readCases(f)[4]
	f.Fuzz(func(t *testing.T, source string) {
		tmpl, err := Parse(source)
		if err != nil {
			return
		}
		text, err := tools.render(t, tmpl)
		if err != nil {
			return
		}
		if again, err := tools.render(t, tmpl); err != nil || again != text {
			t.Errorf("rendered again: %q, %v, first %q", again, err, text)
		}
	})
}

func BenchmarkRender(b *testing.B) {
	source, err := os.ReadFile("testdata/templates/qwen25.jinja")
	if err != nil {
		b.Fatal(err)
	}
	tmpl, err := Parse(string(source))
	if err != nil {
		b.Fatal(err)
	}
	tools := readCases(b)[4]
	for b.Loop() {
		if _, err := tools.render(b, tmpl); err != nil {
			b.Fatal(err)
		}
	}
}
