// Package fields reads JSON objects from outside. encoding/json would name what is
// wrong by Go's types, and not which item of a list it is in.
package fields

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// An Error says what is wrong with a field, or with the whole.
type Error struct {
	Field   string // as "messages[0].role"; of the whole, ""
	Problem string // as "is a list, want a string"
}

func (e *Error) Error() string {
	if e.Field == "" {
		return "it " + e.Problem
	}
	return fmt.Sprintf("%q %s", e.Field, e.Problem)
}

func wrong(field, format string, args ...any) error {
	return &Error{field, fmt.Sprintf(format, args...)}
}

// Read reads text, a JSON object, into the struct or map that v points to. What is not
// there, or null, stays as it is, and keys that v has no field for are passed over. A
// struct's fields have their names in json tags, and a map has no name twice. A field that
// is a [json.Unmarshaler] says what is wrong as [Error.Problem] does. All errors are
// [Error].
func Read(text []byte, v any) error {
	whole, err := object(text)
	if err != nil {
		return err
	}
	return fill("", whole, reflect.ValueOf(v).Elem())
}

// Members returns the names and the values of text, a JSON object, in their order, a name
// that occurs twice as often. The values are parts of text. All errors are [Error].
func Members(text []byte) (iter.Seq2[string, json.RawMessage], error) {
	whole, err := object(text)
	if err != nil {
		return nil, err
	}
	return members(whole), nil
}

// object returns a text without white space around it, or says why it is no JSON object.
func object(text []byte) (json.RawMessage, error) {
	whole := json.RawMessage(bytes.TrimSpace(text))
	switch {
	case len(whole) == 0:
		return nil, wrong("", "is empty, want a JSON object")
	case !json.Valid(text):
		return nil, notJSON(text)
	case whole[0] != '{':
		return nil, wrong("", "is %s, want a JSON object", Found(whole))
	}
	return whole, nil
}

// notJSON says where a text is none.
func notJSON(text []byte) error {
	var syntax *json.SyntaxError
	err := json.Unmarshal(text, new(json.RawMessage))
	if !errors.As(err, &syntax) {
		return wrong("", "is not JSON: %v; want a JSON object", err)
	}
	line := 1 + bytes.Count(text[:min(int(syntax.Offset), len(text))], []byte("\n"))
	return wrong("", "is not JSON: line %d, byte %d: %v; want a JSON object", line, syntax.Offset, err)
}

var rawType = reflect.TypeFor[json.RawMessage]()

// fill reads raw, which is valid JSON, into v. where names the field.
func fill(where string, raw json.RawMessage, v reflect.Value) error {
	raw = bytes.TrimSpace(raw)
	switch {
	case string(raw) == "null":
		return nil
	case v.Type() == rawType:
		v.SetBytes(bytes.Clone(raw)) // raw is the caller's
		return nil
	}
	if u, ok := v.Addr().Interface().(json.Unmarshaler); ok {
		if err := u.UnmarshalJSON(raw); err != nil {
			return wrong(where, "%v", err)
		}
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return fill(where, raw, v.Elem())
	case reflect.Struct:
		return fillStruct(where, raw, v)
	case reflect.Slice:
		return fillList(where, raw, v)
	case reflect.Int, reflect.Int64:
		return fillInt(where, raw, v)
	}
	err := json.Unmarshal(raw, v.Addr().Interface())
	switch {
	case err == nil && v.Kind() == reflect.Map:
		return once(where, raw, v.Len())
	case err == nil:
		return nil
	case v.Kind() == reflect.Map && raw[0] == '{':
		return fillMap(where, raw, v)
	case v.Kind() == reflect.Float64 && IsNumber(raw):
		return wrong(where, "is %s, want a number of at most 64 bits", Found(raw))
	}
	return wrong(where, "is %s, want %s", Found(raw), wanted(v.Type()))
}

