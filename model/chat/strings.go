package chat

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lines is str.splitlines. Each line counts as work before the next is looked for.
func (r *run) lines(s string) []string {
	lines := []string{}
	start := 0
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		if c == '\r' && strings.HasPrefix(s[i+1:], "\n") {
			n = 2
		}
		switch c {
		case '\n', '\r', '\v', '\f', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029:
			r.spend(1)
			lines = append(lines, s[start:i])
			start = i + n
		}
		i += n
	}
	if start < len(s) {
		lines = append(lines, s[start:])
	}
	return lines
}

// capitalize makes the first code point upper case and the others lower case.
func capitalize(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return strings.ToUpper(s[:n]) + strings.ToLower(s[n:])
}

// title is str.title: each run of letters begins in upper case.
func title(s string) string {
	inside := false
	return strings.Map(func(c rune) rune {
		first := !inside
		inside = unicode.IsLetter(c)
		if first {
			return unicode.ToTitle(c)
		}
		return unicode.ToLower(c)
	}, s)
}

// jinjaTitle is the filter title: words are apart by white space, hyphens and
// opening brackets.
func jinjaTitle(s string) string {
	start := true
	return strings.Map(func(c rune) rune {
		first := start
		start = isSpace(c) || strings.ContainsRune("-({[<", c)
		if first {
			return unicode.ToUpper(c)
		}
		return unicode.ToLower(c)
	}, s)
}

// formatMethod is str.format with {}, {0} and {name}; formats within braces are not
// supported.
func formatMethod(r *run, s string, c *callArgs) any {
	var b strings.Builder
	next := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '{' && s[i] != '}' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == s[i] {
			b.WriteByte(s[i])
			i++
			continue
		}
		end := strings.IndexByte(s[i:], '}')
		if s[i] == '}' || end < 0 {
			r.fail("format: a single brace in %.40q", s)
		}
		text := r.str(r.formatField(c, s[i+1:i+end], &next))
		r.spendText(len(text))
		b.WriteString(text)
		i += end
	}
	r.spendText(len(s))
	return b.String()
}

func (r *run) formatField(c *callArgs, field string, next *int) any {
	if strings.ContainsAny(field, ":!.[{") {
		r.fail("format: field {%.40s} is not supported", field)
	}
	r.spend(len(c.names))
	if i := slices.Index(c.names, field); i >= 0 && field != "" {
		return c.named[i]
	}
	at, err := strconv.Atoi(field)
	if field == "" {
		at, err = *next, nil
		*next++
	}
	if err != nil || at < 0 || at >= len(c.list) {
		r.fail("format: no value for field {%.40s}", field)
	}
	return c.list[at]
}
