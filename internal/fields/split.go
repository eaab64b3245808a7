package fields

import (
	"encoding/json"
	"iter"
)

// A splitter takes valid JSON apart without a copy of its values: a tokenizer's are
// tens of MB.
type splitter struct {
	text []byte
	at   int
}

// Items yields the values of a JSON list, which are parts of raw; none of anything
// else. raw must be valid JSON, as what a [json.Unmarshaler] is given is.
func Items(raw json.RawMessage) iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		s := splitter{raw, 0}
		for s.open('[') || s.open(',') {
			if v := s.value(); len(v) == 0 || !yield(v) {
				return
			}
		}
	}
}

// members yields the names and the values of a JSON object, as [Items] does.
func members(raw json.RawMessage) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		for text, value := range quoted(raw) {
			var name string
			if json.Unmarshal(text, &name) != nil || !yield(name, value) {
				return
			}
		}
	}
}

// quoted is members with the names as raw has them.
func quoted(raw json.RawMessage) iter.Seq2[json.RawMessage, json.RawMessage] {
	return func(yield func(name, value json.RawMessage) bool) {
		s := splitter{raw, 0}
		for s.open('{') || s.open(',') {
			if name := s.value(); len(name) == 0 || !s.open(':') || !yield(name, s.value()) {
				return
			}
		}
	}
}

// open takes the next byte behind white space if it is this one.
func (s *splitter) open(c byte) bool {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		case c:
			s.at++
			return true
		default:
			return false
		}
	}
	return false
}

// value takes the next value; nothing where a list or an object ends.
func (s *splitter) value() json.RawMessage {
	s.open(0) // no byte of JSON: white space only
	start, depth := s.at, 0
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case '"':
			s.skipString()
			if depth == 0 {
				return s.text[start:s.at]
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return s.text[start:s.at]
			}
			if depth--; depth == 0 {
				s.at++
				return s.text[start:s.at]
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return s.text[start:s.at]
			}
		}
		s.at++
	}
	return s.text[start:]
}

// skipString goes behind the string that begins here.
func (s *splitter) skipString() {
	for i := s.at + 1; i < len(s.text); i++ {
		switch s.text[i] {
		case '\\':
			i++
		case '"':
			s.at = i + 1
			return
		}
	}
	s.at = len(s.text)
}
