package chat

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Methods of Python's values. Those that would change their value are known by name
// and have none here: the sandbox does not let templates reach them.

var changing = []string{
	"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort", "popitem", "setdefault", "update",
}

// method returns the bound method of a value.
func (r *run) method(v any, name string) (any, bool) {
	switch v := v.(type) {
	case string:
		if f, ok := stringMethods[name]; ok {
			return bound(v, f), true
		}
	case *dict:
		if f, ok := dictMethods[name]; ok {
			return bound(v, f), true
		}
		return forbidden(name)
	case *list:
		if f, ok := listMethods[name]; ok {
			return bound(v.items, f), true
		}
		return forbidden(name)
	case *tuple:
		if f, ok := listMethods[name]; ok {
			return bound(v.items, f), true
		}
	}
	return nil, false
}

func forbidden(name string) (any, bool) {
	return &undefined{what: "method " + name + ", which changes its value,"}, slices.Contains(changing, name)
}

func bound[T any](v T, f func(r *run, v T, c *callArgs) any) *function {
	return &function{func(r *run, c *callArgs) any { return f(r, v, c) }}
}

var dictMethods = map[string]func(r *run, d *dict, c *callArgs) any{
	"get": func(r *run, d *dict, c *callArgs) any {
		a := c.bind(r, "get", []string{"key", "default"}, nil)
		r.spendKey(a[0])
		if v, ok := d.get(a[0]); ok {
			return v
		}
		return a[1]
	},
	"items": func(r *run, d *dict, c *callArgs) any {
		c.bind(r, "items", nil)
		r.spend(len(d.keys))
		return &list{d.items()}
	},
	"keys": func(r *run, d *dict, c *callArgs) any {
		c.bind(r, "keys", nil)
		return &list{d.keys}
	},
	"values": func(r *run, d *dict, c *callArgs) any {
		c.bind(r, "values", nil)
		return &list{d.values}
	},
	"copy": func(r *run, d *dict, c *callArgs) any {
		c.bind(r, "copy", nil)
		return d
	},
}

var listMethods = map[string]func(r *run, items []any, c *callArgs) any{
	"copy": func(r *run, items []any, c *callArgs) any {
		c.bind(r, "copy", nil)
		r.spend(len(items))
		return &list{slices.Clone(items)}
	},
	"count": func(r *run, items []any, c *callArgs) any {
		want, n := c.bind(r, "count", []string{"value"})[0], int64(0)
		for _, v := range items {
			n += number(r.equal(v, want, 0))
		}
		return n
	},
	"index": func(r *run, items []any, c *callArgs) any {
		want := c.bind(r, "index", []string{"value"})[0]
		for i, v := range items {
			if r.equal(v, want, 0) {
				return int64(i)
			}
		}
		r.fail("index: the value is not in the list")
		return nil
	},
}

type stringMethod = func(r *run, s string, c *callArgs) any