func fillStruct(where string, raw json.RawMessage, v reflect.Value) error {
	if raw[0] != '{' {
		return wrong(where, "is %s, want %s", Found(raw), wanted(v.Type()))
	}
	fields := maps.Collect(members(raw))
	if where != "" {
		where += "."
	}
	for i := range v.NumField() { // in order: of several mistakes, always the same one is told
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if name == "" || name == "-" { // a field of the program's own, whatever stands in the text
			continue
		}
		if value, ok := fields[name]; ok {
			if err := fill(where+name, value, v.Field(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// fillMap reads a map's values one by one: of several mistakes, the first by key is
// told.
func fillMap(where string, raw json.RawMessage, v reflect.Value) error {
	values := maps.Collect(members(raw))
	if err := once(where, raw, len(values)); err != nil {
		return err
	}
	if where != "" {
		where += "."
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value := reflect.New(v.Type().Elem()).Elem()
		if err := fill(fmt.Sprintf("%s%.80s", where, key), values[key], value); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key), value)
	}
	return nil
}

// once refuses an object with fewer different names, n, than members: of those of one name
// a map keeps the last. Counting first spares decoding the names of a whole vocabulary.
func once(where string, raw json.RawMessage, n int) error {
	for range quoted(raw) {
		n--
	}
	if n >= 0 {
		return nil
	}
	seen := map[string]bool{}
	for name := range members(raw) {
		if seen[name] {
			return wrong(where, "has %.80q twice, want each name once", name)
		}
		seen[name] = true
	}
	return nil
}

func fillList(where string, raw json.RawMessage, v reflect.Value) error {
	if raw[0] != '[' {
		return wrong(where, "is %s, want %s", Found(raw), wanted(v.Type()))
	}
	items := slices.Collect(Items(raw))
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		at := fmt.Sprintf("%s[%d]", where, i)
		if of := v.Type().Elem(); string(item) == "null" && of != rawType {
			return wrong(at, "is null, want %s", wanted(of))
		}
		if err := fill(at, item, v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// fillInt takes a whole number however it is written: clients in some languages send
// 100.0.
func fillInt(where string, raw json.RawMessage, v reflect.Value) error {
	n, err := strconv.ParseInt(string(raw), 10, v.Type().Bits())
	if err == nil {
		v.SetInt(n)
		return nil
	}
	const exact = 1 << 53 // up to which a float64 holds every whole number
	f, _ := strconv.ParseFloat(string(raw), 64)
	whole := IsNumber(raw) && f == math.Trunc(f)
	switch {
	case whole && math.Abs(f) <= exact && !v.OverflowInt(int64(f)):
		v.SetInt(int64(f))
		return nil
	case whole:
		return wrong(where, "is %s, want a whole number of at most %d bits", Found(raw), v.Type().Bits())
	}
	return wrong(where, "is %s, want %s", Found(raw), wanted(v.Type()))
}

// OneOrMore reads a field that is a string, which goes to one, or a list of things,
// which goes to what list points to. where names the field.
func OneOrMore(where string, raw json.RawMessage, list any, things string, one func(string)) error {
	var s string
	switch {
	case json.Unmarshal(raw, &s) == nil:
		one(s)
		return nil
	case raw[0] == '[':
		return fill(where, raw, reflect.ValueOf(list).Elem())
	}
	return wrong(where, "is %s, want a string or a list of %s", Found(raw), things)
}

// IsNumber tells whether a JSON value is a number.
func IsNumber(raw json.RawMessage) bool {
	return len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9')
}

// Found says what a JSON value is; that of no field is missing.
func Found(raw json.RawMessage) string {
	switch {
	case len(raw) == 0:
		return "missing"
	case raw[0] == '{':
		return "an object"
	case raw[0] == '[':
		return "a list"
	case raw[0] == '"':
		return "a string"
	case len(raw) > 40:
		return "a number of many digits"
	}
	return string(raw) // a number, true, false or null
}

// wanted says what JSON has for a Go type.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Uint64:
		return "a whole number of 0 or more"
	case reflect.Float64:
		return "a number"
	}
	return "an object"
}
