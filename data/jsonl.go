package data

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// maxLine bounds one line of a file that is read line by line. What this program wrote
// itself has no such bound: a text of [maxFile] is one line there.
const maxLine = 16 << 20

// readLines reads one JSON object a line. Blank lines are skipped.
func (in *importer) readLines(r io.Reader) error {
	return in.eachLine(r, func(line int, b []byte) error {
		if len(bytes.TrimSpace(b)) == 0 {
			return nil
		}
		if _, column, bad := invalidUTF8(b); bad {
			return in.errorf(line, column, "not UTF-8")
		}
		var v row
		if err := json.Unmarshal(b, &v); err != nil || v == nil {
			column, problem := jsonProblem(b, err)
			return in.errorf(line, column, "%s; want one JSON object a line", problem)
		}
		return in.addRow(v, line)
	})
}

// addRow adds the example of a row.
func (in *importer) addRow(v row, line int) error {
	s, err := in.opt.Columns.shape(v.keys(), keyOfJSON)
	if err != nil {
		return in.errorf(line, 0, "%w", err)
	}
	return in.addShaped(v, s, line)
}

// addShaped adds the example of a row of shape s, or counts it among those that are
// left out.
func (in *importer) addShaped(v row, s shape, line int) error {
	e, err := v.example(s, in.opt.Columns)
	if err == nil && s == shapeMessages && in.opt.Written {
		err = v.besideMessages(&e, in.opt.Columns)
	}
	if err == nil && s == shapeMessages {
		err = check(&e)
	}
	notes := in.opt.Notes
	if s == shapeMessages && notes != nil && notes.LeftOut.add(err) {
		in.left.add(err)
		return nil
	}
	if err != nil {
		return in.errorf(line, 0, "%w", err)
	}
	if s == shapeText && notes != nil {
		notes.unread(v, in.opt.Columns.withDefaults())
	}
	return in.add(e, line)
}

// eachLine calls f with each line, numbered from 1, without its ending and
// without a byte order mark at the start of the file.
func (in *importer) eachLine(r io.Reader, f func(line int, b []byte) error) error {
	sc := bufio.NewScanner(r)
	limit := maxLine
	if in.opt.Written {
		limit = math.MaxInt
	}
	sc.Buffer(make([]byte, 0, 64<<10), limit)
	n := 0
	for sc.Scan() {
		n++
		b := sc.Bytes()
		if n == 1 {
			b = trimMark(b)
		}
		if err := f(n, b); err != nil {
			return err
		}
	}
	if errors.Is(sc.Err(), bufio.ErrTooLong) {
		return in.errorf(n+1, 0, "line of more than %d bytes; divide it, or give a long text as a .txt", maxLine)
	}
	if sc.Err() != nil {
		return in.errorf(n+1, 0, "%w", sc.Err())
	}
	return nil
}

// jsonProblem says what is wrong with b, of which Unmarshal said err, and at
// which column.
func jsonProblem(b []byte, err error) (column int, problem string) {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		at := max(int(syntax.Offset)-1, 0) // Offset counts the offending byte too
		if strings.HasPrefix(syntax.Error(), "unexpected end") {
			at = len(b)
		}
		at = min(at, len(b))
		return 1 + utf8.RuneCount(b[:at]), syntax.Error()
	case errors.As(err, &typ):
		return 1, "found " + typ.Value
	case err != nil:
		return 0, err.Error()
	}
	return 1, "found null"
}

// WriteJSONL writes the examples one a line, in a form that Read takes back with
// [Options.Written]: text for plain text and for what has one prompt and a label or
// slots, messages for the rest, with the label or the slots beside them. Split and
// Line are not written.
func WriteJSONL(w io.Writer, examples []Example) error {
	bw := bufio.NewWriter(w)
	var line []byte
	for i := range examples {
		line = append(appendRow(line[:0], &examples[i], true), '\n')
		if _, err := bw.Write(line); err != nil {
			return fmt.Errorf("data: writing example %d: %w", i+1, err)
		}
	}
	if err := bw.Flush(); err != nil {
		return fmt.Errorf("data: writing examples: %w", err)
	}
	return nil
}

// appendRow appends e as one JSON object with keys in a fixed order.
func appendRow(dst []byte, e *Example, id bool) []byte {
	dst = append(dst, '{')
	if id && e.ID != "" {
		dst = append(appendMember(dst, "id", e.ID), ", "...)
	}
	kind := e.Kind()
	switch {
	case kind == Plain:
		dst = appendMember(dst, "text", e.Text)
	case kind != Chat && len(e.Messages) == 2 && e.Messages[0].Role == "user":
		dst = appendMember(dst, "text", e.Messages[0].Content)
	default:
		dst = append(dst, `"messages": [`...)
		for i, m := range e.Messages {
			dst = appendPair(dst, i, "role", m.Role, "content", m.Content)
		}
		dst = append(dst, ']')
	}
	switch kind {
	case Labeled:
		dst = appendMember(append(dst, ", "...), "label", e.Label)
	case Structured:
		dst = append(appendMember(append(dst, ", "...), "intent", e.Intent), `, "slots": [`...)
		for i, s := range e.Slots {
			dst = appendPair(dst, i, "name", s.Name, "value", s.Value)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func appendMember(dst []byte, key, value string) []byte {
	dst = append(appendString(dst, key), ": "...)
	return appendString(dst, value)
}

func appendPair(dst []byte, i int, key1, value1, key2, value2 string) []byte {
	if i > 0 {
		dst = append(dst, ", "...)
	}
	dst = append(appendMember(append(dst, '{'), key1, value1), ", "...)
	return append(appendMember(dst, key2, value2), '}')
}