var stringMethods = map[string]stringMethod{
	"strip":  stripMethod("strip", true, true),
	"lstrip": stripMethod("lstrip", true, false),
	"rstrip": stripMethod("rstrip", false, true),
	"split":  splitMethod("split", false),
	"rsplit": splitMethod("rsplit", true),
	"splitlines": func(r *run, s string, c *callArgs) any {
		c.bind(r, "splitlines", nil)
		r.spendText(len(s))
		return texts(r.lines(s))
	},
	"upper":        textMethod("upper", func(s string) any { return strings.ToUpper(s) }),
	"lower":        textMethod("lower", func(s string) any { return strings.ToLower(s) }),
	"casefold":     textMethod("casefold", func(s string) any { return strings.ToLower(s) }),
	"capitalize":   textMethod("capitalize", func(s string) any { return capitalize(s) }),
	"title":        textMethod("title", func(s string) any { return title(s) }),
	"isdigit":      allMethod("isdigit", isDigit),
	"isnumeric":    allMethod("isnumeric", unicode.IsNumber),
	"isdecimal":    allMethod("isdecimal", isDigit),
	"isalpha":      allMethod("isalpha", isAlpha),
	"isalnum":      allMethod("isalnum", func(c rune) bool { return isAlpha(c) || unicode.IsNumber(c) }),
	"isspace":      allMethod("isspace", isSpace),
	"isupper":      caseMethod("upper"),
	"islower":      caseMethod("lower"),
	"startswith":   affixMethod("startswith", strings.HasPrefix),
	"endswith":     affixMethod("endswith", strings.HasSuffix),
	"removeprefix": cutMethod("prefix", strings.TrimPrefix),
	"removesuffix": cutMethod("suffix", strings.TrimSuffix),
	"replace": func(r *run, s string, c *callArgs) any {
		a := c.bind(r, "replace", []string{"old", "new", "count"}, int64(-1))
		n, ok := asInt(a[2])
		if !ok {
			r.fail("replace: count is %s, want an int", typeName(a[2]))
		}
		return r.replaceText(s, r.textOf("replace", a[0]), r.textOf("replace", a[1]), int(n))
	},
	"join": func(r *run, s string, c *callArgs) any {
		items := r.iterate(c.bind(r, "join", []string{"iterable"})[0])
		parts := make([]string, len(items))
		for i, item := range items {
			parts[i] = r.textOf("join", item)
			r.spendText(len(s) + len(parts[i]))
		}
		return strings.Join(parts, s)
	},
	"find":  findMethod("find", strings.Index),
	"rfind": findMethod("rfind", strings.LastIndex),
	"index": func(r *run, s string, c *callArgs) any {
		at := findMethod("index", strings.Index)(r, s, c)
		if at == int64(-1) {
			r.fail("index: the text is not in %.40q", s)
		}
		return at
	},
	"count": func(r *run, s string, c *callArgs) any {
		r.spendText(len(s))
		return int64(strings.Count(s, r.textOf("count", c.bind(r, "count", []string{"sub"})[0])))
	},
	"format": formatMethod,
}

// textOf returns a text argument.
func (r *run) textOf(what string, v any) string {
	s, ok := v.(string)
	if !ok {
		r.fail("%s wants a str, not %s", what, typeName(v))
	}
	return s
}

func texts(parts []string) *list {
	items := make([]any, len(parts))
	for i, part := range parts {
		items[i] = part
	}
	return &list{items}
}

func textMethod(name string, f func(s string) any) stringMethod {
	return func(r *run, s string, c *callArgs) any {
		c.bind(r, name, nil)
		r.spendText(2 * len(s))
		return f(s)
	}
}

// allMethod holds if there is text, and all of it is of a kind.
func allMethod(name string, kind func(rune) bool) stringMethod {
	not := func(c rune) bool { return !kind(c) }
	return textMethod(name, func(s string) any { return s != "" && strings.IndexFunc(s, not) < 0 })
}

func caseMethod(test string) stringMethod {
	return func(r *run, s string, c *callArgs) any {
		c.bind(r, "is"+test, nil)
		return tests[test](r, s, c)
	}
}

func isAlpha(c rune) bool { return unicode.IsLetter(c) }
func isDigit(c rune) bool { return unicode.IsDigit(c) }

func stripMethod(name string, left, right bool) stringMethod {
	return func(r *run, s string, c *callArgs) any {
		return r.strip(s, c.bind(r, name, []string{"chars"}, nil)[0], left, right)
	}
}

// strip removes white space, or the code points of chars, from the ends.
func (r *run) strip(s string, chars any, left, right bool) string {
	r.spendText(len(s))
	drop := isSpace
	if chars != nil {
		set := r.textOf("strip", chars)
		r.spendText(len(set))
		in := map[rune]bool{}
		for _, c := range set {
			in[c] = true
		}
		drop = func(c rune) bool { return in[c] }
	}
	if left {
		s = strings.TrimLeftFunc(s, drop)
	}
	if right {
		s = strings.TrimRightFunc(s, drop)
	}
	return s
}

