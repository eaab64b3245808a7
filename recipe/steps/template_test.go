package steps

import (
	"testing"

	"limbeck/data"
)

func TestTemplateFor(t *testing.T) {
	labeled := data.NewLabeled("lights on", "on")
	chat := data.NewChat("hello", "hi")
	prompted := data.NewLabeled("lights on", "on")
	prompted.Messages = append([]data.Message{{Role: "system", Content: "Be short."}}, prompted.Messages...)
	for _, c := range []struct {
		name     string
		examples []data.Example
		has      bool
		want     string
	}{
		{"labels need no roles", []data.Example{labeled}, true, bareTemplate},
		{"a log keeps the model's", []data.Example{chat}, true, ""},
		{"a system prompt keeps the model's", []data.Example{prompted}, true, ""},
		{"a model without one", []data.Example{chat}, false, bareTemplate},
		{"one without, and roles", []data.Example{prompted}, false, rolesTemplate},
		{"plain text", []data.Example{{Text: "once upon a time"}}, false, ""},
	} {
		if got := templateFor(c.examples, c.has); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
