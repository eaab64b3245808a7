package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strconv"
)

// readObject reads a request's body, a JSON object, into the struct that v points
// to. encoding/json would name what is wrong by Go's types, and not which message
// it is in.
func readObject(body []byte, v any) error {
	bad := func(format string, args ...any) error {
		return &apiError{status: http.StatusBadRequest, Message: "the request " + fmt.Sprintf(format, args...)}
	}
	var whole json.RawMessage
	var syntax *json.SyntaxError
	switch err := json.Unmarshal(body, &whole); {
	case len(bytes.TrimSpace(body)) == 0:
		return bad("is empty, want a JSON object")
	case errors.As(err, &syntax):
		line := 1 + bytes.Count(body[:min(int(syntax.Offset), len(body))], []byte("\n"))
		return bad("is not JSON: line %d, byte %d: %v", line, syntax.Offset, err)
	case err != nil:
		return bad("is not JSON: %v", err)
	}
	if whole = bytes.TrimSpace(whole); whole[0] != '{' {
		return bad("is %s, want a JSON object", found(whole))
	}
	return fill("", whole, reflect.ValueOf(v).Elem())
}

var rawType = reflect.TypeFor[json.RawMessage]()

// fill reads raw, which is valid JSON, into v: what is not there, or null, stays as
// it is, and keys that v has no field for are passed over. where names the field.
func fill(where string, raw json.RawMessage, v reflect.Value) error {
	raw = bytes.TrimSpace(raw)
	switch {
	case string(raw) == "null":
		return nil
	case v.Type() == rawType:
		v.SetBytes(raw)
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
	case err == nil:
		return nil
	case v.Kind() == reflect.Float64 && isNumber(raw):
		return wrong(where, "is %s, want a number of at most 64 bits", found(raw))
	}
	return wrong(where, "is %s, want %s", found(raw), wanted(v.Type()))
}

func fillStruct(where string, raw json.RawMessage, v reflect.Value) error {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return wrong(where, "is %s, want %s", found(raw), wanted(v.Type()))
	}
	if where != "" {
		where += "."
	}
	for i := range v.NumField() { // in the struct's order: of several mistakes, always the same one is told
		name := v.Type().Field(i).Tag.Get("json")
		if value, ok := fields[name]; ok {
			if err := fill(where+name, value, v.Field(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func fillList(where string, raw json.RawMessage, v reflect.Value) error {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return wrong(where, "is %s, want %s", found(raw), wanted(v.Type()))
	}
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
	whole := isNumber(raw) && f == math.Trunc(f)
	switch {
	case whole && math.Abs(f) <= exact && !v.OverflowInt(int64(f)):
		v.SetInt(int64(f))
		return nil
	case whole:
		return wrong(where, "is %s, want a whole number of at most %d bits", found(raw), v.Type().Bits())
	}
	return wrong(where, "is %s, want %s", found(raw), wanted(v.Type()))
}

// oneOrMore reads a field that is a string, which goes to one, or a list of things,
// which goes to what list points to.
func oneOrMore(where string, raw json.RawMessage, list any, things string, one func(string)) error {
	var s string
	switch {
	case json.Unmarshal(raw, &s) == nil:
		one(s)
		return nil
	case raw[0] == '[':
		return fill(where, raw, reflect.ValueOf(list).Elem())
	}
	return wrong(where, "is %s, want a string or a list of %s", found(raw), things)
}

func isNumber(raw json.RawMessage) bool { return raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' }

// found says what a JSON value is.
func found(raw json.RawMessage) string {
	switch {
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
	case reflect.Float64:
		return "a number"
	}
	return "an object"
}
