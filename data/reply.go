package data

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"limbeck/model/guide"
)

// intentKey is the key of the intent; no slot may have this name.
const intentKey = "intent"

// AppendReply appends the canonical reply to a command: one JSON object with the
// intent first, then the slots in the order given. A name that occurs again
// becomes a list at its first place. The bytes are fixed, because models learn
// them: ", " and ": " between members, only quotes, backslashes and control
// characters escaped, everything else as UTF-8.
//
//	{"intent": "alarm_set", "date": "tomorrow", "time": ["six am", "seven am"]}
func AppendReply(dst []byte, intent string, slots []Slot) []byte {
	dst = append(dst, `{"intent": `...)
	dst = appendString(dst, intent)
	for i, s := range slots {
		if named(slots[:i], s.Name) {
			continue
		}
		dst = append(dst, ", "...)
		dst = appendString(dst, s.Name)
		dst = append(dst, ": "...)
		if !named(slots[i+1:], s.Name) {
			dst = appendString(dst, s.Value)
			continue
		}
		sep := byte('[')
		for _, t := range slots[i:] {
			if t.Name != s.Name {
				continue
			}
			dst = append(dst, sep)
			if sep == ',' {
				dst = append(dst, ' ')
			}
			dst = appendString(dst, t.Value)
			sep = ','
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func named(slots []Slot, name string) bool {
	for _, s := range slots {
		if s.Name == name {
			return true
		}
	}
	return false
}

// appendString appends s as a JSON string with as few escapes as JSON allows.
// Bytes that are not UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		dst = guide.AppendEscaped(dst, r)
	}
	return append(dst, '"')
}

// A Reply is what a model's JSON object says.
type Reply struct {
	Intent string // empty if missing, not a string, or given more than once
	Slots  []Slot // in the order of the object; a list's values one by one
	Odd    int    // values that are no strings: slots that can match nothing
}

// ParseReply reads a reply that is exactly one JSON object (RFC 8259) with
// nothing but JSON white space around it. Nothing is repaired. The key "intent"
// holds the intent, every other key a slot's value or a list of values. A key
// that occurs twice counts twice, except that an intent given twice is none.
// Numbers, booleans, null and nested values each count in Odd.
func ParseReply(text string) (Reply, error) {
	if !utf8.ValidString(text) {
		return Reply{}, errors.New("data: reply is not UTF-8")
	}
	if start := strings.TrimLeft(text, " \t\r\n"); start == "" || start[0] != '{' {
		return Reply{}, errors.New("data: reply does not start with a JSON object")
	}
	if err := validJSON([]byte(text)); err != nil {
		return Reply{}, fmt.Errorf("data: reply is not one JSON object: %w", err)
	}
	return readReply(json.NewDecoder(strings.NewReader(text)))
}

// validJSON checks all of b against JSON's grammar and says what is wrong.
func validJSON(b []byte) error {
	if json.Valid(b) {
		return nil
	}
	var v json.RawMessage
	return json.Unmarshal(b, &v)
}

// readReply walks over the members of an object that is known to be valid.
func readReply(d *json.Decoder) (Reply, error) {
	var r Reply
	intents := 0
	if _, err := d.Token(); err != nil { // the opening brace
		return Reply{}, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return Reply{}, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return Reply{}, err
		}
		if key == intentKey {
			intents++
			r.Intent, _ = stringValue(value)
			continue
		}
		r.add(key.(string), value)
	}
	if intents > 1 {
		r.Intent = ""
	}
	return r, nil
}

// add counts a member: one slot, or one for each value of a list.
func (r *Reply) add(name string, value json.RawMessage) {
	values := []json.RawMessage{value}
	if bytes.HasPrefix(value, []byte("[")) {
		values = nil
		if json.Unmarshal(value, &values) != nil {
			values = []json.RawMessage{value}
		}
	}
	for _, v := range values {
		if s, ok := stringValue(v); ok {
			r.Slots = append(r.Slots, Slot{name, s})
		} else {
			r.Odd++
		}
	}
}

func stringValue(v json.RawMessage) (s string, ok bool) {
	if len(v) == 0 || v[0] != '"' {
		return "", false
	}
	return s, json.Unmarshal(v, &s) == nil
}
