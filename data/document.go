package data

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"limbeck/internal/fields"
)

// A document reads a .json file: a list of rows, or an object whose layout is
// CLINC150's or SNIPS'. One of several lines that are objects is read as a .jsonl,
// which Hugging Face's to_json calls .json.
//
//	[{"prompt": …, "completion": …}, …]
//	{"train": [["text", "intent"], …], "val": …, "test": …, "oos_train": …}
//	{"INTENT": [{"data": [{"text": "play "}, {"text": "x", "entity": "album"}]}, …]}
type document struct {
	*importer
	b      []byte
	d      *json.Decoder
	line   int // line of the byte at offset at
	at     int
	latin1 bool // b was Latin-1, which only SNIPS' files may be
}

// readDocument reads a .json file.
func (in *importer) readDocument(r io.Reader) error {
	b, err := in.readAll(r)
	if err != nil {
		return err
	}
	original := b
	_, _, latin1 := invalidUTF8(b)
	if latin1 {
		b = fromLatin1(b)
	}
	if err := validJSON(b); err != nil {
		if areLines(b) {
			return in.readLines(bytes.NewReader(original))
		}
		line, column := 1, 0
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			line, column = position(b, max(int(syntax.Offset)-1, 0))
		}
		return in.errorf(line, column, "%w; want a list of rows, an object a line, or the layout of CLINC150 or of SNIPS", err)
	}
	doc := &document{importer: in, b: b, d: json.NewDecoder(bytes.NewReader(b)), line: 1, latin1: latin1}
	err = doc.read()
	if errors.Is(err, errNotUTF8) {
		line, column, _ := invalidUTF8(original)
		return in.errorf(line, column, "%w", err)
	}
	return err
}

// areLines tells whether the first two lines with anything on them are objects, or
// would be: the first is one, and the second begins as one.
func areLines(b []byte) bool {
	first, rest, _ := bytes.Cut(bytes.TrimSpace(b), []byte("\n"))
	return bytes.HasPrefix(first, []byte("{")) && json.Valid(first) && bytes.HasPrefix(bytes.TrimSpace(rest), []byte("{"))
}

var errNotUTF8 = errors.New("not UTF-8")

// fromLatin1 returns ISO 8859-1 as UTF-8.
func fromLatin1(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/8)
	for _, c := range b {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

func (doc *document) read() error {
	start, err := doc.d.Token()
	if err != nil {
		return doc.errorf(1, 0, "%w", err)
	}
	switch start {
	case json.Delim('['):
		return doc.each(doc.addObject)
	case json.Delim('{'):
		return doc.members()
	}
	return doc.errorf(1, 1, "want a list of rows, or the layout of CLINC150 or of SNIPS")
}

// members reads an object of named lists.
func (doc *document) members() error {
	for doc.d.More() {
		token, err := doc.d.Token()
		if err != nil {
			return doc.errorf(doc.here(), 0, "%w", err)
		}
		key := token.(string) // the document is valid: a member starts with its key
		if token, err = doc.d.Token(); err != nil || token != json.Delim('[') {
			return doc.errorf(doc.here(), 0, "%q is not a list; want a list of rows, or the layout of CLINC150 or of SNIPS", key)
		}
		err = doc.each(func(v json.RawMessage, line int) error { return doc.addMember(key, v, line) })
		if err != nil {
			return err
		}
		if _, err := doc.d.Token(); err != nil { // the closing bracket
			return doc.errorf(doc.here(), 0, "%w", err)
		}
	}
	return nil
}

// each calls f with every element of the list that the decoder is in.
func (doc *document) each(f func(v json.RawMessage, line int) error) error {
	for doc.d.More() {
		var v json.RawMessage
		err := doc.d.Decode(&v)
		line := doc.here() - bytes.Count(v, []byte("\n"))
		if err != nil {
			return doc.errorf(line, 0, "%w", err)
		}
		if err := f(v, line); err != nil {
			return err
		}
	}
	return nil
}

// here returns the line that the decoder has reached.
func (doc *document) here() int {
	to := int(doc.d.InputOffset())
	doc.line += bytes.Count(doc.b[doc.at:to], []byte("\n"))
	doc.at = to
	return doc.line
}

func (doc *document) addObject(v json.RawMessage, line int) error {
	if doc.latin1 {
		return errNotUTF8
	}
	var r row
	if json.Unmarshal(v, &r) != nil || r == nil {
		return doc.errorf(line, 0, "row is %s, want an object", fields.Found(v))
	}
	return doc.addRow(r, line)
}

// addMember adds one element of the list named key.
func (doc *document) addMember(key string, v json.RawMessage, line int) error {
	if err := doc.opt.Columns.none("a file of this layout"); err != nil {
		return doc.errorf(line, 0, "%w", err)
	}
	if v[0] == '[' {
		if doc.latin1 {
			return errNotUTF8
		}
		return doc.addPair(key, v, line)
	}
	return doc.addParts(key, v, line)
}

// outOfScope marks CLINC150's lists of queries that belong to no intent; their
// label is "oos".
const outOfScope = "oos_"

// addPair adds a [text, intent] of CLINC150's list named key.
func (doc *document) addPair(key string, v json.RawMessage, line int) error {
	splits := map[string]Split{"train": Train, "val": Validation, "test": Test}
	split, ok := splits[strings.TrimPrefix(key, outOfScope)]
	if !ok {
		return doc.errorf(line, 0, "list %q of pairs is none of CLINC150's: train, val, test, oos_train, oos_val, oos_test", key)
	}
	var pair []string
	if err := json.Unmarshal(v, &pair); err != nil || len(pair) != 2 || pair[1] == "" {
		return doc.errorf(line, 0, "row of %q is not [text, intent], two strings", key)
	}
	e := NewLabeled(pair[0], pair[1])
	e.Split = split
	return doc.add(e, line)
}

// addParts adds a command of SNIPS' list named by its intent. Its text is that of
// its parts, joined; a part with an entity is a slot.
func (doc *document) addParts(intent string, v json.RawMessage, line int) error {
	var command struct {
		Data []struct {
			Text   *string `json:"text"`
			Entity string  `json:"entity"`
		} `json:"data"`
	}
	if err := json.Unmarshal(v, &command); err != nil || len(command.Data) == 0 || intent == "" {
		return doc.errorf(line, 0, "row of %q is neither [text, intent] nor {\"data\": [{\"text\": …, \"entity\": …}, …]}", intent)
	}
	var text strings.Builder
	var slots []Slot
	for i, p := range command.Data {
		if p.Text == nil {
			return doc.errorf(line, 0, "part %d of a row of %q has no text", i+1, intent)
		}
		text.WriteString(*p.Text)
		if p.Entity != "" {
			slots = append(slots, Slot{p.Entity, strings.TrimSpace(*p.Text)})
		}
	}
	return doc.add(NewStructured(strings.TrimSpace(text.String()), intent, slots), line)
}
