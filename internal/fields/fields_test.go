package fields

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
)

type sample struct {
	Name  string          `json:"name,omitempty"`
	Sizes []uint64        `json:"sizes"`
	Deep  *inner          `json:"deep"`
	IDs   map[string]int  `json:"ids"`
	own   string          // whatever stands in the text under an empty key
	Sign  sign            `json:"sign"`
	Any   json.RawMessage `json:"any"`
}

type inner struct {
	Share float64 `json:"share"`
	On    bool    `json:"on"`
}

// A sign is + or -.
type sign bool

func (s *sign) UnmarshalJSON(b []byte) error {
	if *s = string(b) == `"+"`; !*s && string(b) != `"-"` {
		return errors.New("is neither + nor -")
	}
	return nil
}

func TestRead(t *testing.T) {
	got := sample{Name: "default"}
	err := Read([]byte(` {"name": null, "sizes": [1, 2], "deep": {"share": 0.5, "on": true}, "ids": {"a": 1, "b": 2.0},
		"sign": "+", "any": [{}], "else": {}, "": "x"}`), &got)
	want := sample{"default", []uint64{1, 2}, &inner{0.5, true}, map[string]int{"a": 1, "b": 2}, "", true, json.RawMessage("[{}]")}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, error %v; want %+v", got, err, want)
	}
}

// An error names the field that is wrong, what it is and what is wanted.
func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "it is empty, want a JSON object",
		"{\n\"name\": x}":                "it is not JSON: line 2, byte 11: invalid character 'x' looking for beginning of value; want a JSON object",
		"[]":                             "it is a list, want a JSON object",
		"null":                           "it is null, want a JSON object",
		`{"name": []}`:                   `"name" is a list, want a string`,
		`{"sizes": {}}`:                  `"sizes" is an object, want a list`,
		`{"sizes": [1, -1]}`:             `"sizes[1]" is -1, want a whole number of 0 or more`,
		`{"deep": "x"}`:                  `"deep" is a string, want an object`,
		`{"deep": {"share": true}}`:      `"deep.share" is true, want a number`,
		`{"ids": []}`:                    `"ids" is a list, want an object`,
		`{"ids": {"b": 1, "a": 0.5}}`:    `"ids.a" is 0.5, want a whole number`,
		`{"ids": {"b": 1, "\u0062": 2}}`: `"ids" has "b" twice, want each name once`,
		`{"ids": {"b": 1.0, "b": 2}}`:    `"ids" has "b" twice, want each name once`,
		`{"sign": 1}`:                    `"sign" is neither + nor -`,
	} {
		var v sample
		err := Read([]byte(text), &v)
		if fmt.Sprint(err) != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// Members come in the text's order, and a name as often as it is there.
func TestMembers(t *testing.T) {
	all, err := Members([]byte(` {"b": 1, "a": [2], "b": null} `))
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for name, value := range all {
		got += name + string(value) + " "
	}
	if want := "b1 a[2] bnull "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := Members([]byte("[]")); fmt.Sprint(err) != "it is a list, want a JSON object" {
		t.Errorf("a list: %v", err)
	}
	var m map[string]int
	if err := Read([]byte(`{"a": 1, "a": 1}`), &m); fmt.Sprint(err) != `it has "a" twice, want each name once` {
		t.Errorf("a map: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"name": "a", "sizes": [1], "deep": {"share": 1e400}, "ids": {"a": 1e2}, "sign": "-"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var e *Error
		if err := Read(text, new(sample)); err != nil && !errors.As(err, &e) {
			t.Errorf("%v is a %T", err, err)
		}
		var of map[string]string
		_ = Read(text, &of) // as long as it does not panic
	})
}

// Objects and lists are taken apart as encoding/json does, and what is no JSON neither
// panics nor hangs.
func FuzzSplit(f *testing.F) {
	f.Add([]byte(` { "a" : [1, "]\\"", {"b": []}] , "\u0061": 1.5e3,"":null , "a":{"}":"{"}}`))
	f.Add([]byte(`[ [] ,"\\",{}, -1 ,true,[[","]] ]`))
	f.Add([]byte(`{"a":"\`))
	f.Fuzz(func(t *testing.T, text []byte) {
		values := maps.Collect(members(text))
		items := slices.Collect(Items(text))
		if !json.Valid(text) {
			return
		}
		var wantValues map[string]json.RawMessage
		if json.Unmarshal(text, &wantValues) == nil && len(wantValues)+len(values) > 0 && !reflect.DeepEqual(values, wantValues) {
			t.Errorf("members %q, want %q", values, wantValues)
		}
		var wantItems []json.RawMessage
		if json.Unmarshal(text, &wantItems) == nil && len(wantItems)+len(items) > 0 && !reflect.DeepEqual(items, wantItems) {
			t.Errorf("items %q, want %q", items, wantItems)
		}
	})
}
