package data

import (
	"fmt"
	"testing"
)

// Several labels of one text are counted, and so are several intents or slots, by what
// metrics tell apart; several replies in free text are no mistake.
func TestConflicts(t *testing.T) {
	lamp := func(text, intent string, slots ...Slot) Example { return NewStructured(text, intent, slots) }
	for name, c := range map[string]struct {
		form     Form
		examples []Example
		want     string
	}{
		"labels": {Classification, []Example{NewLabeled("is it on", "ask"), NewLabeled("lamp on", "on"), NewLabeled(" Lamp  ON", "off"), NewLabeled("lamp on", "dim")},
			"1 row 2 row 3"},
		"texts":          {Classification, []Example{NewLabeled("a", "x"), NewLabeled("b", "x"), NewLabeled("a", "y"), NewLabeled("b", "y")}, "2 row 1 row 3"},
		"same labels":    {Classification, []Example{NewLabeled("a", "x"), NewLabeled("a", " X")}, "0  "},
		"replies":        {Classification, []Example{NewChat("a", "x"), NewChat("a", "y")}, "1 row 1 row 2"},
		"intents":        {StructuredJSON, []Example{lamp("a", "on"), lamp("a", "off")}, "1 row 1 row 2"},
		"slots":          {StructuredJSON, []Example{lamp("a", "on", Slot{"n", "1"}), lamp("a", "on", Slot{"n", "2"})}, "1 row 1 row 2"},
		"slots in order": {StructuredJSON, []Example{lamp("a", "on", Slot{"n", "One"}, Slot{"m", "2"}), lamp("a", "on", Slot{"m", "2"}, Slot{"n", "one"})}, "0  "},
		"one slot more":  {StructuredJSON, []Example{lamp("a", "on", Slot{"n", "1"}), lamp("a", "on", Slot{"n", "1"}, Slot{"n", "1"})}, "1 row 1 row 2"},
		"no intent":      {StructuredJSON, []Example{lamp("a", "on"), NewChat("a", "{}")}, "0  "},
		"free text":      {FreeText, []Example{NewChat("a", "x"), NewChat("a", "y")}, "0  "},
	} {
		for i := range c.examples {
			c.examples[i].ID = fmt.Sprint("row ", i+1)
		}
		texts, first, second := Conflicts(c.examples, c.form)
		if got := fmt.Sprintf("%d %s %s", texts, first, second); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