// splitMethod is split or rsplit: at each separator, or at runs of white space.
func splitMethod(name string, fromRight bool) stringMethod {
	return func(r *run, s string, c *callArgs) any {
		a := c.bind(r, name, []string{"sep", "maxsplit"}, nil, int64(-1))
		n, ok := asInt(a[1])
		if !ok {
			r.fail("%s: maxsplit is %s, want an int", name, typeName(a[1]))
		}
		r.spendText(len(s))
		var parts []string
		if a[0] == nil {
			r.spend(words(s))
			parts = splitSpace(s, n, fromRight)
		} else {
			sep := r.textOf(name, a[0])
			if sep == "" {
				r.fail("%s: the separator is empty", name)
			}
			r.spend(strings.Count(s, sep))
			parts = splitAt(s, sep, n, fromRight)
		}
		return texts(parts)
	}
}

// words counts what white space separates.
func words(s string) (n int) {
	within := false
	for _, c := range s {
		if space := isSpace(c); space {
			within = false
		} else if !within {
			within = true
			n++
		}
	}
	return n
}

func splitAt(s, sep string, n int64, fromRight bool) []string {
	all := strings.Split(s, sep)
	if n < 0 || n >= int64(len(all))-1 {
		return all
	}
	if fromRight {
		joined := len(all) - int(n)
		return append([]string{strings.Join(all[:joined], sep)}, all[joined:]...)
	}
	return append(all[:n:n], strings.Join(all[n:], sep))
}

func splitSpace(s string, n int64, fromRight bool) []string {
	if n < 0 {
		return strings.FieldsFunc(s, isSpace)
	}
	var parts []string
	if fromRight {
		for s = strings.TrimRightFunc(s, isSpace); s != "" && int64(len(parts)) < n; s = strings.TrimRightFunc(s, isSpace) {
			i := strings.LastIndexFunc(s, isSpace)
			size := 0
			if i >= 0 {
				_, size = utf8.DecodeRuneInString(s[i:])
			}
			parts = append(parts, s[max(i, 0)+size:])
			s = s[:max(i, 0)]
		}
		if s != "" {
			parts = append(parts, s)
		}
		slices.Reverse(parts)
		return parts
	}
	for s = strings.TrimLeftFunc(s, isSpace); s != "" && int64(len(parts)) < n; s = strings.TrimLeftFunc(s, isSpace) {
		i := strings.IndexFunc(s, isSpace)
		if i < 0 {
			i = len(s)
		}
		parts = append(parts, s[:i])
		s = s[i:]
	}
	if s != "" {
		parts = append(parts, s)
	}
	return parts
}

// affixMethod is startswith or endswith, of one text or any of a tuple.
func affixMethod(name string, has func(s, affix string) bool) stringMethod {
	return func(r *run, s string, c *callArgs) any {
		v := c.bind(r, name, []string{"affix"})[0]
		options := []any{v}
		if t, ok := v.(*tuple); ok {
			options = t.items
		}
		for _, option := range options {
			affix := r.textOf(name, option)
			r.spendText(len(affix))
			if has(s, affix) {
				return true
			}
		}
		return false
	}
}

// cutMethod is removeprefix or removesuffix.
func cutMethod(affix string, cut func(s, affix string) string) stringMethod {
	return func(r *run, s string, c *callArgs) any {
		text := r.textOf("remove"+affix, c.bind(r, "remove"+affix, []string{affix})[0])
		r.spendText(len(text))
		return cut(s, text)
	}
}

// findMethod counts the place found in code points.
func findMethod(name string, find func(s, sub string) int) stringMethod {
	return func(r *run, s string, c *callArgs) any {
		sub := r.textOf(name, c.bind(r, name, []string{"sub"})[0])
		r.spendText(2 * len(s))
		at := find(s, sub)
		if at < 0 {
			return int64(-1)
		}
		return int64(utf8.RuneCountInString(s[:at]))
	}
}
