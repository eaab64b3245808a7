package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// span is a piece of a reply as the page shows it.
type span struct {
	Text string
	Kind string // "", wrong: not in gold, missing: only in gold
}

// Kinds of spans.
const (
	spanWrong   = "wrong"
	spanMissing = "missing"
)

// member is a name with the value, or the list of values, of a JSON object.
type member struct {
	name   string
	values []string // as JSON, compact
	list   bool
}

// diffReply marks in a reply what gold does not hold, and adds what it misses.
// The elements of a list count one by one, in any order, as the scores count
// slots. A reply that is no JSON object is marked as a whole unless it equals
// gold, but for what [fold] takes for the same.
func diffReply(gold, reply string) []span {
	g, goldErr := members(gold)
	m, replyErr := members(reply)
	switch {
	case goldErr != nil && (gold == "" || fold(gold) == fold(reply)):
		return []span{{Text: reply}}
	case reply == "":
		return []span{{"(empty)", spanWrong}}
	case goldErr != nil || replyErr != nil:
		return []span{{reply, spanWrong}}
	}
	left := map[string]int{} // of gold, not yet found in the reply
	for _, x := range g {
		for _, v := range x.values {
			left[x.key(v)]++
		}
	}
	out := []span{{Text: "{"}}
	comma := func() {
		if len(out) > 1 {
			out = append(out, span{Text: ", "})
		}
	}
	kind := func(x member, v string) string {
		if left[x.key(v)] == 0 {
			return spanWrong
		}
		left[x.key(v)]--
		return ""
	}
	for _, x := range m {
		comma()
		if !x.list {
			out = append(out, span{x.name + ": " + x.values[0], kind(x, x.values[0])})
			continue
		}
		out = append(out, span{Text: x.name + ": ["})
		for i, v := range x.values {
			if i > 0 {
				out = append(out, span{Text: ", "})
			}
			out = append(out, span{v, kind(x, v)})
		}
		out = append(out, span{Text: "]"})
	}
	for _, x := range g {
		for _, v := range x.values {
			if left[x.key(v)] > 0 {
				left[x.key(v)]--
				comma()
				out = append(out, span{x.name + ": " + v, spanMissing})
			}
		}
	}
	return append(out, span{Text: "}"})
}

// key is what makes two values of members the same.
func (m member) key(value string) string { return m.name + "\x00" + fold(value) }

// fold returns text as the scores compare it: case and the width of white space do
// not count.
func fold(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), " ")) }

var errNotObject = errors.New("report: not one JSON object")

// members lists what a JSON object holds, in its order.
func members(s string) ([]member, error) {
	d := json.NewDecoder(strings.NewReader(s))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errNotObject
	}
	var out []member
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		var raw json.RawMessage
		if err != nil || !ok || d.Decode(&raw) != nil {
			return nil, errNotObject
		}
		m := member{name: quote(name)}
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) == nil && list != nil {
			m.list = true
		} else {
			list = []json.RawMessage{raw}
		}
		for _, v := range list {
			m.values = append(m.values, compact(v))
		}
		out = append(out, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, errNotObject
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errNotObject
	}
	return out, nil
}

// quote writes a JSON string without escaping what only HTML would mind.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return `""`
	}
	return strings.TrimSpace(b.String())
}

// compact writes a value without white space between its tokens, and strings
// without needless escapes.
func compact(raw json.RawMessage) string {
	var s string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		return quote(s)
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}
